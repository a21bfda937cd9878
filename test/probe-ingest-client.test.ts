import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Clock, manualClock } from '../src/base/clock.ts';
import { createIngestClient } from '../src/probe/ingest-client.ts';
import { type Ingest, startIngest } from '../src/probe/ingest-server.ts';
import { createTokens } from '../src/probe/ingest-tokens.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import type { Store } from '../src/store/store.ts';
import { batch, FRA_TOKEN, report, START_MS } from './helpers/agent-words.ts';

/** The agent's side of the listener, over real sockets, before a memory store. */

const TOKEN = FRA_TOKEN;
const clock = manualClock(START_MS);
let store: Store;
let ingest: Ingest;

const listen = (port: number) =>
  startIngest({
    listen: { host: '127.0.0.1', port },
    tokens: createTokens({ FRA: TOKEN }),
    proxies: [],
    store,
    clock,
    onError: assert.ifError,
  });
const clientOf = (url: string, token = TOKEN, own: Clock = clock) => createIngestClient({ url, token }, own);

before(async () => {
  store = createMemoryStore({ clock });
  ingest = await listen(0);
});
after(async () => {
  await ingest.close();
  await store.close();
});

test('what the client sends is in the store as if it had been written there', async () => {
  const client = clientOf(ingest.url);
  const nudges: string[] = [];
  const stop = store.onChange((topic) => nudges.push(topic));
  await client.appendSamples(batch, true);
  assert.deepEqual((await store.readSamples('', 10)).batches, [batch]);
  await client.putReport(report);
  assert.deepEqual(await store.reports(), [report]);
  const demand = [{ network: '203.0.113.0/24', rps: 2.5, service: 'web' }];
  await client.putDemand('FRA', demand);
  assert.deepEqual(await store.demand(), demand);
  const views = [{ pop: 'NRT', state: 'down', why: 'x' }] as const;
  const view = { prober: 'agent:FRA', atMs: START_MS, views };
  await client.putHealth(view, true);
  assert.deepEqual(await store.healthViews(), [view]);
  const target = { network: '203.0.113.0/24', method: 'tcp', address: '203.0.113.7', port: 443 } as const;
  await store.putTargets(new Map([['FRA', [target]]]));
  assert.deepEqual(await client.takeTargets('FRA'), [target]);
  assert.deepEqual(await client.takeTargets('FRA'), [], 'nobody gets it a second time');
  stop();
  assert.deepEqual([...new Set(nudges)].sort(), ['health', 'news', 'targets']);
  assert.equal(client.state().connected, true);
  assert.deepEqual(client.clockSkew(), { skewMs: 0, errorMs: 0 });
  await client.close();
});

test('it tells how far its own clock is off', async () => {
  const client = clientOf(ingest.url, TOKEN, { nowMs: () => clock.nowMs() - 10_000 });
  await client.putReport(report);
  assert.deepEqual(client.clockSkew(), { skewMs: 10_000, errorMs: 0 });
  await client.close();
});

test('a refusal is told in words, and the listener is there all the same', async () => {
  const client = clientOf(ingest.url, 'not-the-secret');
  await assert.rejects(client.putReport(report), {
    name: 'StoreError',
    message: `${ingest.url} refused report with 401: the token is wrong`,
  });
  assert.equal(client.state().connected, true);
  await client.close();
  const own = clientOf(ingest.url);
  await assert.rejects(
    own.putReport({ ...report, pop: 'NRT' }),
    /403: the token is of FRA, the body of "NRT"/,
  );
  await assert.rejects(own.putReport({ ...report, loadRps: -1 }), /400: loadRps: -1 is no number/);
  await own.close();
});

test('a listener that goes is told of, and found again by itself', async () => {
  const other = await listen(0);
  const client = clientOf(other.url);
  await client.putReport(report);
  await other.close();
  await assert.rejects(client.putReport(report), { name: 'StoreError' });
  const { connected, errors, lastError = '' } = client.state();
  assert.deepEqual([connected, errors], [false, 1]);
  assert.ok(lastError.startsWith(other.url), lastError);
  const again = await listen(other.endpoint.port);
  for (let waitedMs = 0; !client.state().connected && waitedMs < 5_000; waitedMs += 50)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(client.state().connected, true);
  await client.putReport(report);
  await client.close();
  await assert.rejects(client.putReport(report), { name: 'StoreError' });
  assert.equal(client.state().connected, false, 'a closed client stays so');
  await again.close();
});
