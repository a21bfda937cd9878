import { createPairs, excessRps, type Pairs, stepJointly } from './joint-prices.ts';
import { boundDrift, type Market, setLeastExtra, setPrice, supplyRps } from './market.ts';
import { BUCKETS, loweredPrice, raisedPrice } from './price.ts';
import {
  DEEP,
  type Histograms,
  MARGINAL_MS,
  marginalRps,
  SHALLOW_MS,
  type Shortage,
  sweepUnits,
} from './sweep.ts';

/** Sweeps over all units in a tick: at least so many, if prices have not settled … */
const SWEEPS_LEAST = 6;
/** … while they never did, so many … */
const SWEEPS_COLD = 60;
/** … and in small worlds so many, or as many as look at so many units. */
const SWEEPS_MOST = 200;
const UNITS_MOST = 4_000_000;
/** Steps down in a tick, at most: each may make steps up necessary. */
const FALLS_MAX = 40;
/** What is wanted of a POP may be more or less than it takes by this share of its capacity … */
const SLACK_SHARE = 0.003;
/** … and a price that would fall by less stays, ms. */
const FALL_LEAST_MS = 0.05;
/** A price falls to this share of itself in a tick at most, so that clients come back in steps … */
const RELEASE_SHARE = 0.25;
/** … until it is this low, ms. */
const RELEASED_MS = 2;

/** Prices have settled when no more of all demand than this does not fit … */
const SETTLED_SHARE = 0.002;
/** … no POP is wanted by more than this share of its capacity too much … */
const FAR_SHARE = 0.02;
/** … and what is spare at POPs with a price could save no more than this in the mean, ms. */
const SETTLED_MS = 0.01;
/** Prices are set jointly while more of all demand than this does not fit … */
const JOINT_SHARE = 0.005;
/**
 * … judging by the units that are within so much of changing, ms; less where there are more than so many.
 */
const JOINT_WIDTH_MS = 2;
const JOINT_UNITS = 3000;
/** Shorter steps than this are left to the POPs one by one, ms. */
const JOINT_LEAST_MS = 0.8;

/**
 * Sets the prices: ascent on the dual of "least demand x score within capacity". Each sweep scores the
 * units anew for which something may have changed, adds up what is wanted, and counts the margins of those
 * at the edge of POPs that have a price or too many. Then every POP with too many gets the least price at
 * which what is wanted fits; when none has, every price falls as far as still fits. Starts from the prices
 * of the last tick, and stays there where these clear. Returns the number of sweeps.
 */
export function clearPrices(market: Market, shortage: Shortage, sweepsMost = Infinity): number {
  const { terms } = market;
  const beforeMs = Float64Array.from(terms.priceMs);
  const popCount = beforeMs.length;
  const histograms: Histograms = {
    own: new Float64Array(popCount * BUCKETS),
    next: new Float64Array(popCount * BUCKETS),
    counted: Uint8Array.from(terms.priceMs, (ms) => (ms > 0 ? 1 : 0)),
    shallowMs: MARGINAL_MS,
  };
  boundDrift(market);
  const visits = market.units.groupCount * market.activeCells.length;
  const least = market.drift.settled ? SWEEPS_LEAST : SWEEPS_COLD;
  const many = Math.max(least, Math.min(SWEEPS_MOST, Math.floor(UNITS_MOST / visits)));
  const sweepsMax = Math.min(many, sweepsMost);
  const widthMs = JOINT_WIDTH_MS * Math.sqrt(Math.min(1, JOINT_UNITS / visits));
  const pairs = createPairs(popCount, Math.max(MARGINAL_MS, widthMs));
  histograms.shallowMs = pairs.widthMs;
  let falls = 0;
  for (let sweep = 1; ; sweep++) {
    shortage.count = 0;
    sweepUnits(market, { histograms, pairs }, shortage);
    if (sweep >= sweepsMax) return sweep;
    if (widenShort(shortage)) continue;
    if (isSettled(market, histograms)) {
      market.drift.settled = true;
      return sweep;
    }
    if (isJoint(market, { histograms, pairs })) {
      stepJointly(market, pairs, SLACK_SHARE);
      continue;
    }
    pairs.widthMs = 0;
    if (histograms.shallowMs < SHALLOW_MS) {
      histograms.shallowMs = SHALLOW_MS;
      continue;
    }
    const rose = raise(market, histograms);
    if (rose === 'later') continue;
    if (!rose && (falls++ >= FALLS_MAX || !lower(market, histograms, beforeMs))) {
      market.drift.settled = true;
      return sweep;
    }
    setLeastExtra(market);
  }
}

/**
 * Whether prices clear as well as is worth while: nearly all that is wanted fits, no POP is wanted by far
 * too much, and what is left at POPs with a price is worth little. The repair and the filling do the rest.
 */
