import type { SteeringParams } from './params.ts';
import { RAMP_MS } from './split.ts';

/** Who wants one POP, and how much room there is. Arrays are parallel. */
export interface PopMarket {
  /**
   * By unit: the price from which on it wants nothing of the POP, ms: what its next best POP costs it beyond
   * this one without this one's price.
   */
  readonly values: readonly number[];
  /** By unit: requests/s. */
  readonly demands: readonly number[];
  /** By unit: 1 for a heavy one, which leaves step by step over the `RAMP_MS` below its value. */
  readonly heavy: readonly number[];
  readonly availableRps: number;
  /** Price at the last tick, ms. */
  readonly beforeMs: number;
}

/** A price stands this far above the value of the last unit that it keeps out, at most, ms. */
const ABOVE_MS = 0.25;
/** A price so little above what splits a heavy unit just right does as well, ms. */
const RAMP_KEPT_MS = 0.2;
/** A price falls to this share of itself in a tick at most, so that clients come back in steps … */
const RELEASE_SHARE = 0.25;
/** … until it is this low, ms. */
const RELEASED_MS = 0.5;

/**
 * The price of a POP's capacity: the lowest at which what is still wanted there fits into its room; 0 when
 * all fits. Among prices that do about as well the last one stays, so that constant demand gives constant
 * prices. Bounded by `priceMaxMs`; falls in steps.
 */
export function clearingPrice(market: PopMarket, params: SteeringParams): number {
  const step = market.beforeMs * RELEASE_SHARE;
  const leastMs = step < RELEASED_MS ? 0 : step;
  return Math.min(params.priceMaxMs, Math.max(lowestPrice(market), leastMs));
}

/** Goes down from the highest value, adding what is wanted at each price, until the room is full. */
function lowestPrice(market: PopMarket): number {
  const { values, demands, heavy, availableRps } = market;
  const order: number[] = [];
  for (let i = 0; i < values.length; i++) if ((values[i] as number) > 0) order.push(i);
  order.sort((one, other) => (values[other] as number) - (values[one] as number) || one - other);
  /** Heavy units that are on their ramp, in the order in which they end: all ramps are equally long. */
  const ramps: number[] = [];
  let ended = 0;
  let takenRps = 0;
  let rpsPerMs = 0;
  let levelMs = Infinity;
  let aboveMs = Infinity;
  for (let rank = 0; rank < order.length || ended < ramps.length; ) {
    const begins = rank < order.length ? (values[order[rank] as number] as number) : 0;
    const ends = ended < ramps.length ? (values[ramps[ended] as number] as number) - RAMP_MS : 0;
    const nextMs = Math.max(0, begins, ends);
    if (rpsPerMs > 0) {
      const fullMs = levelMs - (availableRps - takenRps) / rpsPerMs;
      if (fullMs > nextMs) return kept(market.beforeMs, fullMs, fullMs + RAMP_KEPT_MS) ?? fullMs;
      takenRps += rpsPerMs * (levelMs - nextMs);
    }
    if (nextMs === 0) return 0;
    if (nextMs < levelMs) {
      aboveMs = levelMs;
      levelMs = nextMs;
    }
    const isEnd = ended < ramps.length && ends >= begins;
    const unit = (isEnd ? ramps[ended++] : order[rank++]) as number;
    const demand = demands[unit] as number;
    if (isEnd) rpsPerMs -= demand / RAMP_MS;
    else if (heavy[unit] === 1) {
      rpsPerMs += demand / RAMP_MS;
      ramps.push(unit);
    } else {
      takenRps += demand;
      if (takenRps > availableRps)
        return kept(market.beforeMs, nextMs, aboveMs) ?? nextMs + Math.min(ABOVE_MS, (aboveMs - nextMs) / 2);
    }
  }
  return 0;
}

/** The last price where it does as well: from `leastMs` on, below `mostMs`. */
function kept(beforeMs: number, leastMs: number, mostMs: number): number | undefined {
  return beforeMs >= leastMs && beforeMs < mostMs ? beforeMs : undefined;
}
