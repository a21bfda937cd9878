import {
  addLoad,
  bestCandidate,
  forEachUnit,
  isOver,
  type Market,
  predictedLoad,
  scoreAt,
} from './market.ts';
import { shareOf } from './unit-moves.ts';
import { candidateOf, NONE } from './units.ts';

/** Part of a heavy unit's demand that leaves beyond what must: so that little more demand moves nobody. */
const SPARE_SHARE = 0.02;
/** A smaller part of a unit is not left behind. */
const PART_MIN = 0.05;

/** Where a unit's clients are to be: candidates, and the share 0..1 of the first; -1 and 1: whole. */
export interface Assignment {
  readonly at: number;
  readonly alt: number;
  readonly share: number;
}

/** A unit, or its part, at a POP that is over its room. */
interface Movable {
  readonly unit: number;
  readonly group: number;
  readonly pop: number;
  /** All that the unit demands, requests/s. */
  readonly demand: number;
  /** What it loses by going elsewhere, ms. */
  readonly lossMs: number;
}

/**
 * Repairs what hysteresis and whole units left over: takes from each overloaded POP the units that lose
 * least by going to their best POP with room, of heavy ones as much as must go, until it fits or nobody has
 * room.
 */
export function repairOverload(
  market: Market,
  assign: (unit: number, group: number, to: Assignment) => void,
): void {
  const loadRps = predictedLoad(market);
  const over = new Set([...loadRps.keys()].filter((pop) => isOver(market, pop, loadRps[pop] as number)));
  if (over.size === 0) return;
  for (const movable of movables(market, over)) {
    const { unit, group, pop, demand } = movable;
    if (!isOver(market, pop, loadRps[pop] as number)) continue;
    if (market.units.heavy[unit] === 1 || market.units.alt[unit] !== NONE) {
      const to = takePart(market, movable, loadRps);
      if (to !== undefined) assign(unit, group, to);
      continue;
    }
    const roomFor = (target: number): boolean => demand <= roomOf(market, loadRps, target);
    const at = bestCandidate(market, { unit, group, except: pop, roomFor });
    if (at === NONE) continue;
    addLoad(loadRps, pop, -demand);
    addLoad(loadRps, market.units.pop[at] as number, demand);
    assign(unit, group, { at, alt: NONE, share: 1 });
  }
}

/** Everything at those POPs, that which loses least first. */
function movables(market: Market, over: ReadonlySet<number>): Movable[] {
  const { units } = market;
  const found: Movable[] = [];
  forEachUnit(market, (unit, group, demand) => {
    if (demand === 0) return;
    for (const pop of [units.incumbent[unit] as number, units.alt[unit] as number]) {
      if (!over.has(pop)) continue;
      const own = candidateOf(units, unit, pop);
      const other = otherOf(market, { unit, group, pop });
      if (own === NONE || other === NONE) continue;
      const lossMs = scoreAt(market, group, other) - scoreAt(market, group, own);
      found.push({ unit, group, pop, demand, lossMs });
    }
  });
  return found.sort((one, another) => one.lossMs - another.lossMs || one.unit - another.unit);
}

/** Where a part of the unit would go: a split one has no third POP. */
function otherOf(market: Market, which: { unit: number; group: number; pop: number }): number {
  const { units } = market;
  const { unit, group, pop } = which;
  if (units.alt[unit] === NONE) return bestCandidate(market, { unit, group, except: pop });
  const partner = pop === units.incumbent[unit] ? units.alt[unit] : units.incumbent[unit];
  return candidateOf(units, unit, partner as number);
}

/** Takes of a heavy or split unit as much as must go; undefined if none of its POPs has room. */
function takePart(market: Market, movable: Movable, loadRps: Float64Array): Assignment | undefined {
  const { units } = market;
  const { unit, group, pop, demand } = movable;
  const part = shareOf(units, unit, pop);
  const room = (target: number): number => roomOf(market, loadRps, target) / demand;
  const excess = -room(pop);
  const wanted = Math.min(part, excess + SPARE_SHARE);
  const isWhole = units.alt[unit] === NONE;
  const partner = isWhole ? NONE : otherOf(market, movable);
  const partnerPop = isWhole ? NONE : (units.pop[partner] as number);
  const best = (least: number): number =>
    bestCandidate(market, { unit, group, except: pop, roomFor: (target) => room(target) >= least });
  const hasRoom = !isWhole && room(partnerPop) >= Math.min(wanted, excess);
  // A split unit has no third POP: where its other one is full, all of this part goes to one that is not.
  const at = hasRoom ? partner : isWhole ? firstOf(best(wanted), best(PART_MIN)) : best(part);
  if (at === NONE) return undefined;
  const target = units.pop[at] as number;
  const most = hasRoom || isWhole ? Math.min(wanted, room(target)) : part;
  const goes = part - most < PART_MIN && room(target) >= part ? part : most;
  addLoad(loadRps, pop, -goes * demand);
  addLoad(loadRps, target, goes * demand);
  const own = candidateOf(units, unit, pop);
  const isIncumbent = pop === units.incumbent[unit];
  if (hasRoom || isWhole)
    return isIncumbent ? pairOf(own, at, part - goes) : pairOf(at, own, 1 - part + goes);
  return isIncumbent ? pairOf(at, partner, part) : pairOf(partner, at, 1 - part);
}

/** Shares of two candidates; one that has none is left out. */
function pairOf(at: number, alt: number, share: number): Assignment {
  if (share <= 0) return { at: alt, alt: NONE, share: 1 };
  return share >= 1 ? { at, alt: NONE, share: 1 } : { at, alt, share };
}

function firstOf(one: number, other: number): number {
  return one === NONE ? other : one;
}

/** Requests/s that still fit into a POP. */
function roomOf(market: Market, loadRps: Float64Array, pop: number): number {
  return (market.availableRps[pop] as number) - (loadRps[pop] as number);
}
