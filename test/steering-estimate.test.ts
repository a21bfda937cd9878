import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Burst,
  createEstimates,
  creditOf,
  dropCell,
  ensureEstimate,
  excessLossRate,
  findEstimate,
  updateEstimate,
} from '../src/steering/estimate.ts';
import { packCell, popHashes, unpackCell } from '../src/steering/pack.ts';
import { createCellView, viewCell } from '../src/steering/rtt.ts';
import { steeringParams } from './helpers/steering-params.ts';

const params = steeringParams();
const how = { params, pooled: false, holdJumps: false, popLossRate: 0 };
const burst = (rttMs: number, change: Partial<Burst> = {}): Burst => ({
  rttMs,
  sent: 3,
  lost: 0,
  atMs: 1000,
  modelled: false,
  ...change,
});

/** One estimate fed with these RTTs, one a second. */
function fed(rtts: readonly number[], change: Partial<typeof how> = {}) {
  const estimates = createEstimates({ cellCount: 1, popCount: 1 });
  const slot = ensureEstimate(estimates, 0, 0);
  for (const [i, rtt] of rtts.entries())
    updateEstimate(estimates, slot, burst(rtt, { atMs: 1000 + i * 1000 }), { ...how, ...change });
  return { estimates, slot, level: estimates.level[slot] as number };
}

const steady = Array.from({ length: 20 }, (_, i) => 20 + (i % 2) * 0.5);

test('a level follows its bursts; one outlier barely moves it, a second alike is the new level', () => {
  assert.ok(Math.abs(fed(steady).level - 20.25) < 0.3);
  assert.ok(fed([...steady, 80]).level < 21);
  assert.equal(fed([...steady, 80, 81]).level, 81);
  assert.ok(fed([...steady, 80, 20]).level < 21, 'an outlier alone leaves no trace');
  assert.ok(fed([...steady, 80, 2]).level < 22, 'outliers on different sides are noise');
  assert.ok(fed([...steady, 80, 81], { holdJumps: true }).level < 22);
  assert.ok(fed([...steady, 80, 81], { pooled: true }).level < 22);
});

test('credit is bounded and fades with age', () => {
  const { estimates, slot } = fed(Array.from({ length: 100 }, () => 20));
  const atMs = estimates.atMs[slot] as number;
  assert.ok(creditOf(estimates, slot, atMs, params) <= params.burstsMax);
  assert.ok(
    Math.abs(creditOf(estimates, slot, atMs + params.ageMs, params) - params.burstsMax / Math.E) < 0.1,
  );
});

test('one lost packet is no loss; lost bursts are, and clean ones end it', () => {
  const { estimates, slot } = fed(steady);
  const lose = (lost: number): number => {
    const rttMs = lost === 3 ? Number.NaN : 20;
    updateEstimate(estimates, slot, burst(rttMs, { lost, atMs: 30_000 }), how);
    return excessLossRate(estimates, slot, 30_000);
  };
  assert.equal(lose(1), 0);
  assert.ok(lose(3) > 0.05);
  assert.ok(lose(3) > 0.15);
  for (let i = 0; i < 8; i++) lose(0);
  assert.equal(lose(0), 0);
});

test('a cell is prior where nothing was measured, and mostly its own bursts after one', () => {
  const distances = Float32Array.of(0, 1000);
  const estimates = createEstimates({ cellCount: 2, popCount: 2 });
  const source = { params, estimates, distances, priorBiasMs: new Float64Array(2) };
  const view = createCellView(2);
  const look = (): Float32Array => {
    viewCell(source, { placeId: 0, placeCell: 0, networkCell: 1, nowMs: 1000 }, view);
    return view.rttMs;
  };
  assert.deepEqual([...look()], [4, 19.5]);
  updateEstimate(estimates, ensureEstimate(estimates, 1, 0), burst(14), how);
  const [own, other] = look();
  assert.ok((own as number) > 13 && (own as number) < 15.5, `${own}`);
  assert.ok(
    (other as number) > 22 && (other as number) < 32,
    `what the network adds counts everywhere: ${other}`,
  );
  updateEstimate(estimates, ensureEstimate(estimates, 0, 1), burst(15), how);
  assert.ok((look()[1] as number) < (other as number) - 4, 'what the place knows helps');
});

test('room is bounded, and what is dropped makes room', () => {
  const estimates = createEstimates({ cellCount: 10, popCount: 4, max: 6 });
  const slots = Array.from({ length: 8 }, (_, i) => ensureEstimate(estimates, i, 0));
  assert.deepEqual(
    slots.map((slot) => slot >= 0),
    [true, true, true, true, true, true, false, false],
  );
  dropCell(estimates, 2);
  assert.equal(findEstimate(estimates, 2, 0), -1);
  assert.ok(ensureEstimate(estimates, 7, 3) >= 0);
});

test('packed estimates come back as they were, and noise is refused', () => {
  const { hashes, popOf } = popHashes(['FRA', 'AMS', 'LHR']);
  const rtts = fc.array(fc.tuple(fc.nat({ max: 2 }), fc.float({ min: 1, max: 500, noNaN: true })), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(rtts, fc.uint8Array({ maxLength: 80 }), (bursts, noise) => {
      const from = createEstimates({ cellCount: 1, popCount: 3 });
      for (const [pop, rtt] of bursts)
        updateEstimate(from, ensureEstimate(from, 0, pop), burst(rtt, { modelled: pop === 1 }), how);
      const packed = packCell(from, 0, hashes);
      assert.ok(packed !== undefined);
      const into = createEstimates({ cellCount: 1, popCount: 3 });
      assert.ok(unpackCell(into, 0, packed, popOf));
      assert.deepEqual(packCell(into, 0, hashes), packed);
      const before = into.slots.size;
      if (unpackCell(into, 0, noise, popOf)) assert.ok(noise.length >= 4);
      else assert.equal(into.slots.size, before);
    }),
  );
  assert.equal(packCell(createEstimates({ cellCount: 1, popCount: 3 }), 0, hashes), undefined);
});
