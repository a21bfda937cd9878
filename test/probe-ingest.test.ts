import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { manualClock } from '../src/base/clock.ts';
import { type Ingest, startIngest } from '../src/probe/ingest-server.ts';
import { createTokens } from '../src/probe/ingest-tokens.ts';
import { encodeBatch, encodeDemand } from '../src/store/codec.ts';
import { encodeHealth } from '../src/store/codec-health.ts';
import { decodeTargets } from '../src/store/codec-targets.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import type { SampleBatch, Store } from '../src/store/store.ts';
import { batch, FRA_TOKEN, report, START_MS } from './helpers/agent-words.ts';

/** The listener for agents, over real sockets, before a memory store. */

const FRA = FRA_TOKEN;
const NRT = 'a-secret-of-narita!!!';
const clock = manualClock(START_MS);
let store: Store;
let ingest: Ingest;
const errors: unknown[] = [];

before(async () => {
  store = createMemoryStore({ clock });
  ingest = await startIngest({
    listen: { host: '127.0.0.1', port: 0 },
    tokens: createTokens({ FRA, NRT: `sha256:${createHash('sha256').update(NRT).digest('hex')}` }),
    proxies: [],
    store,
    clock,
    onError: (error) => errors.push(error),
  });
});
after(async () => {
  await ingest.close();
  await store.close();
  assert.deepEqual(errors, []);
});

