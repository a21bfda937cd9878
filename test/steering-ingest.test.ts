import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LocatedSample } from '../src/steering/accept.ts';
import { createCells, ensureCell, placeOf } from '../src/steering/cells.ts';
import { createEstimates, entryCount, firstEntry, levelMs, popAt } from '../src/steering/estimates.ts';
import { type Learned, learn } from '../src/steering/ingest.ts';
import { emptyLearning, type Learning } from '../src/steering/learning.ts';
import { emptyPopTerms } from '../src/steering/score.ts';
import { steeringParams } from './helpers/steering-params.ts';

const NOW_MS = 1_700_000_000_000;
const PLACES = 6;
const POPS = 4;
/** Nowhere: nothing is faster than light. */
const POP = { latitude: Number.NaN, longitude: Number.NaN };

function learning(leafMax = 400): Learning {
  const cells = createCells(PLACES, { networkMax: 40, leafMax });
  return emptyLearning(
    {
      params: steeringParams(),
      cells,
      estimates: createEstimates(cells.capacity),
      distances: new Float32Array(PLACES * POPS).fill(1000),
      terms: emptyPopTerms(POPS),
      alarmedAtMs: new Float64Array(POPS).fill(-Infinity),
    },
    { level: new Uint8Array(PLACES).fill(2), pops: Array.from({ length: POPS }, () => POP) },
  );
}

const sample = (change: Partial<LocatedSample> = {}): LocatedSample => ({
  popIndex: 0,
  placeId: 0,
  asn: 0,
  network: 7,
  rttMs: 20,
  jitterMs: 0.5,
  sent: 3,
  lost: 0,
  atMs: NOW_MS,
  modelled: false,
  ...change,
});

const someSample = fc
  .record({
    network: fc.integer({ min: -1, max: 60 }),
    popIndex: fc.nat({ max: POPS - 1 }),
    rttMs: fc.double({ min: 1, max: 300, noNaN: true }),
    isLost: fc.boolean(),
  })
  .map(({ network, popIndex, rttMs, isLost }) =>
    sample({
      network,
      popIndex,
      placeId: Math.abs(network) % PLACES,
      asn: network % 3 === 0 ? 0 : 1 + Math.abs(network % 5),
      ...(isLost && network % 7 === 0 ? { rttMs: undefined, lost: 3 } : { rttMs }),
    }),
  );
const manySamples = fc.array(someSample, { minLength: 1, maxLength: 300 });

/** What is known of a network, as text. */
function known({ cells, estimates }: Learning, network: number): string {
  const leaf = cells.leafIds.get(network);
  if (leaf < 0) return 'nothing';
  const from = firstEntry(leaf) * 4;
  return estimates.words.subarray(from, from + 4 * entryCount(estimates, leaf)).join(' ');
}

test('what a network learns is of its own bursts alone, however many others come in the same tick', () => {
  fc.assert(
    fc.property(manySamples, fc.integer({ min: 0, max: 60 }), (samples, network) => {
      const all = learning();
      const { accepted } = learn(all, samples, NOW_MS);
      assert.equal(accepted, samples.length);
      const alone = learning();
      learn(
        alone,
        samples.filter((one) => one.network === network),
        NOW_MS,
      );
      assert.equal(known(all, network), known(alone, network));
    }),
    { seed: 61, numRuns: 150 },
  );
});

test('each cell that changed is told of once, and so in every tick; each new one as it is made', () => {
  fc.assert(
    fc.property(manySamples, (samples) => {
      const state = learning();
      const first = learn(state, samples, NOW_MS);
      const second = learn(state, samples, NOW_MS + 1000);
      assert.deepEqual(cellsOf(first), cellsOf(second));
      assert.equal(new Set(first.touched).size, first.touched.length);
      assert.equal(new Set(first.madeCells).size, first.madeCells.length);
      const made = first.touched.filter((cell) => cell >= PLACES);
      assert.deepEqual(made.toSorted(byNumber), first.madeCells.toSorted(byNumber));
      assert.deepEqual(second.madeCells, []);
    }),
    { seed: 62, numRuns: 100 },
  );
});

const byNumber = (one: number, other: number): number => one - other;
const cellsOf = ({ touched }: Learned): number[] => touched.toSorted(byNumber);

test('a network that the databases put elsewhere moves with its next burst', () => {
  const state = learning();
  learn(state, [sample({ placeId: 1, asn: 5 })], NOW_MS);
  const leaf = state.cells.leafIds.get(7);
  assert.equal(placeOf(state.cells, leaf), 1);
  const { madeCells, touched } = learn(state, [sample({ placeId: 2, asn: 6 })], NOW_MS + 1000);
  assert.equal(placeOf(state.cells, leaf), 2);
  const network = ensureCell(state.cells, 2, 6);
  assert.deepEqual(madeCells, [network]);
  assert.deepEqual(touched, [leaf, network, 2]);
});

test('a refused burst changes nothing and is counted by why, among many that are taken', () => {
  const state = learning(1);
  const good = Array.from({ length: 100 }, (_, i) => sample({ rttMs: 20 + (i % 3) }));
  const refused = [sample({ popIndex: -1 }), sample({ placeId: -1 }), sample({ atMs: NOW_MS - 1e9 })];
  const mixed = good.flatMap((one, i) => (i % 30 === 5 ? [...refused, one] : [one]));
  const learned = learn(state, mixed, NOW_MS);
  const times = mixed.filter((one) => one === refused[0]).length;
  assert.deepEqual(learned.refused, {
    'unknown-pop': times,
    'unknown-network': times,
    'too-old': times,
  });
  assert.equal(learned.accepted, good.length);
  const alone = learning(1);
  learn(alone, good, NOW_MS);
  assert.deepEqual(state.estimates.words, alone.estimates.words);
});

test('where there is no room for a leaf, its AS at the place learns from the burst', () => {
  const state = learning(1);
  const { accepted } = learn(
    state,
    [sample(), sample({ network: 8, asn: 9, popIndex: 2, rttMs: 31 })],
    NOW_MS,
  );
  assert.equal(accepted, 2);
  const cell = ensureCell(state.cells, 0, 9);
  const entry = firstEntry(cell);
  assert.equal(popAt(state.estimates, entry), 2);
  assert.ok(Math.abs(levelMs(state.estimates, entry) - 31) < 0.2);
});
