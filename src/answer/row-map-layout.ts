import type { Allocate } from '../base/image-file.ts';

/**
 * The row map's layout. A buffer of 32-bit words, made and used within one process, so without a checksum:
 *   header   as base/image-file.ts
 *   groups   4 words a service group: position of IPv4's root table in words, its bits; the same for IPv6
 *   tables   one word an entry, which an address's next bits choose; each begins at a multiple of
 *            `TABLE_WORDS`
 *   blocks   in halves of words
 * An entry says, by its upper bits:
 *   0 0   all its addresses have one row: 7 bits of scope length, then the row
 *   0 1   position of a block, in halves
 *   1     the way to a table: 5 bits, how many bits of the address it looks at; its position / `TABLE_WORDS`
 * A block has the few runs of rows inside one entry: a half with their number and whether it is wide, the
 * starts of all but the first, and the rows. A start is the 16 bits that follow those that led to the block;
 * in a wide block, which begins at a whole word, all 64 bits in two words after a half of nothing. Rows are
 * halves where the map says so, else two halves each, the lower one first.
 */

/** Words that the position of a table is a multiple of: a cache line. */
export const TABLE_WORDS = 16;
export const ENTRY = {
  IS_BLOCK: 0x4000_0000,
  IS_TABLE: 0x8000_0000 | 0,
  POSITION: 0x3fff_ffff,
  SCOPE_SHIFT: 23,
  ROW: 0x7f_ffff,
  BITS_SHIFT: 26,
  TABLE_POSITION: 0x3ff_ffff,
} as const;
/** In a block's first half: its starts have 64 bits. */
export const WIDE = 0x100;
/** Runs of a block after the first, at most. */
export const STARTS = 0xff;
/** Rows that an entry can tell apart. */
export const ROWS_MAX = ENTRY.ROW + 1;
/** Rows that a half can tell apart. */
export const SHORT_ROWS_MAX = 0x1_0000;

/** A map as it is read: words, the same octets in halves, and whether rows are halves. */
export interface MapWords {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly shortRows: boolean;
}

/** A map being written, in shared memory of which only what is written takes room. Mutable. */
export interface MapOutput {
  words: Int32Array<SharedArrayBuffer>;
  halves: Uint16Array;
  /** Words in use. */
  used: number;
  readonly allocate: Allocate;
  readonly shortRows: boolean;
}

/** Room to write a map in: so many words, and more if they do not suffice. */
export function mapOutput(room: number, shortRows: boolean, allocate: Allocate): MapOutput {
  const words = new Int32Array(allocate(room * 4));
  return { words, halves: new Uint16Array(words.buffer), used: 0, allocate, shortRows };
}

/** A copy of what was written, to go on with: readers have the first. Room for so many words more. */
export function copyOutput({ words, used, shortRows, allocate }: MapOutput, room: number): MapOutput {
  const copy = mapOutput(used + room, shortRows, allocate);
  copy.words.set(words.subarray(0, used));
  copy.used = used;
  return copy;
}

/** Makes room for so many words; returns their position. May move what was written before. */
export function reserveWords(output: MapOutput, count: number): number {
  const at = output.used;
  output.used += count;
  if (output.used > output.words.length) {
    const { words } = output;
    const larger = mapOutput(Math.max(output.used, words.length * 2), output.shortRows, output.allocate);
    larger.words.set(words);
    output.words = larger.words;
    output.halves = larger.halves;
  }
  return at;
}
