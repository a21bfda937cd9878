import { splitDepth } from './row-map-find.ts';
import { ENTRY, type MapOutput, reserveWords, TABLE_WORDS, WIDE } from './row-map-layout.ts';
import { type RowRanges, type RunList, runList, type Sweep, sweepFrom, takeRuns } from './row-map-runs.ts';
import { ROOT_BITS, type Units } from './row-map-units.ts';

/** Runs of a block after the first, at most: six steps of a search. */
const BLOCK_STARTS_MAX = 60;
/** A table has so many binary orders fewer entries than there are runs below it. */
const SPARSER = 4;
const BITS_MAX = 20;

/** A tree that was written: what is below each unit may be written anew where it was. */
export interface WrittenTree {
  /** Position of the root table, in words. */
  readonly at: number;
  /** By unit: from where to where there is room for what is below it, in words. */
  readonly roomAt: Uint32Array;
  readonly roomEnd: Uint32Array;
}

/** Writes tables and blocks over all ranges. */
export function writeTree(output: MapOutput, ranges: RowRanges, units: Units): WrittenTree {
  const tree = startTree(output, ranges);
  const at = reserveTable(tree, units.words);
  const { tables } = units;
  for (let i = 0; i < tables.length; i += 3) {
    const [slot = 0, offset = 0, bits = 0] = tables.subarray(i, i + 3);
    output.words[at + slot] = tableEntry(at + offset, bits);
  }
  const written = { at, roomAt: new Uint32Array(units.count), roomEnd: new Uint32Array(units.count) };
  const sweep = sweepFrom(ranges, 0, 0, ROOT_BITS);
  for (let unit = 0; unit < units.count; unit++) writeUnit(tree, { ranges, units, written }, sweep, unit);
  return written;
}

/** The upper part of a tree, and what it is made for. */
export interface Upper {
  readonly ranges: RowRanges;
  readonly units: Units;
  readonly written: WrittenTree;
}

/**
 * Writes what is below a unit, and its entry: where it was before as far as there is room. The sweep has come
 * to it.
 */
export function writeUnit(tree: Tree, upper: Upper, sweep: Sweep, unit: number): void {
  const { ranges, units, written } = upper;
  const { output, list } = tree;
  const { roomAt, roomEnd } = written;
  const bits = units.bits[unit] as number;
  const prefix = units.prefix[unit] as number;
  takeRuns(ranges, sweep, list, prefix, bits);
  const high = prefix << (32 - bits);
  const before = output.used;
  tree.roomAt = roomAt[unit] as number;
  tree.roomEnd = roomEnd[unit] as number;
  const entry = entryFor(tree, { depth: bits, high, low: 0, first: 0, last: list.last });
  // Only now, as writing what is below it may have moved the words.
  output.words[written.at + (units.offset[unit] as number)] = entry;
  if (output.used - before <= (roomEnd[unit] as number) - (roomAt[unit] as number)) return;
  roomAt[unit] = before;
  roomEnd[unit] = output.used;
}

/** What a tree is written to, and the runs that are being written. */
export interface Tree {
  readonly output: MapOutput;
  readonly list: RunList;
  /** From where to where there is room that the unit had before and that is not taken again, in words. */
  roomAt: number;
  roomEnd: number;
}

/** Used again by the next tree, as they may be long; nothing is written to the lower words of IPv4. */
const lists = { ipv4: runList(), ipv6: runList() };

/** A tree of which nothing is written yet. */
export function startTree(output: MapOutput, ranges: RowRanges): Tree {
  const list = ranges.low.length === 0 ? lists.ipv4 : lists.ipv6;
  list.last = -1;
  return { output, list, roomAt: 0, roomEnd: 0 };
}

/** The addresses of an entry. */
interface Part {
  /** How many bits they have in common. */
  readonly depth: number;
  /** The first of them. */
  readonly high: number;
  readonly low: number;
  /** The run that holds the first, and the last of those that begin after it. */
  readonly first: number;
  readonly last: number;
}

/** Writes what is below an entry; returns the entry. */
function entryFor(tree: Tree, part: Part): number {
  const { first, last } = part;
  if (first === last) return wholeEntry(tree, first, part.high, part.low);
  if (last - first <= BLOCK_STARTS_MAX) return writeBlock(tree, part);
  return writeTable(tree, part);
}

function writeTable(tree: Tree, part: Part): number {
  const { output, list } = tree;
  const { depth, last } = part;
  const bits = Math.max(2, Math.min(BITS_MAX, 32 - Math.clz32(last - part.first) - SPARSER));
  const table = reserveTable(tree, 1 << bits);
  const inner = depth + bits;
  const slots = 1 << bits;
  let run = part.first;
  let next = slotOf(list, run + 1, depth, bits);
  for (let slot = 0; slot < slots; slot++) {
    const { words } = output;
    for (; slot < next; slot++) {
      const high = depth >= 32 ? part.high : part.high | highBits(slot, depth, bits);
      const low = inner <= 32 ? 0 : part.low | lowBits(slot, depth, bits);
      words[table + slot] = wholeEntry(tree, run, high, low);
    }
    if (slot === slots) break;
    const high = depth >= 32 ? part.high : part.high | highBits(slot, depth, bits);
    const low = inner <= 32 ? 0 : part.low | lowBits(slot, depth, bits);
    if (isFirst(list, run + 1, inner)) run++;
    let to = run;
    next = slots;
    while (to < last && (next = slotOf(list, to + 1, depth, bits)) === slot) to++;
    if (to === last) next = slots;
    const entry = entryFor(tree, { depth: inner, high, low, first: run, last: to });
    output.words[table + slot] = entry;
    run = to;
  }
  return tableEntry(table, bits);
}

