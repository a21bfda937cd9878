import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { putEstimate } from '../src/steering/estimate.ts';
import {
  ageMsOf,
  burstsOf,
  createEstimates,
  deviationMsOf,
  dropCell,
  dropOldEntries,
  ENTRIES,
  ESTIMATED_POPS_MAX,
  type Estimates,
  ensureEntry,
  entryCount,
  findEstimate,
  firstEntry,
  isModelled,
  lastMs,
  levelMs,
  popAt,
  removeEntry,
} from '../src/steering/estimates.ts';
import { excessLossRate, forgetLosses, lossOf, putLoss, updateLoss } from '../src/steering/loss.ts';
import { someSaved } from './helpers/saved-estimates.ts';

const NOW_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

/** A cell with POPs at these levels, measured now. */
function cellOf(levels: readonly number[], atMs = NOW_MS): Estimates {
  const estimates = createEstimates(2);
  for (const [pop, level] of levels.entries()) put(estimates, pop, level, atMs);
  return estimates;
}

function put(estimates: Estimates, pop: number, level: number, atMs = NOW_MS): void {
  const saved = { level, deviation: 1, last: level, bursts: 3, modelled: false, atMs };
  putEstimate(estimates, { cell: 0, pop }, saved);
}

function popsOf(estimates: Estimates, cell = 0): number[] {
  return Array.from({ length: entryCount(estimates, cell) }, (_, i) =>
    popAt(estimates, firstEntry(cell) + i),
  );
}

test('every field comes back within its step', () => {
  fc.assert(
    fc.property(someSaved(NOW_MS, 17), fc.integer({ min: 0, max: ESTIMATED_POPS_MAX - 1 }), (saved, pop) => {
      const estimates = createEstimates(3);
      putEstimate(estimates, { cell: 1, pop }, saved);
      const entry = findEstimate(estimates, 1, pop);
      assert.equal(entry, firstEntry(1));
      assert.equal(popAt(estimates, entry), pop);
      assert.ok(Math.abs(levelMs(estimates, entry) - saved.level) <= 1 / 64 + 1e-9);
      assert.ok(Math.abs(Math.log(deviationMsOf(estimates, entry) / saved.deviation)) <= 0.03);
      assert.ok(Math.abs(Math.log(lastMs(estimates, entry) / saved.last)) <= 0.02);
      assert.equal(burstsOf(estimates, entry), saved.bursts);
      assert.equal(isModelled(estimates, entry), saved.modelled);
      assert.ok(Math.abs(ageMsOf(estimates, entry, NOW_MS) - (NOW_MS - saved.atMs)) < 1000);
      assert.equal(ageMsOf(estimates, entry, saved.atMs - 10_000), 0, 'a little in the future is now');
      assert.deepEqual(
        [popsOf(estimates, 0), popsOf(estimates, 2)],
        [[], []],
        'its neighbours are as they were',
      );
    }),
    { seed: 21, numRuns: 500 },
  );
});

