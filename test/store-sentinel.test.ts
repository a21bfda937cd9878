import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createOutbox } from '../src/probe/outbox.ts';
import { openRedisStore } from '../src/store/redis.ts';
import { heard, POPS, until } from './contract/harness.ts';
import { everyCall } from './contract/store.ts';
import { batchAt } from './contract/store-samples.ts';
import { withoutRedis } from './helpers/redis.ts';
import { ask, type SentinelSet, startSentinelSet } from './helpers/redis-sets.ts';

const skip = withoutRedis();
let set: SentinelSet;

before(async () => {
  if (skip === false) set = await startSentinelSet();
});
after(() => set?.stop());

test('a primary that dies is replaced: what was stored is there, what waited arrives, nudges come again', {
  skip,
}, async () => {
  const [primary, replica] = set.servers;
  const open = () => openRedisStore({ url: set.url, cluster: 'sentinel', pops: POPS });
  const [first, second] = [await open(), await open()];
  const outbox = createOutbox(first);
  try {
    await Promise.all(everyCall(first));
    const { token } = await first.takeLease('one', 60_000);
    const { cursor } = await second.readSamples('', 100);
    await ask(primary.port, 'WAIT', '1', '2000');
    const errorsBefore = first.state().errors;
    const diedMs = performance.now();
    await primary.kill('SIGKILL');
    await until(() => !first.state().connected, 'the loss is noticed');
    const sent = Array.from({ length: 20 }, () => Date.now());
    for (const [i, atMs] of sent.entries()) outbox.put({ ...batchAt(atMs + i) });
    await until(() => {
      outbox.flush(Date.now());
      return outbox.counts().waiting === 0;
    }, 'the outbox empties');
    const outageMs = performance.now() - diedMs;
    await until(() => second.state().connected, 'both are connected');
    await until(async () => (await second.readSamples(cursor, 100)).batches.length === 20, 'all arrive');
    assert.equal((await second.lease())?.token, token, 'the lease went over to the new primary');
    assert.equal((await first.takeLease('one', 60_000)).token, token);
    await Promise.all(everyCall(second));
    assert.ok(first.state().errors > errorsBefore);
    assert.match(String(await ask(replica.port, 'ROLE')), /^master/);
    const topics = heard(second);
    await until(async () => {
      await first.setOverride('FRA', undefined);
      return topics.has('overrides');
    }, 'nudges come again');
    process.stdout.write(`# primary killed: writes go on after ${Math.round(outageMs)} ms\n`);

    await primary.start();
    const third = await open();
    await Promise.all([...everyCall(first), ...everyCall(third)]);
    assert.equal((await third.lease())?.token, token, 'who comes new comes to the new primary');
    await third.close();
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

test('sentinels that are all away: what is connected goes on; who comes new says why it is not', {
  skip,
}, async () => {
  const store = await openRedisStore({ url: set.url, cluster: 'sentinel', pops: POPS });
  try {
    await Promise.all(set.sentinels.map((one) => one.kill('SIGKILL')));
    await Promise.all(everyCall(store));
    const late = await openRedisStore({ url: set.url, cluster: 'sentinel', pops: POPS });
    await assert.rejects(late.overrides(), /sentinels are unreachable/);
    await Promise.all(set.sentinels.map((one) => one.start()));
    await until(() => late.state().connected, 'it connects when they are back');
    await Promise.all(everyCall(late));
    await late.close();
  } finally {
    await store.close();
  }
});
