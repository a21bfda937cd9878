import type { Market } from './market.ts';
import { partsOf } from './unit-moves.ts';
import { CANDIDATES, CODES_PER_MS, candidateOf, NONE } from './units.ts';

/**
 * What keeps clients from the POP with their lowest RTT. `capacity`: its price, or that it has no room;
 * `terms`: its loss, congestion or the operator's bias; `held`: nothing but hysteresis and the bound of
 * churn.
 */
export type RegretReason = 'capacity' | 'terms' | 'held';

/** Mean over the demand of what its clients would gain at most, ms, by what keeps them from it. */
export type Regret = Readonly<Record<RegretReason, number>>;

/** Units with demand that are looked at in a tick, at most: of more, a pass takes several ticks. */
const LOOKED_AT_MAX = 20_000;
/** Of these, whose nearest POP is found anew in a tick, at most; that takes some ten times as long. */
const FOUND_ANEW_MAX = 1000;

/** A pass over the units. */
export interface RegretPass {
  /** Where it goes on, counted over all groups' cells; the sums so far, and the demand that they are of. */
  next: number;
  totalRps: number;
  readonly sums: Record<RegretReason, number>;
  /** What the last whole pass found. */
  found: Regret;
}

/** What the regret is estimated from. */
export interface RegretSources {
  readonly market: Market;
  /** By POP: what the answers send there, requests/s. */
  readonly loadRps: Float64Array;
  /** Finds and notes a unit's nearest POP among all that may be answered: the one that was is out. */
  readonly findAnew: (unit: number, group: number) => void;
}

const isOut = ({ extraMs }: Market, group: number, pop: number): boolean =>
  pop !== NONE && extraMs[group]?.[pop] === Infinity;

/** A pass that has not begun. */
export function createRegretPass(): RegretPass {
  return { next: 0, totalRps: 0, sums: { ...NOTHING }, found: NOTHING };
}

const NOTHING: Regret = { capacity: 0, terms: 0, held: 0 };

/**
 * The regret of the present answers by the controller's own estimates: RTT of the POP that clients get, less
 * the lowest of the POPs that may be answered, weighted by demand. What estimates do not know is not in it,
 * and a POP that is out is no loss. Looks at units with demand alone, so many a tick at most, and returns
 * what the last whole pass found. All 0 without demand.
 */
export function estimateRegret(pass: RegretPass, of: RegretSources): Regret {
  const { market, loadRps, findAnew } = of;
  const { units, activeCells, demandRps } = market;
  const cellCount = activeCells.length;
  const end = units.groupCount * cellCount;
  let [looked, foundAnew] = [0, 0];
  for (; pass.next < end && looked < LOOKED_AT_MAX; pass.next++) {
    const group = Math.floor(pass.next / cellCount);
    const unit = group * units.cellStride + (activeCells[pass.next % cellCount] as number);
    const rps = demandRps[unit] as number;
    if (rps === 0) continue;
    looked++;
    const nearestOut = units.wide[unit] === 1 && isOut(market, group, units.near.pop[unit] as number);
    if (nearestOut && foundAnew++ < FOUND_ANEW_MAX) findAnew(unit, group);
    if (!findNearest(market, unit, group)) continue;
    pass.totalRps += rps;
    if (units.splits.size > 0 && units.splits.has(unit))
      for (const { pop, share } of partsOf(units, unit))
        addPart(pass.sums, { market, loadRps, unit, pop, rps: share * rps });
    else addPart(pass.sums, { market, loadRps, unit, pop: units.incumbent[unit] as number, rps });
  }
  if (pass.next >= end) endPass(pass);
  return pass.found;
}

function endPass(pass: RegretPass): void {
  const { sums, totalRps } = pass;
  const mean = (sum: number): number => (totalRps === 0 ? 0 : sum / totalRps);
  pass.found = { capacity: mean(sums.capacity), terms: mean(sums.terms), held: mean(sums.held) };
  pass.next = 0;
  pass.totalRps = 0;
  Object.assign(sums, NOTHING);
}

/** Of the unit in hand: the POP with the lowest RTT of those that may be answered, its RTT and its score. */
const nearest = { pop: NONE, rttMs: Infinity, scoreMs: Infinity, group: 0 };

/** Finds it; false when no POP may be answered. */
function findNearest({ units, terms, extraMs }: Market, unit: number, group: number): boolean {
  const extra = extraMs[group] as Float64Array;
  const { near } = units;
  nearest.group = group;
  nearest.pop = NONE;
  nearest.rttMs = Infinity;
  for (let at = unit * CANDIDATES; at < (unit + 1) * CANDIDATES; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    if (extra[pop] === Infinity) continue;
    const costMs = units.costMs[at] as number;
    const rttMs = costMs - (units.lossCode[at] as number) / CODES_PER_MS + (terms.shiftMs[pop] as number);
    if (rttMs >= nearest.rttMs) continue;
    nearest.pop = pop;
    nearest.rttMs = rttMs;
    nearest.scoreMs = costMs + (extra[pop] as number);
  }
  const pop = near.pop[unit] as number;
  if (units.wide[unit] === 0 || pop === NONE || extra[pop] === Infinity) return nearest.pop !== NONE;
  const rttMs = (near.rttMs[unit] as number) + (terms.shiftMs[pop] as number);
  if (rttMs < nearest.rttMs) {
    nearest.pop = pop;
    nearest.rttMs = rttMs;
    nearest.scoreMs =
      rttMs + (near.lossMs[unit] as number) + (extra[pop] as number) - (terms.shiftMs[pop] as number);
  }
  return true;
}

/** Adds what some of a unit's clients would gain at the nearest. */
function addPart(
  sums: Record<RegretReason, number>,
  of: {
    readonly market: Market;
    readonly loadRps: Float64Array;
    readonly unit: number;
    readonly pop: number;
    readonly rps: number;
  },
): void {
  const { market, loadRps, unit, pop, rps } = of;
  const { units, terms, extraMs, hardRps } = market;
  const at = candidateOf(units, unit, pop);
  if (at === NONE || pop === nearest.pop) return;
  const costMs = units.costMs[at] as number;
  const rttMs = costMs - (units.lossCode[at] as number) / CODES_PER_MS + (terms.shiftMs[pop] as number);
  const lossMs = rps * Math.max(0, rttMs - nearest.rttMs);
  const scoreMs = costMs + (extraMs[nearest.group]?.[pop] as number);
  const pricedMs = (terms.priceMs[nearest.pop] as number) - (terms.priceMs[pop] as number);
  const isFull = (loadRps[nearest.pop] as number) + rps > (hardRps[nearest.pop] as number);
  if (nearest.scoreMs > scoreMs && nearest.scoreMs - pricedMs > scoreMs) sums.terms += lossMs;
  else if (nearest.scoreMs > scoreMs || isFull) sums.capacity += lossMs;
  else sums.held += lossMs;
}
