import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import { type Burst, creditOf, doubtMs, errorMs2, updateEstimate } from '../src/steering/estimate.ts';
import {
  createEstimates,
  deviationMsOf,
  type Estimates,
  findEstimate,
  levelMs,
} from '../src/steering/estimates.ts';
import { excessLossRate } from '../src/steering/loss.ts';
import { createCellView, viewCell } from '../src/steering/rtt.ts';
import { steeringParams } from './helpers/steering-params.ts';

const params = steeringParams();
const how = {
  params,
  pooled: false,
  holdJumps: false,
  isFast: false,
  popLossRate: 0,
  extraMs: new Float64Array(8),
};
const STEP_MS = 2000;
/** Steps of a level, ms. */
const LEVEL_STEP_MS = 1 / 32;
const burst = (rttMs: number, change: Partial<Burst> = {}): Burst => ({
  rttMs,
  sent: 3,
  lost: 0,
  atMs: STEP_MS,
  modelled: false,
  ...change,
});

interface Fed {
  readonly estimates: Estimates;
  readonly entry: number;
  readonly level: number;
  readonly atMs: number;
}

/** One estimate fed with these RTTs, one every 2 s; the change holds for those from `changeFrom` on. */
function fed(rtts: readonly number[], change: Partial<typeof how> = {}, changeFrom = 0): Fed {
  const estimates = createEstimates(1);
  let entry = -1;
  for (const [i, rtt] of rtts.entries())
    entry = updateEstimate(estimates, { cell: 0, pop: 0 }, burst(rtt, { atMs: STEP_MS * (i + 1) }), {
      ...how,
      ...(i >= changeFrom ? change : {}),
    });
  return { estimates, entry, level: levelMs(estimates, entry), atMs: STEP_MS * rtts.length };
}

const steady = Array.from({ length: 60 }, (_, i) => 20 + (i % 2) * 0.5);

test('a level follows its bursts; one outlier barely moves it, a second alike is the new level', () => {
  assert.ok(Math.abs(fed(steady).level - 20.25) < 0.3);
  assert.ok(fed([...steady, 80]).level < 21);
  assert.equal(fed([...steady, 80, 81]).level, 81);
  assert.ok(fed([...steady, 80, 20]).level < 21, 'an outlier alone leaves no trace');
  assert.ok(fed([...steady, 80, 2]).level < 22, 'outliers on different sides are noise');
  assert.ok(fed([...steady, 80, 81], { holdJumps: true }).level < 22);
  assert.ok(fed([...steady, 80, 81], { pooled: true }).level < 22);
});

test('where a POP or an AS at it just changed, one outlier is the new level', () => {
  assert.equal(fed([...steady, 80], { isFast: true }, steady.length).level, 80);
  assert.equal(fed([...steady, 5], { isFast: true }, steady.length).level, 5);
  assert.ok(fed([...steady, 20.5], { isFast: true }, steady.length).level < 20.5, 'no outlier, no jump');
  assert.ok(fed([...steady, 80], { isFast: true, pooled: true }, steady.length).level < 22);
  assert.ok(fed([...steady, 80], { isFast: true, holdJumps: true }, steady.length).level < 22);
});

test('a path that jumps back and forth stays within its states, is doubted, and comes to rest', () => {
  const states = Array.from({ length: 60 }, (_, i) => (Math.floor(i / 3) % 2 === 0 ? 20 : 60));
  for (let bursts = 42; bursts <= states.length; bursts++) {
    const { level, estimates, entry, atMs } = fed(states.slice(0, bursts));
    assert.ok(level >= 20 && level <= 60, `${level}`);
    const error2 = errorMs2(estimates, entry, creditOf(estimates, entry, atMs, params), params);
    assert.ok(doubtMs(estimates, entry, error2, params) > 5, 'no reason to leave for another lightly');
  }
  const calm = fed([...states, ...Array.from({ length: 120 }, () => 20)]);
  assert.ok(Math.abs(calm.level - 20) < 1.5, `it comes to rest: ${calm.level}`);
  assert.ok(deviationMsOf(calm.estimates, calm.entry) < 5);
  const error2 = errorMs2(calm.estimates, calm.entry, 20, params);
  assert.equal(doubtMs(calm.estimates, calm.entry, error2, params), Math.sqrt(error2));
});

