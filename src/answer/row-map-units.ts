import { TABLE_WORDS } from './row-map-layout.ts';
import type { RowRanges } from './row-map-runs.ts';

/**
 * The upper part of a tree: a root table and, below those of its entries that have many ranges, one table
 * each. It depends on where ranges begin, not on their rows, so it is the same from map to map. Each of its
 * other entries is a unit: what is below is written by itself, or kept from the map before.
 */
export interface Units {
  readonly count: number;
  /** By unit, in address order: the bits that its addresses have in common, and how many these are. */
  readonly prefix: Uint32Array;
  readonly bits: Uint8Array;
  /** The first range that begins in it or after it; one more at the end, for the number of ranges. */
  readonly first: Uint32Array;
  /** Position of its entry, from the root table's on. */
  readonly offset: Uint32Array;
  /** Three words for each table below the root: its slot there, its position as above, its bits. */
  readonly tables: Uint32Array;
  /** Words of all these tables. */
  readonly words: number;
}

/** Bits that the root table looks at: of IPv4 so many that 16 more tell any starts apart. */
export const ROOT_BITS = 16;
const ROOT_SLOTS = 1 << ROOT_BITS;
/** Slots of the root table with more ranges than this have a table of their own. */
const UNIT_RANGES_MAX = 60;
/** Such a table has so many binary orders fewer entries than there are ranges. */
const SPARSER = 4;
/** Bits of a root slot's table, at most: no leaf is larger than a unit. */
const TABLE_BITS_MAX = { 4: 8, 6: 16 } as const;

/** The units of these ranges. */
export function unitsOf({ high, count }: Pick<RowRanges, 'high' | 'count'>, family: 4 | 6): Units {
  const tableBits = new Uint8Array(ROOT_SLOTS);
  let units = 0;
  let tables = 0;
  for (let slot = 0, range = 0; slot < ROOT_SLOTS; slot++) {
    const from = range;
    while (range < count && (high[range] as number) >>> ROOT_BITS === slot) range++;
    const bits =
      range - from > UNIT_RANGES_MAX
        ? Math.min(TABLE_BITS_MAX[family], 32 - Math.clz32(range - from) - SPARSER)
        : 0;
    tableBits[slot] = bits;
    units += 1 << bits;
    if (bits > 0) tables++;
  }
  return layUnits({ high, count }, tableBits, { units, tables });
}

function layUnits(
  { high, count }: Pick<RowRanges, 'high' | 'count'>,
  tableBits: Uint8Array,
  counts: { readonly units: number; readonly tables: number },
): Units {
  const prefix = new Uint32Array(counts.units);
  const bits = new Uint8Array(counts.units);
  const first = new Uint32Array(counts.units + 1);
  const offset = new Uint32Array(counts.units);
  const tables = new Uint32Array(counts.tables * 3);
  let words = ROOT_SLOTS;
  let unit = 0;
  let table = 0;
  let range = 0;
  for (let slot = 0; slot < ROOT_SLOTS; slot++) {
    const own = tableBits[slot] as number;
    const shift = 32 - ROOT_BITS - own;
    if (own > 0) tables.set([slot, words, own], table++ * 3);
    for (let inner = 0; inner < 1 << own; inner++, unit++) {
      prefix[unit] = slot * 2 ** own + inner;
      bits[unit] = ROOT_BITS + own;
      offset[unit] = own === 0 ? slot : words + inner;
      const end = ((prefix[unit] as number) + 1) * 2 ** shift;
      first[unit] = range;
      while (range < count && (high[range] as number) < end) range++;
    }
    // Each table begins with a cache line.
    if (own > 0) words += Math.max(TABLE_WORDS, 1 << own);
  }
  first[unit] = count;
  return { count: counts.units, prefix, bits, first, offset, tables, words };
}
