import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readConfig } from '../src/cli/config-file.ts';
import { createReplays } from '../src/cli/console-replay.ts';
import { loadGround } from '../src/cli/ground.ts';
import { createInbox } from '../src/cli/replay-inbox.ts';
import { processTerminal } from '../src/cli/terminal.ts';
import { createTurns } from '../src/cli/turns.ts';
import { openWorld, startImages } from '../src/cli/world.ts';
import { loadConfig } from '../src/config/config.ts';
import { readProposal } from '../src/config/proposal.ts';
import { startAdmin } from '../src/console/admin.ts';
import type { ReplayLine, ReplayView } from '../src/console/api-replay.ts';
import { createUpload, UploadTooLong } from '../src/console/upload.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { adminApi } from './helpers/admin.ts';
import { until } from './helpers/program.ts';
import { smallGeo } from './helpers/small-geo.ts';

/** Logs that somebody sends to the console, replayed by the thread that does it in production. */

const folder = mkdtempSync(join(tmpdir(), 'isochrone-console-replay-'));
const path = (name: string): string => join(folder, name);
const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const POPS = `
pops:
  - { code: FRA, city: F, country: DE, region: r, latitude: 50.03, longitude: 8.57, capacityRps: 1000,
      links: [{ transit: one, capacityMbps: 1000, ipv4: 192.0.2.1 }] }
  - { code: JFK, city: N, country: US, region: r, latitude: 40.64, longitude: -73.78, capacityRps: 60,
      links: [{ transit: one, capacityMbps: 1000, ipv4: 192.0.2.2 }] }
`;
const LOG = Array.from({ length: 200 }, (_, i) => {
  const at = new Date(Date.UTC(2026, 0, 5) + 10 * i).toISOString();
  const asked = { client: '192.0.2.0/24', transport: 'udp', name: `${i % 4 ? 'www' : 'eu'}.cdn.example.` };
  return `${JSON.stringify({ at, ...asked, type: 'A', rcode: 'NOERROR', octets: [40, 60] })}\n`;
}).join('');
const TOKEN = 'a-token-for-the-tests';

let url: string;

before(async () => {
  const zone = '@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.53\n';
  writeFileSync(path('zone'), `${zone}www 60 STEER web\neu 60 STEER web-eu\n`);
  const said = [
    'zones: [{ origin: cdn.example, file: zone }]',
    'services: { web: {}, web-eu: { pops: [FRA] } }',
    `geo: ${smallGeo(folder)}`,
    'state: state',
    'networks: [{ prefix: 198.51.100.0/24, country: US, latitude: 40, longitude: -74, asn: 64501 }]',
    'log: { queries: { oneOf: 2, json: { file: q.json } } }',
  ];
  writeFileSync(path('running.yaml'), `${said.join('\n')}${POPS}`);
  const terminal = processTerminal(process, new AbortController().signal);
  const ground = loadGround(readConfig({ config: path('running.yaml') }, terminal));
  const closeLater = (close: () => Promise<void> | void): void => void closers.push(close);
  const quiet = { ...terminal, err: () => undefined, passing: () => undefined };
  const loading = startImages(ground, { terminal: quiet, closeLater });
  const world = await openWorld(ground, loading, { terminal: quiet, closeLater });
  const store = createMemoryStore({ clock: { nowMs: () => 0 } });
  const replay = createReplays({
    world,
    store,
    image: () => undefined,
    clock: { nowMs: () => 1_800_000_000_000 },
  });
  const admin = await startAdmin({
    listen: { host: '127.0.0.1', port: 0 },
    token: TOKEN,
    tokenWhere: 'in the test',
    api: { ...adminApi(), popCodes: ['FRA', 'JFK'], replay },
    onError: (error) => assert.fail(String(error)),
  });
  closers.push(admin.close);
  url = `${admin.url}/api/replay`;
});

const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' };

const post = (query: string, body: string | Uint8Array, more: object = {}): Promise<Response> =>
  fetch(`${url}?${query}`, { method: 'POST', headers: { ...headers, ...more }, body: Buffer.from(body) });

/** What came of a replay that went well. */
async function replayed(query: string, body: string | Uint8Array): Promise<ReplayView> {
  const response = await post(query, body);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  // The lines are the route's own.
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ReplayLine);
  assert.ok(lines.slice(0, -1).every((line) => 'progress' in line) && lines.length > 1, text);
  const last = lines.at(-1);
  assert.ok(last !== undefined && 'done' in last, text);
  return last.done;
}

/** A configuration before the log, and the query that says so. */
function withConfig(config: string, log = LOG): readonly [query: string, body: string] {
  return [`log=q.json&config=new.yaml&configOctets=${Buffer.byteLength(config)}`, config + log];
}

