import { mix32 } from '../base/random.ts';
import { ROW_CANDIDATES, ROW_SHARES } from './image.ts';
import { ROW } from './image-layout.ts';

/**
 * Rows by (service group, cell): unit = group x cellStride + cell; cells are the places, then the network
 * cells.
 */
export interface RowTable {
  /** Units of one group. */
  readonly cellStride: number;
  /** Int16 [units x ROW_CANDIDATES]: link indexes, -1 ends. */
  readonly candidates: Int16Array;
  /** Seconds, by unit. */
  readonly ttlSeconds: Uint16Array;
  /** Reason code (ttl.ts), by unit. */
  readonly ttlReason: Uint8Array;
  /** Uint16 [units x ROW_SHARES]: rising bounds, 0 ends (`startOf`). Absent: no row is split. */
  readonly shares?: Uint16Array;
}

/** The distinct rows of a table, in the image's form, as they are found. */
export interface RowSet {
  /** Where units' rows are looked up. */
  table: RowTable;
  /** Its candidates, two to a word. */
  pairs: Int32Array;
  /** The rows found, and room for more behind. */
  words: Int32Array;
  count: number;
  /**
   * Open addressing: row + 1, 0 is empty. A power of two, at most half full. A row that was replaced is still
   * met where it was before: only its words say what it is.
   */
  slots: Int32Array;
  usedSlots: number;
}

/** 32-bit words of a row that may differ from 0, and of a whole row. */
const USED_WORDS = 8;
const ROW_WORDS32 = ROW.WORDS / 2;
const PAIRS = ROW_CANDIDATES / 2;
const ROWS_AT_FIRST = 1024;
/**
 * Rows looked up together: what each needs of memory is touched for all of them before the first is compared,
 * so that the waits overlap.
 */
const BATCH = 64;

const wanted = new Int32Array(BATCH * ROW_WORDS32);
const hashes = new Int32Array(BATCH);
const likely = new Int32Array(BATCH);

/** No rows yet. */
export function rowSet(table: RowTable): RowSet {
  return {
    table,
    pairs: pairsOf(table),
    words: new Int32Array(ROWS_AT_FIRST * ROW_WORDS32),
    count: 0,
    slots: new Int32Array(ROWS_AT_FIRST * 2),
    usedSlots: 0,
  };
}

/** Begins with rows as an image has them. */
export function adoptRows(set: RowSet, rows: Int16Array): void {
  set.count = rows.length / ROW.WORDS;
  set.words = new Int32Array(Math.max(ROWS_AT_FIRST, set.count) * ROW_WORDS32);
  new Int16Array(set.words.buffer).set(rows);
  rebuildSlots(set);
}

/** Looks units up in another table from now on. */
export function lookAt(set: RowSet, table: RowTable): void {
  set.table = table;
  set.pairs = pairsOf(table);
}

/**
 * Whether this row is what the unit has. Nearly always it is, so all is compared before anything is decided:
 * the processor goes on to the next units meanwhile.
 */
export function hasRow({ words, pairs, table }: RowSet, row: number, unit: number): boolean {
  const at = row * ROW_WORDS32;
  const from = unit * PAIRS;
  const ttl = (table.ttlSeconds[unit] as number) | ((table.ttlReason[unit] as number) << 16);
  const differs =
    ((words[at] as number) ^ (pairs[from] as number)) |
    ((words[at + 1] as number) ^ (pairs[from + 1] as number)) |
    ((words[at + 2] as number) ^ (pairs[from + 2] as number)) |
    ((words[at + 3] as number) ^ (pairs[from + 3] as number)) |
    ((words[at + PAIRS] as number) ^ ttl);
  if (differs !== 0) return false;
  const { shares } = table;
  const first = unit * ROW_SHARES;
  if (shares === undefined || shares[first] === 0) return words[at + PAIRS + 1] === 0;
  const two = (shares[first] as number) | ((shares[first + 1] as number) << 16);
  return words[at + PAIRS + 1] === two && words[at + PAIRS + 2] === shares[first + 2];
}

/** Takes up a unit's row, for `foundRow`, `addRow` and `replaceRow`. */
export function wantRow(set: RowSet, unit: number): void {
  packRow(set, unit, 0);
  hashes[0] = hashOf(wanted, 0);
}

/** Which row is the one that is wanted; -1: none. */
export function foundRow(set: RowSet): number {
  const row = (set.slots[slotOf(set, 0)] as number) - 1;
  return row;
}

/** Adds the row that is wanted. */
export function addRow(set: RowSet): number {
  return addAt(set, slotOf(set, 0), 0);
}

/** Puts the row that is wanted, and which there is not yet, in the place of another. */
export function replaceRow(set: RowSet, row: number): void {
  set.slots[slotOf(set, 0)] = row + 1;
  writeRow(set, row, 0);
  if (++set.usedSlots * 2 > set.slots.length) rebuildSlots(set);
}

