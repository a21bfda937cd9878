import type { Address } from '../base/address.ts';

/**
 * Rates of responses by prefix of the client and by category, in memory of a fixed size that all threads of a
 * process share. A prefix has a place at each of several lengths, found by hash; it holds a tag and one time,
 * when all that the prefix was given will have been due at its rate (GCRA). Who is below its rate has a time
 * in the past, and its place is free: what the table must hold is not everybody, but those whose last
 * response is not yet due. See docs/decisions/0080.
 */
export interface RateTable {
  /** By line: five times, ms; and behind them, as words, five tags. A line is one line of memory. */
  readonly times: Float64Array;
  readonly words: Int32Array;
  /** What leaves of a hash the number of a line. */
  readonly lineShift: number;
  /** Unknown to clients, so that none can look for prefixes that share a place. */
  readonly seed: number;
  /** By family: two words of mask for each level. */
  readonly masks: Readonly<Record<4 | 6, Int32Array>>;
  /** By family, and by `category * LEVELS_MAX + level`: what a response takes up, ms; 0: nothing. */
  readonly intervals: Readonly<Record<4 | 6, Float64Array>>;
  /** How far ahead of its rate a prefix may be, ms. */
  readonly burstMs: number;
  /** The thread's time, ms, its only element, and what makes of it a time of all threads. */
  readonly clock: Float64Array;
  readonly offsetMs: number;
  /** Prefixes ahead of their rate, that lost their place to others, since the start. */
  displaced: number;
}

/** A length of prefixes, and how many times the rate of one client they may have together. */
interface RateLevel {
  readonly length: number;
  readonly factor: number;
}

/** What is posted to the threads. */
export interface RateTableData {
  readonly memory: SharedArrayBuffer;
  readonly seed: number;
}

/** What a thread opens its table with. */
export interface RateTableParts {
  /** Responses a second for one client, by category; 0: any number. */
  readonly perSecond: readonly number[];
  readonly burstMs: number;
  readonly clock: Float64Array;
  readonly offsetMs: number;
}

const LEVELS_MAX = 4;
const PLACES = 5;
const LINE_OCTETS = 64;
const LINE_TIMES = LINE_OCTETS / 8;
const LINE_WORDS = LINE_OCTETS / 4;
/** Word of a line at which its tags begin. */
const TAGS = PLACES * 2;
/** Odd numbers whose bits are even. */
const KEY_FACTOR = 0x27d4eb2f;
const TAG_FACTOR = 0x165667b1;
const HASH_FACTOR = 0x9e3779b1;
const LINE_FACTOR = 0x85ebca6b;

/**
 * A client is an IPv4 address, or an IPv6 /64, the least that a client owns. Prefixes above may have what
 * Knot DNS gives them: several times that, but much less than all their clients together.
 */
const LEVELS: Readonly<Record<4 | 6, readonly RateLevel[]>> = {
  4: [
    { length: 32, factor: 1 },
    { length: 24, factor: 32 },
    { length: 20, factor: 256 },
  ],
  6: [
    { length: 64, factor: 1 },
    { length: 56, factor: 3 },
    { length: 48, factor: 4 },
    { length: 32, factor: 64 },
  ],
};

/** Memory for this many prefixes, at least. `seed`: 32 bits of chance. */
export function rateTableData(prefixes: number, seed: number): RateTableData {
  const lines = 2 ** Math.ceil(Math.log2(Math.max(2, prefixes / PLACES)));
  return { memory: new SharedArrayBuffer(lines * LINE_OCTETS), seed };
}

/** Opens a table for one thread. */
export function openRateTable({ memory, seed }: RateTableData, parts: RateTableParts): RateTable {
  const { perSecond, burstMs, clock, offsetMs } = parts;
  return {
    times: new Float64Array(memory),
    words: new Int32Array(memory),
    lineShift: 32 - Math.log2(memory.byteLength / LINE_OCTETS),
    seed,
    masks: { 4: masksOf(4), 6: masksOf(6) },
    intervals: { 4: intervalsOf(4, perSecond), 6: intervalsOf(6, perSecond) },
    burstMs,
    clock,
    offsetMs,
    displaced: 0,
  };
}

/**
 * Whether a response of this category to this client is within the rates of every prefix that holds it; if
 * so, it is counted with each. Allocates nothing.
 */
export function withinRate(table: RateTable, client: Address, category: number): boolean {
  const { times, words, lineShift, seed, burstMs } = table;
  const { family, octets } = client;
  const masks = table.masks[family];
  const intervals = table.intervals[family];
  const levels = masks.length >> 1;
  const from = category * LEVELS_MAX;
  if (intervals[from] === 0) return true;
  const now = (table.clock[0] as number) + table.offsetMs;
  const high = wordAt(octets, 0);
  const low = family === 4 ? 0 : wordAt(octets, 4);
  // The longest prefix first: a flood of one client is not counted with those above it.
  for (let level = 0; level < levels; level++) {
    const first = high & (masks[2 * level] as number);
    const second = low & (masks[2 * level + 1] as number);
    const key = Math.imul((from + level) * 2 + (family >> 2), KEY_FACTOR);
    const tag = (family === 4 ? first : Math.imul(first ^ seed, TAG_FACTOR) ^ second) ^ key;
    const hash = Math.imul(tag ^ seed, HASH_FACTOR);
    const line = Math.imul(hash ^ (hash >>> 15), LINE_FACTOR) >>> lineShift;
    const tagsAt = line * LINE_WORDS + TAGS;
    let place = 0;
    while (place < PLACES && words[tagsAt + place] !== tag) place++;
    const isNew = place === PLACES;
    if (isNew) place = placeFor(table, line);
    const at = line * LINE_TIMES + place;
    const due = times[at] as number;
    const ahead = isNew || due < now ? 0 : due - now;
    // At its bound a prefix is not written: threads that refuse it do not compete for its line.
    if (ahead > burstMs) return false;
    if (isNew) words[tagsAt + place] = tag;
    times[at] = now + ahead + (intervals[from + level] as number);
  }
  return true;
}

/**
 * The place of a line to be taken: a free one, or that of the prefix which is least ahead of its rate, so
 * that a flood from many prefixes does not push out those that get most.
 */
function placeFor(table: RateTable, line: number): number {
  const { times } = table;
  const timesAt = line * LINE_TIMES;
  let least = 0;
  for (let place = 1; place < PLACES; place++)
    if ((times[timesAt + place] as number) < (times[timesAt + least] as number)) least = place;
  if ((times[timesAt + least] as number) > (table.clock[0] as number) + table.offsetMs) table.displaced++;
  return least;
}

function masksOf(family: 4 | 6): Int32Array {
  const mask = (bits: number): number => (bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits));
  return Int32Array.from(LEVELS[family].flatMap(({ length }) => [mask(length), mask(length - 32)]));
}

function intervalsOf(family: 4 | 6, perSecond: readonly number[]): Float64Array {
  const intervals = new Float64Array(perSecond.length * LEVELS_MAX);
  for (const [category, rate] of perSecond.entries())
    for (const [level, { factor }] of LEVELS[family].entries())
      if (rate > 0) intervals[category * LEVELS_MAX + level] = 1000 / (rate * factor);
  return intervals;
}

function wordAt(octets: Uint8Array, at: number): number {
  const upper = ((octets[at] as number) << 24) | ((octets[at + 1] as number) << 16);
  return upper | ((octets[at + 2] as number) << 8) | (octets[at + 3] as number);
}
