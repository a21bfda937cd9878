import {
  ageMsOf,
  burstsOf,
  deviationMsOf,
  type Estimates,
  ensureEntry,
  isModelled,
  levelMs,
  setBursts,
  setLevel,
  setTime,
  sideOf,
} from './estimates.ts';
import { updateLoss } from './loss.ts';
import type { SteeringParams } from './params.ts';

/** Weight of a burst in a pooled estimate, as a share of alpha: its networks differ from each other. */
const POOLED_SHARE = 0.25;
/** First deviation of an estimate: ms, and a share of its first burst. */
const FIRST_DEVIATION_MS = 1.5;
const FIRST_DEVIATION_SHARE = 0.03;

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
}

/**
 * Takes one burst in: clipped moving average of the level and of its absolute deviation (alpha; the plain
 * mean at first). A second outlier in a row on one side is a changed path: the level jumps to it, unless
 * `holdJumps`. Returns the entry; -1 where the cell knows `ENTRIES` better POPs.
 */
export function updateEstimate(
  estimates: Estimates,
  which: { cell: number; pop: number },
  burst: Burst,
  how: Counting,
): number {
  const entry = ensureEntry(estimates, which.cell, which.pop, burst);
  if (entry < 0) return -1;
  if (burst.lost > 0 || estimates.losses.size > 0) updateLoss(estimates, entry, burst, how.popLossRate);
  if (!Number.isNaN(burst.rttMs)) updateLevel(estimates, entry, burst, how);
  return entry;
}

/** Puts an estimate as it was saved; nothing where the cell knows `ENTRIES` better ones. */
export function putEstimate(
  estimates: Estimates,
  which: { cell: number; pop: number },
  saved: { level: number; deviation: number; bursts: number; modelled: boolean; atMs: number },
): void {
  const entry = ensureEntry(estimates, which.cell, which.pop, { rttMs: saved.level, atMs: saved.atMs });
  if (entry < 0) return;
  setLevel(estimates, entry, saved.level, saved.deviation);
  setTime(estimates, entry, saved.atMs);
  setBursts(estimates, entry, { bursts: saved.bursts, modelled: saved.modelled, side: 0 });
}

/** Bursts that an estimate is still worth: their count, fading with age. */
export function creditOf(estimates: Estimates, entry: number, nowMs: number, params: SteeringParams): number {
  const bursts = burstsOf(estimates, entry);
  return bursts === 0 ? 0 : bursts * Math.exp(-ageMsOf(estimates, entry, nowMs) / params.ageMs);
}

function updateLevel(estimates: Estimates, entry: number, burst: Burst, how: Counting): void {
  const { params, pooled, holdJumps, isFast = false } = how;
  const count = burstsOf(estimates, entry);
  const credit = creditOf(estimates, entry, burst.atMs, params);
  const isNewer = count === 0 || ageMsOf(estimates, entry, burst.atMs) > 0;
  if (isNewer) setTime(estimates, entry, burst.atMs);
  const modelled = isNewer ? burst.modelled : isModelled(estimates, entry);
  const bursts = Math.min(credit + 1, params.burstsMax);
  if (count === 0) {
    const own = FIRST_DEVIATION_MS + FIRST_DEVIATION_SHARE * burst.rttMs;
    const first = Math.max(params.deviationMinMs, own);
    setLevel(estimates, entry, burst.rttMs, first);
    setBursts(estimates, entry, { bursts, modelled, side: 0 });
    return;
  }
  const level = levelMs(estimates, entry);
  const deviation = deviationMsOf(estimates, entry);
  const residual = burst.rttMs - level;
  const limit = params.clipDeviations * deviation;
  const side = Math.abs(residual) <= limit ? 0 : residual > 0 ? 1 : 2;
  const isAgain = side !== 0 && (isFast || side === sideOf(estimates, entry));
  if (isAgain && !pooled && !holdJumps) {
    setLevel(estimates, entry, burst.rttMs, deviation);
    setBursts(estimates, entry, { bursts, modelled, side: 0 });
    return;
  }
  const weight = Math.max(pooled ? params.alpha * POOLED_SHARE : params.alpha, 1 / (credit + 1));
  const step = Math.max(-limit, Math.min(limit, residual));
  const next = deviation + weight * (Math.abs(step) - deviation);
  setLevel(estimates, entry, level + weight * step, Math.max(params.deviationMinMs, next));
  setBursts(estimates, entry, { bursts, modelled, side });
}
