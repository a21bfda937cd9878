import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { openRedisStore } from '../src/store/redis.ts';
import { type Store, StoreError } from '../src/store/store.ts';
import { heard, POPS, until } from './contract/harness.ts';
import { everyCall, reportOf, storeContract } from './contract/store.ts';
import { viewOf } from './contract/store-health.ts';
import { batchAt } from './contract/store-samples.ts';
import { startRedis, type TestRedis, withoutRedis } from './helpers/redis.ts';

const skip = withoutRedis();
let redis: TestRedis;
let clusters = 0;
/** A new, empty cluster. */
const newCluster = () => `test-${clusters++}`;

before(async () => {
  if (skip === false) redis = await startRedis();
});
after(() => redis?.stop());

storeContract({
  name: 'redis',
  skip,
  open: async (options) => {
    const cluster = newCluster();
    const open = () => openRedisStore({ url: redis.url, cluster, pops: POPS, ...options });
    return await Promise.all([open(), open()]);
  },
  passMs: async (ms) => {
    await sleep(ms);
  },
});

/** Asserts that every call rejects with a StoreError, and soon. */
async function assertAllReject(store: Store): Promise<void> {
  const begunMs = performance.now();
  for (const { status, reason } of (await Promise.allSettled(everyCall(store))) as PromiseRejectedResult[]) {
    assert.equal(status, 'rejected');
    assert.ok(reason instanceof StoreError, String(reason));
  }
  // The limit of one call is 1 s; the rest is for a machine that is busy with other tests.
  assert.ok(performance.now() - begunMs < 3_000, `${performance.now() - begunMs} ms`);
}

test('redis killed and started again: calls reject, then work, and nudges come again', { skip }, async () => {
  const own = await startRedis();
  const cluster = newCluster();
  const first = await openRedisStore({ url: own.url, cluster, pops: POPS });
  const second = await openRedisStore({ url: own.url, cluster, pops: POPS });
  try {
    await first.putReport(reportOf('FRA', true));
    const underWay = Promise.allSettled(everyCall(first));
    await own.kill('SIGKILL');
    await underWay;
    await assertAllReject(first);
    assert.equal(first.state().connected, false);
    assert.ok(first.state().errors > 0);
    await own.start();
    await until(() => first.state().connected && second.state().connected, 'both are connected again');
    await Promise.all(everyCall(first));
    const topics = heard(second);
    await until(async () => {
      await first.setOverride('FRA', undefined);
      return topics.has('overrides');
    }, 'nudges come again');
  } finally {
    await Promise.all([first.close(), second.close()]);
    await own.stop();
  }
});

test('redis hung: calls reject in time, the connection is made anew when it wakes', { skip }, async () => {
  const own = await startRedis();
  const store = await openRedisStore({ url: own.url, cluster: newCluster(), pops: POPS });
  try {
    await own.kill('SIGSTOP');
    await assertAllReject(store);
    assert.equal(store.state().connected, false);
    await own.kill('SIGCONT');
    await until(
      () =>
        store.reports().then(
          () => store.state().connected,
          () => false,
        ),
      'it works again',
    );
  } finally {
    await store.close();
    await own.stop();
  }
});

test('close is quick while redis hangs', { skip }, async () => {
  const own = await startRedis();
  const store = await openRedisStore({ url: own.url, cluster: newCluster(), pops: POPS });
  await own.kill('SIGSTOP');
  const begunMs = performance.now();
  const calls = Promise.allSettled(everyCall(store));
  await store.close();
  assert.ok(performance.now() - begunMs < 1_500, `${performance.now() - begunMs} ms`);
  for (const { status } of await calls) assert.equal(status, 'rejected');
  await own.stop();
});

test('a store opened before its redis is there connects later', { skip }, async () => {
  const own = await startRedis();
  await own.kill('SIGKILL');
  const store = await openRedisStore({ url: own.url, cluster: newCluster(), pops: POPS });
  try {
    await assertAllReject(store);
    assert.match(store.state().lastError ?? '', /ECONNREFUSED/);
    await own.start();
    await until(() => store.state().connected, 'it connects');
    await Promise.all(everyCall(store));
  } finally {
    await store.close();
    await own.stop();
  }
});