test('a loss: who moves, onto whom, and what is over; as figures and as a page', async () => {
  const { report, html } = await replayed('log=q.json.gz&without=FRA', gzipSync(LOG));
  const { comparison, pops, overCapacity, notes, before: was, after: is } = report;
  // Each line stands for two, as the process's own log says; `eu` has FRA alone, which then fails open.
  assert.deepEqual([comparison.queries, comparison.moved], [400, 300]);
  assert.deepEqual([was.name, is.name, overCapacity], ['what runs', 'what runs without FRA', ['JFK']]);
  assert.match(notes.join(), /stands for 2/);
  assert.match(is.basis, /production engine/);
  const jfk = pops.find(({ code }) => code === 'JFK');
  assert.ok(jfk !== undefined && jfk.beforeRps === 0 && jfk.afterRps > 100 && jfk.capacityRps === 60);
  for (const words of ['Replay: what runs without FRA, against what runs', 'JFK (over)', '<svg'])
    assert.ok(html.includes(words), words);
});

test('a configuration, or a part of one: services and networks are tried, the rest runs', async () => {
  const networks = '[{ prefix: 192.0.2.0/24, country: US, latitude: 40.7, longitude: -74, asn: 64501 }]';
  const services = '{ extra: {}, web-eu: { pops: [FRA] }, web: {} }';
  const text = `networks: ${networks}\nservices: ${services}\nzones: 7\n`;
  const { comparison, notes } = (await replayed(...withConfig(text))).report;
  assert.deepEqual([comparison.moved, comparison.queries], [300, 400], 'they are in New York there');
  assert.match(notes.join(), /Tried of new\.yaml: services, networks\..*and as it runs: zones\./);
});

test('everything that is wrong at once, with its line; files of the server stay its own', async () => {
  const bad = [
    'pops: /etc/passwd',
    'networks: ../networks.csv',
    'services:',
    '  web: { pops: [FRX], ttl: { min: 0 } }',
    '',
  ].join('\n');
  const [query, body] = withConfig(bad);
  const refused = await post(`${query}&without=FRA`, body);
  assert.equal(refused.status, 400);
  const { problems } = (await refused.json()) as {
    problems: { file: string; line: number; message: string }[];
  };
  const lines = problems.map(({ file, line, message }) => `${file}:${line} ${message.slice(0, 34)}`);
  for (const words of [
    'new.yaml:1 pops: "/etc/passwd" is a file that',
    'new.yaml:2 networks: "../networks.csv" is a f',
    'new.yaml:3 services: web-eu is missing, and t',
  ])
    assert.ok(lines.includes(words), `${words} in ${lines.join('\n')}`);
  assert.ok(problems.some(({ message, line }) => /FRX/.test(message) && line === 4));
  for (const [asked, sent, status, words] of [
    ['without=FRA', 'no log', 400, /is none of these: JSON lines/],
    ['without=FRX', LOG, 404, /FRX/],
    ['', LOG, 400, /nothing to compare/],
    ['without=FRA&port=0&oneOf=x&what=1', LOG, 400, /what.*oneOf.*port/],
    ['config=x&configOctets=9', 'pops: ', 400, /9 octets were to come, and 6 did/],
    ['config=x&configOctets=2', Uint8Array.of(0xc3, 0x28), 400, /UTF-8/],
  ] as const) {
    const reply = await post(asked, sent);
    const text = await reply.text();
    assert.deepEqual([reply.status, words.test(text)], [status, true], `${asked}: ${text}`);
  }
  assert.equal((await post('without=FRA', LOG, { authorization: 'Bearer no' })).status, 401);
  assert.equal((await post('without=FRA', LOG, { 'content-type': 'text/plain' })).status, 415);
});

test('a log that is too long; who goes away makes room; more than may wait are told', async () => {
  const whole = httpRequest(`${url}?without=FRA`, {
    method: 'POST',
    headers: { ...headers, 'content-length': 2 ** 27 },
  });
  whole.on('error', () => undefined);
  whole.write('x');
  const [early] = await new Promise<[IncomingMessage]>((resolve) =>
    whole.once('response', (...got) => resolve(got)),
  );
  assert.equal(early.statusCode, 413);
  whole.destroy();
  // One is at work with a log that never ends; as many wait as may, and one more cannot.
  const open = Array.from({ length: 6 }, () => {
    const one = httpRequest(`${url}?without=FRA`, { method: 'POST', headers });
    const answered = once(one, 'response') as Promise<[IncomingMessage]>;
    one.on('error', () => undefined);
    one.write(LOG);
    return {
      one,
      answered: answered.then(([{ statusCode, headers: got }]) => [statusCode, got['retry-after']]),
    };
  });
  for (const { answered } of open) answered.catch(() => undefined);
  assert.deepEqual(await Promise.race(open.map(({ answered }) => answered)), [503, '30']);
  for (const { one } of open) one.destroy();
  const { value, held } = await until(
    () => post('without=FRA', LOG),
    ({ status }) => status === 200,
    60_000,
  );
  assert.ok(held);
  assert.match(await value.text(), /"queries":400,/);
});

