import type { Address } from '../base/address.ts';

/**
 * Ranges of addresses with the autonomous system that announces them, in address order: plain data over
 * shared memory, so that one thread compiles it and posts it to the others. IPv6 is kept by the upper 64
 * bits: nobody routes less.
 */
export interface AsnTable {
  readonly file: string;
  readonly family: 4 | 6;
  readonly count: number;
  /** First and last address of each range: 32 bits (IPv4), or the upper halves of 64 bits (IPv6). */
  readonly startHigh: Uint32Array;
  readonly endHigh: Uint32Array;
  /** Lower halves of the 64 bits; empty for IPv4. */
  readonly startLow: Uint32Array;
  readonly endLow: Uint32Array;
  readonly asn: Uint32Array;
  /** Where each range's name begins in `bytes`; it ends with its line. */
  readonly nameAt: Uint32Array;
  /** For each value of the upper 16 bits: how many ranges begin below it. One more entry at the end. */
  readonly firstOf: Uint32Array;
  readonly bytes: Uint8Array;
}

/** What a lookup found. Mutable, for reuse. */
export interface AsnHit {
  /** Row of the table; -1: no range holds the address. */
  row: number;
  /**
   * Length of the largest prefix around the address that lies inside the range, or inside the gap, in bits.
   */
  depth: number;
}

/** Finds the range of an address of the table's family; allocates nothing. */
export function findAsn(table: AsnTable, address: Address, into: AsnHit): void {
  const { octets } = address;
  const high = word(octets, 0);
  if (table.family === 4) findIpv4(table, high, into);
  else findIpv6(table, high, word(octets, 4), into);
}

/** Name of the organisation of a row. */
export function asnName(table: AsnTable, row: number): string {
  const start = table.nameAt[row] as number;
  const end = table.bytes.indexOf(NEWLINE, start);
  const text = Buffer.from(table.bytes.slice(start, end < 0 ? undefined : end))
    .toString('utf8')
    .trim();
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

const NEWLINE = 0x0a;

function findIpv4(table: AsnTable, address: number, into: AsnHit): void {
  const { startHigh, endHigh, firstOf, count } = table;
  const top = address >>> 16;
  let low = firstOf[top] as number;
  let high = firstOf[top + 1] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((startHigh[middle] as number) <= address) low = middle + 1;
    else high = middle;
  }
  const row = low - 1;
  const inside = row >= 0 && address <= (endHigh[row] as number);
  let depth = 0;
  const before = inside ? (startHigh[row] as number) - 1 : row >= 0 ? (endHigh[row] as number) : -1;
  if (before >= 0) depth = Math.clz32(address ^ before) + 1;
  const after = inside ? (endHigh[row] as number) + 1 : low < count ? (startHigh[low] as number) : 2 ** 32;
  if (after < 2 ** 32) depth = Math.max(depth, Math.clz32(address ^ after) + 1);
  into.row = inside ? row : -1;
  into.depth = depth;
}

function findIpv6(table: AsnTable, high: number, low: number, into: AsnHit): void {
  const { startHigh, startLow, endHigh, endLow, firstOf, count } = table;
  const top = high >>> 16;
  let next = firstOf[top] as number;
  let limit = firstOf[top + 1] as number;
  while (next < limit) {
    const middle = (next + limit) >>> 1;
    const middleHigh = startHigh[middle] as number;
    if (middleHigh < high || (middleHigh === high && (startLow[middle] as number) <= low)) next = middle + 1;
    else limit = middle;
  }
  const row = next - 1;
  const rowEndHigh = row >= 0 ? (endHigh[row] as number) : 0;
  const rowEndLow = row >= 0 ? (endLow[row] as number) : 0;
  const inside = row >= 0 && (high < rowEndHigh || (high === rowEndHigh && low <= rowEndLow));
  let depth = 0;
  if (inside) {
    const before = neighbourDepth(high, low, startHigh[row] as number, (startLow[row] as number) - 1);
    depth = Math.max(before, neighbourDepth(high, low, rowEndHigh, rowEndLow + 1));
  } else {
    if (row >= 0) depth = neighbourDepth(high, low, rowEndHigh, rowEndLow);
    if (next < count)
      depth = Math.max(depth, neighbourDepth(high, low, startHigh[next] as number, startLow[next] as number));
  }
  into.row = inside ? row : -1;
  into.depth = depth;
}

/**
 * How many bits a prefix around (high, low) needs so as to leave out the point (otherHigh, otherLow), where
 * `otherLow` may be one past either end of 32 bits; 0 for a point past the ends of the address space.
 */
function neighbourDepth(high: number, low: number, otherHigh: number, otherLow: number): number {
  const movedHigh = otherHigh + (otherLow < 0 ? -1 : otherLow >= 2 ** 32 ? 1 : 0);
  if (movedHigh < 0 || movedHigh >= 2 ** 32) return 0;
  const common = Math.clz32(high ^ movedHigh);
  return common < 32 ? common + 1 : 33 + Math.clz32(low ^ otherLow);
}

function word(octets: Uint8Array, at: number): number {
  const upper = ((octets[at] as number) << 24) | ((octets[at + 1] as number) << 16);
  return (upper | ((octets[at + 2] as number) << 8) | (octets[at + 3] as number)) >>> 0;
}
