import type { Loss } from './loss.ts';

/** POPs remembered of a cell: those with the lowest round-trip times. */
export const ENTRIES = 12;
/** Words of 16 bits of an entry, and what is in them. A cell takes 96 octets. */
const WORDS = 4;
const AT = { POP: 0, LEVEL: 1, TIME: 2, BURST: 3 } as const;
/** POPs of a fleet at most, so that one fits beside the bursts credited and where they came from. */
export const ESTIMATED_POPS_MAX = 1022;
const POP_MASK = 1023;
const BURSTS_SHIFT = 10;
const BURSTS_MAX = 31;
const MODELLED = 0x8000;
/** Levels are kept in steps of 1/32 ms, up to 2 s. */
const LEVEL_STEPS_PER_MS = 32;
const LEVEL_MAX = 0xffff;
/** Times are kept in steps of 2 s, of the last day and a half. */
const TIME_STEP_MS = 2000;
const TIME_MASK = 0xffff;
/** A time so many steps ahead is a little in the future, not a day old. */
const FUTURE_STEPS = 0xff00;
/** Deviations are kept in steps of 3.5 % from 0.2 ms on. */
const DEVIATION_LEAST_MS = 0.2;
export const DEVIATION_RATIO = 1.035;
const DEVIATION_STEP = Math.log(DEVIATION_RATIO);
/** An entry that nobody measured for an hour makes room for any. */
const STALE_MS = 3_600_000;
/** The last burst is kept in steps of 4 % from 0.25 ms on, in the upper octet of its word. */
const LAST_LEAST_MS = 0.25;
const LAST_STEP = Math.log(1.04);

/**
 * Estimates by (cell, POP): the entries of a cell lie side by side, those in use first, so that a look at a
 * cell is a look at two lines of memory. Levels are without the POP's present shift (alarm.ts).
 */
export interface Estimates {
  readonly cellCount: number;
  readonly words: Uint16Array;
  /** By entry, those that lost packets. */
  readonly losses: Map<number, Loss>;
  /** Entries in use. */
  used: number;
}

/** No estimates yet, for cells 0..cellCount-1. Memory is taken as cells are measured. */
export function createEstimates(cellCount: number): Estimates {
  return { cellCount, words: new Uint16Array(cellCount * ENTRIES * WORDS), losses: new Map(), used: 0 };
}

/** First of a cell's entries; they end after `ENTRIES` or where `popAt` is -1. */
export function firstEntry(cell: number): number {
  return cell * ENTRIES;
}

/** POP of an entry; -1 for an empty one. */
export function popAt(estimates: Estimates, entry: number): number {
  return ((estimates.words[entry * WORDS + AT.POP] as number) & POP_MASK) - 1;
}

/** Round-trip time, ms. */
export function levelMs(estimates: Estimates, entry: number): number {
  return (estimates.words[entry * WORDS + AT.LEVEL] as number) / LEVEL_STEPS_PER_MS;
}

/** Mean absolute deviation of bursts from the level, ms. */
export function deviationMsOf(estimates: Estimates, entry: number): number {
  return DEVIATION_MS[(estimates.words[entry * WORDS + AT.BURST] as number) & 0xff] as number;
}

/** Bursts credited when it was last measured; 0: only losses so far. */
export function burstsOf(estimates: Estimates, entry: number): number {
  return ((estimates.words[entry * WORDS + AT.POP] as number) >> BURSTS_SHIFT) & BURSTS_MAX;
}

/** Whether the last burst came from the modelled internet. */
export function isModelled(estimates: Estimates, entry: number): boolean {
  return ((estimates.words[entry * WORDS + AT.POP] as number) & MODELLED) !== 0;
}

/** The last burst, ms, to within 2 %. */
export function lastMs(estimates: Estimates, entry: number): number {
  return LAST_MS[(estimates.words[entry * WORDS + AT.BURST] as number) >>> 8] as number;
}

/** Since the last burst, ms, to within 2 s; 0 for one a little in the future. */
export function ageMsOf(estimates: Estimates, entry: number, nowMs: number): number {
  const steps = (timeCode(nowMs) - (estimates.words[entry * WORDS + AT.TIME] as number)) & TIME_MASK;
  return steps >= FUTURE_STEPS ? 0 : steps * TIME_STEP_MS;
}

/** Entry of a pair; -1 if it was never measured, or is not among the cell's best. */
export function findEstimate(estimates: Estimates, cell: number, pop: number): number {
  const { words } = estimates;
  const from = cell * ENTRIES;
  for (let entry = from; entry < from + ENTRIES; entry++) {
    const known = (words[entry * WORDS + AT.POP] as number) & POP_MASK;
    if (known === pop + 1) return entry;
    if (known === 0) return -1;
  }
  return -1;
}

/** POPs measured of a cell. */
export function entryCount(estimates: Estimates, cell: number): number {
  let count = 0;
  while (count < ENTRIES && estimates.words[(cell * ENTRIES + count) * WORDS] !== 0) count++;
  return count;
}

