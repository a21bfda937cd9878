import { mix32 } from '../base/random.ts';
import {
  ageMsOf,
  burstsOf,
  DEVIATION_RATIO,
  deviationMsOf,
  type Entry,
  type Estimates,
  ensureEntry,
  levelMs,
  readEntry,
  writeEntry,
} from './estimates.ts';
import { updateLoss } from './loss.ts';
import type { SteeringParams } from './params.ts';
import { fadeOf, stepsBetween, TIME_STEP_MS, timeCodeOf } from './scales.ts';

/** Weight of a burst in a pooled estimate, as a share of alpha: its networks differ from each other. */
const POOLED_SHARE = 0.25;
/** First deviation of an estimate: ms, and a share of its first burst. */
const FIRST_DEVIATION_MS = 1.5;
const FIRST_DEVIATION_SHARE = 0.03;
/**
 * A path that jumped may jump back: this share of the jump is its deviation from then on, which calms down so
 * much slower than it rises. But one jump makes no path restless: it brings the deviation to so many times
 * that at rest at most, and each further one makes it grow so many times.
 */
const JUMP_SHARE = 0.5;
const FIRST_JUMP = 2;
const JUMPS_GROWTH = 2.5;
const CALMING_SHARE = 0.1;
/**
 * Paths that deviate so many times more than those at rest are restless: their level is the mean over the
 * states that they are in by turns, so a burst counts by how much of news it is: so many times alpha, or
 * hardly where it is none.
 */
const RESTLESS = 2.5;
const RESTLESS_SHARE = 4;
const STILL_SHARE = 0.03;
const RESTLESS_BURSTS = 4;
const RESTLESS_DOUBT = 4.4;
/** Share of bursts that agree with the one before and bring a restless path's level to where it is. */
const SETTLING_CHANCE = 1 / 8;
const SETTLING_SALT = 0x5bd1e995;
/** Width of the chance that a deviation is kept with, as a logarithm: a whole step. */
const DITHER = Math.log(DEVIATION_RATIO);
/** A mean absolute deviation of a normal variate is its standard deviation times this. */
const ABSOLUTE_TO_STANDARD = 1.25;

/** One burst, as it counts for one estimate. */
export interface Burst {
  /** Of the burst without the POP's shift, ms; NaN when all packets were lost. */
  readonly rttMs: number;
  readonly sent: number;
  readonly lost: number;
  readonly atMs: number;
  readonly modelled: boolean;
}

/** How a burst counts. */
export interface Counting {
  readonly params: SteeringParams;
  /** An estimate over several networks: moves slowly and never jumps. */
  readonly pooled: boolean;
  /** The whole POP may be shifting: an outlier is no changed path of this cell. */
  readonly holdJumps: boolean;
  /** The POP, or its clients of this AS, changed just now: an outlier is a changed path at once. */
  readonly isFast?: boolean;
  readonly popLossRate: number;
  /** By POP: what it adds to its clients' round-trip times, ms: which of a cell's POPs are the worst. */
  readonly extraMs: Float64Array;
}

/**
 * Takes one burst in: clipped moving average of the level and of its absolute deviation (alpha; the plain
 * mean at first). A second outlier in a row on one side is a changed path: the level jumps to it, unless
 * `holdJumps`. A path that jumps time and again is restless: its level is the mean over the states that it is
 * in by turns. Returns the entry; -1 where the cell knows `ENTRIES` better POPs.
 */
export function updateEstimate(
  estimates: Estimates,
  which: { cell: number; pop: number },
  burst: Burst,
  how: Counting,
): number {
  const entry = ensureEntry(estimates, which, burst, how.extraMs);
  if (entry >= 0) updateEntry(estimates, entry, burst, how);
  return entry;
}

/** Takes one burst into an entry. */
export function updateEntry(estimates: Estimates, entry: number, burst: Burst, how: Counting): void {
  if (burst.lost > 0 || estimates.losses.size > 0) updateLoss(estimates, entry, burst, how.popLossRate);
  if (!Number.isNaN(burst.rttMs)) updateLevel(estimates, entry, burst, how);
}

/** Puts an estimate as it was saved; nothing where the cell knows `ENTRIES` better ones. */
export function putEstimate(
  estimates: Estimates,
  which: { cell: number; pop: number },
  saved: { level: number; deviation: number; last: number; bursts: number; modelled: boolean; atMs: number },
): void {
  const entry = ensureEntry(estimates, which, { rttMs: saved.level, atMs: saved.atMs });
  if (entry < 0) return;
  const { level, deviation, last, bursts, modelled, atMs } = saved;
  writeEntry(estimates, entry, { level, deviation, last, bursts, time: timeCodeOf(atMs), modelled });
}

/** Bursts that an estimate is still worth: their count, fading with age. */
export function creditOf(estimates: Estimates, entry: number, nowMs: number, params: SteeringParams): number {
  const bursts = burstsOf(estimates, entry);
  return bursts === 0 ? 0 : bursts * fadeOf(ageMsOf(estimates, entry, nowMs) / TIME_STEP_MS, params.ageMs);
}

/** The estimate in hand; filled in anew for each burst, as there may be a million in a tick. */
const hand: Entry & { credit: number } = {
  level: 0.5,
  deviation: 0.5,
  last: 0.5,
  bursts: 0.5,
  time: 0,
  modelled: false,
  credit: 0.5,
};

