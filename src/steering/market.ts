import { type Calm, createCalm } from './calm.ts';
import type { SteeringParams } from './params.ts';
import type { PopTerms } from './score.ts';
import { CANDIDATES, NONE, type ServiceGroup, type Units } from './units.ts';

/**
 * The market of the POPs' capacity: what units want at the present prices, kept from tick to tick so that
 * only units are scored anew for which something may have changed. Of each whole unit it holds the POP that
 * it wants (`bestPop`; the one that it has leads by `hysteresisFloorMs`), the one that it would want next,
 * and the *slack*: how much that POP's score may rise, plus how much any other's may fall, before it wants
 * another. `riseMs` and `fallMs` add up by how much scores rose and fell since they were last set to 0;
 * `settled`: prices cleared once.
 */
export interface Market {
  readonly params: SteeringParams;
  readonly units: Units;
  readonly groups: readonly ServiceGroup[];
  /** By group, by POP: 1 where the POP must not be answered. */
  readonly out: readonly Uint8Array[];
  /** Cells that are in use, and the demand of each unit in requests/s. */
  activeCells: Int32Array;
  readonly demandRps: Float32Array;
  /** `priceMs` is what the clearing sets. */
  readonly terms: PopTerms;
  /** By POP: 1 where it alarmed lately: its cells have the shortest TTL. */
  readonly alarmed: Uint8Array;
  /** By POP: requests/s that it is filled to while it has no price, and at most; that it can serve. */
  readonly softRps: Float64Array;
  readonly hardRps: Float64Array;
  readonly capacityRps: Float64Array;
  /** By group, by POP: what the POP adds to the cost of each cell, ms; Infinity where it is out. */
  readonly extraMs: readonly Float64Array[];
  /** By group: the least of these without the operator's bias. */
  readonly leastExtraMs: Float64Array;
  readonly riseMs: Float64Array;
  readonly drift: { fallMs: number; settled: boolean };
  /** By POP: 1 where the price rose in this tick, as more was wanted than fits. */
  readonly rising: Uint8Array;
  /** By POP: what is wanted at the present prices, requests/s. */
  readonly wantedRps: Float64Array;
  readonly calm: Calm;
}

/** What changed of the POPs since the last tick. */
export interface Noticed {
  /** By POP: 1 where its cells must be looked at, `LINKS_CHANGED` where their rows must follow too. */
  readonly pops: Uint8Array;
  /** A POP came back: the cells near it are to look again before prices are set. */
  readonly returned: boolean;
}

/**
 * At this price a POP is filled half way from the target to full; at nine times as much, nine tenths; ms.
 */
const HALF_PRICE_MS = 0.1;
/** Drift beyond this is too much for the precision of slacks: all units are scored anew. */
const DRIFT_MAX_MS = 4096;
/**
 * A change of what a POP adds to scores by more than this shows in TTLs at once, not at the cell's turn,
 * ms.
 */
const NOTICED_MS = 1;
/** Slacks are held to be so much smaller: rounding. */
const ROUNDING_MS = 1e-3;
/** Load beyond its room that a POP is forgiven, as a share: rounding. */
const OVER_SHARE = 1e-6;

/** A market before the first tick. */
export function createMarket(
  from: Pick<
    Market,
    | 'params'
    | 'units'
    | 'groups'
    | 'out'
    | 'activeCells'
    | 'demandRps'
    | 'terms'
    | 'softRps'
    | 'hardRps'
    | 'capacityRps'
  >,
): Market {
  const popCount = from.terms.priceMs.length;
  return {
    ...from,
    alarmed: new Uint8Array(popCount),
    extraMs: from.groups.map(() => new Float64Array(popCount).fill(Infinity)),
    leastExtraMs: new Float64Array(from.groups.length),
    riseMs: new Float64Array(popCount),
    drift: { fallMs: 0, settled: false },
    rising: new Uint8Array(popCount),
    wantedRps: new Float64Array(popCount),
    calm: createCalm(popCount),
  };
}

/**
 * Requests/s that a POP takes at a price: what it is filled to without one, and the more of what is between
 * that and full the higher the price is. So its load is a continuous function of its price, and the last
 * hundredths of its capacity are used only where other POPs are far.
 */