test('garbage in keys is skipped and counted', { skip }, async () => {
  const cluster = newCluster();
  const store = await openRedisStore({ url: redis.url, cluster, pops: POPS });
  const vandal = new Redis(redis.url);
  const key = (name: string) => `{${cluster}}:${name}`;
  try {
    await store.appendSamples(batchAt(1));
    for (const bad of ['', '{', '[]', '[2,"FRA",1,"modelled",[]]', '[1,"FRA",1,"modelled",[["n",-1,5,0]]]'])
      await vandal.xadd(key('samples:FRA'), '*', 'b', bad);
    await vandal.xadd(key('samples:FRA'), '*', 'other', 'field');
    await store.appendSamples(batchAt(2));
    assert.deepEqual((await store.readSamples('', 100)).batches, [batchAt(1), batchAt(2)]);
    assert.equal(store.state().damaged, 6);

    await store.putReport(reportOf('FRA', true));
    const farFuture = '99999999999999 ';
    await vandal.mset(key('report:AMS'), '{}', key('report:JFK'), JSON.stringify(reportOf('AMS', true)));
    assert.deepEqual(await store.reports(), [reportOf('FRA', true)], "nor one that is another POP's");
    await vandal.mset(key('demand:FRA'), '[["n"]]', key('demand:AMS'), '');
    assert.deepEqual(await store.demand(), []);
    await vandal.set(key('targets:FRA'), '[1,[["n","by air",null,null]]]');
    assert.deepEqual(await store.takeTargets('FRA'), []);
    assert.equal(store.state().damaged, 11);
    await store.putHealth(viewOf('agent:FRA', 1), false);
    await vandal.set(key('health:agent:AMS'), '[1,"agent:FRA",1,[]]');
    await vandal.hset(key('health'), { a: 'x', b: '5', c: `${farFuture}{}`, __proto__x: '' });
    assert.deepEqual(await store.healthViews(), [viewOf('agent:FRA', 1)]);
    await vandal.hset(key('overrides'), { a: '{"pop":"A"}', b: '7' });
    assert.deepEqual(await store.overrides(), []);
    await vandal.hset(key('model'), {
      a: '{"pop":"A","lossRate":2}',
      b: '{"pop":"B","lossRate":1,"other":3}',
    });
    assert.deepEqual(await store.modelChanges(), [{ pop: 'B', lossRate: 1 }]);
    assert.equal(store.state().damaged, 19);

    await vandal.hset(key('image'), { epoch: 'soon', bytes: 'x' });
    assert.equal(await store.imageEpoch(), 0);
    assert.equal(await store.image(), undefined);
    assert.equal(await store.publishImage({ epoch: 1, bytes: Uint8Array.of(5) }), true);
    assert.equal(await store.imageEpoch(), 1);

    await vandal.del(key('report:FRA'), key('samples:FRA'));
    await vandal.del(key('image'));
    await vandal.set(key('image'), 'a text');
    await vandal.set(key('samples:FRA'), 'a text');
    await assert.rejects(store.image(), StoreError);
    assert.deepEqual(await store.reports(), []);
    await assert.rejects(store.readSamples('', 1), StoreError);
    await vandal.publish(key('nudge:image'), 'nonsense');
    assert.equal(store.state().connected, true);
  } finally {
    vandal.disconnect();
    await store.close();
  }
});

test('a reader whose redis lost its data and its clock begins again', { skip }, async () => {
  const cluster = newCluster();
  const store = await openRedisStore({ url: redis.url, cluster, pops: POPS });
  try {
    await store.appendSamples(batchAt(1));
    const { batches } = await store.readSamples('FRA=99999999999999-0', 10);
    assert.deepEqual(batches, [batchAt(1)]);
  } finally {
    await store.close();
  }
});

test('who reads invalidations of a redis that lost its data is told that some were missed', {
  skip,
}, async () => {
  const cluster = newCluster();
  const raw = new Redis(redis.url);
  const store = await openRedisStore({ url: redis.url, cluster });
  try {
    await store.addInvalidation({ pattern: '/a' });
    const { cursor } = await store.readInvalidations('');
    assert.deepEqual(await store.readInvalidations(cursor), { invalidations: [], missed: false, cursor });
    await raw.del(`{${cluster}}:invalidations`);
    const lost = await store.readInvalidations(cursor);
    assert.deepEqual([lost.invalidations, lost.missed], [[], true]);
    await store.addInvalidation({ pattern: '/b' });
    const next = await store.readInvalidations(lost.cursor);
    assert.deepEqual([next.invalidations, next.missed], [[{ pattern: '/b' }], false]);
    // Another that was written after the loss, before it was seen: its reader missed what came between.
    assert.equal((await store.readInvalidations(cursor)).missed, true);
  } finally {
    raw.disconnect();
    await store.close();
  }
});

test('estimates that are too old are removed by who saves others', { skip }, async () => {
  const cluster = newCluster();
  const store = await openRedisStore({ url: redis.url, cluster, estimatesExpiryMs: 1_000 });
  const raw = new Redis(redis.url);
  const count = async () => {
    const keys = Array.from({ length: 16 }, (_, shard) => `{${cluster}}:estimates:${shard}`);
    const lengths = await Promise.all(keys.map((key) => raw.hlen(key)));
    return lengths.reduce((sum, length) => sum + length, 0);
  };
  const some = (name: string, number: number) =>
    new Map(Array.from({ length: number }, (_, i) => [`${name}${i}`, Uint8Array.of(1)]));
  try {
    await store.putEstimates(some('old', 1_000));
    assert.equal(await count(), 1_000);
    const young = some('young', 100);
    for (let i = 0; i < 6; i++) {
      await sleep(500);
      for (let k = 0; k < 20; k++) await store.putEstimates(young);
    }
    assert.equal(await count(), young.size);
  } finally {
    raw.disconnect();
    await store.close();
  }
});