const post = async (path: string, body: string, token = FRA): Promise<{ status: number; said: string[] }> => {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${ingest.url}${path}`, { method: 'POST', headers, body });
  const text = await response.text();
  const problems = text === '' ? [] : (JSON.parse(text).problems as { message: string }[]);
  return { status: response.status, said: problems.map(({ message }) => message) };
};

const batchesKept = async (): Promise<readonly SampleBatch[]> => (await store.readSamples('', 1000)).batches;

test('what an agent posts is in the store as if it had been written there', async () => {
  const nudges: string[] = [];
  const stop = store.onChange((topic) => nudges.push(topic));
  const taken = async (path: string, body: string) =>
    assert.equal((await post(path, body)).status, 204, path);
  await taken('/ingest/v1/samples?news', encodeBatch(batch));
  assert.deepEqual((await batchesKept()).at(-1), batch);
  await taken('/ingest/v1/report', JSON.stringify(report));
  assert.deepEqual(await store.reports(), [report]);
  const demand = [{ network: '203.0.113.0/24', rps: 2.5, service: 'web' }];
  await taken('/ingest/v1/demand', encodeDemand(demand));
  assert.deepEqual(await store.demand(), demand);
  const views = [{ pop: 'NRT', state: 'down', why: 'x' }] as const;
  const view = { prober: 'agent:FRA', atMs: START_MS, views };
  await taken('/ingest/v1/health?news', encodeHealth(view));
  assert.deepEqual(await store.healthViews(), [view]);
  const target = { network: '203.0.113.0/24', method: 'tcp', address: '203.0.113.7', port: 443 } as const;
  await store.putTargets(new Map([['FRA', [target]]]));
  const take = async () => {
    const headers = { authorization: `Bearer ${FRA}` };
    const response = await fetch(`${ingest.url}/ingest/v1/targets`, { method: 'POST', headers });
    assert.equal(response.headers.get('isochrone-time'), String(START_MS));
    return decodeTargets(await response.text());
  };
  assert.deepEqual(await take(), [target]);
  assert.deepEqual(await take(), [], 'nobody gets it a second time');
  stop();
  assert.deepEqual([...new Set(nudges)].sort(), ['health', 'news', 'targets']);
});

test('a token writes for its own POP alone', async () => {
  const before = (await batchesKept()).length;
  const text = JSON.stringify([1, 'FRA', START_MS, 'measured', [['203.0.113.0/24', 1, 3, 0]]]);
  assert.equal((await post('/ingest/v1/samples', text, FRA)).status, 204);
  const { status, said } = await post('/ingest/v1/samples', text, NRT);
  assert.deepEqual([status, said], [403, ['the token is of NRT, the body of "FRA"']]);
  assert.equal((await post('/ingest/v1/samples', text, 'a-secret-of-nobody')).status, 401);
  assert.equal((await post('/ingest/v1/report', JSON.stringify(report), NRT)).status, 403);
  for (const prober of ['agent:FRA', 'NRT', 'ns:host:1'])
    assert.equal(
      (await post('/ingest/v1/health', JSON.stringify([1, prober, START_MS, []]), NRT)).status,
      403,
      prober,
    );
  await post('/ingest/v1/demand', JSON.stringify([['198.51.100.0/24', 1]]), NRT);
  const demand = await store.demand();
  assert.equal(demand.length, 2, 'demand is that of the POP whose token it is, beside the others');
  assert.equal((await batchesKept()).length, before + 1);
});

test('a bad body is refused whole, with every fault and its place', async () => {
  const before = (await batchesKept()).length;
  const bad = [
    1,
    'FRA',
    -5,
    'guessed',
    [
      ['203.0.113.0/24', 1, 3, 0],
      ['nowhere', 'soon', 0, 4, null, 'crystal'],
    ],
  ];
  const { status, said } = await post('/ingest/v1/samples', JSON.stringify(bad));
  assert.equal(status, 400);
  assert.deepEqual(said, [
    '[2]: the time: -5 is no number from 0 to 8640000000000000',
    '[3]: "guessed" is neither "measured" nor "modelled"',
    '[4][1][0]: "nowhere" is neither an IP address nor an IP prefix',
    '[4][1][1]: rttMs: "soon" is no number from 0 to 60000',
    '[4][1][2]: sent: 0 is no number from 1 to 1000000',
    '[4][1][5]: "crystal" is no way to measure',
  ]);
  const reported = await post('/ingest/v1/report', JSON.stringify({ ...report, loadRps: -1, links: [{}] }));
  assert.equal(reported.status, 400);
  assert.deepEqual(
    reported.said.map((text) => text.split(':')[0]),
    [
      'loadRps',
      'links[0].id',
      ...['throughputMbps', 'capacityMbps', 'queueMs', 'lossRate'].map((f) => `links[0].${f}`),
    ],
  );
  const wild = await post(
    '/ingest/v1/report',
    JSON.stringify({ ...report, cpu: 2, connections: -1, drain: 7 }),
  );
  assert.deepEqual(
    wild.said.map((text) => text.split(':')[0]),
    ['cpu', 'connections', 'drain'],
  );
  const many = JSON.stringify([1, 'FRA', START_MS, 'measured', Array(100).fill(7)]);
  assert.equal((await post('/ingest/v1/samples', many)).said.at(-1), 'and 80 more faults');
  for (const text of ['', '{', 'null', '7', '[]', '{}', '[1]', '"x"', '[[[[]]]]'])
    for (const path of ['samples', 'report', 'demand', 'health']) {
      const answered = await post(`/ingest/v1/${path}`, text);
      const isEmptyDemand = path === 'demand' && text === '[]';
      assert.equal(answered.status, isEmptyDemand ? 204 : 400, `${path} ${text}`);
      assert.ok(isEmptyDemand || answered.said.length > 0, `${path} ${text}`);
    }
  assert.equal((await batchesKept()).length, before);
});

test('long bodies, other methods and other paths are refused unread', async () => {
  const long = `[${'1,'.repeat(1 << 18)}1]`;
  assert.equal((await post('/ingest/v1/samples', long)).status, 413);
  assert.equal((await fetch(`${ingest.url}/ingest/v1/samples`)).status, 405);
  assert.equal((await post('/ingest/v1/overrides', '[]')).status, 404);
  assert.equal((await post('/', '')).status, 404);
  const socket = connect({ host: '127.0.0.1', port: ingest.endpoint.port });
  socket.end('POST /ingest/v1/samples HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\nnonsense\r\n\r\n');
  const [said] = (await once(socket, 'data')) as [Buffer];
  assert.match(said.toString(), /^HTTP\/1\.1 401 /);
  socket.destroy();
});

test('of one agent 8 requests are under way at a time, slow ones included; others have room', async () => {
  const headers = ['host: x', `authorization: Bearer ${FRA}`, 'content-length: 9'];
  const head = ['POST /ingest/v1/demand HTTP/1.1', ...headers, '', ''].join('\r\n');
  const slow = Array.from({ length: 8 }, () => connect({ host: '127.0.0.1', port: ingest.endpoint.port }));
  for (const socket of slow) socket.write(head);
  let status = 0;
  for (let i = 0; i < 100 && status !== 503; i++)
    status = (await post('/ingest/v1/demand', '[]', FRA)).status;
  assert.equal(status, 503);
  assert.equal((await post('/ingest/v1/demand', '[]', NRT)).status, 204);
  for (const socket of slow) socket.destroy();
  for (let i = 0; i < 100 && status !== 204; i++)
    status = (await post('/ingest/v1/demand', '[]', FRA)).status;
  assert.equal(status, 204, 'whoever goes away takes no room');
});

test('one agent cannot take all: more than 6,000 requests a minute are turned away', async () => {
  const statuses = new Map<number, number>();
  for (let i = 0; i < 61; i++) {
    const asked = Array.from({ length: 100 }, () => post('/ingest/v1/demand', '[]', NRT));
    for (const { status } of await Promise.all(asked)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  assert.deepEqual(
    [...statuses.keys()].filter((status) => ![204, 429, 503].includes(status)),
    [],
  );
  assert.ok((statuses.get(204) ?? 0) <= 6_000 && (statuses.get(429) ?? 0) > 0, JSON.stringify([...statuses]));
  assert.equal((await post('/ingest/v1/demand', '[]', FRA)).status, 204, 'others are not turned away');
});
