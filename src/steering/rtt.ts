import { creditOf, doubtMs, errorMs2 } from './estimate.ts';
import { ENTRIES, type Estimates, entryCount, firstEntry, levelMs, popAt } from './estimates.ts';
import { excessLossRate } from './loss.ts';
import type { SteeringParams } from './params.ts';
import { UNLOCATED_MS } from './prior.ts';

/** What a cell sees of every POP, by POP index; filled by `viewCell`, reused. */
export interface CellView {
  /** Expected round-trip time without the POP's present shift, ms. */
  readonly rttMs: Float32Array;
  /** Score for the cell's own loss beyond the POP's, ms. */
  readonly lossMs: Float32Array;
  /** Standard error of what was measured, ms; 0 where nothing was. */
  readonly deviationMs: Float32Array;
  /** How much of `rttMs` is still prior, 0..1. */
  readonly priorShare: Float32Array;
  /** Variance of what is known of `rttMs`, ms2. */
  readonly varianceMs2: Float32Array;
  /** Standard deviation of the prior, ms. */
  readonly priorDeviationMs: Float64Array;
}

/** Where `viewCell` reads. */
export interface ViewSource {
  readonly params: SteeringParams;
  readonly estimates: Estimates;
  /** Float32 [places x POPs], km; NaN where a location is not known. */
  readonly distances: Float32Array;
  /** Learned correction of the prior by POP, ms. */
  readonly priorBiasMs: Float64Array;
}

/** Whose estimates a view is made of, from the widest to the closest; -1: there is no such cell. */
export interface ViewedCells {
  /** Row of `distances`. */
  readonly placeId: number;
  readonly placeCell: number;
  readonly networkCell: number;
  readonly leafCell: number;
  readonly nowMs: number;
}

/** A view for so many POPs. */
export function createCellView(popCount: number): CellView {
  return {
    rttMs: new Float32Array(popCount),
    lossMs: new Float32Array(popCount),
    deviationMs: new Float32Array(popCount),
    priorShare: new Float32Array(popCount),
    varianceMs2: new Float32Array(popCount),
    priorDeviationMs: new Float64Array(popCount),
  };
}

/**
 * A pooled level moves four times slower than its bursts scatter: so much of the scatter is its own
 * doubt.
 */
const POOLED_SPREAD = 0.5;
/**
 * Networks of a place differ by so much from its level, of an AS at a place by half: ms, and a share of
 * RTT.
 */
const SIBLINGS_MS = 3;
const SIBLINGS_SHARE = 0.05;
/**
 * Share of the squared difference between what was known and what is measured that adds to the former's
 * variance.
 */
const CONTRADICTED = 0.5;
/** Weight of estimates, in whole ones, that no offset is worth against those measured. */
const OFFSET_SHRINK = 0.5;
/** Where less of an expectation is still prior, nothing is charged for it. */
const CHARGED_SHARE = 1e-3;
/** By entry of a leaf: what is expected of its POP, ms. */
const ownMs = new Float64Array(ENTRIES);
/** An estimate counts for an offset as if it were at most this far from what was expected, ms. */
const OFFSET_MAX_MS = 50;

/**
 * Fills the view of a cell. The prior is a + b x km + the POP's correction, and knows how little it knows.
 * What was measured of the place, of the AS there, then of the network itself is held against what was
 * known before, each by its variance (a Kalman filter without motion): few bursts, scattered, old, or of
 * other networks weigh little. What a network adds to the RTT of every POP (its access lines) is added to
 * those that it was not measured from, else they would look better. Where some POP was measured, the part
 * of another that still is prior costs its deviation: an unmeasured POP must be clearly better to be
 * preferred to a measured one, and the best measured one is never left for a POP that was never measured.
 */
export function viewCell(source: ViewSource, which: ViewedCells, view: CellView): void {
  const { params } = source;
  const { placeId, placeCell, networkCell, leafCell, nowMs } = which;
  const { lossMs, deviationMs, priorShare } = view;
  takePrior(source, placeId, view);
  lossMs.fill(0);
  deviationMs.fill(0);
  priorShare.fill(1);
  let isMeasured = take(source, { cell: placeCell, nowMs, siblings: 1, spread: POOLED_SPREAD }, view);
  if (networkCell >= 0)
    isMeasured =
      take(source, { cell: networkCell, nowMs, siblings: 0.5, spread: POOLED_SPREAD }, view) || isMeasured;
  const isOwn = leafCell >= 0 && take(source, { cell: leafCell, nowMs, siblings: 0, spread: 1 }, view);
  if (!isMeasured && !isOwn) return;
  const floorMs = isOwn ? ownFloorMs(source.estimates, leafCell) + params.priorDeviationMs : 0;
  chargePrior(source, { leafCell, floorMs }, view);
}

/** Sets what geography expects. This and `chargePrior` go over all POPs: parameters are looked up before. */
function takePrior({ params, distances, priorBiasMs }: ViewSource, placeId: number, view: CellView): void {
  const { rttMs, varianceMs2, priorDeviationMs: doubtMs } = view;
  const { priorBaseMs, priorMsPerKm, priorDeviationMs, priorDeviationShare } = params;
  const popCount = priorBiasMs.length;
  const from = placeId * popCount;
  for (let pop = 0; pop < popCount; pop++) {
    const km = distances[from + pop] as number;
    const known = Number.isNaN(km) ? UNLOCATED_MS : priorBaseMs + priorMsPerKm * km;
    const prior = known + (priorBiasMs[pop] as number);
    const doubt = priorDeviationMs + priorDeviationShare * prior;
    rttMs[pop] = prior;
    doubtMs[pop] = doubt;
    varianceMs2[pop] = doubt * doubt;
  }
}

