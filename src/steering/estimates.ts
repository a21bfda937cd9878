import { lineBuffer } from '../base/lines.ts';
import type { Loss } from './loss.ts';
import { codeOf, createScale, stepsBetween, TIME_STEP_MS, timeCodeOf } from './scales.ts';

/** POPs remembered of a cell: those with the lowest round-trip times. */
export const ENTRIES = 12;
/** Words of 16 bits of an entry, and what is in them. A cell takes 96 octets. */
const WORDS = 4;
const AT = { POP: 0, LEVEL: 1, TIME: 2, BURST: 3 } as const;
/** POPs of a fleet at most, so that one fits beside the bursts credited and where they came from. */
export const ESTIMATED_POPS_MAX = 1022;
const POP_MASK = 1023;
const BURSTS_SHIFT = 10;
/** Bursts that an entry can count. */
export const BURSTS_MAX = 31;
const MODELLED = 0x8000;
/** Levels are kept in steps of 1/32 ms, up to 2 s. */
const LEVEL_STEPS_PER_MS = 32;
const LEVEL_MAX = 0xffff;
/** Deviations are kept in steps of 3.5 % from 0.2 ms on. */
export const DEVIATION_RATIO = 1.035;
const DEVIATIONS = createScale(0.2, DEVIATION_RATIO);
/** The last burst is kept in steps of 4 % from 0.25 ms on, in the upper octet of its word. */
const LASTS = createScale(0.25, 1.04);
/** What was measured longer ago says nothing any more, ms; entries tell times of 18 hours. */
export const ENTRY_EXPIRY_MS = 43_200_000;
/** An entry that nobody measured for an hour makes room for any. */
const STALE_MS = 3_600_000;

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
  const count = cellCount * ENTRIES * WORDS;
  const { buffer, offset } = lineBuffer(2 * count);
  return { cellCount, words: new Uint16Array(buffer, offset, count), losses: new Map(), used: 0 };
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
  return DEVIATIONS.ms[(estimates.words[entry * WORDS + AT.BURST] as number) & 0xff] as number;
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
  return LASTS.ms[(estimates.words[entry * WORDS + AT.BURST] as number) >>> 8] as number;
}

/** Since the last burst, ms, to within 1 s; 0 for one a little in the future. */
export function ageMsOf(estimates: Estimates, entry: number, nowMs: number): number {
  return stepsBetween(estimates.words[entry * WORDS + AT.TIME] as number, timeCodeOf(nowMs)) * TIME_STEP_MS;
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

/** Reads of a cell's estimates what brings them near. What it returns says nothing. */
export function foreseeEstimates({ words }: Estimates, cell: number): number {
  return words[cell * ENTRIES * WORDS] as number;
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
  for (let entry = from; entry < from + ENTRIES; entry++) {
    const known = (words[entry * WORDS + AT.POP] as number) & POP_MASK;
    if (known === pop + 1) return entry;
    if (known !== 0) continue;
    estimates.used++;
    return startEntry(estimates, entry, pop, burst.atMs);
  }
  return replaceWorst(estimates, { cell, pop }, burst, extraMs);
}

/** Makes room in a cell whose entries are all taken; -1 where all are better than the burst. */
function replaceWorst(
  estimates: Estimates,
  { cell, pop }: { readonly cell: number; readonly pop: number },
  burst: { readonly rttMs: number; readonly atMs: number },
  extraMs?: Float64Array,
): number {
  let worst = -1;
  let worstMs = -1;
  for (let entry = firstEntry(cell); entry < firstEntry(cell) + ENTRIES; entry++) {
    const isUseless = burstsOf(estimates, entry) === 0 || ageMsOf(estimates, entry, burst.atMs) > STALE_MS;
    const ms = isUseless ? Infinity : levelMs(estimates, entry) + (extraMs?.[popAt(estimates, entry)] ?? 0);
    if (ms > worstMs) {
      worst = entry;
      worstMs = ms;
    }
  }
  if (!(burst.rttMs + (extraMs?.[pop] ?? 0) < worstMs)) return -1;
  estimates.losses.delete(worst);
  return startEntry(estimates, worst, pop, burst.atMs);
}

/** An entry taken apart. */
export interface Entry {
  /** Round-trip time, mean absolute deviation, and last burst, ms. */
  level: number;
  deviation: number;
  last: number;
  /** Bursts credited when it was last measured, which is kept rounded up: `timeCodeOf`. */
  bursts: number;
  time: number;
  /** Whether the last burst came from the modelled internet. */
  modelled: boolean;
}

/** Takes an entry apart. */
export function readEntry({ words }: Estimates, entry: number, into: Entry): void {
  const at = entry * WORDS;
  const pop = words[at + AT.POP] as number;
  const burst = words[at + AT.BURST] as number;
  into.level = (words[at + AT.LEVEL] as number) / LEVEL_STEPS_PER_MS;
  into.deviation = DEVIATIONS.ms[burst & 0xff] as number;
  into.last = LASTS.ms[burst >>> 8] as number;
  into.bursts = (pop >> BURSTS_SHIFT) & BURSTS_MAX;
  into.time = words[at + AT.TIME] as number;
  into.modelled = (pop & MODELLED) !== 0;
}

/** Puts an entry together; its POP stays. */
export function writeEntry({ words }: Estimates, entry: number, from: Entry): void {
  const at = entry * WORDS;
  // Rounded up: rounded down, many bursts a minute apart would never count as more than a few.
  const count = Math.min(BURSTS_MAX, Math.ceil(from.bursts));
  const pop = (words[at + AT.POP] as number) & POP_MASK;
  words[at + AT.POP] = pop | (count << BURSTS_SHIFT) | (from.modelled ? MODELLED : 0);
  words[at + AT.LEVEL] = Math.max(1, Math.min(LEVEL_MAX, (from.level * LEVEL_STEPS_PER_MS + 0.5) | 0));
  words[at + AT.TIME] = from.time;
  words[at + AT.BURST] = (codeOf(LASTS, from.last) << 8) | codeOf(DEVIATIONS, from.deviation);
}

function startEntry(estimates: Estimates, entry: number, pop: number, atMs: number): number {
  const { words } = estimates;
  words[entry * WORDS + AT.POP] = pop + 1;
  words[entry * WORDS + AT.LEVEL] = 0;
  words[entry * WORDS + AT.TIME] = timeCodeOf(atMs);
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