test('a body in two parts, of a bounded length, however it is cut', async () => {
  const upload = (max: number, ...chunks: string[]) =>
    createUpload(
      Object.assign(Readable.from(chunks.map(Buffer.from)), { headers: {} }) as IncomingMessage,
      max,
    );
  const parts = async (max: number, ...chunks: string[]): Promise<string[]> => {
    const { take, rest } = upload(max, ...chunks);
    const first = Buffer.from(await take(3)).toString();
    let second = '';
    for await (const chunk of rest()) second += Buffer.from(chunk).toString();
    return [first, second];
  };
  for (const chunks of [['abcdef'], ['a', 'bcd', 'ef'], ['abc', 'def'], ['ab', 'cdef']])
    assert.deepEqual(await parts(6, ...chunks), ['abc', 'def']);
  assert.deepEqual(await parts(6, 'ab'), ['ab', '']);
  await assert.rejects(parts(5, 'abc', 'def'), UploadTooLong);
  await assert.rejects(parts(2, 'abc'), UploadTooLong);
});

test('a proposed configuration leans on what runs', () => {
  const text = readFileSync(path('running.yaml'), 'utf8');
  const read = (file: string): string => (file === path('pops.csv') ? csv : assert.fail(file));
  const running = loadConfig({ text, file: path('running.yaml'), read });
  const propose = (wanted: string, said = running) =>
    readProposal(wanted, { name: 'new.yaml', running: said, read });
  const whole = propose(text);
  assert.deepEqual(whole.left, ['zones', 'geo', 'state', 'log']);
  assert.equal(whole.config.fleet.digest, running.fleet.digest);
  const some = propose('services: { more: { pops: [JFK] }, web-eu: {}, web: { pops: [JFK] } }');
  assert.deepEqual(
    some.config.services.map(({ name }) => name),
    ['web', 'web-eu', 'more'],
  );
  assert.deepEqual([some.tried, some.config.geo], [['services'], running.geo]);
  const csv = 'code,city,country,region,latitude,longitude,capacityRps,transit,capacityMbps,ipv4\n';
  for (const [wanted, words] of [
    ['zones: []\n', /new\.yaml:1: has none of what can be tried/],
    ['a: [', /^new\.yaml:1/],
    ['- 1\n', /^new\.yaml:1.*mapping/],
    [
      'pops: pops.csv',
      /new\.yaml:1:1: pops: "pops\.csv" is a file that the configuration that runs does not/,
    ],
    ['services: { web: {} }', /web-eu is missing/],
    [
      'services: { web: { ipv6: more }, web-eu: {}, more: {} }',
      /web\.ipv6 names a service that does not run/,
    ],
    ['pops: []', /no POP/],
  ] as const)
    assert.throws(() => propose(wanted), { name: 'OperatorError', message: words });
  // The file that runs is read, as it is now.
  const withFile = { ...running, said: { ...running.said, pops: './pops.csv' } };
  assert.throws(() => propose('pops: pops.csv', withFile), /pops\.csv:1/);
});

test('turns: one after the other, so many wait, who gives up makes room', async () => {
  const turns = createTurns(1);
  const [first, stop] = [await turns.take(), new AbortController()];
  const second = turns.take(stop.signal);
  assert.equal(await turns.take(), undefined);
  stop.abort();
  await assert.rejects(second, { name: 'AbortError' });
  const third = turns.take();
  first?.();
  first?.();
  const end = await third;
  assert.ok(end !== undefined);
  end();
  assert.ok((await turns.take()) !== undefined);
});

test('an inbox is read while it fills, and again', async () => {
  let taken = 0;
  const inbox = createInbox(() => taken++);
  const all = async (): Promise<number[]> => {
    const seen: number[] = [];
    for await (const [octet] of inbox.open()) seen.push(octet ?? -1);
    return seen;
  };
  inbox.add(Uint8Array.of(1));
  const reading = all();
  await new Promise(setImmediate);
  inbox.add(Uint8Array.of(2));
  inbox.end();
  assert.deepEqual([await reading, await all(), taken], [[1, 2], [1, 2], 2]);
});
