import { CANDIDATES, NONE, type Units } from './units.ts';

/**
 * Splitting heavy units by weight. A unit that is heavy for one of its POPs need not fit into what room is
 * left there, and moved whole it would fill and empty POPs by turns. So it may have two: the incumbent with a
 * share of its clients, and `alt` with the rest. How much it leaves a POP grows over `RAMP_MS` of price, so
 * that the load of a POP is a continuous function of its price: there is a price at which it is just full.
 */

/** A unit is heavy whose demand is this share of the capacity of one of its nearest POPs … */
const HEAVY_SHARE = 0.02;
/** … and stays so until it is this. */
const HEAVY_STILL_SHARE = 0.01;
/** How many of them count. */
const NEAREST = 3;
/** A heavy unit leaves a POP over so many ms of score. */
export const RAMP_MS = 2;
/** Beyond its ramp a unit leaves a POP for so much gain, ms. */
const LEAVE_MS = 0.5;
/** A share is changed only when it is off by so much, but for overload. */
const SHARE_STEP = 0.1;
const ROUNDING = 1e-6;

/** Marks the units that are heavy now, given their demand in requests/s and the POPs' capacity. */
export function markHeavy(
  units: Units,
  seen: { activeCells: Int32Array; demandRps: Float32Array; capacityRps: Float64Array },
): void {
  const { activeCells, demandRps, capacityRps } = seen;
  const leastRps = HEAVY_STILL_SHARE * capacityRps.reduce((least, rps) => Math.min(least, rps), Infinity);
  for (let group = 0; group < units.groupCount; group++)
    for (const cell of activeCells) {
      const unit = group * units.cellStride + cell;
      const demand = demandRps[unit] as number;
      const was = units.heavy[unit] as number;
      if (demand <= leastRps && was === 0) continue;
      const share = was === 1 ? HEAVY_STILL_SHARE : HEAVY_SHARE;
      const now = demand > share * leastCapacityRps(units, unit, capacityRps) ? 1 : 0;
      if (now === was) continue;
      units.heavy[unit] = now;
      units.stale[unit] = 1;
    }
}

/** Two POPs of a heavy unit: their scores with prices and these prices, ms. */
export interface Pair {
  readonly oneMs: number;
  readonly onePriceMs: number;
  readonly otherMs: number;
  readonly otherPriceMs: number;
}

/**
 * Whether `one` is the POP that the unit would be at if room had no price; `leanMs`: advantage of `one` as
 * the POP answered now, negative when the other is.
 */
export function isFirst(pair: Pair, leanMs: number): boolean {
  return pair.oneMs - pair.onePriceMs - leanMs <= pair.otherMs - pair.otherPriceMs;
}

/**
 * Share 0..1 of a heavy unit that `one` of two POPs gets. The first keeps all while its score is the lower,
 * and has lost all when it is higher by `RAMP_MS`.
 */
export function pairShare(pair: Pair, leanMs: number): number {
  const lead = (pair.otherMs - pair.oneMs) / RAMP_MS;
  return Math.max(0, Math.min(1, isFirst(pair, leanMs) ? 1 + lead : lead));
}

/** Shares of a heavy unit as they are, and what bounds them. */
export interface Sharing {
  /** Share of `one` now. */
  readonly share: number;
  readonly pair: Pair;
  /** What still fits into either POP, as a share of the unit; negative where it has too much. */
  readonly oneRoom: number;
  readonly otherRoom: number;
}

/**
 * The share that `one` is to have, `wanted` being right by the prices. A little off is left as it is; a POP
 * with a price is given more only as far as there is room; and clients leave it for one without only when
 * all would: what is too much there, the repair takes.
 */
export function nextShare(sharing: Sharing, wanted: number): number {
  const { share, pair, oneRoom, otherRoom } = sharing;
  const grows = wanted > share;
  const [toMs, fromMs] = grows ? [pair.onePriceMs, pair.otherPriceMs] : [pair.otherPriceMs, pair.onePriceMs];
  const lossMs = grows ? pair.otherMs - pair.oneMs : pair.oneMs - pair.otherMs;
  const leavesAll = (wanted === 0 || wanted === 1) && lossMs > RAMP_MS + LEAVE_MS;
  if (fromMs > 0 && toMs === 0 && !leavesAll) return share;
  const room = grows ? oneRoom : otherRoom;
  const step = Math.min(Math.abs(wanted - share), Math.max(0, room));
  if (step < SHARE_STEP - ROUNDING) return share;
  const next = grows ? share + step : share - step;
  if (next < SHARE_STEP && wanted > 0) return SHARE_STEP;
  return next > 1 - SHARE_STEP && wanted < 1 ? 1 - SHARE_STEP : Math.max(0, Math.min(1, next));
}

function leastCapacityRps(units: Units, unit: number, capacityRps: Float64Array): number {
  let least = Infinity;
  for (let at = unit * CANDIDATES; at < unit * CANDIDATES + NEAREST; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    least = Math.min(least, capacityRps[pop] as number);
  }
  return least;
}
