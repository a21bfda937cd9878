import type { SteeringParams } from './params.ts';
import { clearingPrice } from './price.ts';
import type { PopTerms } from './score.ts';
import { CANDIDATES, candidateOf, candidateScore, NONE, type ServiceGroup, type Units } from './units.ts';

/** What the clearing works on. */
export interface Market {
  readonly params: SteeringParams;
  readonly units: Units;
  readonly groups: readonly ServiceGroup[];
  /** By group, by POP: 1 where the POP must not be answered. */
  readonly out: readonly Uint8Array[];
  /** Cells that are in use, and the demand of each unit in requests/s. */
  readonly activeCells: Int32Array;
  readonly demandRps: Float32Array;
  /** By POP: requests/s that steering may send. */
  readonly availableRps: Float64Array;
  /** `priceMs` is what the clearing sets. */
  readonly terms: PopTerms;
}

/** Sweeps over the POPs in a tick, at most. */
const SWEEPS_MAX = 5;
/** Prices that change less than this are settled, ms. */
const SETTLED_MS = 0.01;
/** Load beyond its room that a POP is forgiven, as a share: rounding. */
const OVER_SHARE = 1e-6;
/** Value of a POP to a unit that has no other, ms: above any price. */
const NO_OTHER_MS = 1e9;

/**
 * Sets the prices: coordinate descent on the dual of "least demand x score within capacity". Each POP in
 * turn that is overloaded or priced gets its clearing price against the present prices of all others
 * (Gauss-Seidel), 1 to 5 sweeps, starting from the prices of the last tick. Works on predicted load alone,
 * never on reported utilisation.
 */
export function clearPrices(market: Market): void {
  const { units, terms, availableRps } = market;
  const popCount = terms.priceMs.length;
  const beforeMs = Float64Array.from(terms.priceMs);
  const loadRps = new Float64Array(popCount);
  const choice = new Int32Array(units.groupCount * units.cellStride).fill(NONE);
  forEachUnit(market, (unit, group, demand) => {
    const at = bestCandidate(market, { unit, group, except: NONE });
    choice[unit] = at;
    if (at !== NONE) addLoad(loadRps, units.pop[at] as number, demand);
  });
  const needs = (pop: number): boolean =>
    (terms.priceMs[pop] as number) > 0 ||
    (loadRps[pop] as number) > (availableRps[pop] as number) * (1 + OVER_SHARE);
  const anyNeeds = (): boolean => loadRps.some((_, pop) => needs(pop));
  if (!anyNeeds()) return;
  const index = indexByPop(market);
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
    let isSettled = true;
    for (let pop = 0; pop < popCount; pop++) {
      if (!needs(pop)) continue;
      const old = terms.priceMs[pop] as number;
      clearPop(market, { pop, index, choice, loadRps, beforeMs: beforeMs[pop] as number });
      if (Math.abs((terms.priceMs[pop] as number) - old) > SETTLED_MS) isSettled = false;
    }
    if (isSettled) return;
  }
}

/** Load that the present answers send to each POP, requests/s. */
export function predictedLoad(
  market: Pick<Market, 'units' | 'groups' | 'activeCells' | 'demandRps'>,
): Float64Array {
  const { units, groups } = market;
  const loadRps = new Float64Array(groups[0]?.serves.length ?? 0);
  forEachUnit(market, (unit, _group, demand) => {
    const pop = units.incumbent[unit] as number;
    if (pop !== NONE) addLoad(loadRps, pop, demand);
  });
  return loadRps;
}

/**
 * Repairs what hysteresis and whole units left over: takes from each overloaded POP the units that lose
 * least by going to their best POP with room, until it fits or nobody has room. Calls `move` for each.
 */
