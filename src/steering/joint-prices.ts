import { type Market, setPrice, supplyRps, supplySlope } from './market.ts';

/**
 * Steps of all prices together. POPs near each other that are all full can only shed to those beyond, so
 * their prices must rise together; one at a time they would outbid each other in ever so many small steps.
 * How demand goes over from one POP to another as their prices part is known from the units at the margin:
 * so much demand for each ms. That, for every pair of POPs, makes a linear system whose solution clears.
 */
export interface Pairs {
  /** Demand by POP x POP of units that want the one, with the other next, within `widthMs` of margin. */
  readonly demandRps: Float64Array;
  widthMs: number;
  /** A price changes by so much in a step, at most, ms. */
  stepMs: number;
  /** Prices before the last step, its direction, and how much excess lay in that direction; 0: no step. */
  readonly fromMs: Float64Array;
  readonly directionMs: Float64Array;
  climbed: number;
  /** How much of the direction was gone, and how often it was too much. */
  taken: number;
  retreats: number;
}

/** Nothing counted yet. */
export function createPairs(popCount: number, widthMs: number): Pairs {
  return {
    demandRps: new Float64Array(popCount * popCount),
    widthMs,
    stepMs: STEP_MS,
    fromMs: new Float64Array(popCount),
    directionMs: new Float64Array(popCount),
    climbed: 0,
    taken: 0,
    retreats: 0,
  };
}

/** A price changes by so much in the first step, at most, ms … */
const STEP_MS = 8;
/** … more after one that was cut short, less after one that was not, and after one that went too far. */
const WIDER = 2;
const NARROWER = 0.7;
const HALF = 0.5;
const STEP_MOST_MS = 256;
/** So much of each POP's capacity is held to be elastic for each ms: keeps steps finite, as a share. */
const LOOSE_SHARE = 0.001;
/** A step that went too far by more than this share of what it climbed is taken back in part … */
const TOO_FAR = 0.2;
/** … so often at most. */
const RETREATS_MAX = 4;

/**
 * Changes the prices of all POPs that have one or are wanted too much so that, were demand linear in prices,
 * all would just fit; `forgivenShare` of the capacity is no excess. A step that turns out to go too far, as
 * the excess now lies in the other direction, is first taken back to where the excess is likely to be none
 * in it: the excess is the slope of a concave function.
 */
export function stepJointly(market: Market, pairs: Pairs, forgivenShare: number): void {
  const { terms, wantedRps, hardRps } = market;
  if (retreats(market, pairs)) return;
  const active: number[] = [];
  for (let pop = 0; pop < wantedRps.length; pop++) {
    const isPriced = (terms.priceMs[pop] as number) > 0;
    if (isPriced || excessRps(market, pop) > forgivenShare * (hardRps[pop] as number)) active.push(pop);
  }
  const changes = solve(
    matrixOf(market, pairs, active),
    active.map((pop) => excessRps(market, pop)),
  );
  const mostMs = pairs.stepMs;
  let isCut = false;
  pairs.fromMs.set(terms.priceMs);
  pairs.directionMs.fill(0);
  pairs.taken = 1;
  pairs.retreats = 0;
  for (const [i, pop] of active.entries()) {
    const change = changes[i] as number;
    if (change > mostMs) isCut = true;
    pairs.directionMs[pop] = Math.max(-mostMs, Math.min(mostMs, change));
  }
  go(market, pairs);
  pairs.climbed = slopeOf(market, pairs);
  pairs.stepMs = Math.min(STEP_MOST_MS, pairs.stepMs * (isCut ? WIDER : NARROWER));
}

/** Takes the last step back in part if it went too far. */
function retreats(market: Market, pairs: Pairs): boolean {
  if (pairs.climbed <= 0 || pairs.retreats >= RETREATS_MAX) return false;
  const slope = slopeOf(market, pairs);
  if (slope > -TOO_FAR * pairs.climbed) return false;
  pairs.taken *= Math.max(0.1, Math.min(0.9, pairs.climbed / (pairs.climbed - slope)));
  if (pairs.retreats === 0) pairs.stepMs *= HALF;
  pairs.retreats++;
  go(market, pairs);
  return true;
}