function updateLevel(estimates: Estimates, entry: number, burst: Burst, how: Counting): void {
  const { params } = how;
  readEntry(estimates, entry, hand);
  const isFirst = hand.bursts === 0;
  const time = timeCodeOf(burst.atMs);
  const age = stepsBetween(hand.time, time);
  hand.credit = isFirst ? 0 : hand.bursts * fadeOf(age, params.ageMs);
  hand.bursts = Math.min(hand.credit + 1, params.burstsMax);
  if (isFirst || age > 0) {
    hand.time = time;
    hand.modelled = burst.modelled;
  }
  if (isFirst) start(burst, params);
  else follow(burst, how);
  hand.last = burst.rttMs;
  writeEntry(estimates, entry, hand);
}

/** The first burst of an estimate. */
function start({ rttMs }: Burst, params: SteeringParams): void {
  hand.level = rttMs;
  hand.deviation = calmMs(rttMs, params);
}

/** A further one. */
function follow(burst: Burst, how: Counting): void {
  const { params, pooled, holdJumps, isFast = false } = how;
  const { rttMs } = burst;
  const { level, deviation, last, credit } = hand;
  const residual = rttMs - level;
  const limit = params.clipDeviations * deviation;
  const isRestless = restless(level, deviation, params);
  const isOut = Math.abs(residual) > limit;
  const isAgain = isOut && (isFast || (Math.abs(last - level) > limit && (last - level) * residual > 0));
  if (isAgain && !pooled && !holdJumps && (isFast || !isRestless)) {
    hand.deviation = jumpedMs(rttMs, isFast, params);
    hand.level = rttMs;
    return;
  }
  if (isRestless && !pooled && hasSettled(burst, params)) {
    hand.level = rttMs;
    return;
  }
  const share = pooled ? POOLED_SHARE : isRestless ? novelty(rttMs, last) * RESTLESS_SHARE + STILL_SHARE : 1;
  // The plain mean at first; a restless path goes on longer in small steps.
  const isEarly = !isRestless || credit < params.burstsMax - 1;
  const weight = Math.min(1, Math.max(params.alpha * share, isEarly ? 1 / (credit + 1) : 0));
  const step = isRestless ? residual : Math.max(-limit, Math.min(limit, residual));
  const off = Math.abs(step) - deviation;
  const next = deviation + (off < 0 ? CALMING_SHARE : 1) * params.alpha * off;
  hand.level = level + weight * step;
  hand.deviation = Math.max(params.deviationMinMs, next * dither(burst));
}

/**
 * Deviation of the path in hand once it has jumped to this RTT, ms. Long paths deviate more at rest, so it is
 * the multiple of that which is carried over. Where others jumped too, the jump says nothing of this path.
 */
function jumpedMs(rttMs: number, isFast: boolean, params: SteeringParams): number {
  const { level, deviation } = hand;
  const calm = calmMs(rttMs, params);
  const before = deviation / calmMs(level, params);
  if (isFast) return calm * before;
  const most = Math.max(FIRST_JUMP, JUMPS_GROWTH * before);
  return calm * Math.max(before, Math.min(most, (JUMP_SHARE * Math.abs(rttMs - level)) / calm));
}

/**
 * A deviation falls by less at a burst than half a step that it is kept in, and rounded would never fall: so
 * chance, drawn from the burst itself, decides how often it falls by a whole one.
 */
function dither({ rttMs, atMs }: Burst): number {
  const chance = mix32(Math.round(rttMs * 1024) ^ Math.floor(atMs / 1000)) / 2 ** 32;
  const part = DITHER * (chance - 0.5);
  // exp(part), to within a millionth.
  return 1 + part + (part * part) / 2;
}

function restless(level: number, deviation: number, params: SteeringParams): boolean {
  return deviation > RESTLESS * calmMs(level, params);
}

/**
 * Standard error of an estimate's level, squared, ms2; `credit` is what its bursts are worth. A moving
 * average is worth (2 - alpha) / alpha of them at most, that of a restless path more.
 */
export function errorMs2(
  estimates: Estimates,
  entry: number,
  credit: number,
  params: SteeringParams,
): number {
  const deviation = deviationMsOf(estimates, entry);
  const scatter = ABSOLUTE_TO_STANDARD * deviation;
  const isRestless = restless(levelMs(estimates, entry), deviation, params);
  const bursts = isRestless ? RESTLESS_BURSTS * credit : Math.min(credit, (2 - params.alpha) / params.alpha);
  return (scatter * scatter) / bursts;
}

/**
 * How far off an estimate may be when POPs are compared, ms: a restless path is not left for another
 * lightly.
 */
export function doubtMs(estimates: Estimates, entry: number, error2: number, params: SteeringParams): number {
  const isRestless = restless(levelMs(estimates, entry), deviationMsOf(estimates, entry), params);
  return Math.sqrt(error2) * (isRestless ? RESTLESS_DOUBT : 1);
}

/**
 * Whether a restless path, far from its level, stays where it is: bursts that agree show it, and chance drawn
 * from the burst decides how many of them it takes.
 */
function hasSettled({ rttMs, atMs }: Burst, params: SteeringParams): boolean {
  const calm = calmMs(rttMs, params);
  if (Math.abs(rttMs - hand.last) > calm || Math.abs(rttMs - hand.level) <= calm) return false;
  return (
    mix32(Math.round(rttMs * 1024) ^ Math.floor(atMs / 1000) ^ SETTLING_SALT) < SETTLING_CHANCE * 2 ** 32
  );
}

/** How much of news a burst is after the last one, 0..1. */
function novelty(rttMs: number, last: number): number {
  return Math.min(1, Math.abs(rttMs - last) / (2 * FIRST_DEVIATION_MS + 2 * FIRST_DEVIATION_SHARE * rttMs));
}

/** Deviation of a path that is at rest, ms. */
function calmMs(rttMs: number, params: SteeringParams): number {
  return Math.max(params.deviationMinMs, FIRST_DEVIATION_MS + FIRST_DEVIATION_SHARE * rttMs);
}
