import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLoadMeter, IDLE, type PopLoad } from '../../src/pop/load.ts';

/** What is told of a POP's load while it is steady, rises and falls. */

/** A meter whose clients ask at a rate, evenly, for so many seconds; then its load. */
function metered(seconds: number, rateAt: (second: number) => number): PopLoad {
  let nowMs = 0;
  const meter = createLoadMeter({ monotonicMs: () => nowMs, serviceOf: () => 'web', aheadMs: 2_000 });
  const served = { popIndex: 0, linkIndex: 3, host: 'www.cdn.example', octets: 1_250 };
  let owed = 0;
  for (; nowMs < seconds * 1000; nowMs++) {
    owed += rateAt(nowMs / 1000) / 1000;
    for (; owed >= 1; owed--) meter.count({ ...served, clientAddress: `192.0.${nowMs % 2}.9` });
  }
  return meter.of(0);
}

const demandOf = ({ demand }: PopLoad): number => demand.reduce((sum, { rps }) => sum + rps, 0);

test('a steady load is its mean, by network and link; nothing asked is idle, always the same object', () => {
  const load = metered(10, () => 800);
  assert.equal(load.rps, 800);
  assert.deepEqual(
    load.demand.map(({ network, rps, service }) => [network, Math.round(rps), service]),
    [
      ['192.0.1.0/24', 400, 'web'],
      ['192.0.0.0/24', 400, 'web'],
    ],
  );
  assert.equal(load.mbps.get(3), 8);
  assert.equal(
    metered(10, (second) => (second < 7 ? 800 : 0)),
    IDLE,
  );
});

test('a rise is told at once, and demand as it will be; a step, after four seconds as what it is', () => {
  const flood = metered(10, (second) => 100 * Math.max(1, second - 5));
  // 500 a second now, and 700 two seconds later; of the slope what chance may have made is taken off.
  assert.ok(flood.rps > 445 && flood.rps < 510, String(flood.rps));
  assert.ok(demandOf(flood) > 580 && demandOf(flood) < 700, String(demandOf(flood)));
  assert.equal(Math.round(flood.expectedRps), Math.round(demandOf(flood)));
  const stepAt = (afterS: number) => metered(10 + afterS, (second) => (second < 10 ? 100 : 400));
  assert.equal(stepAt(0.51).rps, 400);
  assert.ok(stepAt(1).expectedRps <= 800, 'at most twice as much is expected');
  const stood = demandOf(stepAt(4));
  assert.ok(stood >= 400 && stood < 1.02 * 400, String(stood));
  const fall = metered(6.01, (second) => (second < 5 ? 400 : 100));
  assert.deepEqual([fall.rps, demandOf(fall)], [250, 250]);
});

test('a flood of few networks is told as theirs', () => {
  let nowMs = 0;
  const meter = createLoadMeter({ monotonicMs: () => nowMs, serviceOf: () => 'web', aheadMs: 2_000 });
  const served = { popIndex: 0, linkIndex: 0, host: 'www.cdn.example', octets: 1 };
  for (; nowMs < 10_000; nowMs++) {
    if (nowMs % 10 === 0) meter.count({ ...served, clientAddress: `192.0.${nowMs % 7}.9` });
    const floodPerMs = Math.max(0, nowMs - 6_000) / 8_000;
    for (let k = Math.floor(nowMs * floodPerMs); k < Math.floor((nowMs + 1) * floodPerMs); k++)
      meter.count({ ...served, clientAddress: '198.51.100.7' });
  }
  const { demand, expectedRps, rps } = meter.of(0);
  const flooding = demand.find(({ network }) => network === '198.51.100.0/24')?.rps ?? 0;
  assert.ok(
    expectedRps > 1.2 * rps && flooding > 0.75 * expectedRps,
    `${flooding} of ${expectedRps}, ${rps}`,
  );
});