/** Charges what is still prior its deviation, and holds what the leaf never measured above the floor. */
function chargePrior(
  { estimates }: ViewSource,
  { leafCell, floorMs }: { readonly leafCell: number; readonly floorMs: number },
  view: CellView,
): void {
  const { rttMs, priorShare, priorDeviationMs } = view;
  const own = leafCell < 0 ? 0 : entryCount(estimates, leafCell);
  for (let i = 0; i < own; i++) ownMs[i] = chargedMs(view, popAt(estimates, firstEntry(leafCell) + i));
  for (let pop = 0; pop < rttMs.length; pop++) {
    const share = priorShare[pop] as number;
    if (share < CHARGED_SHARE) continue;
    rttMs[pop] = (rttMs[pop] as number) + share * (priorDeviationMs[pop] as number);
    if ((rttMs[pop] as number) < floorMs) rttMs[pop] = floorMs;
  }
  for (let i = 0; i < own; i++) rttMs[popAt(estimates, firstEntry(leafCell) + i)] = ownMs[i] as number;
}

function chargedMs({ rttMs, priorShare, priorDeviationMs }: CellView, pop: number): number {
  const share = priorShare[pop] as number;
  const ms = rttMs[pop] as number;
  return share < CHARGED_SHARE ? ms : ms + share * (priorDeviationMs[pop] as number);
}

/** Takes a cell's estimates into the view; whether it has any. */
function take(
  source: ViewSource,
  which: { cell: number; nowMs: number; siblings: number; spread: number },
  view: CellView,
): boolean {
  const { estimates, params } = source;
  const { cell, nowMs, siblings, spread } = which;
  const { rttMs, lossMs, deviationMs, priorShare, varianceMs2 } = view;
  const first = firstEntry(cell);
  if (popAt(estimates, first) < 0) return false;
  const offset = offsetMs(source, which, (pop) => rttMs[pop] as number);
  for (let pop = 0; pop < rttMs.length; pop++) rttMs[pop] = (rttMs[pop] as number) + offset;
  for (let entry = first; entry < first + ENTRIES; entry++) {
    const pop = popAt(estimates, entry);
    if (pop < 0) break;
    lossMs[pop] = params.lossMsPerUnit * excessLossRate(estimates, entry, nowMs);
    const credit = creditOf(estimates, entry, nowMs, params);
    if (credit === 0) continue;
    const level = levelMs(estimates, entry);
    const error2 = errorMs2(estimates, entry, credit, params);
    const noise = error2 + (siblings * (SIBLINGS_MS + SIBLINGS_SHARE * level)) ** 2;
    const before = rttMs[pop] as number;
    // What is contradicted was less certain than it seemed: a wrong claim is not held on to.
    const known = (varianceMs2[pop] as number) + CONTRADICTED * (level - before) ** 2;
    const weight = known / (known + noise);
    rttMs[pop] = weight * level + (1 - weight) * before;
    varianceMs2[pop] = (1 - weight) * known;
    deviationMs[pop] = spread * doubtMs(estimates, entry, error2, params);
    priorShare[pop] = (1 - weight) * (priorShare[pop] as number);
  }
  return true;
}

/**
 * What a network's estimates have in common beyond what was expected of them, ms: their mean, weighted by
 * credit, shrunk toward 0 while there are few.
 */
export function offsetMs(
  source: Pick<ViewSource, 'params' | 'estimates'>,
  which: { cell: number; nowMs: number },
  expectedMs: (pop: number) => number,
): number {
  const { params, estimates } = source;
  const first = firstEntry(which.cell);
  let sum = 0;
  let weights = OFFSET_SHRINK;
  for (let entry = first; entry < first + ENTRIES; entry++) {
    const pop = popAt(estimates, entry);
    if (pop < 0) break;
    const credit = creditOf(estimates, entry, which.nowMs, params);
    if (credit === 0) continue;
    const weight = credit / (credit + 1);
    const residual = levelMs(estimates, entry) - expectedMs(pop);
    sum += weight * Math.max(-OFFSET_MAX_MS, Math.min(OFFSET_MAX_MS, residual));
    weights += weight;
  }
  return sum / weights;
}

/**
 * Round-trip time that no POP is believed to beat which this network never measured, ms: that of the best it
 * did; where all its entries are taken, that of the worst, as others were measured and found worse.
 */
function ownFloorMs(estimates: Estimates, cell: number): number {
  const first = firstEntry(cell);
  let best = Infinity;
  let worst = 0;
  let count = 0;
  for (let entry = first; entry < first + ENTRIES; entry++) {
    if (popAt(estimates, entry) < 0) break;
    const level = levelMs(estimates, entry);
    if (level === 0) continue;
    count++;
    if (level < best) best = level;
    if (level > worst) worst = level;
  }
  if (count === 0) return 0;
  return count === ENTRIES ? worst : best;
}
