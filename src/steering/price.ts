import type { SteeringParams } from './params.ts';

/** Who wants one POP, and how much room there is. Arrays are parallel. */
export interface PopMarket {
  /** By unit: what the next best POP costs it beyond this one without this one's price, ms. */
  readonly values: readonly number[];
  /** By unit: requests/s. */
  readonly demands: readonly number[];
  readonly availableRps: number;
  /** Price at the last tick, ms. */
  readonly beforeMs: number;
}

/** A price stands this far above the value of the last unit that it keeps out, at most, ms. */
const ABOVE_MS = 0.25;
/** A price falls to this share of itself in a tick at most, so that clients come back in steps … */
const RELEASE_SHARE = 0.25;
/** … until it is this low, ms. */
const RELEASED_MS = 0.5;

/**
 * The price of a POP's capacity: the lowest at which the units that still prefer it (value above the price)
 * fit into its room; 0 when all fit. Among prices that do equally well the last one stays, so that constant
 * demand gives constant prices. Bounded by `priceMaxMs`; falls in steps.
 */
export function clearingPrice(market: PopMarket, params: SteeringParams): number {
  const { values, demands, availableRps, beforeMs } = market;
  const step = beforeMs * RELEASE_SHARE;
  const leastMs = step < RELEASED_MS ? 0 : step;
  const order: number[] = [];
  for (let i = 0; i < values.length; i++) if ((values[i] as number) > 0) order.push(i);
  order.sort((one, other) => (values[other] as number) - (values[one] as number) || one - other);
  let taken = 0;
  for (const [rank, i] of order.entries()) {
    taken += demands[i] as number;
    if (taken <= availableRps) continue;
    const out = values[i] as number;
    const lastIn = rank === 0 ? Infinity : nextAbove(values, order, rank);
    const isKept = beforeMs >= out && beforeMs < lastIn;
    const price = isKept ? beforeMs : out + Math.min(ABOVE_MS, (lastIn - out) / 2);
    return Math.min(params.priceMaxMs, Math.max(price, leastMs));
  }
  return leastMs;
}

/** Value of the nearest unit before `rank` whose value is higher: equal ones stay out together. */
function nextAbove(values: readonly number[], order: readonly number[], rank: number): number {
  const out = values[order[rank] as number] as number;
  for (let before = rank - 1; before >= 0; before--) {
    const value = values[order[before] as number] as number;
    if (value > out) return value;
  }
  return Infinity;
}
