import {
  addLoad,
  bestCandidate,
  forEachUnit,
  isOver,
  leanMs,
  type Market,
  pairAt,
  scoreAt,
} from './market.ts';
import { clearingPrice } from './price.ts';
import { isFirst, pairShare, RAMP_MS } from './split.ts';
import { CANDIDATES, NONE, type Units } from './units.ts';

/** Sweeps over the POPs in a tick, at most. */
const SWEEPS_MAX = 5;
/** Prices that change less than this are settled, ms. */
const SETTLED_MS = 0.01;
/** Value of a POP to a unit that has no other, ms: above any price. */
const NO_OTHER_MS = 1e9;

/**
 * Sets the prices: coordinate descent on the dual of "least demand x score within capacity". Each POP in
 * turn that is overloaded or priced gets its clearing price against the present prices of all others
 * (Gauss-Seidel), 1 to 5 sweeps, starting from the prices of the last tick. Works on predicted load alone,
 * never on reported utilisation.
 */
export function clearPrices(market: Market): void {
  const { units, terms } = market;
  const popCount = terms.priceMs.length;
  const beforeMs = Float64Array.from(terms.priceMs);
  const loadRps = new Float64Array(popCount);
  const plan = emptyPlan(units.groupCount * units.cellStride);
  forEachUnit(market, (unit, group, demand) => {
    const best = bestCandidate(market, { unit, group, except: NONE });
    if (best === NONE) return;
    const isHeavy = units.heavy[unit] === 1;
    const other = isHeavy ? bestCandidate(market, { unit, group, except: units.pop[best] as number }) : NONE;
    const share = other === NONE ? 1 : planShare(market, { unit, group, one: best, other });
    setPlan(plan, { units, loadRps, unit, demand }, { at: best, other, share });
  });
  const needs = (pop: number): boolean =>
    (terms.priceMs[pop] as number) > 0 || isOver(market, pop, loadRps[pop] as number);
  const anyNeeds = (): boolean => loadRps.some((_, pop) => needs(pop));
  if (!anyNeeds()) return;
  const index = indexByPop(market);
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
    let isSettled = true;
    for (let pop = 0; pop < popCount; pop++) {
      if (!needs(pop)) continue;
      const old = terms.priceMs[pop] as number;
      clearPop(market, { pop, index, plan, loadRps, beforeMs: beforeMs[pop] as number });
      if (Math.abs((terms.priceMs[pop] as number) - old) > SETTLED_MS) isSettled = false;
    }
    if (isSettled) return;
  }
}

/** What the clearing gives each unit: a candidate, and of a split one the other candidate and the shares. */
interface Plan {
  readonly at: Int32Array;
  readonly other: Int32Array;
  /** Of the first. */
  readonly share: Float32Array;
}

function emptyPlan(count: number): Plan {
  return {
    at: new Int32Array(count).fill(NONE),
    other: new Int32Array(count).fill(NONE),
    share: new Float32Array(count).fill(1),
  };
}

function setPlan(
  plan: Plan,
  of: { units: Units; loadRps: Float64Array; unit: number; demand: number },
  to: { at: number; other: number; share: number },
): void {
  const { units, loadRps, unit, demand } = of;
  const was = plan.share[unit] as number;
  const [at, other] = [plan.at[unit] as number, plan.other[unit] as number];
  if (at !== NONE) addLoad(loadRps, units.pop[at] as number, -demand * was);
  if (other !== NONE) addLoad(loadRps, units.pop[other] as number, -demand * (1 - was));
  plan.at[unit] = to.share > 0 ? to.at : to.other;
  plan.other[unit] = to.share > 0 && to.share < 1 ? to.other : NONE;
  plan.share[unit] = to.share > 0 ? to.share : 1;
  const share = plan.share[unit] as number;
  addLoad(loadRps, units.pop[plan.at[unit] as number] as number, demand * share);
  if (share < 1) addLoad(loadRps, units.pop[to.other] as number, demand * (1 - share));
}