/** Sets the prices where the step leads, and the direction to what came of it. */
function go(market: Market, pairs: Pairs): void {
  const { terms, drift, params, rising } = market;
  const { fromMs, directionMs, taken } = pairs;
  let fallMs = 0;
  for (let pop = 0; pop < fromMs.length; pop++) {
    if (directionMs[pop] === 0) continue;
    const before = terms.priceMs[pop] as number;
    const aim = (fromMs[pop] as number) + taken * (directionMs[pop] as number);
    const priceMs = Math.max(0, Math.min(params.priceMaxMs, aim));
    setPrice(market, pop, priceMs);
    if (priceMs > (fromMs[pop] as number)) rising[pop] = 1;
    fallMs = Math.max(fallMs, before - priceMs);
  }
  drift.fallMs += fallMs;
}

/** Excess that lies in the direction of the last step, as far as prices could follow it. */
function slopeOf(market: Market, pairs: Pairs): number {
  const { terms } = market;
  const { fromMs, directionMs } = pairs;
  let sum = 0;
  for (let pop = 0; pop < fromMs.length; pop++)
    if (directionMs[pop] !== 0)
      sum += ((terms.priceMs[pop] as number) - (fromMs[pop] as number)) * excessRps(market, pop);
  return sum;
}

/** What is wanted of a POP beyond what it takes at its price, requests/s; negative where it takes more. */
export function excessRps(market: Market, pop: number): number {
  return (market.wantedRps[pop] as number) - supplyRps(market, pop, market.terms.priceMs[pop] as number);
}

/** By how much the excess of each active POP falls, requests/s for each ms that a price rises. */
function matrixOf(market: Market, pairs: Pairs, active: readonly number[]): Float64Array[] {
  const { capacityRps, terms, wantedRps } = market;
  const { demandRps, widthMs } = pairs;
  const popCount = wantedRps.length;
  const rankOf = new Int32Array(popCount).fill(-1);
  for (const [i, pop] of active.entries()) rankOf[pop] = i;
  const rows = active.map(() => new Float64Array(active.length));
  const put = (row: number, column: number, rps: number): void => {
    const at = rows[row] as Float64Array;
    at[column] = (at[column] as number) + rps;
  };
  for (let one = 0; one < popCount; one++)
    for (let other = 0; other < popCount; other++) {
      const rpsPerMs = (demandRps[one * popCount + other] as number) / widthMs;
      if (rpsPerMs === 0) continue;
      const i = rankOf[one] as number;
      const j = rankOf[other] as number;
      if (i >= 0) put(i, i, rpsPerMs);
      if (j >= 0) put(j, j, rpsPerMs);
      if (i < 0 || j < 0) continue;
      put(i, j, -rpsPerMs);
      put(j, i, -rpsPerMs);
    }
  for (const [i, pop] of active.entries()) {
    const loose = LOOSE_SHARE * Math.max(1e-9, capacityRps[pop] as number);
    put(i, i, supplySlope(market, pop, terms.priceMs[pop] as number) + loose);
  }
  return rows;
}

/** Solves a symmetric positive definite system by elimination; destroys the matrix. */
function solve(rows: Float64Array[], right: number[]): number[] {
  const count = rows.length;
  for (let k = 0; k < count; k++) {
    const pivotRow = rows[k] as Float64Array;
    const pivot = pivotRow[k] as number;
    for (let i = k + 1; i < count; i++) {
      const row = rows[i] as Float64Array;
      const factor = (row[k] as number) / pivot;
      if (factor === 0) continue;
      for (let j = k; j < count; j++) row[j] = (row[j] as number) - factor * (pivotRow[j] as number);
      right[i] = (right[i] as number) - factor * (right[k] as number);
    }
  }
  for (let k = count - 1; k >= 0; k--) {
    const row = rows[k] as Float64Array;
    let sum = right[k] as number;
    for (let j = k + 1; j < count; j++) sum -= (row[j] as number) * (right[j] as number);
    right[k] = sum / (row[k] as number);
  }
  return right;
}