function isSettled(market: Market, histograms: Histograms): boolean {
  const { terms, wantedRps, hardRps } = market;
  let total = 0;
  let over = 0;
  let spareMs = 0;
  for (let pop = 0; pop < wantedRps.length; pop++) {
    const excess = excessRps(market, pop);
    total += wantedRps[pop] as number;
    if (excess > 0) {
      const leaves = excess - marginalRps(histograms.own, pop);
      if (leaves > FAR_SHARE * (hardRps[pop] as number)) return false;
      over += Math.max(0, leaves);
    } else {
      const comes = -excess - marginalRps(histograms.next, pop);
      spareMs += Math.max(0, comes) * (terms.priceMs[pop] as number);
    }
  }
  return over <= SETTLED_SHARE * total && spareMs <= SETTLED_MS * total;
}

/**
 * Whether too much or too little is wanted in all for prices to be set POP by POP, and steps are not too
 * small for more. Units that are about to leave or to come make no difference.
 */
function isJoint(market: Market, counts: { histograms: Histograms; pairs: Pairs }): boolean {
  const { hardRps, wantedRps, terms } = market;
  const { histograms, pairs } = counts;
  if (pairs.stepMs < JOINT_LEAST_MS || pairs.widthMs === 0) return false;
  let over = 0;
  let total = 0;
  for (let pop = 0; pop < wantedRps.length; pop++) {
    const forgivenRps = SLACK_SHARE * (hardRps[pop] as number);
    const excess = excessRps(market, pop);
    if (excess > 0) over += Math.max(0, excess - forgivenRps - marginalRps(histograms.own, pop));
    else if ((terms.priceMs[pop] as number) > RELEASED_MS)
      over += Math.max(0, -excess - forgivenRps - marginalRps(histograms.next, pop));
    total += wantedRps[pop] as number;
  }
  return over > JOINT_SHARE * total;
}

/** Raises prices where too much is wanted. `later`: once the next sweep has counted margins there. */
function raise(market: Market, histograms: Histograms): boolean | 'later' {
  const { terms, params, wantedRps, hardRps, rising } = market;
  let rose: boolean | 'later' = false;
  for (let pop = 0; pop < wantedRps.length; pop++) {
    const priceMs = terms.priceMs[pop] as number;
    const wanted = wantedRps[pop] as number;
    const forgivenRps = SLACK_SHARE * (hardRps[pop] as number);
    if (wanted <= supplyRps(market, pop, priceMs) + forgivenRps || priceMs >= params.priceMaxMs) continue;
    const excess = wanted - supplyRps(market, pop, priceMs);
    if (excess <= marginalRps(histograms.own, pop)) continue;
    if (histograms.counted[pop] !== DEEP && excess > countedRps(histograms.own, pop)) {
      histograms.counted[pop] = DEEP;
      if (rose === false) rose = 'later';
      continue;
    }
    rising[pop] = 1;
    setPrice(market, pop, raisedPrice(popMarket(market, pop, histograms.own), params.priceMaxMs));
    rose = true;
  }
  return rose;
}

/** All that was counted of those that want a POP. */
function countedRps(demandRps: Float64Array, pop: number): number {
  let sum = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) sum += demandRps[pop * BUCKETS + bucket] as number;
  return sum;
}

/** Prices rise only for want of room, not because units do not look far enough. */
function widenShort(shortage: Shortage): boolean {
  for (let i = 0; i < shortage.count; i++) if (!shortage.widen(shortage.units[i] as number)) return i > 0;
  return shortage.count > 0;
}

/** Lowers prices as far as what would come fits. */
function lower(market: Market, histograms: Histograms, beforeMs: Float64Array): boolean {
  const { terms, wantedRps, hardRps, drift } = market;
  let fallMs = 0;
  for (let pop = 0; pop < wantedRps.length; pop++) {
    const priceMs = terms.priceMs[pop] as number;
    if (priceMs === 0) continue;
    const spareRps = supplyRps(market, pop, priceMs) - (wantedRps[pop] as number);
    if (spareRps <= SLACK_SHARE * (hardRps[pop] as number)) continue;
    const before = beforeMs[pop] as number;
    const leastMs = before > RELEASED_MS ? before * RELEASE_SHARE : 0;
    if (leastMs >= priceMs) continue;
    const lowest = Math.max(leastMs, priceMs - SHALLOW_MS);
    const toMs = loweredPrice(popMarket(market, pop, histograms.next), lowest);
    if (priceMs - toMs < FALL_LEAST_MS && toMs > 0) continue;
    setPrice(market, pop, toMs);
    fallMs = Math.max(fallMs, priceMs - toMs);
  }
  drift.fallMs += fallMs;
  return fallMs > 0;
}

function popMarket(market: Market, pop: number, demandRps: Float64Array) {
  return {
    demandRps,
    first: pop * BUCKETS,
    wantedRps: market.wantedRps[pop] as number,
    priceMs: market.terms.priceMs[pop] as number,
    supplyRps: (priceMs: number): number => supplyRps(market, pop, priceMs),
  };
}
