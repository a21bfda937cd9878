import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRedisStore } from '../src/store/redis.ts';
import { type Store, StoreError } from '../src/store/store.ts';
import { heard, POPS, until } from './contract/harness.ts';
import { everyCall, storeContract } from './contract/store.ts';
import { batchAt } from './contract/store-samples.ts';
import { withoutRedis } from './helpers/redis.ts';
import { type ClusterSet, startClusterSet } from './helpers/redis-sets.ts';

const skip = withoutRedis();
let set: ClusterSet;
let clusters = 0;

before(async () => {
  if (skip === false) set = await startClusterSet();
});
after(() => set?.stop());

const open = (cluster: string, url = set.url) => openRedisStore({ url, cluster, pops: POPS });

storeContract({
  name: 'redis cluster',
  skip,
  open: async (options) => {
    const cluster = `c${clusters++}`;
    const one = () => openRedisStore({ url: set.url, cluster, pops: POPS, ...options });
    return await Promise.all([one(), one()]);
  },
  passMs: async (ms) => {
    await sleep(ms);
  },
});

/** Calls until it works again; how long that took, ms. */
async function outage(store: Store, sinceMs: number): Promise<number> {
  await until(
    () =>
      store.takeLease('one', 60_000).then(
        () => true,
        () => false,
      ),
    'it works again',
  );
  return Math.round(performance.now() - sinceMs);
}

test('a node that has no key of ours dies: nothing happens; nudges come again', { skip }, async () => {
  const { others } = await set.ownerOf('quiet');
  await set.well();
  const [first, second] = [await open('quiet'), await open('quiet')];
  try {
    for (const other of others) {
      await other.kill('SIGKILL');
      await Promise.all(everyCall(first));
      await sleep(2_600);
      await Promise.all(everyCall(first));
      const topics = heard(second);
      await until(async () => {
        await first.setOverride('FRA', undefined);
        return topics.has('overrides');
      }, 'nudges come, over another node if need be');
      await other.start();
      await set.well();
    }
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

test('the node that has our keys dies without a replica: calls fail in time, until it is back', {
  skip,
}, async () => {
  const { owner } = await set.ownerOf('lost');
  await set.well();
  const store = await open('lost');
  try {
    await Promise.all(everyCall(store));
    await owner.kill('SIGKILL');
    for (let i = 0; i < 3; i++) {
      const begunMs = performance.now();
      for (const result of await Promise.allSettled(everyCall(store))) {
        assert.equal(result.status, 'rejected');
        assert.ok(result.reason instanceof StoreError, String(result.reason));
      }
      assert.ok(performance.now() - begunMs < 3_000, `${performance.now() - begunMs} ms`);
      assert.equal(store.state().connected, false);
    }
    await owner.start();
    const backMs = performance.now();
    process.stdout.write(`# owner back: calls work after ${await outage(store, backMs)} ms\n`);
    await until(() => store.state().connected, 'the store says so');
    await Promise.all(everyCall(store));
  } finally {
    await store.close();
  }
});

test('the node that has our keys hangs: calls fail in time, and work when it wakes', { skip }, async () => {
  const { owner } = await set.ownerOf('hung');
  await set.well();
  const store = await open('hung');
  try {
    await owner.kill('SIGSTOP');
    const begunMs = performance.now();
    for (const { status } of await Promise.allSettled(everyCall(store))) assert.equal(status, 'rejected');
    assert.ok(performance.now() - begunMs < 3_000, `${performance.now() - begunMs} ms`);
    assert.equal(store.state().connected, false);
    await owner.kill('SIGCONT');
    await until(() => store.state().connected, 'it heals by itself');
    await until(async () => (await Promise.allSettled(everyCall(store))).every(isDone), 'all is well');
  } finally {
    await store.close();
  }
});

test('the node that has our keys dies, and has a replica: it takes over with what was stored', {
  skip,
}, async () => {
  const own = await startClusterSet({ withReplicas: true });
  const [first, second] = [await open('kept', own.url), await open('kept', own.url)];
  try {
    const { owner } = await own.ownerOf('kept');
    await Promise.all(everyCall(first));
    const { token } = await first.takeLease('one', 60_000);
    const { cursor } = await second.readSamples('', 100);
    await sleep(200);
    const diedMs = performance.now();
    await owner.kill('SIGKILL');
    process.stdout.write(`# owner killed: its replica serves after ${await outage(first, diedMs)} ms\n`);
    assert.equal((await first.lease())?.token, token);
    await until(() => first.state().connected, 'the store says so');
    await first.appendSamples(batchAt(2));
    await until(async () => (await second.readSamples(cursor, 9)).batches[0]?.atMs === 2, 'samples go on');
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

function isDone({ status }: PromiseSettledResult<unknown>): boolean {
  return status === 'fulfilled';
}
