import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { counterBlock, counterLayout, readCounters } from '../src/base/counters.ts';
import { OperatorError } from '../src/base/errors.ts';
import { startAdmin } from '../src/console/admin.ts';
import type { AdminApi } from '../src/console/api.ts';
import { adminApi, explainView } from './helpers/admin.ts';

const TOKEN = 'a-token-for-the-tests';
const errors: unknown[] = [];
const start = (options: { api?: AdminApi; port?: number; host?: string } = {}) =>
  startAdmin({
    listen: { host: options.host ?? '127.0.0.1', port: options.port ?? 0 },
    token: TOKEN,
    tokenWhere: 'in state/admin.token',
    api: options.api ?? adminApi(),
    onError: (error) => errors.push(error),
  });
const open = await start();
after(() => open.close());

interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function get(path: string, base = open.url): Promise<Got> {
  const response = await fetch(base + path);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Sends a change, with the token where `headers` say nothing else. */
async function post(
  path: string,
  body: unknown,
  options: { base?: string; headers?: object } = {},
): Promise<Got> {
  const response = await fetch((options.base ?? open.url) + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${TOKEN}`,
      ...options.headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const problems = (got: Got): string[] =>
  (JSON.parse(got.text) as { problems: { message: string }[] }).problems.map(({ message }) => message);

test('health is that of the process, readiness that of what it serves', async () => {
  assert.equal((await get('/healthz')).status, 200);
  assert.equal((await get('/readyz')).text, 'ready\n');
  const cold = await start({ api: { ...adminApi(), notReady: () => 'no steering table yet' } });
  const { status, text } = await get('/readyz', cold.url);
  await cold.close();
  assert.deepEqual([status, text], [503, 'not ready: no steering table yet\n']);
});

test('explain: the question is checked, all faults at once', async () => {
  const good = await get('/api/explain?name=www.cdn.example&type=aaaa&client=192.0.2.1');
  assert.deepEqual(JSON.parse(good.text), explainView({ type: 'AAAA' }));
  const bad = await get('/api/explain?name=a..b&type=!&client=x&colour=red');
  assert.equal(bad.status, 400);
  assert.equal(problems(bad).length, 4, bad.text);
  const lost = await get('/api/explain?name=other.example&client=192.0.2.0/24');
  assert.deepEqual([lost.status, JSON.parse(lost.text).code], [404, 'not-found']);
});

test('drain and restore reach the store; unknown POPs and bad bodies do not', async () => {
  const api = adminApi();
  const admin = await start({ api });
  const base = admin.url;
  const drained = await post('/api/pops/FRA/drain', { forSeconds: 60, reason: 'works' }, { base });
  const override = { pop: 'FRA', state: 'drain', reason: 'works', sinceMs: 1000, untilMs: 61_000 };
  assert.deepEqual(JSON.parse(drained.text), { override });
  assert.deepEqual(await api.store.overrides(), [override]);
  assert.equal((await post('/api/pops/FRA/restore', {}, { base })).status, 200);
  assert.deepEqual(await api.store.overrides(), []);
  const unknown = await post('/api/pops/FRB/drain', {}, { base });
  assert.deepEqual([unknown.status, problems(unknown)], [404, ['there is no POP "FRB"; did you mean FRA?']]);
  const bad = await post('/api/pops/FRA/drain', { forSeconds: -1, reason: 5, why: 1 }, { base });
  assert.deepEqual([bad.status, problems(bad).length], [400, 3], bad.text);
  assert.deepEqual(await api.store.overrides(), []);
  await admin.close();
});

test('model: changes of a POP add up, and are undone one by one or all at once', async () => {
  const admin = await start();
  const base = admin.url;
  const change = async (body: object): Promise<unknown> =>
    JSON.parse((await post('/api/model', body, { base })).text).changes;
  await change({ pop: 'FRA', rttMs: 60 });
  await change({ pop: 'FRA', congestion: 1.2, link: 'FRA-a' });
  assert.deepEqual(await change({ pop: 'GRU', outage: true }), [
    { pop: 'FRA', rttMs: 60, congestion: 1.2, link: 'FRA-a' },
    { pop: 'GRU', outage: true },
  ]);
  assert.deepEqual(await change({ pop: 'FRA', congestion: 1 }), [
    { pop: 'FRA', rttMs: 60, congestion: 1 },
    { pop: 'GRU', outage: true },
  ]);
  assert.deepEqual(await change({ pop: 'GRU', reset: true }), [{ pop: 'FRA', rttMs: 60, congestion: 1 }]);
  assert.deepEqual(await change({ reset: true }), []);
  const table: [object, RegExp][] = [
    [{}, /pop: is missing/],
    [{ pop: 'FRA' }, /nothing is to change/],
    [{ pop: 'FRA', reset: true, rttMs: 1 }, /stands alone/],
    [{ pop: 'FRA', congestion: 1, link: 'GRU-a' }, /FRA has no link "GRU-a": it has FRA-a, FRA-b/],
    [{ pop: 'FRA', link: 'FRA-a' }, /link: needs congestion/],
    [{ pop: 'FRA', lossRate: 2 }, /lossRate: /],
    [{ pop: 'FRA', rttMs: '60' }, /rttMs: /],
  ];
  for (const [body, expected] of table) {
    const got = await post('/api/model', body, { base });
    assert.equal(got.status, 400);
    assert.match(problems(got).join('\n'), expected);
  }
  await admin.close();
});

test('bodies are JSON and bounded; methods and paths are known', async () => {
  const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  assert.equal((await post('/api/model', 'reset=true', form)).status, 415);
  assert.equal((await post('/api/model', '{"reset":')).status, 400);
  assert.equal((await post('/api/model', '[1]')).status, 400);
  assert.equal(
    (await post('/api/model', JSON.stringify({ reset: true, pad: 'x'.repeat(20_000) }))).status,
    413,
  );
  const wrong = await get('/api/pops/FRA/drain');
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST']);
  assert.equal((await get('/nowhere')).status, 404);
  const head = await fetch(`${open.url}/healthz`, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
});

test('an error that nobody foresaw is told, and the client learns only that', async () => {
  const fault = new Error('a secret detail');
  const admin = await start({ api: { ...adminApi(), status: () => Promise.reject(fault) } });
  const got = await get('/api/status', admin.url);
  await admin.close();
  assert.equal(got.status, 500);
  assert.doesNotMatch(got.text, /secret/);
  assert.deepEqual(errors.splice(0), [fault]);
});

test('where it may not listen', async () => {
  const code = (wanted: string) => (error: unknown) =>
    error instanceof OperatorError && error.code === wanted;
  await assert.rejects(start({ port: open.endpoint.port }), code('port-in-use'));
  await assert.rejects(start({ host: '192.0.2.1' }), code('bad-config'));
});

test('rubbish and half requests end in a closed connection, and the console lives on', async () => {
  const rubbish = [
    '\0\0\0',
    'GET / HTTP/9\r\n\r\n',
    'GET http:// HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n',
    'POST / HTTP/1.1\r\n',
  ];
  for (const text of rubbish)
    await new Promise<void>((resolve) => {
      const socket = connect(open.endpoint.port, '127.0.0.1', () => socket.end(text));
      socket.resume();
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  assert.equal((await get('/healthz')).status, 200);
  assert.deepEqual(errors, []);
});

test('metrics: counters, histogram, table, POPs, control loop, as promtool accepts it', async (context) => {
  const layout = counterLayout(
    [
      {
        name: 'isochrone_dns_queries_total',
        help: 'Queries answered.',
        kind: 'counter',
        labels: [{ name: 'transport', values: ['udp', 'tcp'] }],
      },
    ],
    [{ name: 'isochrone_dns_handling_seconds', help: 'Time to answer.', bounds: [0.001, 0.01] }],
  );
  const block = counterBlock(layout);
  block.set([7, 0, 2, 1, 1, 0.5]);
  const admin = await start({ api: adminApi({ counters: [readCounters(layout, [block])] }) });
  const { text, headers } = await get('/metrics', admin.url);
  const plain = await fetch(`${admin.url}/metrics`, { headers: { 'accept-encoding': 'identity' } });
  assert.deepEqual([headers.get('content-encoding'), headers.get('vary')], ['gzip', 'accept-encoding']);
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.ok((await plain.text()).length > Number(headers.get('content-length')) * 2);
  await admin.close();
  assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'isochrone_dns_queries_total{transport="udp"} 7',
    'isochrone_dns_handling_seconds_bucket{le="0.01"} 3',
    'isochrone_dns_handling_seconds_bucket{le="+Inf"} 4',
    'isochrone_dns_handling_seconds_sum 0.5',
    'isochrone_dns_handling_seconds_count 4',
    'isochrone_table_epoch 12',
    'isochrone_table_age_seconds 0.25',
    'isochrone_table_rows 34',
    'isochrone_table_build_seconds 0.21',
    'isochrone_image_bytes{image="row map"} 7000',
    'isochrone_image_age_seconds{image="clients"} 0.5',
    'isochrone_zone_names 36',
    'isochrone_client_ranges{family="ipv6"} 1000',
    'isochrone_pop_state{pop="FRA",state="up"} 1',
    'isochrone_pop_state{pop="GRU",state="drained"} 1',
    'isochrone_pop_price_seconds{pop="FRA"} 0.0015',
    'isochrone_pop_load_rps{pop="FRA"} 900',
    'isochrone_pop_expected_rps{pop="FRA"} 960',
    'isochrone_pop_expected_rps{pop="GRU"} 120',
    'isochrone_link_congestion_seconds{pop="FRA",link="FRA-a"} 0.004',
    'isochrone_control_tick_seconds_count 3',
    'isochrone_samples_refused_total{reason="too-fast"} 2',
    'isochrone_store_connected 1',
    'isochrone_store_memory_used_bytes 900000',
    'isochrone_store_memory_max_bytes 1000000',
    'isochrone_store_evicted_keys_total 3',
    'isochrone_store_evicts 1',
  ])
    assert.ok(text.includes(`${line}\n`), `${line}\n${text.slice(0, 3000)}`);
  assert.match(text, /isochrone_build_info\{version="1\.2\.3",role="serve",node="v/);
  assert.match(text, /process_cpu_seconds_total/);
  if (spawnSync('promtool', ['--version']).status !== 0)
    context.skip('promtool (package prometheus) is not installed');
  else execFileSync('promtool', ['check', 'metrics'], { input: text });
});