test('a cell keeps the POPs with the lowest levels', () => {
  const levels = fc.uniqueArray(fc.integer({ min: 1, max: 1900 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(levels, (all) => {
      const estimates = cellOf(all);
      const wanted = [...all].sort((one, other) => one - other).slice(0, ENTRIES);
      const kept = popsOf(estimates).map((pop) => all[pop] as number);
      assert.deepEqual(
        kept.toSorted((one, other) => one - other),
        wanted,
      );
      assert.equal(estimates.used, wanted.length);
    }),
    { seed: 22, numRuns: 300 },
  );
});

test('a full cell: a slower POP finds no room, a faster one takes that of the slowest', () => {
  const estimates = cellOf(Array.from({ length: ENTRIES }, (_, i) => 10 * (i + 1)));
  const slowest = findEstimate(estimates, 0, ENTRIES - 1);
  putLoss(estimates, slowest, { excess: 4, sent: 20, atMs: NOW_MS });
  assert.equal(ensureEntry(estimates, { cell: 0, pop: 50 }, { rttMs: 500, atMs: NOW_MS }), -1);
  assert.equal(
    ensureEntry(estimates, { cell: 0, pop: 50 }, { rttMs: Number.NaN, atMs: NOW_MS }),
    -1,
    'nor one that is lost',
  );
  assert.equal(ensureEntry(estimates, { cell: 0, pop: 50 }, { rttMs: 50, atMs: NOW_MS }), slowest);
  assert.equal(findEstimate(estimates, 0, ENTRIES - 1), -1);
  assert.deepEqual([burstsOf(estimates, slowest), lossOf(estimates, slowest).excess], [0, 0]);
  assert.equal(estimates.used, ENTRIES);
});

test('a full cell keeps those with the lowest round-trip time and price', () => {
  const estimates = cellOf(Array.from({ length: ENTRIES }, (_, i) => 10 * (i + 1)));
  const extraMs = new Float64Array(64);
  extraMs[2] = 500;
  extraMs[50] = 600;
  const burst = { rttMs: 5, atMs: NOW_MS };
  assert.equal(ensureEntry(estimates, { cell: 0, pop: 50 }, burst, extraMs), -1, 'dearer than any');
  const dear = findEstimate(estimates, 0, 2);
  assert.equal(ensureEntry(estimates, { cell: 0, pop: 51 }, { rttMs: 300, atMs: NOW_MS }, extraMs), dear);
  assert.equal(findEstimate(estimates, 0, 2), -1);
});

test('POPs that never answered do not keep out one that does', () => {
  const estimates = createEstimates(1);
  for (let pop = 0; pop < ENTRIES; pop++)
    assert.ok(ensureEntry(estimates, { cell: 0, pop: pop }, { rttMs: Number.NaN, atMs: NOW_MS }) >= 0);
  put(estimates, 40, 300);
  assert.ok(findEstimate(estimates, 0, 40) >= 0);
  assert.equal(estimates.used, ENTRIES);
});

test('an entry that nobody measured for an hour makes room for any', () => {
  const estimates = cellOf(Array.from({ length: ENTRIES }, (_, i) => 10 * (i + 1)));
  put(estimates, 3, 40, NOW_MS - 2 * HOUR_MS);
  const later = NOW_MS + 1000;
  const fastButStale = findEstimate(estimates, 0, 3);
  assert.equal(ensureEntry(estimates, { cell: 0, pop: 60 }, { rttMs: 900, atMs: later }), fastButStale);
  assert.equal(findEstimate(estimates, 0, 3), -1);
  assert.notEqual(findEstimate(estimates, 0, 0), -1);
});

test('removeEntry keeps the others, and what they lost', () => {
  const given = fc
    .integer({ min: 1, max: ENTRIES })
    .chain((count) => fc.tuple(fc.constant(count), fc.nat({ max: count - 1 })));
  fc.assert(
    fc.property(given, ([count, removed]) => {
      const estimates = cellOf(Array.from({ length: count }, (_, i) => 10 + i));
      for (let pop = 0; pop < count; pop++)
        putLoss(estimates, findEstimate(estimates, 0, pop), { excess: pop + 1, sent: 50, atMs: NOW_MS });
      removeEntry(estimates, 0, findEstimate(estimates, 0, removed));
      const left = Array.from({ length: count }, (_, pop) => pop).filter((pop) => pop !== removed);
      assert.deepEqual(
        popsOf(estimates).toSorted((one, other) => one - other),
        left,
      );
      for (const pop of left) {
        const entry = findEstimate(estimates, 0, pop);
        assert.equal(levelMs(estimates, entry), 10 + pop);
        assert.equal(lossOf(estimates, entry).excess, pop + 1);
      }
      assert.equal(estimates.losses.size, left.length);
      assert.equal(estimates.used, left.length);
    }),
    { seed: 23, numRuns: 200 },
  );
});

test('`used` is what is in use, whatever is put, removed and dropped', () => {
  const step = fc.oneof(
    fc.record({
      put: fc.nat({ max: 30 }),
      level: fc.integer({ min: 1, max: 500 }),
      cell: fc.nat({ max: 2 }),
    }),
    fc.record({ remove: fc.nat({ max: ENTRIES - 1 }), cell: fc.nat({ max: 2 }) }),
    fc.record({ drop: fc.nat({ max: 2 }) }),
    fc.record({ old: fc.nat({ max: 2 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const estimates = createEstimates(3);
      for (const [i, one] of steps.entries()) {
        const atMs = NOW_MS + i * 200_000;
        if ('put' in one) {
          const saved = { level: one.level, deviation: 1, last: 1, bursts: 1, modelled: false, atMs };
          putEstimate(estimates, { cell: one.cell, pop: one.put }, saved);
          putLoss(estimates, findEstimate(estimates, one.cell, one.put), { excess: 2, sent: 9, atMs });
        } else if ('remove' in one) {
          const entry = firstEntry(one.cell) + one.remove;
          if (one.remove < entryCount(estimates, one.cell)) removeEntry(estimates, one.cell, entry);
        } else if ('drop' in one) dropCell(estimates, one.drop);
        else dropOldEntries(estimates, one.old, atMs, 2_000_000);
      }
      const pops = [0, 1, 2].map((cell) => popsOf(estimates, cell));
      assert.equal(estimates.used, pops.flat().length);
      for (const own of pops) assert.equal(new Set(own).size, own.length, 'each POP once');
      for (const entry of estimates.losses.keys())
        assert.ok(popAt(estimates, entry) >= 0, 'losses are of entries in use');
    }),
    { seed: 24, numRuns: 300 },
  );
});

test('old entries go, fresh ones stay', () => {
  const estimates = cellOf([10, 20, 30]);
  put(estimates, 1, 20, NOW_MS - 13 * HOUR_MS);
  dropOldEntries(estimates, 0, NOW_MS, 12 * HOUR_MS);
  assert.deepEqual(popsOf(estimates).toSorted(), [0, 2]);
});

test('loss: a POP that loses packets explains twice as much in a cell; unmeasured it fades', () => {
  const estimates = cellOf([10]);
  const lose = (lost: number, popLossRate: number): number => {
    for (let i = 0; i < 5; i++) updateLoss(estimates, 0, { sent: 10, lost, atMs: NOW_MS }, popLossRate);
    return excessLossRate(estimates, 0, NOW_MS);
  };
  assert.equal(lose(2, 0.1), 0);
  assert.ok(lose(6, 0.1) > 0.2);
  const rate = excessLossRate(estimates, 0, NOW_MS);
  assert.ok(Math.abs(excessLossRate(estimates, 0, NOW_MS + 60_000) - rate / Math.E) < 1e-9);
  for (let i = 0; i < 60; i++) updateLoss(estimates, 0, { sent: 10, lost: 0, atMs: NOW_MS }, 0);
  assert.equal(estimates.losses.size, 0, 'nothing is kept of what is over');
  const two = cellOf([10, 12]);
  for (const entry of [0, 1]) updateLoss(two, entry, { sent: 3, lost: 3, atMs: NOW_MS }, 0);
  const forgiven: number[] = [];
  forgetLosses(two, popAt(two, 0), forgiven);
  assert.deepEqual(forgiven, [0]);
  assert.equal(excessLossRate(two, 0, NOW_MS), 0, "its POP's loss is over");
  assert.ok(excessLossRate(two, 1, NOW_MS) > 0);
});

test('loss is between none and all, and more packets lost are never less of it', () => {
  const bursts = fc.array(
    fc.integer({ min: 1, max: 20 }).chain((sent) => fc.tuple(fc.constant(sent), fc.nat({ max: sent }))),
    { minLength: 1, maxLength: 30 },
  );
  fc.assert(
    fc.property(bursts, fc.double({ min: 0, max: 1, noNaN: true }), (all, popLossRate) => {
      const estimates = cellOf([10]);
      const more = cellOf([10]);
      for (const [sent, lost] of all) {
        updateLoss(estimates, 0, { sent, lost, atMs: NOW_MS }, popLossRate);
        updateLoss(more, 0, { sent, lost: sent, atMs: NOW_MS }, popLossRate);
      }
      const rate = excessLossRate(estimates, 0, NOW_MS);
      assert.ok(rate >= 0 && rate <= 1);
      assert.ok(excessLossRate(more, 0, NOW_MS) >= rate - 1e-9);
    }),
    { seed: 25, numRuns: 300 },
  );
});
