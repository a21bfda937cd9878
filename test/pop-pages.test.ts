import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectH2 } from 'node:http2';
import { request as requestH1 } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { formatAddress } from '../src/base/address.ts';
import { OperatorError } from '../src/base/errors.ts';
import { developmentCertificate, type PopCertificate } from '../src/pop/authority.ts';
import { followOutages } from '../src/pop/outages.ts';
import type { Choice } from '../src/pop/page.ts';
import { type PopOptions, type Pops, startPops } from '../src/pop/pops.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { until } from './contract/harness.ts';
import { smallFleet } from './helpers/fleet.ts';
import { freePort } from './helpers/redis.ts';

const fleet = smallFleet(71);
const lines: string[] = [];
let folder: string;
let certificate: PopCertificate;
let port: number;
let pops: Pops;

const choice: Choice = {
  service: 'web',
  client: 'AS3320 in <Frankfurt>, DE',
  pop: 'FRA',
  ttlSeconds: 20,
  terms: ['rtt', 'loss'],
  rows: [
    { pop: 'FRA', city: 'Frankfurt', link: 'FRA-a', terms: [5.25, 0], scoreMs: 5.25, verdict: 'chosen' },
    { pop: 'AMS', city: 'Amsterdam', link: 'AMS-b', terms: [9, 1], scoreMs: 10, verdict: 'runner-up' },
  ],
  source: 'modelled',
};

function popOptions(): PopOptions {
  return {
    fleet,
    port,
    certificate,
    clock: { nowMs: Date.now },
    log: (line) => lines.push(line),
    explain: (host, client) => {
      if (host === 'broken.cdn.example') throw new Error('planted');
      if (host !== 'www.cdn.example') return undefined;
      return { ...choice, client: `${formatAddress(client)} ${choice.client}` };
    },
  };
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'isochrone-pops-'));
  const clock = { nowMs: Date.now };
  certificate = developmentCertificate({
    folder,
    addresses: ['127.0.0.1'],
    domains: ['cdn.example'],
    clock,
    log: (line) => lines.push(line),
  });
  port = await freePort();
  pops = await startPops(popOptions());
});
after(async () => {
  await pops.close();
  rmSync(folder, { recursive: true });
});

interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

interface Question {
  readonly path?: string;
  readonly method?: string;
  readonly host?: string;
  readonly accept?: string;
}

function h1(address: string, question: Question = {}): Promise<Reply> {
  const { path = '/', method = 'GET', host = 'www.cdn.example', accept } = question;
  return new Promise((resolve, reject) => {
    const request = requestH1(
      {
        host: address,
        port,
        path,
        method,
        ca: readFileSync(certificate.caFile),
        servername: 'www.cdn.example',
        headers: { host: `${host}:${port}`, ...(accept === undefined ? {} : { accept }) },
        agent: false,
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      },
    );
    request.on('error', reject);
    request.end();
  });
}

function h2(address: string, question: Question = {}): Promise<Reply> {
  const { path = '/', method = 'GET', host = 'www.cdn.example', accept } = question;
  return new Promise((resolve, reject) => {
    const session = connectH2(`https://${address}:${port}`, {
      ca: readFileSync(certificate.caFile),
      servername: 'www.cdn.example',
    });
    session.on('error', reject);
    const stream = session.request({
      ':path': path,
      ':method': method,
      ':authority': `${host}:${port}`,
      ...(accept === undefined ? {} : { accept }),
    });
    let reply: Reply = { status: 0, headers: {}, body: '' };
    stream.on('response', (headers) => {
      reply = { ...reply, status: Number(headers[':status']), headers: headers as Reply['headers'] };
    });
    stream.setEncoding('utf8').on('data', (text: string) => {
      reply = { ...reply, body: reply.body + text };
    });
    stream.on('end', () => {
      session.close();
      resolve(reply);
    });
    stream.on('error', reject);
  });
}

/** As browsers say it. */
const HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