/** Writes the index of each unit's row among the distinct ones to `rowOf`; adds those that are new. */
export function internRows(set: RowSet, firstUnit: number, rowOf: Uint32Array): void {
  for (let done = 0; done < rowOf.length; done += BATCH) {
    const count = Math.min(BATCH, rowOf.length - done);
    prepare(set, firstUnit + done, count);
    for (let i = 0; i < count; i++) {
      const row = likely[i] as number;
      rowOf[done + i] = row >= 0 && isWanted(set, row, i) ? row : findRow(set, i);
    }
  }
}

/** The distinct rows, as the image has them. */
export function distinctRows(set: RowSet): Int16Array {
  return new Int16Array(set.words.buffer, 0, set.count * ROW.WORDS);
}

function prepare(set: RowSet, firstUnit: number, count: number): void {
  const { slots, words } = set;
  const mask = slots.length - 1;
  for (let i = 0; i < count; i++) {
    packRow(set, firstUnit + i, i * ROW_WORDS32);
    hashes[i] = hashOf(wanted, i * ROW_WORDS32);
  }
  for (let i = 0; i < count; i++) likely[i] = (slots[(hashes[i] as number) & mask] as number) - 1;
  for (let i = 0; i < count; i++) {
    const row = likely[i] as number;
    if (row >= 0 && words[row * ROW_WORDS32] !== wanted[i * ROW_WORDS32]) likely[i] = -1;
  }
}

function findRow(set: RowSet, i: number): number {
  const slot = slotOf(set, i);
  const row = (set.slots[slot] as number) - 1;
  return row < 0 ? addAt(set, slot, i) : row;
}

/** Slot of the i-th row that is wanted; an empty one if there is none such. */
function slotOf(set: RowSet, i: number): number {
  const { slots } = set;
  const mask = slots.length - 1;
  let slot = (hashes[i] as number) & mask;
  for (;;) {
    const row = (slots[slot] as number) - 1;
    if (row < 0 || isWanted(set, row, i)) return slot;
    slot = (slot + 1) & mask;
  }
}

/** The unit's row as the image has it: see ROW in image.ts. */
function packRow(set: RowSet, unit: number, to: number): void {
  const { pairs, table } = set;
  for (let k = 0; k < PAIRS; k++) wanted[to + k] = pairs[unit * PAIRS + k] as number;
  wanted[to + PAIRS] = (table.ttlSeconds[unit] as number) | ((table.ttlReason[unit] as number) << 16);
  const { shares } = table;
  const first = unit * ROW_SHARES;
  const isSplit = shares !== undefined && shares[first] !== 0;
  for (let k = 0; k < ROW_SHARES; k += 2)
    wanted[to + PAIRS + 1 + k / 2] = isSplit
      ? (shares[first + k] as number) | ((shares[first + k + 1] as number) << 16)
      : 0;
}

function addAt(set: RowSet, slot: number, i: number): number {
  const row = set.count++;
  set.slots[slot] = row + 1;
  if (set.words.length < set.count * ROW_WORDS32) {
    const more = new Int32Array(set.words.length * 2);
    more.set(set.words);
    set.words = more;
  }
  writeRow(set, row, i);
  if (++set.usedSlots * 2 > set.slots.length) rebuildSlots(set);
  return row;
}

function writeRow({ words }: RowSet, row: number, i: number): void {
  for (let k = 0; k < USED_WORDS; k++) words[row * ROW_WORDS32 + k] = wanted[i * ROW_WORDS32 + k] as number;
}

/** Every row where its words say, in slots that are a quarter full at most. */
function rebuildSlots(set: RowSet): void {
  let length = set.slots.length;
  while (length < set.count * 4) length *= 2;
  const slots = new Int32Array(length);
  const mask = length - 1;
  for (let row = 0; row < set.count; row++) {
    let slot = hashOf(set.words, row * ROW_WORDS32) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = row + 1;
  }
  set.slots = slots;
  set.usedSlots = set.count;
}

function pairsOf({ candidates }: RowTable): Int32Array {
  const isAligned = candidates.byteOffset % 4 === 0;
  const { buffer, byteOffset } = isAligned ? candidates : candidates.slice();
  return new Int32Array(buffer, byteOffset, candidates.length / 2);
}

function isWanted(set: RowSet, row: number, i: number): boolean {
  const { words } = set;
  const one = row * ROW_WORDS32;
  const other = i * ROW_WORDS32;
  for (let k = 0; k < USED_WORDS; k++) if (words[one + k] !== wanted[other + k]) return false;
  return true;
}

function hashOf(words: Int32Array, first: number): number {
  let hash = 0;
  for (let k = 0; k < USED_WORDS; k++)
    hash = Math.imul(hash ^ (words[first + k] as number), 0x9e3779b1) ^ (hash >>> 15);
  return mix32(hash);
}
