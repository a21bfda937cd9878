import type { SteeringParams } from './params.ts';

/** Pairs of (cell, POP) estimated at a time, at most; 48 octets each. */
const ESTIMATES_MAX = 400_000;
/** Lost packets of a cell beyond its POP's rate that are put down to chance. */
const LOSS_GRACE = 1.5;
/** Packets without loss that every cell is credited with: one lost of three is no loss of a third. */
const LOSS_CREDIT = 10;
/** Share of its loss memory that a cell keeps at each burst: about five bursts count. */
const LOSS_KEPT = 0.8;
/** A cell of a POP that loses packets loses by chance up to so many times as many. */
const LOSS_EXPECTED = 2;
/** Loss of a cell that is no longer measured fades by a factor e in this time, ms. */
const LOSS_FADE_MS = 60_000;
/**
 * Weight of a burst in a place's pooled estimate, as a share of alpha: its networks differ from each other.
 */
const POOLED_SHARE = 0.25;
/** First deviation of an estimate, as a share of its first burst. */
const FIRST_DEVIATION_SHARE = 0.1;

/**
 * Estimates by (cell, POP), sparse. The entries of a cell form a list: `head[cell]`, then `next[slot]`,
 * ended by -1. Levels are without the POP's present shift (alarm.ts).
 */
export interface Estimates {
  readonly popCount: number;
  readonly max: number;
  readonly slots: Map<number, number>;
  readonly head: Int32Array;
  next: Int32Array;
  pop: Int16Array;
  /** Round-trip time, ms. */
  level: Float32Array;
  /** Mean absolute deviation of bursts from the level, ms. */
  deviation: Float32Array;
  /** Bursts credited at `atMs`. */
  bursts: Float32Array;
  /** Time of the last burst, ms since 1970. */
  atMs: Float64Array;
  /** Packets lost beyond the POP's own loss, and packets sent, both fading by burst. */
  excessLost: Float32Array;
  sent: Float32Array;
  /** Outliers in a row, negative when below. */
  streak: Int8Array;
  /** 1 where the last burst came from the modelled internet. */
  modelled: Uint8Array;
  used: number;
  readonly free: number[];
}

/** One burst, as it counts for one estimate. */
export interface Burst {
  /** Minimum of the burst without the POP's shift, ms; NaN when all packets were lost. */
  readonly rttMs: number;
  readonly sent: number;
  readonly lost: number;
  readonly atMs: number;
  readonly modelled: boolean;
}

/** No estimates yet, for cells 0..cellCount-1. */
export function createEstimates(options: { cellCount: number; popCount: number; max?: number }): Estimates {
  const { cellCount, popCount, max = ESTIMATES_MAX } = options;
  const size = Math.min(1024, max);
  return {
    popCount,
    max,
    slots: new Map(),
    head: new Int32Array(cellCount).fill(-1),
    next: new Int32Array(size),
    pop: new Int16Array(size),
    level: new Float32Array(size),
    deviation: new Float32Array(size),
    bursts: new Float32Array(size),
    atMs: new Float64Array(size),
    excessLost: new Float32Array(size),
    sent: new Float32Array(size),
    streak: new Int8Array(size),
    modelled: new Uint8Array(size),
    used: 0,
    free: [],
  };
}

/** Slot of the estimate of a pair; -1 if it was never measured. */
export function findEstimate(estimates: Estimates, cell: number, pop: number): number {
  return estimates.slots.get(cell * estimates.popCount + pop) ?? -1;
}

/** Like `findEstimate`, but makes an empty one; -1 when all places are taken. */
export function ensureEstimate(estimates: Estimates, cell: number, pop: number): number {
  const key = cell * estimates.popCount + pop;
  const known = estimates.slots.get(key);
  if (known !== undefined) return known;
  const slot = estimates.free.pop() ?? estimates.used;
  if (slot >= estimates.max) return -1;
  if (slot === estimates.used) estimates.used++;
  if (slot >= estimates.pop.length) grow(estimates);
  estimates.slots.set(key, slot);
  estimates.pop[slot] = pop;
  estimates.bursts[slot] = 0;
  estimates.excessLost[slot] = 0;
  estimates.sent[slot] = 0;
  estimates.streak[slot] = 0;
  estimates.next[slot] = estimates.head[cell] as number;
  estimates.head[cell] = slot;
  return slot;
}

/** Forgets everything measured of a cell. */
export function dropCell(estimates: Estimates, cell: number): void {
  for (let slot = estimates.head[cell] as number; slot >= 0; slot = estimates.next[slot] as number) {
    estimates.slots.delete(cell * estimates.popCount + (estimates.pop[slot] as number));
    estimates.free.push(slot);
  }
  estimates.head[cell] = -1;
}

/**
 * Takes one burst in: clipped moving average of the level and of its absolute deviation (alpha; the plain
 * mean at first). A second outlier in a row on one side is a changed path: the level jumps to it, unless
 * `holdJumps` says that the whole POP may be shifting. `pooled` estimates (a place's, over its networks)
 * move slowly and never jump.
 */