test('pooled estimates never jump: a step is at most clipDeviations x the deviation, in parts', () => {
  const rtt = fc.double({ min: 1, max: 900, noNaN: true });
  fc.assert(
    fc.property(fc.array(rtt, { minLength: 2, maxLength: 30 }), fc.boolean(), (rtts, isFast) => {
      const before = fed(rtts.slice(0, -1), { pooled: true, isFast });
      const limit = params.clipDeviations * deviationMsOf(before.estimates, before.entry);
      const after = fed(rtts, { pooled: true, isFast });
      const last = rtts.at(-1) as number;
      const step = Math.abs(after.level - before.level);
      const full = Math.abs(last - before.level);
      assert.ok(step <= 0.5 * full + LEVEL_STEP_MS, 'the plain mean of two at most');
      if (deviationMsOf(before.estimates, before.entry) < 2.5 * (1.5 + 0.03 * before.level))
        assert.ok(step <= limit + LEVEL_STEP_MS);
    }),
    { seed: 11, numRuns: 300 },
  );
});

test('a level stays within what was measured, however it came', () => {
  const rtt = fc.double({ min: 0.5, max: 900, noNaN: true });
  const change = fc.record({ pooled: fc.boolean(), holdJumps: fc.boolean(), isFast: fc.boolean() });
  fc.assert(
    fc.property(fc.array(rtt, { minLength: 1, maxLength: 40 }), change, (rtts, changed) => {
      const { level, estimates, entry, atMs } = fed(rtts, changed);
      assert.ok(level >= Math.min(...rtts) - LEVEL_STEP_MS && level <= Math.max(...rtts) + LEVEL_STEP_MS);
      const credit = creditOf(estimates, entry, atMs, params);
      const error = errorMs2(estimates, entry, credit, params);
      assert.ok(error > 0 && Number.isFinite(error));
      assert.ok(errorMs2(estimates, entry, credit / 2, params) >= error, 'less credit, less sure');
    }),
    { seed: 12, numRuns: 300 },
  );
});

test('credit is bounded and fades with age', () => {
  const { estimates, entry, atMs } = fed(Array.from({ length: 100 }, () => 20));
  assert.ok(creditOf(estimates, entry, atMs, params) <= params.burstsMax);
  assert.ok(
    Math.abs(creditOf(estimates, entry, atMs + params.ageMs, params) - params.burstsMax / Math.E) < 0.1,
  );
});

test('a burst that was measured earlier counts, and makes nothing older', () => {
  const estimates = createEstimates(1);
  const which = { cell: 0, pop: 0 };
  const entry = updateEstimate(estimates, which, burst(20, { atMs: 100_000 }), how);
  updateEstimate(estimates, which, burst(22, { atMs: 60_000, modelled: true }), how);
  assert.equal(levelMs(estimates, entry), 21);
  const fresh = creditOf(estimates, entry, 100_000, params);
  assert.equal(fresh, 2);
});

test('one lost packet is no loss; lost bursts are, and clean ones end it', () => {
  const { estimates, entry, atMs } = fed(steady);
  const lose = (lost: number): number => {
    const rttMs = lost === 3 ? Number.NaN : 20;
    updateEstimate(estimates, { cell: 0, pop: 0 }, burst(rttMs, { lost, atMs }), how);
    return excessLossRate(estimates, entry, atMs);
  };
  assert.equal(lose(1), 0);
  assert.ok(lose(3) > 0.04);
  assert.ok(lose(3) > 0.1);
  for (let i = 0; i < 8; i++) lose(0);
  assert.equal(lose(0), 0);
  const chance = seededRandom(4);
  let most = 0;
  for (let i = 0; i < 1000; i++) most = Math.max(most, lose(chance.next() < 0.06 ? 1 : 0));
  assert.ok(most < 0.02, `two packets in a hundred: ${most} at most`);
});

