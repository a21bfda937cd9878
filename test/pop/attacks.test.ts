import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type DemoOrigin, startDemoOrigin } from '../../src/pop/demo-origin.ts';
import { DEFAULT_LIMITS } from '../../src/pop/l1/connections.ts';
import { DEFAULT_TIER } from '../../src/pop/pops.ts';
import { until } from '../contract/harness.ts';
import { get, type PopStage, startPopStage } from '../helpers/pop-stage.ts';

/** Slow clients, too many of them, and malformed requests: good clients are served on. */

let origin: DemoOrigin;
let stage: PopStage;
const sockets: Socket[] = [];

before(async () => {
  origin = await startDemoOrigin({ nowMs: Date.now });
  const limits = { ...DEFAULT_LIMITS, headersMs: 1_500, connectionsMax: 200, connectionsPerClientMax: 150 };
  stage = await startPopStage({
    net: 95,
    origin: origin.url,
    more: { settings: { ...DEFAULT_TIER, limits } },
  });
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  await stage.close();
  await origin.close();
});

/** A connection from an address of our choice. */
function open(from: string, options: { readonly tls?: boolean } = {}): Promise<Socket> {
  return new Promise((resolve) => {
    const host = stage.addressOf('FRA');
    const tcp = connectTcp({ host, port: stage.port, localAddress: from });
    tcp.on('error', () => resolve(tcp));
    sockets.push(tcp);
    tcp.once('connect', () => {
      if (options.tls !== true) return resolve(tcp);
      const ca = readFileSync(stage.certificate.caFile);
      const tls = connectTls({ socket: tcp, servername: 'www.cdn.example', ca });
      tls.on('error', () => resolve(tls));
      tls.once('secureConnect', () => resolve(tls));
    });
  });
}

const closed = (socket: Socket): Promise<void> =>
  socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()));

test('connections that finish no request head end in time; good clients are served meanwhile', async () => {
  const silent = await Promise.all(Array.from({ length: 40 }, (_, i) => open(`127.95.100.${i + 1}`)));
  const slow = await Promise.all(
    Array.from({ length: 40 }, (_, i) => open(`127.95.101.${i + 1}`, { tls: true })),
  );
  const drip = setInterval(() => {
    for (const socket of slow) if (!socket.destroyed) socket.write('x-a: b\r\n');
  }, 100);
  for (const socket of slow) socket.write('GET /static/slow HTTP/1.1\r\nhost: www.cdn.example\r\n');
  assert.equal((await get(stage, 'FRA', '/static/good')).status, 200);
  await Promise.all([...silent, ...slow].map(closed));
  clearInterval(drip);
  assert.equal((await get(stage, 'FRA', '/static/good')).status, 200);
  const { families } = stage.pops.counters();
  const ended = families.find(({ name }) => name.endsWith('connections_ended_total'));
  const slowOnes = ended?.samples.find(({ values }) => values[0] === 'slow-headers');
  assert.ok((slowOnes?.value ?? 0) >= 80, JSON.stringify(ended?.samples));
});

test('bodies that drip are cut off; a body at a fair rate is not', async () => {
  const head = 'POST /echo HTTP/1.1\r\nhost: www.cdn.example\r\ncontent-length: 4000\r\n\r\n';
  const slow = await open('127.95.102.1', { tls: true });
  slow.write(head);
  const fair = await open('127.95.102.2', { tls: true });
  fair.write(head);
  let answer = '';
  fair.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  let sent = 0;
  const timer = setInterval(() => {
    if (!slow.destroyed) slow.write('a');
    if (sent < 4_000) fair.write('b'.repeat(80));
    sent += 80;
  }, 150);
  await closed(slow);
  await until(() => answer.startsWith('HTTP/1.1 200'), 'the answer to the fair one');
  clearInterval(timer);
});

test('one client has its share of connections; beyond all places the idle make room', async () => {
  const many = await Promise.all(Array.from({ length: 160 }, () => open('127.95.103.1')));
  await Promise.all(many.slice(150).map(closed));
  assert.equal((await get(stage, 'FRA', '/static/good')).status, 200);
  await Promise.all(Array.from({ length: 80 }, (_, i) => open(`127.95.104.${i + 1}`)));
  assert.equal((await get(stage, 'FRA', '/static/good')).status, 200);
});

test('what RFC 9110 and 9112 forbid is refused', async () => {
  const table: readonly (readonly [string, string, RegExp])[] = [
    ['two lengths', 'content-length: 3\r\ncontent-length: 4\r\n\r\nabc', /^HTTP\/1\.1 400/],
    [
      'length and chunks',
      'content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      /^HTTP\/1\.1 400/,
    ],
    ['another coding', 'transfer-encoding: gzip\r\n\r\n', /^HTTP\/1\.1 400/],
    ['two hosts', 'host: other.example\r\n\r\n', /^HTTP\/1\.1 400/],
    ['an expectation', 'expect: tea\r\n\r\n', /^HTTP\/1\.1 417/],
    ['a space before the colon', 'x-a : b\r\n\r\n', /^HTTP\/1\.1 400/],
    ['a folded line', 'x-a: b\r\n c\r\n\r\n', /^HTTP\/1\.1 (?:400|200)/],
  ];
  for (const [what, rest, wanted] of table) {
    const socket = await open('127.95.105.1', { tls: true });
    const answer = new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (text.includes('\r\n\r\n')) resolve(text);
      });
      socket.once('close', () => resolve(text));
    });
    socket.write(`POST /echo HTTP/1.1\r\nhost: www.cdn.example\r\n${rest}`);
    assert.match(await answer, wanted, what);
    socket.destroy();
  }
  for (const [path, status] of [
    [`/${'x'.repeat(8_200)}`, 414],
    ['/%0d%0aa', 404],
  ] as const)
    assert.equal((await get(stage, 'FRA', path)).status, status, path.slice(0, 20));
  const fat = { body: 'x', headers: { 'content-length': '1' } };
  assert.equal((await get(stage, 'FRA', '/static/a', fat)).status, 403, 'GET with a body');
  for (const method of ['TRACE', 'PROPFIND'])
    assert.equal((await get(stage, 'FRA', '/static/a', { method })).status, 405, method);
});
