import type { Deciding } from './decide.ts';
import { scanPart } from './decide-parts.ts';
import { marginMs, scoreUnit, supplyRps } from './market.ts';
import { movePart, partsOf, shareOf } from './unit-moves.ts';
import { candidateOf, NONE } from './units.ts';

/**
 * Room is filled when it is more than a share of the POP's capacity that falls with the price, between
 * these: so that little more or less demand moves nobody where it saves little …
 */
const ROOM_SHARE = 0.003;
const ROOM_SHARE_MOST = 0.03;
const ROOM_SHARE_MS = 0.1;
/** … and than so much more for each tick in which the POP's room stayed as it is, up to the most: it ends. */
const ROOM_SHARE_CALM = ROOM_SHARE / 4;
/** … up to this share. */
const LEFT_SHARE = 0.001;
/** A POP with a lower price than this is not worth it, ms. */
const PRICE_LEAST_MS = 0.25;
/** A unit may find the POP worse than its own by so much at the present prices: they are not exact, ms. */
const GAP_MS = 0.25;
/** A smaller part of a unit is not divided off. */
const PART_LEAST = 0.02;

/** A large unit that could put a part of its clients into a POP's room. */
interface Taker {
  readonly unit: number;
  /** Where the part is now. */
  readonly from: number;
  readonly to: number;
  /** By how much the POP is worse for it at the present prices, ms. */
  readonly gapMs: number;
}

/**
 * Fills what room a POP with a price has left because the next unit that wants it is too large for it: with
 * a part of that unit. Returns the number of moves; keeps `loadRps` up to date.
 */
export function fillRoom(
  deciding: Deciding,
  activeCells: Int32Array,
  now: { loadRps: Float64Array; nowMs: number },
): number {
  const { market, demandRps, terms } = deciding;
  const { loadRps, nowMs } = now;
  const roomRps = loadRps.map((rps, pop) => {
    const priceMs = terms.priceMs[pop] as number;
    const capacityRps = market.capacityRps[pop] as number;
    const room = supplyRps(market, pop, priceMs) - rps;
    const cheap = Math.max(ROOM_SHARE, ROOM_SHARE_MS / priceMs);
    const calm = ROOM_SHARE_CALM * (market.calm.ticks[pop] as number);
    const least = Math.min(ROOM_SHARE_MOST, Math.max(cheap, calm));
    return priceMs >= PRICE_LEAST_MS && room > least * capacityRps ? room - LEFT_SHARE * capacityRps : 0;
  });
  if (!roomRps.some((rps) => rps > 0)) return 0;
  let moves = 0;
  for (const { unit, from, to } of takers(deciding, activeCells, roomRps)) {
    const demand = demandRps[unit] as number;
    const here = shareOf(deciding.units, unit, from);
    const share = Math.min(here, (roomRps[to] as number) / demand);
    if (share < PART_LEAST) continue;
    if (!movePart(deciding, unit, { from, to, share, nowMs })) continue;
    roomRps[to] = (roomRps[to] as number) - share * demand;
    loadRps[to] = (loadRps[to] as number) + share * demand;
    loadRps[from] = (loadRps[from] as number) - share * demand;
    moves++;
  }
  return moves;
}

/** Units that want a POP with room next, and parts of split ones; those that lose least first. */
function takers(deciding: Deciding, activeCells: Int32Array, roomRps: Float64Array): Taker[] {
  const { units, market, demandRps, params } = deciding;
  const { bestPop, nextPop } = units;
  const gapMostMs = GAP_MS + params.hysteresisFloorMs;
  const found: Taker[] = [];
  for (let group = 0; group < units.groupCount; group++)
    for (let i = 0; i < activeCells.length; i++) {
      const unit = group * units.cellStride + (activeCells[i] as number);
      const isKnown = (bestPop[unit] as number) >= 0;
      if (isKnown && (nextPop[unit] === NONE || (roomRps[nextPop[unit] as number] as number) <= 0)) continue;
      // Margins are held from below: those that seem small enough are looked at anew.
      if (bestPop[unit] === NONE || (isKnown && marginMs(market, unit) <= gapMostMs))
        scoreUnit(market, group, unit);
      const to = nextPop[unit] as number;
      const from = bestPop[unit] as number;
      if (from < 0 || to === NONE || (roomRps[to] as number) <= 0 || units.lead[unit] !== 0) continue;
      if (from !== units.incumbent[unit]) continue;
      if ((demandRps[unit] as number) < ROOM_SHARE * (roomRps[to] as number)) continue;
      take(deciding, found, { unit, from, to, gapMs: marginMs(market, unit) - params.hysteresisFloorMs });
    }
  for (const unit of units.splits.keys()) takersOfParts(deciding, found, { unit, roomRps });
  return found.sort((one, other) => one.gapMs - other.gapMs || one.unit - other.unit);
}

function takersOfParts(
  deciding: Deciding,
  found: Taker[],
  which: { unit: number; roomRps: Float64Array },
): void {
  const { units, market, demandRps } = deciding;
  const { unit, roomRps } = which;
  // Without clients there is nothing to fill room with.
  if (demandRps[unit] === 0) return;
  const extra = market.extraMs[Math.floor(unit / units.cellStride)] as Float64Array;
  const scoreMs = (pop: number): number => {
    const at = candidateOf(units, unit, pop);
    return at === NONE ? Infinity : (units.costMs[at] as number) + (extra[pop] as number);
  };
  const parts = partsOf(units, unit);
  for (const part of parts) {
    const { pop: from } = part;
    const others = new Set(parts.map(({ pop }) => pop));
    others.add(scanPart(market, unit, part).nextPop);
    for (const to of others)
      if (to !== from && to !== NONE && (roomRps[to] as number) > 0)
        take(deciding, found, { unit, from, to, gapMs: scoreMs(to) - scoreMs(from) });
  }
}

/** Only where the POP is the dearer one: else nothing is gained by it. */
function take(deciding: Deciding, found: Taker[], taker: Taker): void {
  const { priceMs } = deciding.terms;
  const { from, to, gapMs } = taker;
  const dearer = (priceMs[to] as number) - (priceMs[from] as number);
  if (gapMs <= GAP_MS && dearer > gapMs + GAP_MS) found.push(taker);
}
