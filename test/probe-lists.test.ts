import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from '../src/base/clock.ts';
import { createOutbox } from '../src/probe/outbox.ts';
import { createTargetList } from '../src/probe/targets.ts';
import { TARGETS_MAX } from '../src/store/bounds.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { type SampleBatch, StoreError } from '../src/store/store.ts';
import { smallFleet } from './helpers/fleet.ts';

const fleet = smallFleet();

const plain = (networks: readonly string[]) => networks.map((network) => ({ network }));

/** Targets of a store, and the bursts that they ask for, in steps of 50 ms. */
function lists() {
  const store = createMemoryStore({ clock: manualClock(0) });
  const all = fleet.pops.map(({ code }) => [code, createTargetList(store, code)] as const);
  const bursts = (ms: number): string[] => {
    const made: string[] = [];
    for (let gone = 0; gone < ms; gone += 50)
      for (const [pop, list] of all) list.advance(50, ({ network }) => made.push(`${pop} ${network}`));
    return made;
  };
  const targets = { read: () => Promise.all(all.map(([, list]) => list.read())) };
  return { store, targets, bursts };
}

test('each burst on a list is made once, spread over most of a second; lists come on top', async () => {
  const { store, targets, bursts } = lists();
  const list = Array.from({ length: 60 }, (_, i) => `10.0.${i}.0/24`);
  await store.putTargets(
    new Map([
      ['FRA', plain(list)],
      ['JFK', plain(['10.9.9.0/24'])],
    ]),
  );
  await Promise.all([targets.read(), targets.read()]);
  const first = bursts(450);
  assert.ok(first.length >= 25 && first.length <= 35, `${first.length} after half of the time`);
  await store.putTargets(new Map([['FRA', plain(['10.0.99.0/24'])]]));
  await targets.read();
  const made = [...first, ...bursts(850)];
  assert.deepEqual(
    made.toSorted(),
    ['FRA 10.0.99.0/24', ...list.map((one) => `FRA ${one}`), 'JFK 10.9.9.0/24'].toSorted(),
  );
  await targets.read();
  assert.deepEqual(bursts(5_000), []);
});

test('lists that come too fast: the newest are kept; a store that is away gives none', async () => {
  const { store, targets, bursts } = lists();
  for (let i = 0; i < 3; i++) {
    await store.putTargets(
      new Map([['FRA', new Array(TARGETS_MAX - 1).fill({ network: `10.0.${i}.0/24` })]]),
    );
    await targets.read();
  }
  const made = bursts(1_000);
  assert.equal(made.length, TARGETS_MAX);
  assert.deepEqual(new Set(made), new Set(['FRA 10.0.1.0/24', 'FRA 10.0.2.0/24']));
  await store.putTargets(new Map([['FRA', plain(['10.0.0.0/24'])]]));
  await store.close();
  await targets.read();
  assert.deepEqual(bursts(1_000), []);
});

test('while the store is away batches wait, the newest thousand', async () => {
  const store = createMemoryStore({ clock: manualClock(0) });
  await store.close();
  const outbox = createOutbox(store);
  for (let atMs = 1; atMs <= 1_500; atMs++) {
    outbox.put({ pop: 'FRA', atMs, source: 'modelled', samples: [] });
    outbox.flush(atMs);
  }
  assert.deepEqual(outbox.counts(), { sent: 0, dropped: 500, waiting: 1_000, sentAtMs: 0 });
});

test('what a store that answers with errors did not take is sent again, in pauses', async () => {
  let isFull = true;
  let calls = 0;
  const taken: number[] = [];
  const sink = {
    state: () => ({ connected: true, address: 'test', errors: 0, damaged: 0 }),
    clockSkew: () => undefined,
    appendSamples: async ({ atMs }: SampleBatch) => {
      calls++;
      if (isFull) throw new StoreError('full');
      taken.push(atMs);
    },
  };
  const outbox = createOutbox(sink, 20_000);
  outbox.put({ pop: 'FRA', atMs: 0, source: 'measured', samples: [] });
  for (let atMs = 12_000; atMs < 15_000; atMs++)
    outbox.put({ pop: 'FRA', atMs, source: 'measured', samples: [] });
  for (let nowMs = 15_000; nowMs < 25_000; nowMs += 50) {
    outbox.flush(nowMs);
    await new Promise(setImmediate);
  }
  assert.ok(calls <= 64 * 10, `${calls} calls: it pauses`);
  isFull = false;
  for (let nowMs = 25_000; nowMs < 30_000; nowMs += 50) {
    outbox.flush(nowMs);
    await new Promise(setImmediate);
  }
  assert.equal(new Set(taken).size, 1_000, 'all that fits');
  const { sentAtMs, ...counts } = outbox.counts();
  assert.deepEqual(counts, { sent: 1_000, dropped: 2_001, waiting: 0 });
  assert.ok(sentAtMs >= 25_000 && sentAtMs < 30_000, `the last one went out at ${sentAtMs}`);
});
