import { scanPart } from './decide-parts.ts';
import type { Pairs } from './joint-prices.ts';
import { type Market, scoreUnit } from './market.ts';
import { BUCKETS, bucketOf } from './price.ts';
import { partsOf } from './unit-moves.ts';
import { NONE } from './units.ts';

/**
 * Units this near to leaving a POP are enough to relieve it without a higher price: the repair divides
 * them.
 */
export const MARGINAL_MS = 0.1;
const MARGINAL_BUCKETS = bucketOf(MARGINAL_MS);
/** Margins are counted up to this, ms, but where a POP must shed more. */
export const SHALLOW_MS = 4;
export const DEEP = 2;
/** Units whose candidates turn out to be out or too dear, found in a sweep. */
export interface Shortage {
  readonly units: Int32Array;
  count: number;
  /** Picks candidates among the whole fleet; false when no more may be looked at in this tick. */
  readonly widen: (unit: number) => boolean;
}

/** Demand by POP and bucket of margin: of units that want the POP, and that would want it next. */
export interface Histograms {
  readonly own: Float64Array;
  readonly next: Float64Array;
  /** By POP: 1 where margins up to `SHALLOW_MS` are counted, `DEEP` where all are of those that want it. */
  readonly counted: Uint8Array;
  /** Margins are counted up to this now, ms: at first only those about to change. */
  shallowMs: number;
}

/** Scores what must be, adds up what is wanted by POP, and fills the histograms and pairs. */
export function sweepUnits(
  market: Market,
  into: { histograms: Histograms; pairs: Pairs },
  shortage: Shortage,
): void {
  const { units, activeCells, demandRps, riseMs, drift, wantedRps } = market;
  const { bestPop, nextPop, slackMs } = units;
  const { own, next, counted, shallowMs } = into.histograms;
  const { demandRps: pairRps, widthMs } = into.pairs;
  const popCount = wantedRps.length;
  const { fallMs } = drift;
  // Margins that count must be exact: those held from below are looked at anew.
  const soonMs = fallMs + Math.max(MARGINAL_MS, widthMs);
  const limitMs = riseMs.map((ms) => ms + soonMs);
  pairRps.fill(0);
  wantedRps.fill(0);
  own.fill(0);
  next.fill(0);
  for (let group = 0; group < units.groupCount; group++) {
    const first = group * units.cellStride;
    for (let i = 0; i < activeCells.length; i++) {
      const unit = first + (activeCells[i] as number);
      let pop = bestPop[unit] as number;
      if (pop === NONE || (pop >= 0 && (slackMs[unit] as number) <= (limitMs[pop] as number))) {
        if (scoreUnit(market, group, unit)) noteShort(shortage, unit);
        pop = bestPop[unit] as number;
      }
      const demand = demandRps[unit] as number;
      if (pop < 0 || demand === 0) continue;
      wantedRps[pop] = (wantedRps[pop] as number) + demand;
      const marginMs = (slackMs[unit] as number) - (riseMs[pop] as number) - fallMs;
      const isOwn = counted[pop] as number;
      // Far from the edge, or held by hysteresis: it does not follow prices.
      if ((marginMs >= shallowMs && isOwn !== DEEP) || marginMs === -Infinity) continue;
      const rival = nextPop[unit] as number;
      if (rival !== NONE && marginMs < widthMs) add(pairRps, pop * popCount + rival, demand);
      const isNext = rival === NONE ? 0 : (counted[rival] as number);
      if (isOwn + isNext === 0) continue;
      const bucket = bucketOf(marginMs);
      if (isOwn !== 0) add(own, pop * BUCKETS + bucket, demand);
      if (isNext !== 0) add(next, rival * BUCKETS + bucket, demand);
    }
  }
  for (const unit of units.splits.keys()) if (!sweepParts(market, into, unit)) noteShort(shortage, unit);
}

function noteShort(shortage: Shortage, unit: number): void {
  if (shortage.count < shortage.units.length) shortage.units[shortage.count++] = unit;
}

function add(sums: Float64Array, at: number, rps: number): void {
  sums[at] = (sums[at] as number) + rps;
}

/**
 * Each part of a split unit is as a unit of its own, with its POP as incumbent. False where all candidates
 * are out.
 */
function sweepParts(market: Market, into: { histograms: Histograms; pairs: Pairs }, unit: number): boolean {
  const { units, demandRps, wantedRps } = market;
  const { own, next, counted } = into.histograms;
  const { pairs } = into;
  for (const part of partsOf(units, unit)) {
    const { pop, ms, nextPop, nextMs } = scanPart(market, unit, part);
    if (pop === NONE) return false;
    const demand = (demandRps[unit] as number) * part.share;
    add(wantedRps, pop, demand);
    const bucket = bucketOf(nextMs - ms);
    if (nextMs - ms >= into.histograms.shallowMs && counted[pop] !== DEEP) continue;
    if (nextMs - ms < pairs.widthMs) add(pairs.demandRps, pop * wantedRps.length + nextPop, demand);
    if (counted[pop] !== 0) add(own, pop * BUCKETS + bucket, demand);
    if (nextPop !== NONE && counted[nextPop] !== 0) add(next, nextPop * BUCKETS + bucket, demand);
  }
  return true;
}

/** What would leave a POP at the next little rise of its price. */
export function marginalRps(demandRps: Float64Array, pop: number): number {
  let sum = 0;
  for (let bucket = 0; bucket < MARGINAL_BUCKETS; bucket++)
    sum += demandRps[pop * BUCKETS + bucket] as number;
  return sum;
}
