import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exponential, normal, type Random, seededRandom } from '../../src/base/random.ts';
import { sustainedRise, TREND_COUNTS } from '../../src/pop/trend.ts';

/** What is taken for a rise that goes on, and what for chance. Counts are of quarters of a second. */

const PART_S = 0.25;
const PARTS_A_SECOND = 1 / PART_S;

/** The rise in requests a second, each second, told after each part, of clients that come by chance. */
function* told(seconds: number, seed: number, rateAt: (second: number) => number) {
  const random = seededRandom(seed);
  const counts: number[] = [];
  for (let s = 0; s < seconds; s += PART_S) {
    counts.push(poisson(rateAt(s + PART_S / 2) * PART_S, random));
    yield { atS: s + PART_S, rise: sustainedRise(counts.slice(-TREND_COUNTS)) * PARTS_A_SECOND ** 2 };
  }
}

/** How many come where so many are expected; of many, as the normal distribution has it. */
function poisson(mean: number, random: Random): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let count = 0;
  for (let at = exponential(random, 1); at < mean; at += exponential(random, 1)) count++;
  return count;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Requests a second, and of what is expected ten seconds later the most that may be by mistake. */
const STEADY: readonly [rps: number, shareOfTellings: number, meanShare: number][] = [
  [2, 0.005, 0.003],
  [20, 0.005, 0.003],
  [90, 0.002, 0.0015],
  [1_000, 0.001, 0.0006],
  [20_000, 0.001, 0.0002],
];

test('a steady load that scatters by chance is expected to stay: hardly ever a fifth more', () => {
  for (const [rps, shareOfTellings, meanShare] of STEADY) {
    const excess = [...told(5_000, rps, () => rps)].map(({ rise }) => (10 * rise) / rps);
    const wrong = excess.filter((share) => share > 0.2).length / excess.length;
    const mean = meanOf(excess);
    const words = `${rps}/s: ${wrong} of the tellings, ${mean} too much at the mean`;
    assert.ok(wrong < shareOfTellings && mean < meanShare, words);
  }
});

/** From so many requests a second on, they rise by so many each second; how soon half of it is said. */
const RISES: readonly [fromRps: number, by: number, withinS: number][] = [
  [0, 10, 5.5],
  [0, 30, 3.5],
  [60, 10, 7],
  [60, 40, 3.5],
  [600, 100, 3.5],
  [6_000, 1_000, 2],
];

test('a rise is told by half within seconds, the sooner the steeper it is, and hardly ever as more', () => {
  for (const [fromRps, by, withinS] of RISES) {
    const beginsS = fromRps === 0 ? 0 : 12;
    const found: number[] = [];
    const last: number[] = [];
    for (let seed = 1; seed <= 100; seed++) {
      const all = [...told(beginsS + 10, seed, (s) => fromRps + by * Math.max(0, s - beginsS))];
      const half = all.find(({ atS, rise }) => atS > beginsS && rise > by / 2);
      found.push((half?.atS ?? Infinity) - beginsS);
      last.push(...all.slice(-4).map(({ rise }) => rise));
    }
    assert.ok(meanOf(last) < by, `${by}/s each second: ${meanOf(last)} at the mean`);
    assert.ok(last.filter((rise) => rise > 1.3 * by).length < 0.03 * last.length, `${by}/s: too many`);
    found.sort((one, other) => one - other);
    const usual = found[90] ?? Infinity;
    assert.ok(usual <= withinS, `${fromRps}/s + ${by}/s each second: nine of ten within ${usual} s`);
  }
});

test('a step, a plateau and a fall are no rise once they have lasted four seconds', () => {
  const shapes: readonly (readonly [string, (s: number) => number])[] = [
    ['step', (s) => (s < 12 ? 100 : 400)],
    ['plateau', (s) => Math.min(400, 100 + 50 * Math.max(0, s - 6))],
    ['fall', (s) => Math.max(100, 400 - 50 * Math.max(0, s - 6))],
  ];
  for (const [name, rateAt] of shapes) {
    const rises: number[] = [];
    for (let seed = 1; seed <= 50; seed++)
      rises.push(...[...told(20, seed, rateAt)].filter(({ atS }) => atS > 16).map(({ rise }) => rise));
    assert.ok(meanOf(rises) < 4, `${name}: ${meanOf(rises)} a second each second`);
  }
});

test('what comes in bursts, as a machine stands still, is not taken for a rise', () => {
  const counts = Array.from({ length: TREND_COUNTS }, (_, i) => (i % 4 === 3 ? 80 : 5));
  for (let begin = 0; begin < 4; begin++) assert.equal(sustainedRise(counts.slice(begin)), 0);
});

test('of any counts the rise is finite and not below 0; of fewer than four it is 0', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { maxLength: 40 }), (counts) => {
      const rise = sustainedRise(counts);
      return Number.isFinite(rise) && rise >= 0 && (counts.length >= 4 || rise === 0);
    }),
  );
});