export function repairOverload(
  market: Market,
  move: (unit: number, group: number, at: number) => void,
): void {
  const { units, availableRps } = market;
  const loadRps = predictedLoad(market);
  const isOver = (pop: number): boolean =>
    (loadRps[pop] as number) > (availableRps[pop] as number) * (1 + OVER_SHARE) + 1e-9;
  const over = new Set([...loadRps.keys()].filter(isOver));
  if (over.size === 0) return;
  const moves: { unit: number; group: number; demand: number; pop: number; lossMs: number }[] = [];
  forEachUnit(market, (unit, group, demand) => {
    const pop = units.incumbent[unit] as number;
    if (demand === 0 || !over.has(pop)) return;
    const own = candidateOf(units, unit, pop);
    const other = bestCandidate(market, { unit, group, except: pop });
    if (own === NONE || other === NONE) return;
    const lossMs = scoreAt(market, group, other) - scoreAt(market, group, own);
    moves.push({ unit, group, demand, pop, lossMs });
  });
  moves.sort((one, another) => one.lossMs - another.lossMs || one.unit - another.unit);
  for (const { unit, group, demand, pop } of moves) {
    if (!isOver(pop)) continue;
    const roomFor = (target: number): boolean =>
      (loadRps[target] as number) + demand <= (availableRps[target] as number);
    const at = bestCandidate(market, { unit, group, except: pop, roomFor });
    if (at === NONE) continue;
    addLoad(loadRps, pop, -demand);
    addLoad(loadRps, units.pop[at] as number, demand);
    move(unit, group, at);
  }
}

function clearPop(
  market: Market,
  state: {
    pop: number;
    index: { starts: Int32Array; entries: Int32Array };
    choice: Int32Array;
    loadRps: Float64Array;
    beforeMs: number;
  },
): void {
  const { units, terms, params, availableRps, demandRps } = market;
  const { pop, index, choice, loadRps, beforeMs } = state;
  const priced = terms.priceMs[pop] as number;
  const from = index.starts[pop] as number;
  const to = index.starts[pop + 1] as number;
  const values: number[] = [];
  const demands: number[] = [];
  const others: number[] = [];
  for (let i = from; i < to; i++) {
    const at = index.entries[i] as number;
    const unit = Math.floor(at / CANDIDATES);
    const group = Math.floor(unit / units.cellStride);
    const other = bestCandidate(market, { unit, group, except: pop });
    const own = scoreAt(market, group, at) - priced;
    values.push(other === NONE ? NO_OTHER_MS : scoreAt(market, group, other) - own);
    demands.push(demandRps[unit] as number);
    others.push(other);
  }
  const price = clearingPrice(
    { values, demands, availableRps: availableRps[pop] as number, beforeMs },
    params,
  );
  terms.priceMs[pop] = price;
  for (let i = from; i < to; i++) {
    const at = index.entries[i] as number;
    const unit = Math.floor(at / CANDIDATES);
    const other = others[i - from] as number;
    const chosen = (values[i - from] as number) > price || other === NONE ? at : other;
    const old = choice[unit] as number;
    if (chosen === old || (chosen !== at && old !== at)) continue;
    const demand = demands[i - from] as number;
    if (old !== NONE) addLoad(loadRps, units.pop[old] as number, -demand);
    addLoad(loadRps, units.pop[chosen] as number, demand);
    choice[unit] = chosen;
  }
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

/** Position of the unit's best candidate that may be answered; -1 if there is none. */
function bestCandidate(
  market: Market,
  which: { unit: number; group: number; except: number; roomFor?: (pop: number) => boolean },
): number {
  const { units, out } = market;
  const { unit, group, except, roomFor } = which;
  const groupOut = out[group] as Uint8Array;
  let best = NONE;
  let bestMs = Infinity;
  for (let at = unit * CANDIDATES; at < (unit + 1) * CANDIDATES; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    if (pop === except || groupOut[pop] === 1 || roomFor?.(pop) === false) continue;
    const score = scoreAt(market, group, at);
    if (score >= bestMs) continue;
    best = at;
    bestMs = score;
  }
  return best;
}

function scoreAt(market: Market, group: number, at: number): number {
  return candidateScore(market.units, at, market.terms, (market.groups[group] as ServiceGroup).biasMs);
}

function forEachUnit(
  market: Pick<Market, 'units' | 'activeCells' | 'demandRps'>,
  visit: (unit: number, group: number, demandRps: number) => void,
): void {
  const { units, activeCells, demandRps } = market;
  for (let group = 0; group < units.groupCount; group++)
    for (const cell of activeCells) {
      const unit = group * units.cellStride + cell;
      visit(unit, group, demandRps[unit] as number);
    }
}

function addLoad(loadRps: Float64Array, pop: number, demandRps: number): void {
  loadRps[pop] = (loadRps[pop] as number) + demandRps;
}
