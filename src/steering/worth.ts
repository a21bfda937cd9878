import type { Atlas } from './atlas.ts';
import { type Belief, expectedMs, type Measured } from './belief.ts';
import type { Library } from './library.ts';

/** A POP to measure, and what is to be won by it, ms. */
export interface Worth {
  readonly pop: number;
  readonly ms: number;
}

/** What is known of a network when its next burst is chosen. */
export interface Prospect {
  /** POPs measured that may be answered. */
  readonly measured: readonly Measured[];
  /** By POP: 1 where a burst makes no sense: out, or tried in vain. */
  readonly excluded: Uint8Array;
  /** By POP: what it adds to the round-trip times of all its clients, ms. */
  readonly extraMs: Float64Array;
}

/** Nothing is known to be worse than this, ms. */
const NOTHING_MS = 400;
/** Spread of a POP's round-trip time around what its distance lets expect: ms, and a share of the latter. */
const SPREAD_MS = 4;
const SPREAD_SHARE = 0.25;
/** Spread of one burst around its mean, ms, and as a share. */
const BURST_MS = 2.5;
const BURST_SHARE = 0.03;
/** The first burst goes by the spots that have at least this share of the likeliest one's weight. */
const FIRST_SHARE_MIN = 0.01;

/** A POP that is this many spreads too far promises nothing from there. */
const HOPELESS = 2.5;

/**
 * The POP not measured yet whose burst promises most, by expected improvement (Jones, Schonlau and Welch
 * 1998): the mean of what it would be better than the best so far, over the belief where the network is.
 */
export function bestUnmeasured(
  atlas: Atlas,
  claimKm: Float32Array,
  belief: Belief,
  prospect: Prospect,
): Worth | undefined {
  const bestMs = bestScoreMs(prospect);
  const popCount = claimKm.length;
  const isOut = Uint8Array.from(prospect.excluded);
  for (const { pop } of prospect.measured) isOut[pop] = 1;
  const sums = new Float64Array(popCount);
  const leastShare = prospect.measured.length > 0 ? 0 : FIRST_SHARE_MIN * Math.max(...belief.weight);
  // Spot by spot: the distances of one lie together.
  for (let spot = 0; spot <= atlas.count; spot++) {
    const share = belief.weight[spot] as number;
    if (share <= leastShare) continue;
    const km = spot === atlas.count ? claimKm : atlas.km;
    const first = spot === atlas.count ? 0 : spot * popCount;
    for (let pop = 0; pop < popCount; pop++) {
      if (isOut[pop] === 1) continue;
      const distanceMs = expectedMs(km[first + pop] as number) + belief.offsetMs;
      const gainMs = bestMs - distanceMs - (prospect.extraMs[pop] as number);
      const spreadMs = SPREAD_MS + SPREAD_SHARE * distanceMs;
      if (gainMs < -HOPELESS * spreadMs) continue;
      const won = improvementMs(gainMs, spreadMs);
      sums[pop] = (sums[pop] as number) + share * won;
    }
  }
  let best: Worth | undefined;
  for (let pop = 0; pop < popCount; pop++) {
    const ms = sums[pop] as number;
    if (isOut[pop] === 0 && (best === undefined || ms > best.ms)) best = { pop, ms };
  }
  return best;
}

/** The lowest score among what was measured, ms. */
function bestScoreMs({ measured, extraMs }: Prospect): number {
  return measured.reduce((least, { pop, ms }) => Math.min(least, ms + (extraMs[pop] as number)), NOTHING_MS);
}

/**
 * The same where nobody knows where the network or the POPs are: from networks that were measured from
 * several POPs, each counting by how like this one it is where both were measured (fingerprints).
 */
export function bestByLikeness(library: Library, cell: number, prospect: Prospect): Worth | undefined {
  const bestMs = bestScoreMs(prospect);
  const promise = library.promise(cell, prospect.measured, bestMs);
  let best: Worth | undefined;
  for (let pop = 0; pop < promise.length; pop++) {
    if (prospect.excluded[pop] === 1 || prospect.measured.some((one) => one.pop === pop)) continue;
    const ms = Math.max(0, (promise[pop] as number) - (prospect.extraMs[pop] as number));
    if (best === undefined || ms > best.ms) best = { pop, ms };
  }
  return best;
}

/**
 * What another burst to a POP that was measured already is worth: it may show that the second best is the
 * best, or that the best is not (the knowledge gradient, Frazier, Powell and Dayanik 2008).
 */
export function bestRepeat(
  measured: readonly (Measured & { readonly bursts: number })[],
  extraMs: Float64Array,
): Worth | undefined {
  const scoreMs = ({ pop, ms }: Measured): number => ms + (extraMs[pop] as number);
  const order = measured.toSorted((one, other) => scoreMs(one) - scoreMs(other));
  const [first, second] = order;
  if (first === undefined || second === undefined) return undefined;
  const worth = (repeated: typeof first): Worth => {
    const spread = BURST_MS + BURST_SHARE * repeated.ms;
    const variance = (spread * spread) / repeated.bursts;
    const won = Math.sqrt(variance - (spread * spread) / (repeated.bursts + 1));
    return { pop: repeated.pop, ms: improvementMs(scoreMs(first) - scoreMs(second), won) };
  };
  const [one, other] = [worth(first), worth(second)];
  return one.ms >= other.ms ? one : other;
}

/**
 * Mean of max(0, X) where X is normal with this mean and standard deviation; within 1e-5 of the deviation. It
 * is asked a hundred thousand times for one network: from a table.
 */
export function improvementMs(mean: number, deviation: number): number {
  const z = mean / deviation;
  if (z >= Z_MAX) return mean;
  if (z <= -Z_MAX) return 0;
  const at = (z + Z_MAX) * Z_STEPS;
  const below = Math.floor(at);
  const low = GAIN[below] as number;
  return deviation * (low + (at - below) * ((GAIN[below + 1] as number) - low));
}

/** Mean of max(0, z + X) where X is standard normal, from -`Z_MAX` on, so many steps a unit. */
const Z_MAX = 4;
const Z_STEPS = 128;
const GAIN = Float64Array.from({ length: 2 * Z_MAX * Z_STEPS + 2 }, (_, step) => {
  const z = step / Z_STEPS - Z_MAX;
  return z * cumulative(z) + Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
});

/** Standard normal distribution, to 1e-7 (Abramowitz and Stegun 7.1.26). */
function cumulative(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const half = 0.5 * polynomial * Math.exp(-x * x);
  return z >= 0 ? 1 - half : half;
}