for (const [version, ask] of [
  ['HTTP/1.1', h1],
  ['HTTP/2', h2],
] as const) {
  test(`${version}: the page names the POP, its link and why it was chosen`, async () => {
    const { status, headers, body } = await ask('127.71.1.2', { accept: HTML });
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(status, 200);
    assert.equal(headers['x-isochrone-pop'], 'FRA');
    assert.equal(headers['x-isochrone-link'], 'FRA-b');
    assert.match(String(headers['server-timing']), /^explain;dur=[\d.]+;desc="measured"$/);
    assert.match(String(headers['content-security-policy']), /default-src 'none'; style-src 'sha256-/);
    for (const part of ['FRA', 'Frankfurt', 'FRA-b over Meridian, 127.71.1.2', 'www.cdn.example', version])
      assert.ok(body.includes(part), part);
    for (const part of [
      'Score and its terms in ms, modelled',
      '<th>= rtt</th><th>+ loss</th>',
      '<td>5.25</td>',
      'runner-up',
      'gives this client this POP',
    ])
      assert.ok(body.includes(part), part);
    assert.ok(body.includes('127.0.0.1 AS3320 in &lt;Frankfurt&gt;'));
  });

  test(`${version}: JSON, clients in the query, other hosts, methods and paths`, async () => {
    const json = await ask('127.71.2.1', { path: '/?client=2001:db8:0::7', accept: 'application/json' });
    const shown = JSON.parse(json.body);
    assert.deepEqual(shown.client, { address: '2001:db8::7', from: 'query' });
    assert.deepEqual(shown.pop, { code: 'AMS', city: 'Amsterdam', country: 'NL', region: 'eu-west' });
    assert.equal(shown.choice.pop, 'FRA');
    assert.ok(
      (await ask('127.71.2.1', { accept: HTML })).body.includes('DNS gives this client FRA, not this POP'),
    );
    const wrong = await ask('127.71.2.1', { path: '/?client=%3Cscript%3E', accept: HTML });
    assert.ok(wrong.body.includes('client=&lt;script&gt; is not an IP address'));
    assert.ok(
      (await ask('127.71.2.1', { host: 'static.cdn.example' })).body.includes('This host is not steered'),
    );
    assert.deepEqual([(await ask('127.71.2.1', { path: '/healthz' })).body], ['ok\n']);
    assert.equal((await ask('127.71.2.1', { path: '/other' })).status, 404);
    assert.equal((await ask('127.71.2.1', { path: `/?${'x'.repeat(3_000)}` })).status, 414);
    const post = await ask('127.71.2.1', { method: 'POST' });
    assert.deepEqual([post.status, post.headers['allow']], [405, 'GET, HEAD']);
    const head = await ask('127.71.2.1', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, '']);
    assert.ok(Number(head.headers['content-length']) > 500);
    assert.equal((await ask('127.71.2.1', { host: 'broken.cdn.example' })).status, 500);
    assert.match(lines.pop() ?? '', /^AMS: the page failed: Error: planted/);
  });
}

test('curl trusts it by its CA file, over both versions', { skip: withoutCurl() }, async () => {
  const url = `https://www.cdn.example:${port}/`;
  const common = [
    '-sS',
    '--max-time',
    '5',
    '--cacert',
    certificate.caFile,
    '-o',
    '-',
    '-w',
    '\n%{http_version}',
  ];
  const curl = async (...args: string[]) =>
    (await promisify(execFile)('curl', [...common, ...args, url])).stdout;
  const first = await curl('--connect-to', `www.cdn.example:${port}:127.71.3.1:${port}`);
  assert.ok(first.includes('New York') && first.endsWith('\n2'), first);
  const second = await curl('--http1.1', '--resolve', `www.cdn.example:${port}:127.71.4.2`);
  assert.ok(second.includes('São Paulo') && second.endsWith('\n1.1'), second);
});

test('a POP that is down refuses and cuts its connections; others go on; up again it answers', async () => {
  const socket = connectTcp({ host: '127.71.5.1', port });
  await new Promise((resolve) => socket.once('connect', resolve));
  const cut = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  await Promise.all([pops.setUp(4, false), pops.setUp(4, true), pops.setUp(4, false)]);
  await cut;
  await assert.rejects(h1('127.71.5.1'), /ECONNREFUSED/);
  await assert.rejects(h2('127.71.5.2'), /ECONNREFUSED/);
  assert.equal((await h1('127.71.6.1')).status, 200);
  await pops.setUp(4, true);
  assert.equal((await h2('127.71.5.1')).headers['x-isochrone-pop'], 'NRT');
  const counted = pops.requests();
  assert.ok((counted[4] ?? 0) >= 1 && (counted[5] ?? 0) >= 1);
});

test('a modelled outage in the store takes its POP down until it is undone', async () => {
  const store = createMemoryStore({ clock: { nowMs: Date.now } });
  const stop = followOutages({ store, fleet, pops, log: (line) => lines.push(line) });
  const refused = () =>
    h1('127.71.6.2').then(
      () => false,
      () => true,
    );
  try {
    await store.setModelChange('SYD', { pop: 'SYD', outage: true });
    await until(refused, 'SYD refuses');
    await store.setModelChange('SYD', undefined);
    await until(async () => !(await refused()), 'SYD answers');
    assert.match(lines.join('\n'), /SYD is down: a modelled outage\nSYD is up again/);
  } finally {
    stop();
    await store.close();
  }
});

test('garbage on the port ends that connection only', async () => {
  for (const garbage of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\xff\xff', '']) {
    const socket = connectTcp({ host: '127.71.1.1', port });
    socket.on('error', () => undefined);
    socket.resume();
    await new Promise((resolve) => {
      socket.once('close', resolve);
      socket.end(garbage);
    });
  }
  assert.equal((await h2('127.71.1.1')).status, 200);
});

test('a port that is taken is one clear error, and nothing stays open', async () => {
  await assert.rejects(startPops(popOptions()), (error) => {
    assert.ok(error instanceof OperatorError && error.code === 'port-in-use');
    assert.equal(error.problems.length, 1);
    assert.match(error.message, /127\.71\.1\.1:\d+ and 11 other addresses: the port is in use/);
    return true;
  });
});

function withoutCurl(): string | false {
  try {
    return /HTTP2/.test(execFileSync('curl', ['--version'], { encoding: 'utf8' }))
      ? false
      : 'this curl has no HTTP/2';
  } catch {
    return 'no curl on this machine';
  }
}