/** Forgets everything measured of a cell. */
export function dropCell(estimates: Estimates, cell: number): void {
  estimates.used -= entryCount(estimates, cell);
  const from = cell * ENTRIES;
  for (let entry = from; entry < from + ENTRIES; entry++) estimates.losses.delete(entry);
  estimates.words.fill(0, from * WORDS, (from + ENTRIES) * WORDS);
}

/** Forgets a cell's entries that were not measured for `ageMs`: their time would soon say another day's. */
export function dropOldEntries(estimates: Estimates, cell: number, nowMs: number, ageMs: number): void {
  for (let entry = firstEntry(cell) + entryCount(estimates, cell) - 1; entry >= firstEntry(cell); entry--)
    if (ageMsOf(estimates, entry, nowMs) > ageMs) removeEntry(estimates, cell, entry);
}

/** Finds the pair's entry or makes one, if need be in place of the worst or of one that is of no use. */
export function ensureEntry(
  estimates: Estimates,
  { cell, pop }: { readonly cell: number; readonly pop: number },
  burst: { readonly rttMs: number; readonly atMs: number },
  extraMs?: Float64Array,
): number {
  const { words } = estimates;
  const from = cell * ENTRIES;
  let worst = -1;
  let worstMs = -1;
  for (let entry = from; entry < from + ENTRIES; entry++) {
    const known = (words[entry * WORDS + AT.POP] as number) & POP_MASK;
    if (known === pop + 1) return entry;
    if (known === 0) {
      estimates.used++;
      return startEntry(estimates, entry, pop, burst.atMs);
    }
    const isUseless = burstsOf(estimates, entry) === 0 || ageMsOf(estimates, entry, burst.atMs) > STALE_MS;
    const ms = isUseless ? Infinity : levelMs(estimates, entry) + (extraMs?.[known - 1] ?? 0);
    if (ms > worstMs) {
      worst = entry;
      worstMs = ms;
    }
  }
  if (!(burst.rttMs + (extraMs?.[pop] ?? 0) < worstMs)) return -1;
  estimates.losses.delete(worst);
  return startEntry(estimates, worst, pop, burst.atMs);
}

/** Sets how many bursts an entry is worth, and where the last came from. */
export function setBursts(estimates: Estimates, entry: number, bursts: number, modelled: boolean): void {
  const at = entry * WORDS + AT.POP;
  // Rounded up: rounded down, many bursts a minute apart would never count as more than a few.
  const count = Math.min(BURSTS_MAX, Math.ceil(bursts));
  const pop = (estimates.words[at] as number) & POP_MASK;
  estimates.words[at] = pop | (count << BURSTS_SHIFT) | (modelled ? MODELLED : 0);
}

/** Sets when an entry was last measured, ms since 1970. */
export function setTime(estimates: Estimates, entry: number, atMs: number): void {
  estimates.words[entry * WORDS + AT.TIME] = timeCode(atMs);
}

/** Sets level, deviation and the last burst, ms. */
export function setLevel(
  estimates: Estimates,
  entry: number,
  to: { level: number; deviation: number; last: number },
): void {
  const { words } = estimates;
  const level = Math.round(to.level * LEVEL_STEPS_PER_MS);
  words[entry * WORDS + AT.LEVEL] = Math.max(1, Math.min(LEVEL_MAX, level));
  const deviation = codeOf(to.deviation, DEVIATION_LEAST_MS, DEVIATION_STEP);
  words[entry * WORDS + AT.BURST] = (codeOf(to.last, LAST_LEAST_MS, LAST_STEP) << 8) | deviation;
}

function startEntry(estimates: Estimates, entry: number, pop: number, atMs: number): number {
  const { words } = estimates;
  words[entry * WORDS + AT.POP] = pop + 1;
  words[entry * WORDS + AT.LEVEL] = 0;
  words[entry * WORDS + AT.TIME] = timeCode(atMs);
  words[entry * WORDS + AT.BURST] = 0;
  return entry;
}

/** Forgets an entry; the cell's last one takes its place. */
export function removeEntry(estimates: Estimates, cell: number, entry: number): void {
  const { words, losses } = estimates;
  const last = firstEntry(cell) + entryCount(estimates, cell) - 1;
  words.copyWithin(entry * WORDS, last * WORDS, (last + 1) * WORDS);
  words.fill(0, last * WORDS, (last + 1) * WORDS);
  const moved = losses.get(last);
  losses.delete(last);
  losses.delete(entry);
  if (moved !== undefined && last !== entry) losses.set(entry, moved);
  estimates.used--;
}

function timeCode(atMs: number): number {
  return Math.floor(atMs / TIME_STEP_MS) & TIME_MASK;
}

/** Position of a time on a scale of ratios, in one octet. */
function codeOf(ms: number, leastMs: number, step: number): number {
  return Math.min(255, Math.round(Math.log(Math.max(ms, leastMs) / leastMs) / step));
}

const scale = (leastMs: number, step: number): Float64Array =>
  Float64Array.from({ length: 256 }, (_, code) => leastMs * Math.exp(code * step));
const DEVIATION_MS = scale(DEVIATION_LEAST_MS, DEVIATION_STEP);
const LAST_MS = scale(LAST_LEAST_MS, LAST_STEP);