function clearPop(
  market: Market,
  state: {
    pop: number;
    index: { starts: Int32Array; entries: Int32Array };
    plan: Plan;
    loadRps: Float64Array;
    beforeMs: number;
  },
): void {
  const { units, terms, params, availableRps, demandRps } = market;
  const { pop, index, plan, loadRps, beforeMs } = state;
  const priced = terms.priceMs[pop] as number;
  const from = index.starts[pop] as number;
  const to = index.starts[pop + 1] as number;
  const values: number[] = [];
  const demands: number[] = [];
  const others: number[] = [];
  const heavy: number[] = [];
  for (let i = from; i < to; i++) {
    const at = index.entries[i] as number;
    const unit = Math.floor(at / CANDIDATES);
    const group = Math.floor(unit / units.cellStride);
    const other = bestCandidate(market, { unit, group, except: pop });
    const own = scoreAt(market, group, at) - priced;
    const isSplit = units.heavy[unit] === 1 && other !== NONE;
    const ramp = isSplit && isFirstAt(market, { unit, group, one: at, other }) ? RAMP_MS : 0;
    values.push(other === NONE ? NO_OTHER_MS : scoreAt(market, group, other) - own + ramp);
    demands.push(demandRps[unit] as number);
    others.push(other);
    heavy.push(isSplit ? 1 : 0);
  }
  const price = clearingPrice(
    { values, demands, heavy, availableRps: availableRps[pop] as number, beforeMs },
    params,
  );
  terms.priceMs[pop] = price;
  for (let i = from; i < to; i++) {
    const at = index.entries[i] as number;
    const unit = Math.floor(at / CANDIDATES);
    const other = others[i - from] as number;
    const above = (values[i - from] as number) - price;
    const isAll = other === NONE || above >= (heavy[i - from] === 1 ? RAMP_MS : Number.MIN_VALUE);
    const share = isAll ? 1 : heavy[i - from] === 1 ? Math.max(0, above / RAMP_MS) : 0;
    const isHere = plan.at[unit] === at || plan.other[unit] === at;
    if (share === 0 && !isHere) continue;
    if (share === 1 && plan.at[unit] === at && plan.share[unit] === 1) continue;
    setPlan(plan, { units, loadRps, unit, demand: demands[i - from] as number }, { at, other, share });
  }
}

function planShare(
  market: Market,
  which: { unit: number; group: number; one: number; other: number },
): number {
  return pairShare(pairAt(market, which), leanMs(market, which));
}

function isFirstAt(
  market: Market,
  which: { unit: number; group: number; one: number; other: number },
): boolean {
  return isFirst(pairAt(market, which), leanMs(market, which));
}

/** Positions of the candidates that name each POP, of units with demand. */
function indexByPop(market: Market): { starts: Int32Array; entries: Int32Array } {
  const { units, out, terms } = market;
  const popCount = terms.priceMs.length;
  const starts = new Int32Array(popCount + 1);
  const visit = (use: (pop: number, at: number) => void): void =>
    forEachUnit(market, (unit, group, demand) => {
      if (demand === 0) return;
      const groupOut = out[group] as Uint8Array;
      for (let at = unit * CANDIDATES; at < (unit + 1) * CANDIDATES; at++) {
        const pop = units.pop[at] as number;
        if (pop === NONE) break;
        if (groupOut[pop] === 0) use(pop, at);
      }
    });
  visit((pop) => {
    starts[pop + 1] = (starts[pop + 1] as number) + 1;
  });
  for (let pop = 0; pop < popCount; pop++)
    starts[pop + 1] = (starts[pop + 1] as number) + (starts[pop] as number);
  const entries = new Int32Array(starts[popCount] as number);
  const next = starts.slice(0, popCount);
  visit((pop, at) => {
    entries[next[pop] as number] = at;
    next[pop] = (next[pop] as number) + 1;
  });
  return { starts, entries };
}
