import { creditOf, type Estimates, excessLossRate } from './estimate.ts';
import type { SteeringParams } from './params.ts';
import { priorDeviationMs, priorMs } from './prior.ts';

/** What a cell sees of every POP, by POP index; filled by `viewCell`, reused. */
export interface CellView {
  /** Expected round-trip time without the POP's present shift, ms. */
  readonly rttMs: Float32Array;
  /** Score for the cell's own loss beyond the POP's, ms. */
  readonly lossMs: Float32Array;
  /** Deviation of what was measured, ms; 0 where nothing was. */
  readonly deviationMs: Float32Array;
  /** How much of `rttMs` is still prior, 0..1. */
  readonly priorShare: Float32Array;
}

/** Where `viewCell` reads. */
export interface ViewSource {
  readonly params: SteeringParams;
  readonly estimates: Estimates;
  /** Float32 [places x POPs], km. */
  readonly distances: Float32Array;
  /** Learned correction of the prior by POP, ms. */
  readonly priorBiasMs: Float64Array;
}

/** A view for so many POPs. */
export function createCellView(popCount: number): CellView {
  return {
    rttMs: new Float32Array(popCount),
    lossMs: new Float32Array(popCount),
    deviationMs: new Float32Array(popCount),
    priorShare: new Float32Array(popCount),
  };
}

/**
 * A pooled level moves four times slower than its bursts scatter: so much of the scatter is its own
 * doubt.
 */
const POOLED_SPREAD = 0.5;
/** Weight of estimates, in whole ones, that no offset is worth against those measured. */
const OFFSET_SHRINK = 0.5;
/** An estimate counts for an offset as if it were at most this far from what was expected, ms. */
const OFFSET_MAX_MS = 50;

/**
 * Fills the view of a cell. The prior is a + b x km + the POP's correction; what was measured of the
 * place, then of the network itself, takes its place as bursts come: w = n / (n + shrinkBursts), n fading
 * with age. What a network adds to the RTT of every POP (its access lines) is added to those that it was
 * not measured from, else they would look better. Where some POP was measured, the part of another that
 * still is prior costs the prior's deviation: an unmeasured POP must be clearly better to be preferred to
 * a measured one.
 */
export function viewCell(
  source: ViewSource,
  which: {
    /** Row of `distances`. */
    placeId: number;
    /** Cell whose estimates are the place's, and the network's or -1. */
    placeCell: number;
    networkCell: number;
    nowMs: number;
  },
  view: CellView,
): void {
  const { params, estimates, distances, priorBiasMs } = source;
  const { placeId, placeCell, networkCell, nowMs } = which;
  const popCount = priorBiasMs.length;
  const { rttMs, lossMs, deviationMs, priorShare } = view;
  const from = placeId * popCount;
  for (let pop = 0; pop < popCount; pop++)
    rttMs[pop] = priorMs(params, distances[from + pop] as number) + (priorBiasMs[pop] as number);
  lossMs.fill(0);
  deviationMs.fill(0);
  priorShare.fill(1);
  const isMeasured = (estimates.head[placeCell] as number) >= 0;
  const isNetworkMeasured = networkCell >= 0 && (estimates.head[networkCell] as number) >= 0;
  if (!isMeasured && !isNetworkMeasured) return;
  blend(source, { cell: placeCell, nowMs, spread: POOLED_SPREAD }, view);
  if (isNetworkMeasured) {
    const offset = offsetMs(source, { cell: networkCell, nowMs }, (pop) => rttMs[pop] as number);
    for (let pop = 0; pop < popCount; pop++) rttMs[pop] = (rttMs[pop] as number) + offset;
    blend(source, { cell: networkCell, nowMs, spread: 1 }, view);
  }
  for (let pop = 0; pop < popCount; pop++) {
    const share = priorShare[pop] as number;
    if (share < 1e-3) continue;
    const prior = priorMs(params, distances[from + pop] as number) + (priorBiasMs[pop] as number);
    rttMs[pop] = (rttMs[pop] as number) + share * priorDeviationMs(params, prior);
  }
}

/**
 * What a cell's estimates have in common beyond what was expected of them, ms: their mean, weighted by
 * credit, shrunk toward 0 while there are few.
 */
export function offsetMs(
  source: Pick<ViewSource, 'params' | 'estimates'>,
  which: { cell: number; nowMs: number },
  expectedMs: (pop: number) => number,
): number {
  const { params, estimates } = source;
  let sum = 0;
  let weights = OFFSET_SHRINK;
  for (let slot = estimates.head[which.cell] as number; slot >= 0; slot = estimates.next[slot] as number) {
    const credit = creditOf(estimates, slot, which.nowMs, params);
    if (credit === 0) continue;
    const weight = credit / (credit + params.shrinkBursts);
    const residual = (estimates.level[slot] as number) - expectedMs(estimates.pop[slot] as number);
    sum += weight * Math.max(-OFFSET_MAX_MS, Math.min(OFFSET_MAX_MS, residual));
    weights += weight;
  }
  return sum / weights;
}

/** Replaces what the view holds by the cell's own estimates, as far as these are worth it. */
function blend(
  source: ViewSource,
  which: { cell: number; nowMs: number; spread: number },
  view: CellView,
): void {
  const { params, estimates } = source;
  const { rttMs, lossMs, deviationMs, priorShare } = view;
  for (let slot = estimates.head[which.cell] as number; slot >= 0; slot = estimates.next[slot] as number) {
    const pop = estimates.pop[slot] as number;
    lossMs[pop] = params.lossMsPerUnit * excessLossRate(estimates, slot, which.nowMs);
    const credit = creditOf(estimates, slot, which.nowMs, params);
    if (credit === 0) continue;
    const weight = credit / (credit + params.shrinkBursts);
    rttMs[pop] = weight * (estimates.level[slot] as number) + (1 - weight) * (rttMs[pop] as number);
    deviationMs[pop] = which.spread * (estimates.deviation[slot] as number);
    priorShare[pop] = (1 - weight) * (priorShare[pop] as number);
  }
}
