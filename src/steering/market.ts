import type { SteeringParams } from './params.ts';
import type { PopTerms } from './score.ts';
import type { Pair } from './split.ts';
import { CANDIDATES, candidateScore, NONE, type ServiceGroup, type Units } from './units.ts';

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

/** Load beyond its room that a POP is forgiven, as a share: rounding. */
const OVER_SHARE = 1e-6;

/** Whether a load is more than the POP has room for. */
export function isOver(market: Market, pop: number, loadRps: number): boolean {
  return loadRps > (market.availableRps[pop] as number) * (1 + OVER_SHARE) + 1e-9;
}

/** Load that the present answers send to each POP, requests/s. */
export function predictedLoad(
  market: Pick<Market, 'units' | 'groups' | 'activeCells' | 'demandRps'>,
): Float64Array {
  const { units, groups } = market;
  const loadRps = new Float64Array(groups[0]?.serves.length ?? 0);
  forEachUnit(market, (unit, _group, demand) => {
    const pop = units.incumbent[unit] as number;
    if (pop === NONE) return;
    const share = units.share[unit] as number;
    addLoad(loadRps, pop, demand * share);
    if (share < 1) addLoad(loadRps, units.alt[unit] as number, demand * (1 - share));
  });
  return loadRps;
}

/** Position of the unit's best candidate that may be answered; -1 if there is none. */
export function bestCandidate(
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

/** Score of a candidate, ms. */
export function scoreAt(market: Market, group: number, at: number): number {
  return candidateScore(market.units, at, market.terms, (market.groups[group] as ServiceGroup).biasMs);
}

/** Calls with every unit of cells in use, and its demand. */
export function forEachUnit(
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

/** Adds to a POP's load. */
export function addLoad(loadRps: Float64Array, pop: number, demandRps: number): void {
  loadRps[pop] = (loadRps[pop] as number) + demandRps;
}

/** Two candidates of a unit, as they are shared between. */
export function pairAt(market: Market, which: { group: number; one: number; other: number }): Pair {
  const { units, terms } = market;
  const { group, one, other } = which;
  return {
    oneMs: scoreAt(market, group, one),
    onePriceMs: terms.priceMs[units.pop[one] as number] as number,
    otherMs: scoreAt(market, group, other),
    otherPriceMs: terms.priceMs[units.pop[other] as number] as number,
  };
}

/** Advantage of `one` over `other` where one of them is the incumbent, ms: see `isFirst`. */
export function leanMs(market: Market, which: { unit: number; one: number; other: number }): number {
  const { units, params } = market;
  const { unit, one, other } = which;
  const incumbent = units.incumbent[unit];
  if (incumbent === units.pop[one]) return params.hysteresisFloorMs;
  return incumbent === units.pop[other] ? -params.hysteresisFloorMs : 0;
}