test('a POP of which nothing came back is known by its loss alone', () => {
  const estimates = createEstimates(1);
  const entry = updateEstimate(estimates, { cell: 0, pop: 4 }, burst(Number.NaN, { lost: 3 }), how);
  assert.equal(creditOf(estimates, entry, STEP_MS, params), 0);
  assert.ok(excessLossRate(estimates, entry, STEP_MS) > 0.03);
});

/** Two POPs, 0 and 1000 km from the place; cells: place 0, network 1, leaf 2. */
function threeLevels() {
  const estimates = createEstimates(3);
  const source = { params, estimates, distances: Float32Array.of(0, 1000), priorBiasMs: new Float64Array(2) };
  const view = createCellView(2);
  const look = (leafCell = -1, networkCell = 1): readonly number[] => {
    viewCell(source, { placeId: 0, placeCell: 0, networkCell, leafCell, nowMs: STEP_MS }, view);
    return [...view.rttMs];
  };
  const feed = (cell: number, pop: number, rttMs: number, times = 1): void => {
    for (let i = 0; i < times; i++) updateEstimate(estimates, { cell, pop }, burst(rttMs), how);
  };
  return { estimates, view, look, feed };
}

test('a cell is prior where nothing was measured, and mostly its own bursts after some', () => {
  const { look, feed, view } = threeLevels();
  assert.deepEqual(look(), [4, 19.5]);
  assert.deepEqual([...view.priorShare], [1, 1]);
  feed(1, 0, 14);
  const [own, other] = look() as [number, number];
  assert.ok(own > 13 && own < 15.5, `${own}`);
  feed(1, 0, 14, 9);
  const [later] = look() as [number];
  assert.ok(later > 13.5 && later < 14.5, `${later}`);
  assert.ok(other > 22 && other < 34, `what the network adds counts everywhere: ${other}`);
  feed(0, 1, 15, 3);
  assert.ok((look()[1] as number) < other - 4, 'what the place knows helps');
});

test('the network itself counts most, then its AS, then the place; a wrong claim is let go', () => {
  const { look, feed, view } = threeLevels();
  feed(0, 0, 10, 20);
  const place = look(-1, -1)[0] as number;
  feed(1, 0, 30, 20);
  const network = look()[0] as number;
  feed(2, 0, 60, 20);
  const leaf = look(2)[0] as number;
  assert.ok(place > 8 && place < 11, `${place}`);
  assert.ok(network > 27 && network < 31, `${network}`);
  assert.ok(leaf > 59 && leaf < 60.5, `${leaf}`);
  assert.ok((view.priorShare[0] as number) < 0.01 && (view.deviationMs[0] as number) > 0);
  assert.equal(view.deviationMs[1], 0, 'nothing measured, no deviation');
});

test('a POP that a network never measured is never believed to beat the best that it did', () => {
  const rtt = fc.double({ min: 1, max: 400, noNaN: true });
  fc.assert(
    fc.property(rtt, rtt, fc.nat({ max: 5 }), (near, ofPlace, times) => {
      const { look, feed, estimates } = threeLevels();
      feed(0, 0, ofPlace, times);
      feed(2, 1, near);
      const [unmeasured] = look(2) as [number, number];
      const entry = findEstimate(estimates, 2, 1);
      const floor = levelMs(estimates, entry) + params.priorDeviationMs;
      assert.ok(unmeasured >= floor - 1e-3 || times > 0, `${unmeasured} < ${floor}`);
      assert.ok(Number.isFinite(unmeasured));
    }),
    { seed: 13, numRuns: 200 },
  );
});
