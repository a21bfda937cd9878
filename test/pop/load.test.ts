import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLoadMeter, IDLE, type PopLoad } from '../../src/pop/load.ts';

/** What is told of a POP's load while it is steady, rises and falls. */

/** A meter whose clients ask at a rate, evenly, for so many seconds; then its load. */
function metered(seconds: number, rateAt: (second: number) => number): PopLoad {
  let nowMs = 0;
  const meter = createLoadMeter({ monotonicMs: () => nowMs, serviceOf: () => 'web' });
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

test('a rise is told within half a second, and demand as it will be; a step, as what it is', () => {
  const flood = metered(10, (second) => 100 * Math.max(1, second - 5));
  // 500 a second now; the newest part that is over had 425 at least.
  assert.ok(flood.rps > 420 && flood.rps < 500, String(flood.rps));
  assert.ok(demandOf(flood) > 600 && demandOf(flood) < 720, String(demandOf(flood)));
  const step = metered(6.01, (second) => (second < 5 ? 100 : 400));
  assert.deepEqual([step.rps, demandOf(step)], [400, 400]);
  const fall = metered(6.01, (second) => (second < 5 ? 400 : 100));
  assert.deepEqual([fall.rps, demandOf(fall)], [250, 250]);
});
