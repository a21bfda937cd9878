import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNameServer } from '../src/server/supervisor.ts';
import type { TcpLimits } from '../src/server/tcp-limits.ts';
import { ask } from './helpers/ask.ts';
import { loadEdge } from './helpers/edge.ts';
import { noNative, startNative } from './helpers/native-stage.ts';

async function start(context: TestContext, limits: Partial<TcpLimits>) {
  const stage = await startNative(context, { limits });
  stage.run();
  const open = async (localAddress: string, octets: readonly number[]): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port: stage.port, localAddress });
    socket.on('error', () => {});
    context.after(() => socket.destroy());
    await once(socket, 'connect');
    if (octets.length > 0) socket.write(Buffer.from(octets));
    return socket;
  };
  const closed = (reason: string): number => stage.value('isochrone_dns_tcp_closed_total', reason);
  const connections = (): number => stage.value('isochrone_dns_tcp_connections', '');
  return { open, closed, connections, value: stage.value };
}

/** A message of one octet, which is answered with itself, and a part of one. */
const WHOLE = [0, 1, 7];
const PART = [0, 9, 1];
const HOUR_MS = 3_600_000;
const PATIENT = { firstQueryMs: HOUR_MS, messageMs: HOUR_MS, idleMs: HOUR_MS };

async function answered(socket: Socket): Promise<void> {
  const [octets] = (await once(socket, 'data')) as [Buffer];
  assert.deepEqual([...octets], WHOLE);
}

function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.resume().on('close', () => resolve()));
}

test('who comes with a whole question is answered, whatever holds the places', {
  skip: noNative,
}, async (context) => {
  const { open, closed, connections, value } = await start(context, { ...PATIENT, connectionsMax: 8 });
  for (let i = 0; i < 8; i++) await open(`127.2.0.${i + 1}`, PART);
  while (connections() < 8) await sleep(5);
  for (let i = 0; i < 20; i++) await answered(await open('127.2.1.1', WHOLE));
  assert.equal(connections(), 8);
  // The first took a slow one's place; those after it an idle one's, their own client's.
  assert.equal(closed('evicted-busy'), 1);
  assert.equal(closed('evicted'), 19);
  assert.equal(value('isochrone_dns_tcp_refused_total', ''), 0);
  // One more with a part of a message is not let in.
  const parts = await Promise.all(Array.from({ length: 8 }, (_, i) => open(`127.2.2.${i + 1}`, PART)));
  await Promise.race(parts.map((socket) => closing(socket)));
  assert.ok(value('isochrone_dns_tcp_refused_total', 'connections-max') > 0);
});

test('slow connections make room on portable sockets too', async (context) => {
  const { data, image } = loadEdge();
  const server = await startNameServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    data,
    image,
    workers: 1,
    io: 'portable',
    tcp: { ...PATIENT, connectionsMax: 4 },
  });
  context.after(() => server.close());
  const [address = { host: '', port: 0 }] = server.addresses;
  for (let i = 0; i < 4; i++) {
    const socket = connect({ ...address, localAddress: `127.2.0.${i + 1}` }).on('error', () => {});
    context.after(() => socket.destroy());
    socket.write(Buffer.from(PART));
  }
  await sleep(2500);
  const { sections } = await ask({ server: address, name: 'www.edge.test.', type: 'A', transport: 'tcp' });
  assert.equal(sections[0].length, 1);
});

test('a client whose own connections are all slow is answered too', { skip: noNative }, async (context) => {
  const { open, closed } = await start(context, { ...PATIENT, connectionsPerClientMax: 4 });
  for (let i = 0; i < 4; i++) await open('127.2.0.1', PART);
  const other = await open('127.2.0.2', WHOLE);
  await answered(other);
  await answered(await open('127.2.0.1', WHOLE));
  assert.equal(closed('evicted-busy'), 1);
  other.write(Buffer.from(WHOLE));
  await answered(other);
});

test('who never asked goes before who did', { skip: noNative }, async (context) => {
  const { open, closed } = await start(context, { ...PATIENT, connectionsMax: 2 });
  const good = await open('127.2.0.1', WHOLE);
  await answered(good);
  const silent = closing(await open('127.2.0.2', []));
  // Accepted after a second: see TCP_DEFER_ACCEPT.
  await sleep(1500);
  await answered(await open('127.2.0.3', WHOLE));
  await silent;
  assert.equal(closed('evicted'), 1);
  good.write(Buffer.from(WHOLE));
  await answered(good);
});
