import type { RowHit } from './row-map.ts';
import { ENTRY, type MapWords, STARTS, TABLE_WORDS, WIDE } from './row-map-layout.ts';

/** Finds an IPv4 address below the root table at `root`; allocates nothing. */
export function findIpv4(map: MapWords, root: number, address: number, into: RowHit): void {
  const { words } = map;
  let bits = words[root + 1] as number;
  let depth = bits;
  let rest = address << bits;
  let entry = words[(words[root] as number) + (address >>> (32 - bits))] as number;
  while (entry < 0) {
    bits = (entry >>> ENTRY.BITS_SHIFT) & 31;
    entry = words[(entry & ENTRY.TABLE_POSITION) * TABLE_WORDS + (rest >>> (32 - bits))] as number;
    rest <<= bits;
    depth += bits;
  }
  if (entry < ENTRY.IS_BLOCK) {
    into.row = entry & ENTRY.ROW;
    into.scopeLength = entry >>> ENTRY.SCOPE_SHIFT;
  } else findInBlock(map, entry & ENTRY.POSITION, rest >>> 16, depth, into);
}

/** Finds an IPv6 address, by its upper 64 bits in two words, below the root table at `root`. */
export function findIpv6(map: MapWords, root: number, high: number, low: number, into: RowHit): void {
  const { words, halves } = map;
  let bits = words[root + 1] as number;
  let depth = bits;
  let entry = words[(words[root] as number) + (high >>> (32 - bits))] as number;
  let restHigh = (high << bits) | (low >>> (32 - bits));
  let restLow = low << bits;
  while (entry < 0) {
    bits = (entry >>> ENTRY.BITS_SHIFT) & 31;
    entry = words[(entry & ENTRY.TABLE_POSITION) * TABLE_WORDS + (restHigh >>> (32 - bits))] as number;
    restHigh = (restHigh << bits) | (restLow >>> (32 - bits));
    restLow <<= bits;
    depth += bits;
  }
  const position = entry & ENTRY.POSITION;
  if (entry < ENTRY.IS_BLOCK) {
    into.row = entry & ENTRY.ROW;
    into.scopeLength = entry >>> ENTRY.SCOPE_SHIFT;
  } else if (((halves[position] as number) & WIDE) === 0)
    findInBlock(map, position, restHigh >>> 16, depth, into);
  else findInWide(map, position, high, low, into);
}

/** Searches a block for the 16 bits after the first `depth`. */
function findInBlock(map: MapWords, block: number, wanted: number, depth: number, into: RowHit): void {
  const { halves } = map;
  const count = halves[block] as number;
  // How many runs begin at or before the address: 0 is the one that was there before.
  let from = 0;
  let within = count;
  while (within > 0) {
    const half = (within + 1) >>> 1;
    if ((halves[block + from + half] as number) <= wanted) {
      from += half;
      within -= half;
    } else within = half - 1;
  }
  // A border outside the block leaves a larger prefix than one inside, so only those inside count.
  const before = from === 0 ? 0 : Math.clz32(wanted ^ ((halves[block + from] as number) - 1));
  const after = from === count ? 0 : Math.clz32(wanted ^ (halves[block + from + 1] as number));
  into.scopeLength = depth - 15 + (before > after ? before : after);
  into.row = rowAt(map, block + 1 + count, from);
}

/** Searches a block whose starts are whole. */
function findInWide(map: MapWords, block: number, high: number, low: number, into: RowHit): void {
  const { words, halves } = map;
  const count = (halves[block] as number) & STARTS;
  const starts = (block >>> 1) + 1;
  const [wantedHigh, wantedLow] = [high >>> 0, low >>> 0];
  let from = 0;
  for (; from < count; from++) {
    const startHigh = (words[starts + from * 2] as number) >>> 0;
    const startLow = (words[starts + from * 2 + 1] as number) >>> 0;
    if (startHigh > wantedHigh || (startHigh === wantedHigh && startLow > wantedLow)) break;
  }
  let scope = 0;
  if (from > 0) {
    const startHigh = words[starts + from * 2 - 2] as number;
    const startLow = words[starts + from * 2 - 1] as number;
    scope = splitDepth(high ^ (startLow === 0 ? startHigh - 1 : startHigh), low ^ (startLow - 1));
  }
  if (from < count) {
    const startHigh = words[starts + from * 2] as number;
    const startLow = words[starts + from * 2 + 1] as number;
    const after = splitDepth(high ^ startHigh, low ^ startLow);
    if (after > scope) scope = after;
  }
  into.scopeLength = scope;
  into.row = rowAt(map, block + 2 + count * 4, from);
}

function rowAt(map: MapWords, rows: number, index: number): number {
  const { halves } = map;
  if (map.shortRows) return halves[rows + index] as number;
  return (halves[rows + index * 2] as number) | ((halves[rows + index * 2 + 1] as number) << 16);
}

/** How many bits a prefix needs that tells two addresses apart, which differ in these bits. */
export function splitDepth(high: number, low: number): number {
  return high === 0 ? 33 + Math.clz32(low) : 1 + Math.clz32(high);
}