export function supplyRps(market: Pick<Market, 'softRps' | 'hardRps'>, pop: number, priceMs: number): number {
  const soft = market.softRps[pop] as number;
  return soft + ((market.hardRps[pop] as number) - soft) * (priceMs / (priceMs + HALF_PRICE_MS));
}

/** How much more it takes for each ms of price. */
export function supplySlope(
  market: Pick<Market, 'softRps' | 'hardRps'>,
  pop: number,
  priceMs: number,
): number {
  const elastic = (market.hardRps[pop] as number) - (market.softRps[pop] as number);
  return (elastic * HALF_PRICE_MS) / (priceMs + HALF_PRICE_MS) ** 2;
}

/** Whether a load is more than the POP may be filled to. */
export function isOver(market: Market, pop: number, loadRps: number): boolean {
  return loadRps > (market.hardRps[pop] as number) * (1 + OVER_SHARE) + 1e-9;
}

/**
 * Takes in what POPs add to scores now. Noticed are those of which that changed by more than `NOTICED_MS`,
 * and those that went out or came back.
 */
export function takeTerms(market: Market): Noticed {
  const { groups, out, terms, extraMs, riseMs, drift } = market;
  const noticed = new Uint8Array(riseMs.length);
  const went = new Uint8Array(riseMs.length);
  let fallMs = 0;
  let returned = false;
  for (const [group, { serves, biasMs }] of groups.entries()) {
    const extra = extraMs[group] as Float64Array;
    for (let pop = 0; pop < extra.length; pop++) {
      const isOut = serves[pop] === 0 || out[group]?.[pop] === 1;
      const now = isOut ? Infinity : popExtraMs(terms, pop) + (biasMs[pop] as number);
      const change = now === extra[pop] ? 0 : now - (extra[pop] as number);
      extra[pop] = now;
      if (Math.abs(change) > NOTICED_MS) noticed[pop] = 1;
      if (change === Infinity) went[pop] = 1;
      else if (change === -Infinity) returned = true;
      else if (change > 0) riseMs[pop] = (riseMs[pop] as number) + change;
      else fallMs = Math.max(fallMs, -change);
    }
  }
  drift.fallMs += fallMs;
  setLeastExtra(market);
  if (went.includes(1)) forgetBest(market.units, went);
  return { pops: noticed, returned };
}

/** Units that want a POP that went out are scored anew. */
function forgetBest(units: Units, went: Uint8Array): void {
  const { bestPop, slackMs } = units;
  for (let unit = 0; unit < bestPop.length; unit++) {
    const pop = bestPop[unit] as number;
    if (pop >= 0 && went[pop] === 1) slackMs[unit] = -Infinity;
  }
}

/** Of a POP that was noticed: its links changed. */
export const LINKS_CHANGED = 2;

/**
 * Wakes the units that have one of these POPs, by index 1, among their candidates; where its links changed,
 * 2, their rows are written anew. Other rows need not be: those of units that move are, and what stands in
 * behind the first has until the unit's turn.
 */
export function wakeCandidates(market: Market, pops: Uint8Array): void {
  const { units, activeCells } = market;
  for (let group = 0; group < units.groupCount; group++)
    for (let i = 0; i < activeCells.length; i++) {
      const unit = group * units.cellStride + (activeCells[i] as number);
      for (let at = unit * CANDIDATES; at < (unit + 1) * CANDIDATES; at++) {
        const pop = units.pop[at] as number;
        if (pop === NONE) break;
        if (pops[pop] === 0) continue;
        units.slackMs[unit] = -Infinity;
        units.awake[unit] = 1;
        if (pops[pop] === LINKS_CHANGED) units.stale[unit] = 1;
      }
    }
}

/** Changes a POP's price; the caller adds what prices fell to the drift, once for all that fall together. */
export function setPrice(market: Market, pop: number, priceMs: number): void {
  const { groups, terms, extraMs, riseMs } = market;
  const change = priceMs - (terms.priceMs[pop] as number);
  terms.priceMs[pop] = priceMs;
  for (const [group, extra] of extraMs.entries())
    if (extra[pop] !== Infinity) extra[pop] = popExtraMs(terms, pop) + (groups[group]?.biasMs[pop] as number);
  if (change > 0) riseMs[pop] = (riseMs[pop] as number) + change;
}

