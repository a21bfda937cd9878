import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createOutbox } from '../src/probe/outbox.ts';
import { openRedisStore } from '../src/store/redis.ts';
import type { StoreMemory } from '../src/store/server.ts';
import { type Store, StoreError } from '../src/store/store.ts';
import { POPS, until } from './contract/harness.ts';
import { everyCall } from './contract/store.ts';
import { batchAt } from './contract/store-samples.ts';
import { startRedis, type TestRedis, withoutRedis } from './helpers/redis.ts';
import { ask } from './helpers/redis-sets.ts';
import { startSlowProxy } from './helpers/slow-proxy.ts';

const skip = withoutRedis();

function memoryOf(told: StoreMemory | string | undefined): StoreMemory {
  assert.ok(typeof told === 'object', String(told));
  return told;
}

/** A store that has its own Redis. */
async function withStore(
  run: (store: Store, redis: TestRedis) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  const redis = await startRedis({ args: () => [...args] });
  const store = await openRedisStore({ url: redis.url, cluster: 'trouble', pops: POPS });
  try {
    await run(store, redis);
  } finally {
    await store.close();
    await redis.stop();
  }
}

test('a full redis: writes are refused and say so, reads and the lease go on; with room all goes on', {
  skip,
}, async () => {
  await withStore(
    async (store, redis) => {
      const lease = await store.takeLease('one', 60_000);
      await store.publishImage({ epoch: 1, bytes: Uint8Array.of(1) }, lease.token);
      await store.setOverride('FRA', { pop: 'FRA', state: 'drain', reason: '', sinceMs: 1 });
      await store.appendSamples(batchAt(1));
      await ask(redis.port, 'SET', 'ballast', 'x'.repeat(4_000_000));
      await ask(redis.port, 'CONFIG', 'SET', 'maxmemory', '3mb');
      const { usedOctets, ...memory } = memoryOf(await store.memory());
      assert.deepEqual(memory, { maxOctets: 3 * 2 ** 20, evictedKeys: 0, evicts: false });
      assert.ok(usedOctets > 4_000_000 && usedOctets < 64 * 2 ** 20, `${usedOctets}`);
      const { errors } = store.state();
      const refused = [
        store.appendSamples(batchAt(2)),
        store.publishImage({ epoch: 2, bytes: Uint8Array.of(2) }, lease.token),
        store.putTargets(new Map([['FRA', [{ network: '192.0.2.0/24' }]]]), lease.token),
        store.setOverride('AMS', { pop: 'AMS', state: 'drain', reason: '', sinceMs: 1 }),
      ];
      for (const { reason } of (await Promise.allSettled(refused)) as PromiseRejectedResult[]) {
        assert.ok(reason instanceof StoreError, String(reason));
        assert.match(reason.message, /OOM.*maxmemory/);
      }
      assert.equal(store.state().errors, errors + refused.length);
      assert.match(store.state().lastError ?? '', /OOM/);
      assert.equal(store.state().connected, true, 'it is there, only full');
      assert.equal((await store.image())?.epoch, 1);
      assert.equal((await store.overrides()).length, 1);
      assert.deepEqual((await store.readSamples('', 10)).batches, [batchAt(1)]);
      assert.equal((await store.takeLease('one', 60_000)).token, lease.token, 'renewed');
      await store.setOverride('FRA', undefined);
      assert.equal((await store.overrides()).length, 0, 'what takes no room is done');

      await ask(redis.port, 'DEL', 'ballast');
      await Promise.all(everyCall(store));
      await store.publishImage({ epoch: 3, bytes: Uint8Array.of(3) }, lease.token);

      await ask(redis.port, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      for (let i = 0; i < 40; i++) await ask(redis.port, 'SET', `ballast ${i}`, 'x'.repeat(100_000));
      const { evicts, evictedKeys } = memoryOf(await store.memory());
      assert.ok(evicts && evictedKeys > 0, 'it throws away what is there');
    },
    ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction'],
  );
});

test('a redis that takes 400 ms: every call is done, the clock is known less well', { skip }, async () => {
  const redis = await startRedis();
  const proxy = await startSlowProxy(redis.port);
  const url = `redis://127.0.0.1:${proxy.port}`;
  const fast = await openRedisStore({ url: redis.url, cluster: 'slow', pops: POPS });
  const store = await openRedisStore({ url, cluster: 'slow', pops: POPS });
  try {
    proxy.setDelayMs(400);
    const outbox = createOutbox(store);
    for (let i = 0; i < 100; i++) outbox.put(batchAt(Date.now()));
    const timer = setInterval(() => outbox.flush(Date.now()), 50);
    await until(() => outbox.counts().waiting === 0, 'the outbox empties');
    clearInterval(timer);
    await until(async () => (await fast.readSamples('', 200)).batches.length === 100, 'all arrived');
    const begunMs = performance.now();
    const results = await Promise.allSettled(everyCall(store));
    assert.deepEqual(
      results.filter(({ status }) => status === 'rejected'),
      [],
    );
    assert.ok(performance.now() - begunMs > 390, 'it was slow');
    assert.equal(store.state().connected, true);

    const late = await openRedisStore({ url, cluster: 'slow', pops: POPS });
    await until(() => late.clockSkew() !== undefined, 'the clock is measured');
    const { skewMs = 0, errorMs = 0 } = late.clockSkew() ?? {};
    assert.ok(errorMs >= 195, `${errorMs}`);
    assert.ok(Math.abs(skewMs) <= errorMs + 5, `${skewMs} is within ${errorMs}`);
    await late.close();

    proxy.setDelayMs(1_300);
    await assert.rejects(store.reports(), /no answer within/);
    assert.equal(store.state().connected, false);
    proxy.setDelayMs(0);
    await until(() => store.state().connected, 'it heals by itself');
    await Promise.all(everyCall(store));
  } finally {
    await Promise.all([store.close(), fast.close()]);
    await proxy.stop();
    await redis.stop();
  }
});

test('a redis that stands still for a while: what waited in the outbox arrives', { skip }, async () => {
  await withStore(async (store, redis) => {
    const outbox = createOutbox(store);
    await ask(redis.port, 'CLIENT', 'PAUSE', '3000');
    const sent = Array.from({ length: 30 }, (_, i) => `10.0.${i}.0/24`);
    for (const network of sent) {
      const samples = [{ network, rttMs: 5, sent: 3, lost: 0 }];
      outbox.put({ pop: 'FRA', atMs: Date.now(), source: 'measured', samples });
      outbox.flush(Date.now());
      await sleep(100);
    }
    await until(() => {
      outbox.flush(Date.now());
      return outbox.counts().waiting === 0;
    }, 'the outbox empties');
    await until(async () => {
      const { batches } = await store.readSamples('', 1_000);
      const got = new Set(batches.flatMap(({ samples }) => samples.map(({ network }) => network)));
      return sent.every((network) => got.has(network));
    }, 'every batch arrived');
  });
});
