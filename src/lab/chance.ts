import { exponential, mix32, normal, type Random, seededRandom } from '../base/random.ts';

/**
 * A stream of chance of its own for each purpose: what one draws more or less moves no other. `keys` name
 * the purpose: a kind, then indexes.
 */
export function chanceOf(seed: number, ...keys: readonly number[]): Random {
  let mixed = mix32(seed ^ 0x9e3779b9);
  for (const key of keys) mixed = mix32(Math.imul(mixed, 0x85ebca6b) ^ (key + 0x7f4a7c15));
  return seededRandom(mixed);
}

/** Lognormal variate: `median` times e to a normal variate of deviation `sigma`. */
export function lognormal(random: Random, median: number, sigma: number): number {
  return median * Math.exp(sigma * normal(random));
}

/** Gamma variate of the given mean and standard deviation (Marsaglia and Tsang, 2000). */
export function gamma(random: Random, mean: number, deviation: number): number {
  if (!(mean > 0)) return 0;
  if (!(deviation > 0)) return mean;
  const shape = (mean / deviation) ** 2;
  const scale = mean / shape;
  if (shape >= 1) return scale * standardGamma(random, shape);
  return scale * standardGamma(random, shape + 1) * (1 - random.next()) ** (1 / shape);
}

/** Attempts at most; each succeeds with more than 95 %. */
const TRIES = 64;

function standardGamma(random: Random, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let i = 0; i < TRIES; i++) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
  return d;
}

/** One of the items, with a chance in proportion to its weight; the last if all weights are 0. */
export function pickWeighted<T>(random: Random, items: readonly T[], weightOf: (item: T) => number): T {
  const total = items.reduce((sum, item) => sum + weightOf(item), 0);
  let left = random.next() * total;
  for (const item of items) {
    left -= weightOf(item);
    if (left < 0) return item;
  }
  return items[items.length - 1] as T;
}

/** So many of the items, each at most once, heavier ones more likely (Efraimidis and Spirakis, 2006). */
export function sampleWeighted<T>(
  random: Random,
  items: readonly T[],
  weightOf: (item: T) => number,
): readonly T[] {
  const keyed = items.map((item) => ({
    item,
    key: exponential(random, 1) / Math.max(1e-12, weightOf(item)),
  }));
  return keyed.sort((left, right) => left.key - right.key).map(({ item }) => item);
}