export function updateEstimate(
  estimates: Estimates,
  slot: number,
  burst: Burst,
  how: { params: SteeringParams; pooled: boolean; holdJumps: boolean; popLossRate: number },
): void {
  updateLoss(estimates, slot, burst, how.popLossRate);
  if (Number.isFinite(burst.rttMs)) updateLevel(estimates, slot, burst, how);
}

/** Bursts that an estimate is still worth: their count, fading with age. */
export function creditOf(estimates: Estimates, slot: number, nowMs: number, params: SteeringParams): number {
  const age = Math.max(0, nowMs - (estimates.atMs[slot] as number));
  return (estimates.bursts[slot] as number) * Math.exp(-age / params.ageMs);
}

/** Loss of a cell beyond its POP's, 0..1. */
export function excessLossRate(estimates: Estimates, slot: number, nowMs: number): number {
  const excess = (estimates.excessLost[slot] as number) - LOSS_GRACE;
  if (excess <= 0) return 0;
  const age = Math.max(0, nowMs - (estimates.atMs[slot] as number));
  return Math.min(
    1,
    (excess / ((estimates.sent[slot] as number) + LOSS_CREDIT)) * Math.exp(-age / LOSS_FADE_MS),
  );
}

function updateLoss(estimates: Estimates, slot: number, burst: Burst, popLossRate: number): void {
  const expected = Math.min(1, LOSS_EXPECTED * popLossRate) * burst.sent;
  const excess = (estimates.excessLost[slot] as number) * LOSS_KEPT + burst.lost - expected;
  estimates.excessLost[slot] = Math.max(0, excess);
  estimates.sent[slot] = (estimates.sent[slot] as number) * LOSS_KEPT + burst.sent;
  if ((estimates.bursts[slot] as number) === 0 || burst.atMs > (estimates.atMs[slot] as number))
    estimates.modelled[slot] = burst.modelled ? 1 : 0;
  if (!Number.isFinite(burst.rttMs) && (estimates.bursts[slot] as number) === 0)
    estimates.atMs[slot] = burst.atMs;
}

function updateLevel(
  estimates: Estimates,
  slot: number,
  burst: Burst,
  how: { params: SteeringParams; pooled: boolean; holdJumps: boolean },
): void {
  const { params, pooled, holdJumps } = how;
  const count = estimates.bursts[slot] as number;
  const credit = creditOf(estimates, slot, burst.atMs, params);
  estimates.bursts[slot] = Math.min(credit + 1, params.burstsMax);
  estimates.atMs[slot] = Math.max(burst.atMs, count === 0 ? 0 : (estimates.atMs[slot] as number));
  if (count === 0) {
    estimates.level[slot] = burst.rttMs;
    estimates.deviation[slot] = Math.max(params.deviationMinMs, FIRST_DEVIATION_SHARE * burst.rttMs);
    return;
  }
  const level = estimates.level[slot] as number;
  const deviation = estimates.deviation[slot] as number;
  const residual = burst.rttMs - level;
  const limit = params.clipDeviations * deviation;
  const side = Math.abs(residual) <= limit ? 0 : Math.sign(residual);
  const streak = side !== 0 && Math.sign(estimates.streak[slot] as number) === side ? 2 * side : side;
  estimates.streak[slot] = streak;
  if (Math.abs(streak) === 2 && !pooled && !holdJumps) {
    estimates.level[slot] = burst.rttMs;
    estimates.streak[slot] = 0;
    return;
  }
  const weight = Math.max(pooled ? params.alpha * POOLED_SHARE : params.alpha, 1 / (credit + 1));
  const step = Math.max(-limit, Math.min(limit, residual));
  estimates.level[slot] = level + weight * step;
  estimates.deviation[slot] = Math.max(
    params.deviationMinMs,
    deviation + weight * (Math.abs(step) - deviation),
  );
}

function grow(estimates: Estimates): void {
  const size = Math.min(estimates.max, estimates.pop.length * 2);
  const widen = <T extends Int32Array | Int16Array | Float32Array | Float64Array | Int8Array | Uint8Array>(
    old: T,
    wide: T,
  ): T => {
    wide.set(old);
    return wide;
  };
  estimates.next = widen(estimates.next, new Int32Array(size));
  estimates.pop = widen(estimates.pop, new Int16Array(size));
  estimates.level = widen(estimates.level, new Float32Array(size));
  estimates.deviation = widen(estimates.deviation, new Float32Array(size));
  estimates.bursts = widen(estimates.bursts, new Float32Array(size));
  estimates.atMs = widen(estimates.atMs, new Float64Array(size));
  estimates.excessLost = widen(estimates.excessLost, new Float32Array(size));
  estimates.sent = widen(estimates.sent, new Float32Array(size));
  estimates.streak = widen(estimates.streak, new Int8Array(size));
  estimates.modelled = widen(estimates.modelled, new Uint8Array(size));
}
