import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { OperatorError } from '../src/base/errors.ts';
import { watchStoreMemory } from '../src/cli/store-memory.ts';
import { openRedisStore } from '../src/store/redis.ts';
import { aclRules } from '../src/store/redis-acl.ts';
import { StoreError } from '../src/store/store.ts';
import { heard, POPS, until } from './contract/harness.ts';
import { everyCall } from './contract/store.ts';
import { startRedis, type TestRedis, withoutRedis } from './helpers/redis.ts';
import { tlsArguments, withoutTls } from './helpers/redis-tls.ts';

const skip = withoutRedis();
const cluster = 'access';
let redis: TestRedis;

before(async () => {
  if (skip === false) redis = await startRedis();
});
after(() => redis?.stop());

test("a user with every role's rights is enough; a wrong password says so", { skip }, async () => {
  const admin = new Redis(redis.url);
  const rules = ['on', '>p%40ss:w/rd', ...aclRules('up', cluster).split(' ')];
  await admin.call('ACL', 'SETUSER', 'isochrone', ...rules);
  const url = (password: string) =>
    `redis://isochrone:${encodeURIComponent(password)}@127.0.0.1:${redis.port}/0`;
  const store = await openRedisStore({ url: url('p%40ss:w/rd'), cluster, pops: POPS });
  const stranger = await openRedisStore({ url: url('guess'), cluster, pops: POPS });
  try {
    await Promise.all(everyCall(store));
    const topics = heard(store);
    await store.setOverride('FRA', undefined);
    await until(() => topics.has('overrides'), 'the nudge is heard');
    assert.deepEqual([store.state().errors, store.state().lastError], [0, undefined]);
    assert.equal(store.state().address, `redis://127.0.0.1:${redis.port}/0`);
    await assert.rejects(stranger.reports(), /WRONGPASS/);
  } finally {
    admin.disconnect();
    await Promise.all([store.close(), stranger.close()]);
  }
});

test('a user without the right to ask for memory: said once, no error, and nothing is known', {
  skip,
}, async () => {
  const admin = new Redis(redis.url);
  await admin.call('ACL', 'SETUSER', 'blind', 'on', '>p', ...aclRules('up', cluster).split(' '), '-info');
  const url = `redis://blind:p@127.0.0.1:${redis.port}/0`;
  const store = await openRedisStore({ url, cluster, pops: POPS });
  const own = await openRedisStore({ url: redis.url, cluster, pops: POPS });
  const said: string[] = [];
  const closes: (() => unknown)[] = [];
  const parts = {
    log: (text: string) => said.push(text),
    closeLater: (close: () => unknown) => closes.push(close),
  };
  try {
    const blind = watchStoreMemory(store, parts);
    const sees = watchStoreMemory(own, parts);
    await until(() => said.length > 0 && sees() !== undefined, 'both have answers');
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /^redis:\S+ does not tell its memory, .*NOPERM.*'info'/);
    assert.deepEqual([blind(), store.state().errors], [undefined, 0]);
    assert.deepEqual(
      { ...sees(), usedOctets: 0 },
      { usedOctets: 0, maxOctets: 0, evictedKeys: 0, evicts: false },
    );
    await Promise.all(everyCall(store));
  } finally {
    for (const close of closes) close();
    admin.disconnect();
    await Promise.all([store.close(), own.close()]);
  }
});

test('rediss:// works with the right CA only', { skip: skip || withoutTls() }, async () => {
  const own = await startRedis({ args: (folder, port) => tlsArguments(folder, port, 'no') });
  const url = `rediss://localhost:${own.port}/0`;
  const store = await openRedisStore({ url: `${url}?ca=${join(own.folder, 'ca.crt')}`, cluster, pops: POPS });
  const distrustful = await openRedisStore({ url, cluster, pops: POPS });
  try {
    await Promise.all(everyCall(store));
    await assert.rejects(distrustful.reports(), /certificate/);
    await assert.rejects(
      openRedisStore({ url: `${url}?ca=${join(own.folder, 'none.crt')}`, cluster }),
      (error) => error instanceof OperatorError && error.code === 'bad-config',
    );
  } finally {
    await Promise.all([store.close(), distrustful.close()]);
    await own.stop();
  }
});

test('a redis that asks for a certificate is entered with one, and not without', {
  skip: skip || withoutTls(),
}, async () => {
  const own = await startRedis({ args: (folder, port) => tlsArguments(folder, port, 'yes') });
  const file = (name: string) => join(own.folder, name);
  const url = `rediss://localhost:${own.port}/0?ca=${file('ca.crt')}`;
  const certified = await openRedisStore({
    url: `${url}&cert=${file('client.crt')}&key=${file('client.key')}`,
    cluster,
    pops: POPS,
  });
  const nameless = await openRedisStore({ url, cluster, pops: POPS });
  try {
    await Promise.all(everyCall(certified));
    await assert.rejects(nameless.reports(), StoreError);
    await assert.rejects(
      openRedisStore({ url: `${url}&cert=${file('none.crt')}&key=${file('none.key')}`, cluster }),
      (error) => error instanceof OperatorError && error.problems.length === 2,
    );
  } finally {
    await Promise.all([certified.close(), nameless.close()]);
    await own.stop();
  }
});
