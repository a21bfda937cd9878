/**
 * Steps of prices, from a histogram instead of a sorted list: by POP, the demand in requests/s whose margin
 * falls into each bucket. Buckets are as wide as a sixteenth of their margin, so a step may be off by that;
 * the next, shorter one is exact to a sixteenth of the rest.
 */

/** Buckets of a POP; margins from 1/32 ms to 2048 ms, those below and above go into the first and last. */
export const BUCKETS = 256;
const PER_OCTAVE_BITS = 4;
const SHIFT = 23 - PER_OCTAVE_BITS;
/** The first bucket begins where the bits of a Float32 say 1/32. */
const FIRST = (127 - 5) << PER_OCTAVE_BITS;

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** Bucket of a margin in ms. */
export function bucketOf(marginMs: number): number {
  float[0] = marginMs;
  const bucket = ((bits[0] as number) >> SHIFT) - FIRST;
  return bucket < 0 ? 0 : bucket >= BUCKETS ? BUCKETS - 1 : bucket;
}

/** Least margin of a bucket, ms: 0 of the first. */
export function bucketMs(bucket: number): number {
  if (bucket === 0) return 0;
  if (bucket >= BUCKETS) return Infinity;
  bits[0] = (FIRST + bucket) << SHIFT;
  return float[0] as number;
}

/** One POP at its present price. */
export interface PopMarket {
  /** Demand by bucket of margin, of `BUCKETS` entries from `first` on. */
  readonly demandRps: Float64Array;
  readonly first: number;
  /** What is wanted there now, and what it takes at a price. */
  readonly wantedRps: number;
  readonly priceMs: number;
  readonly supplyRps: (priceMs: number) => number;
}

/**
 * About the least price from which on what is still wanted fits: margins are those of the units that want
 * the POP. Within a bucket they are held to be spread evenly. `priceMaxMs` where nothing suffices.
 */
export function raisedPrice(market: PopMarket, priceMaxMs: number): number {
  const { demandRps, first, priceMs, supplyRps } = market;
  let wantedRps = market.wantedRps;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const fromMs = priceMs + bucketMs(bucket);
    const toMs = priceMs + bucketMs(bucket + 1);
    if (fromMs >= priceMaxMs) return priceMaxMs;
    const leaves = demandRps[first + bucket] as number;
    const excess = wantedRps - supplyRps(toMs);
    if (leaves > 0 && excess <= leaves) {
      const share = bucket === 0 ? 1 : Math.max(LEAST_STEP, Math.min(1, excess / leaves));
      return Math.min(priceMaxMs, fromMs + share * (toMs - fromMs));
    }
    // Nobody need leave where supply rises fast enough.
    if (excess <= 0) return leastFitting(market, wantedRps, { beforeMs: fromMs, toMs });
    wantedRps -= leaves;
  }
  return priceMaxMs;
}

/** A price is raised by so much of the bucket that it falls into, at least. */
const LEAST_STEP = 0.1;

/**
 * The least price, up to the width of a bucket, at which what would be wanted still fits: margins are those
 * of the units that would want the POP next. Not below `leastMs`.
 */
export function loweredPrice(market: PopMarket, leastMs: number): number {
  const { demandRps, first, priceMs } = market;
  let wantedRps = market.wantedRps;
  let loweredMs = priceMs;
  for (let bucket = 0; bucket < BUCKETS && loweredMs > leastMs; bucket++) {
    const toMs = Math.max(leastMs, priceMs - bucketMs(bucket));
    if (!fits(market, wantedRps, toMs))
      return fits(market, wantedRps, loweredMs)
        ? leastFitting(market, wantedRps, { beforeMs: toMs, toMs: loweredMs })
        : loweredMs;
    loweredMs = toMs;
    wantedRps += demandRps[first + bucket] as number;
  }
  return loweredMs;
}

/** Prices are found to a few thousandths of the step between them. */
const HALVINGS = 10;

function fits(market: PopMarket, wantedRps: number, priceMs: number): boolean {
  return wantedRps <= market.supplyRps(priceMs);
}

/** The least price between one at which it does not fit and one at which it does. */
function leastFitting(
  market: PopMarket,
  wantedRps: number,
  between: { beforeMs: number; toMs: number },
): number {
  let { beforeMs, toMs } = between;
  for (let i = 0; i < HALVINGS; i++) {
    const middleMs = (beforeMs + toMs) / 2;
    if (fits(market, wantedRps, middleMs)) toMs = middleMs;
    else beforeMs = middleMs;
  }
  return toMs;
}