/** What a POP adds to the score of every cell, but for the operator's bias, ms. */
function popExtraMs(terms: PopTerms, pop: number): number {
  return (
    (terms.shiftMs[pop] as number) +
    (terms.lossMs[pop] as number) +
    (terms.congestionMs[pop] as number) +
    (terms.priceMs[pop] as number)
  );
}

/**
 * Sets, by group, the least that a POP that may be answered adds to RTT + bias: below 0 when one got
 * faster.
 */
export function setLeastExtra(market: Market): void {
  const { extraMs, leastExtraMs, terms } = market;
  for (const [group, extra] of extraMs.entries()) {
    let least = Infinity;
    for (let pop = 0; pop < extra.length; pop++)
      if (extra[pop] !== Infinity) least = Math.min(least, popExtraMs(terms, pop));
    leastExtraMs[group] = least;
  }
}

/** Starts the drift anew when it got long: every unit is scored again in the next sweep. */
export function boundDrift(market: Market): void {
  const { units, riseMs, drift } = market;
  if (drift.fallMs < DRIFT_MAX_MS && riseMs.every((ms) => ms < DRIFT_MAX_MS)) return;
  drift.fallMs = 0;
  riseMs.fill(0);
  units.slackMs.fill(-Infinity);
  for (let unit = 0; unit < units.wide.length; unit++)
    if (units.wide[unit] === 1) units.outsideMs[unit] = -Infinity;
}

/**
 * Scores a whole unit and sets the POP that it wants, the next and the slack; returns whether its candidates
 * fall short: a POP outside may be better. A unit that hysteresis holds stays where it is, and is scored in
 * each sweep, as long as its POP's price does not rise.
 */
export function scoreUnit(market: Market, group: number, unit: number): boolean {
  const { units, rising, riseMs, drift, params } = market;
  const { pop: pops, costMs } = units;
  const extra = market.extraMs[group] as Float64Array;
  const incumbent = units.incumbent[unit] as number;
  const isHeld = (units.lead[unit] as number) > 0 && incumbent !== NONE && rising[incumbent] === 0;
  const bonusMs = isHeld ? 1e9 : params.hysteresisFloorMs;
  let best = NONE;
  let bestMs = Infinity;
  let next = NONE;
  let nextMs = Infinity;
  let leastMs = Infinity;
  const first = unit * CANDIDATES;
  for (let at = first; at < first + CANDIDATES; at++) {
    const pop = pops[at] as number;
    if (pop === NONE) break;
    let ms = (costMs[at] as number) + (extra[pop] as number);
    if (ms < leastMs) leastMs = ms;
    if (pop === incumbent) ms -= bonusMs;
    if (ms < bestMs) {
      next = best;
      nextMs = bestMs;
      best = pop;
      bestMs = ms;
    } else if (ms < nextMs) {
      next = pop;
      nextMs = ms;
    }
  }
  if (units.bestPop[unit] !== best || best !== incumbent) units.awake[unit] = 1;
  units.bestPop[unit] = best;
  units.nextPop[unit] = next;
  const margin = isHeld ? -Infinity : nextMs - bestMs - ROUNDING_MS;
  units.slackMs[unit] =
    best === NONE ? -Infinity : Math.min(NO_OTHER_MS, margin) + (riseMs[best] as number) + drift.fallMs;
  const isWide = units.wide[unit] === 1;
  const outsideMs = (units.outsideMs[unit] as number) + (isWide ? -drift.fallMs : 0);
  return leastMs > outsideMs + (isWide ? 0 : (market.leastExtraMs[group] as number));
}

/** By how much a whole unit wants its best POP more than the next, at least, ms. */
export function marginMs(market: Market, unit: number): number {
  const { units, riseMs, drift } = market;
  const pop = units.bestPop[unit] as number;
  return pop < 0 ? Infinity : (units.slackMs[unit] as number) - (riseMs[pop] as number) - drift.fallMs;
}

/** Slack of a unit that has no other POP, ms: above any price. */
const NO_OTHER_MS = 1e6;
