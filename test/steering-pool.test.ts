import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgedPackets } from '../src/steering/alarm.ts';
import {
  beginTick,
  forgetWitnesses,
  newestPackets,
  newPool,
  noteBurst,
  noteResidual,
  residualsOf,
} from '../src/steering/pool.ts';

test('packets of the newest bursts count alone where loss has just begun', () => {
  const all = { sent: 300, lost: 11 };
  assert.deepEqual(judgedPackets(all, { sent: 36, lost: 11 }), { sent: 36, lost: 11 });
  assert.deepEqual(judgedPackets(all, { sent: 36, lost: 5 }), all, 'too few');
  const lossy = { sent: 300, lost: 90 };
  assert.deepEqual(judgedPackets(lossy, { sent: 36, lost: 12 }), lossy, 'no news');
  const pool = newPool();
  for (let i = 0; i < 100; i++) noteBurst(pool, 3, i < 90 ? 0 : 1);
  assert.deepEqual([pool.sent, pool.lost, newestPackets(pool)], [300, 10, { sent: 36, lost: 10 }]);
});

test('a pool keeps its newest witnesses, in order, for some seconds and until its POP changes', () => {
  const pool = newPool();
  beginTick(pool, 0);
  for (let i = 0; i < 300; i++) noteResidual(pool, { residualMs: i, standardised: -i, cell: i % 7 });
  const { residualMs, standardised, cells } = residualsOf(pool).tick;
  assert.deepEqual([residualMs.length, residualMs[0], residualMs.at(-1)], [256, 44, 299]);
  assert.deepEqual([standardised[0], cells[0]], [-44, 44 % 7]);
  beginTick(pool, 1000);
  for (let i = 0; i < 3; i++) noteResidual(pool, { residualMs: i, standardised: i, cell: i });
  const { tick, newest } = residualsOf(pool);
  assert.deepEqual(tick.residualMs, [0, 1, 2]);
  assert.deepEqual(newest.residualMs.slice(-5), [298, 299, 0, 1, 2]);
  forgetWitnesses(pool);
  noteResidual(pool, { residualMs: 9, standardised: 9, cell: 9 });
  assert.deepEqual(residualsOf(pool).newest.residualMs, [9]);
  beginTick(pool, 10_000);
  assert.deepEqual(residualsOf(pool).newest.residualMs, [], 'too long ago');
});
