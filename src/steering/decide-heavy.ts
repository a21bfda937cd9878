import type { DecidePass, Deciding, Scan } from './decide.ts';
import { isFirst, nextShare, pairShare } from './split.ts';
import { moveUnit, setShares } from './unit-moves.ts';
import { candidateOf, candidateScore, NONE, type ServiceGroup } from './units.ts';

/** Ticks without a price after which a split unit is whole again. */
const MERGE_TICKS = 10;

/**
 * Decides the shares of a heavy unit whose POP, or the best other one, has a price; of a unit that is split
 * although that is over, its POP. False where the rule of moves is to decide.
 */
export function decideHeavy(
  deciding: Deciding,
  which: { unit: number; group: number; nowMs: number },
  scan: Scan,
  pass: DecidePass,
): boolean {
  const { units, params } = deciding;
  const { unit, nowMs } = which;
  const isSplit = units.alt[unit] !== NONE;
  if (!isSplit && units.heavy[unit] === 0) return false;
  const alt = usableAlt(deciding, which);
  if (isSplit && (alt === NONE || scan.incumbent === NONE)) {
    // One of the two went out: the other has the clients until the next decision.
    if (scan.incumbent === NONE && alt !== NONE)
      moveUnit(units, unit, { pop: units.pop[alt] as number, event: true, nowMs });
    else setShares(units, unit, { alt: NONE, share: 1, nowMs });
    pass.moves.out++;
    return alt !== NONE || scan.incumbent !== NONE;
  }
  if (scan.incumbent === NONE) return false;
  const partner = partnerOf(deciding, which, scan, alt);
  if (partner === NONE) return false;
  const pair = pairOf(deciding, which, scan.incumbent, partner);
  const partnerPop = units.pop[partner] as number;
  const isPriced = units.heavy[unit] === 1 && (pair.onePriceMs > 0 || pair.otherPriceMs > 0);
  if (!isPriced) return isSplit && mergeUnit(deciding, which, { own: scan.incumbent, alt }, pass);
  units.lead[unit] = 0;
  // Toward a POP with a price, which is nearly full, only home: else the rule of moves asks for more.
  if (!isSplit && pair.onePriceMs === 0 && units.home[unit] !== partnerPop) return false;
  const wanted = pairShare(pair, params.hysteresisFloorMs);
  const before = units.share[unit] as number;
  const isPartner = partner === alt || !isSplit;
  const share = isPartner
    ? nextShare({ share: before, pair, ...roomOf(deciding, unit, partnerPop) }, wanted)
    : wanted;
  if (share === before && isPartner) return true;
  if (share <= 0) moveUnit(units, unit, { pop: partnerPop, event: isFirst(pair, 0), nowMs });
  else setShares(units, unit, { alt: partnerPop, share, nowMs });
  pass.moves.share++;
  return true;
}

/** The first decision of a heavy unit: between the best two by the prices there are. */
export function startHeavy(deciding: Deciding, which: { unit: number; group: number }, scan: Scan): void {
  const { units } = deciding;
  const { unit } = which;
  if (units.heavy[unit] === 0 || scan.second === NONE) return;
  const pair = pairOf(deciding, which, scan.best, scan.second);
  const share = pairShare(pair, 0);
  if (share < 1) setShares(units, unit, { alt: units.pop[scan.second] as number, share, nowMs: 0 });
}

/**
 * Gives a split unit whose POPs have had no price for `MERGE_TICKS` to one of them: that which has most of
 * it, unless the other is better by as much as a move needs.
 */
function mergeUnit(
  deciding: Deciding,
  which: { unit: number; group: number; nowMs: number },
  pops: { own: number; alt: number },
  pass: DecidePass,
): boolean {
  const { units, params } = deciding;
  const { unit, nowMs } = which;
  const ticks = (units.lead[unit] as number) + 1;
  units.lead[unit] = ticks;
  if (ticks < MERGE_TICKS) return true;
  const pair = pairOf(deciding, which, pops.own, pops.alt);
  const hasMost = (units.share[unit] as number) >= 0.5;
  if (isFirst(pair, hasMost ? params.hysteresisMs : -params.hysteresisMs))
    setShares(units, unit, { alt: NONE, share: 1, nowMs });
  else moveUnit(units, unit, { pop: units.pop[pops.alt] as number, event: isFirst(pair, 0), nowMs });
  pass.moves.share++;
  return true;
}

/** What still fits into the incumbent and into its partner, as shares of the unit. */
function roomOf(deciding: Deciding, unit: number, partnerPop: number) {
  const { units, roomRps, demandRps } = deciding;
  const demand = demandRps[unit] as number;
  return {
    oneRoom: (roomRps[units.incumbent[unit] as number] as number) / demand,
    otherRoom: (roomRps[partnerPop] as number) / demand,
  };
}

/** The unit's second POP among its candidates, if it may be answered. */
function usableAlt(deciding: Deciding, which: { unit: number; group: number }): number {
  const { units, groupOut } = deciding;
  const pop = units.alt[which.unit] as number;
  return pop === NONE || groupOut[which.group]?.[pop] === 1 ? NONE : candidateOf(units, which.unit, pop);
}

/** The best POP but the incumbent; the one that it shares with already stays where that is about as good. */
function partnerOf(
  deciding: Deciding,
  which: { unit: number; group: number },
  scan: Scan,
  alt: number,
): number {
  const best = scan.best === scan.incumbent ? scan.second : scan.best;
  if (alt === NONE || best === NONE || alt === best) return alt === NONE ? best : alt;
  const lossMs = scoreAt(deciding, which, alt) - scoreAt(deciding, which, best);
  return lossMs <= deciding.params.hysteresisFloorMs ? alt : best;
}

function pairOf(deciding: Deciding, which: { unit: number; group: number }, one: number, other: number) {
  const { units, terms } = deciding;
  return {
    oneMs: scoreAt(deciding, which, one),
    onePriceMs: terms.priceMs[units.pop[one] as number] as number,
    otherMs: scoreAt(deciding, which, other),
    otherPriceMs: terms.priceMs[units.pop[other] as number] as number,
  };
}

function scoreAt(deciding: Deciding, which: { group: number }, at: number): number {
  const { biasMs } = deciding.groups[which.group] as ServiceGroup;
  return candidateScore(deciding.units, at, deciding.terms, biasMs);
}
