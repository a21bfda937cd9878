import type { Address, Prefix } from './address.ts';

/**
 * Addresses for looking up: those of many prefixes, as ranges that lie apart, in rising order.
 * Plain data over shared memory, so that it can be posted to threads.
 */
export interface AddressSet {
  /** Prefixes that it was made of. */
  readonly prefixes: number;
  /** First and last address of each range, each a word. */
  readonly ipv4: Int32Array<SharedArrayBuffer>;
  /** First and last address of each range, four words each. */
  readonly ipv6: Int32Array<SharedArrayBuffer>;
}

/** Words are kept so that their order as signed numbers is that of the addresses. */
const SIGN = -0x8000_0000;
const WORDS = { 4: 1, 6: 4 } as const;

/** The set of all addresses in these prefixes. */
export function addressSet(prefixes: readonly Prefix[]): AddressSet {
  return { prefixes: prefixes.length, ipv4: rangesOf(prefixes, 4), ipv6: rangesOf(prefixes, 6) };
}

/** Whether the set has the address. Allocates nothing. */
export function hasAddress({ ipv4, ipv6 }: AddressSet, { family, octets }: Address): boolean {
  const ranges = family === 4 ? ipv4 : ipv6;
  const words = family === 4 ? 1 : 4;
  let low = 0;
  let high = ranges.length / (2 * words);
  // The last range that does not begin after the address.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAfter(ranges, middle * 2 * words, words, octets)) high = middle;
    else low = middle + 1;
  }
  return low > 0 && !isBefore(ranges, (low * 2 - 1) * words, words, octets);
}

/** Whether the address at `at` comes after the one in `octets`. */
function isAfter(ranges: Int32Array, at: number, words: number, octets: Uint8Array): boolean {
  for (let word = 0; word < words; word++) {
    const difference = (ranges[at + word] as number) - wordAt(octets, word);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** Whether the address at `at` comes before the one in `octets`. */
function isBefore(ranges: Int32Array, at: number, words: number, octets: Uint8Array): boolean {
  for (let word = 0; word < words; word++) {
    const difference = (ranges[at + word] as number) - wordAt(octets, word);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function wordAt(octets: Uint8Array, word: number): number {
  const at = word * 4;
  const upper = ((octets[at] as number) << 24) | ((octets[at + 1] as number) << 16);
  return (upper | ((octets[at + 2] as number) << 8) | (octets[at + 3] as number)) ^ SIGN;
}

function rangesOf(prefixes: readonly Prefix[], family: 4 | 6): Int32Array<SharedArrayBuffer> {
  const words = WORDS[family];
  const own = prefixes.filter(({ address }) => address.family === family);
  const all = new Int32Array(own.length * words * 2);
  for (const [i, { address, length }] of own.entries())
    for (let word = 0; word < words; word++) {
      const first = wordAt(address.octets, word);
      const bits = Math.max(0, Math.min(32, length - 32 * word));
      all[i * words * 2 + word] = first;
      all[i * words * 2 + words + word] = ((first ^ SIGN) | (bits === 32 ? 0 : -1 >>> bits)) ^ SIGN;
    }
  const order = Uint32Array.from(own, (_, i) => i).sort((a, b) => {
    for (let word = 0; word < words; word++) {
      const difference = (all[a * words * 2 + word] as number) - (all[b * words * 2 + word] as number);
      if (difference !== 0) return difference;
    }
    return (own[a]?.length ?? 0) - (own[b]?.length ?? 0);
  });
  // Prefixes lie apart or one in the other: what is in the one before brings nothing.
  const kept = new Int32Array(new SharedArrayBuffer(all.byteLength));
  let size = 0;
  for (const i of order) {
    const range = all.subarray(i * words * 2, (i + 1) * words * 2);
    if (size > 0 && !endsBefore(kept, size - words, range)) continue;
    kept.set(range, size);
    size += range.length;
  }
  const ranges = new Int32Array(new SharedArrayBuffer(size * 4));
  ranges.set(kept.subarray(0, size));
  return ranges;
}

/** Whether the address at `at` comes before the first one of the range. */
function endsBefore(kept: Int32Array, at: number, range: Int32Array): boolean {
  const words = range.length / 2;
  for (let word = 0; word < words; word++) {
    const difference = (kept[at + word] as number) - (range[word] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