function tableEntry(table: number, bits: number): number {
  return ENTRY.IS_TABLE | (bits << ENTRY.BITS_SHIFT) | (table / TABLE_WORDS);
}

/** Which slot of a table the start of a run belongs to. */
function slotOf(list: RunList, run: number, depth: number, bits: number): number {
  const high = list.high[run] as number;
  const low = list.low[run] as number;
  const window = depth >= 32 ? low << (depth - 32) : (high << depth) | (low >>> (32 - depth));
  return window >>> (32 - bits);
}

/** The upper word of a slot's first address, as far as the slot says it. */
function highBits(slot: number, depth: number, bits: number): number {
  return (slot << (32 - bits)) >>> depth;
}

/** The lower word of a slot's first address, as far as the slot says it. */
function lowBits(slot: number, depth: number, bits: number): number {
  return depth >= 32 ? (slot << (32 - bits)) >>> (depth - 32) : slot << (64 - depth - bits);
}

/** Whether a run begins with the first of the addresses that have `depth` bits in common with its start. */
function isFirst(list: RunList, run: number, depth: number): boolean {
  const low = list.low[run] as number;
  if (depth >= 32) return depth === 64 || low << (depth - 32) === 0;
  return low === 0 && (list.high[run] as number) << depth === 0;
}

/** The entry of addresses of one run: its scope is the same for all of them. */
function wholeEntry({ list }: Tree, run: number, high: number, low: number): number {
  const startHigh = list.high[run] as number;
  const startLow = list.low[run] as number;
  let scope = 0;
  if (startHigh !== 0 || startLow !== 0)
    scope = splitDepth(high ^ (startLow === 0 ? startHigh - 1 : startHigh), low ^ (startLow - 1));
  if (run < list.last || list.hasAfter) {
    const after = splitDepth(high ^ (list.high[run + 1] as number), low ^ (list.low[run + 1] as number));
    if (after > scope) scope = after;
  }
  return (scope << ENTRY.SCOPE_SHIFT) | (list.row[run] as number);
}

/** Writes a block of the runs of a part; returns the entry. */
function writeBlock(tree: Tree, { depth, first, last }: Part): number {
  const { output, list } = tree;
  const count = last - first;
  const rowHalves = (count + 1) * (output.shortRows ? 1 : 2);
  const words = (1 + count + rowHalves + 1) >>> 1;
  const { roomAt } = tree;
  const { used } = output;
  let at = reserve(tree, words);
  let rows = at * 2 + 1 + count;
  if (writeStarts(output.halves, at * 2, list, { depth, first, last })) output.halves[at * 2] = count;
  else {
    tree.roomAt = roomAt;
    output.used = used;
    at = reserve(tree, (2 + count * 4 + rowHalves + 1) >>> 1);
    rows = at * 2 + 2 + count * 4;
    output.halves[at * 2] = count | WIDE;
    output.halves[at * 2 + 1] = 0;
    for (let i = 1; i <= count; i++) {
      output.words[at + i * 2 - 1] = list.high[first + i] as number;
      output.words[at + i * 2] = list.low[first + i] as number;
    }
  }
  const { halves } = output;
  const { row } = list;
  if (output.shortRows) for (let run = first; run <= last; run++) halves[rows++] = row[run] as number;
  else
    for (let run = first; run <= last; run++) {
      halves[rows++] = row[run] as number;
      halves[rows++] = (row[run] as number) >>> 16;
    }
  return ENTRY.IS_BLOCK | (at * 2);
}

/** The parts of a `Part` that say which runs are meant. */
type Runs = Pick<Part, 'depth' | 'first' | 'last'>;

/**
 * Writes the 16 bits after the first `depth` of each start but the first's, behind the block's first half.
 * False if they do not tell the starts: bits follow that are not zero. Half of the time of making a map is
 * spent here, so there is a loop for each way in which the bits lie in the two words.
 */
function writeStarts(halves: Uint16Array, block: number, list: RunList, runs: Runs): boolean {
  const { high, low } = list;
  const { depth, first } = runs;
  const count = runs.last - first;
  let rest = 0;
  if (depth <= 16) {
    const mask = depth === 16 ? 0 : 0xffff >>> depth;
    for (let i = 1; i <= count; i++) {
      const upper = high[first + i] as number;
      halves[block + i] = (upper << depth) >>> 16;
      rest |= (upper & mask) | (low[first + i] as number);
    }
  } else if (depth < 32) {
    const shift = depth - 16;
    for (let i = 1; i <= count; i++) {
      const lower = low[first + i] as number;
      halves[block + i] = (((high[first + i] as number) << depth) | (lower >>> (32 - depth))) >>> 16;
      rest |= lower << shift;
    }
  } else {
    const shift = depth - 32;
    const mask = shift >= 16 ? 0 : 0xffff >>> shift;
    for (let i = 1; i <= count; i++) {
      const lower = low[first + i] as number;
      halves[block + i] = (lower << shift) >>> 16;
      rest |= lower & mask;
    }
  }
  return rest === 0;
}

/** Room for so many words: that of before if it suffices. */
function reserve(tree: Tree, count: number): number {
  const { roomAt } = tree;
  if (tree.roomEnd - roomAt < count) return reserveWords(tree.output, count);
  tree.roomAt += count;
  return roomAt;
}

function reserveTable(tree: Tree, words: number): number {
  const { output } = tree;
  const from = tree.roomAt + paddingAt(tree.roomAt);
  if (tree.roomEnd - from >= words) {
    tree.roomAt = from + words;
    return from;
  }
  reserveWords(output, paddingAt(output.used));
  return reserveWords(output, words);
}

function paddingAt(position: number): number {
  return -position & (TABLE_WORDS - 1);
}
