import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { counterBlock, readCounters } from '../src/base/counters.ts';
import { openCounters, serverLayout } from '../src/server/counters.ts';
import { type Handler, TRANSFER } from '../src/server/handler.ts';
import { listenTcp } from '../src/server/tcp.ts';
import { TCP_LIMITS, type TcpLimits } from '../src/server/tcp-limits.ts';
import { COUNTED_OCTETS, countedTransfer } from './helpers/counted-transfer.ts';
import { noNative, startNative } from './helpers/native-stage.ts';

const mirror: Handler = (query, length, _client, out) => {
  if (query[0] === 0xfa) return TRANSFER;
  out.set(query.subarray(0, length));
  return length;
};

type Kind = 'portable' | 'native';

async function start(context: TestContext, kind: Kind, limits: Partial<TcpLimits> = {}) {
  const { port, value } = await (kind === 'native' ? startThread : startHere)(context, limits);
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  context.after(() => socket.destroy());
  await once(socket, 'connect');
  return { socket, value, closed: (reason: string) => value('isochrone_dns_tcp_closed_total', reason) };
}

async function startThread(context: TestContext, limits: Partial<TcpLimits>) {
  const stage = await startNative(context, { limits, hosts: ['127.0.0.1'] });
  stage.run();
  return stage;
}

async function startHere(context: TestContext, limits: Partial<TcpLimits>) {
  const layout = serverLayout(['FRA']);
  const block = counterBlock(layout);
  const listener = await listenTcp({
    listen: { host: '127.0.0.1', port: 0 },
    handle: mirror,
    transferOf: countedTransfer,
    counters: openCounters(layout, block),
    limits: { ...TCP_LIMITS, ...limits },
    reusePort: false,
  });
  context.after(() => listener.close());
  const value = (name: string, label: string): number =>
    readCounters(layout, [block])
      .families.find((family) => family.name === name)
      ?.samples.find((sample) => sample.values.includes(label) || label === '')?.value ?? 0;
  return { port: listener.address.port, value };
}

function framed(...messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    messages.map((message) => Buffer.from([message.length >> 8, message.length & 0xff, ...message])),
  );
}

function transfer(count: number): Buffer {
  return Buffer.from([0xfa, count >> 8, count & 0xff]);
}

async function readMessages(socket: Socket): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const octets = Buffer.concat(chunks);
  const messages: Buffer[] = [];
  for (let at = 0; at < octets.length; ) {
    const end = at + 2 + octets.readUInt16BE(at);
    messages.push(octets.subarray(at + 2, end));
    at = end;
  }
  return messages;
}

function both(name: string, body: (context: TestContext, kind: Kind) => Promise<void>): void {
  test(`${name} (portable)`, (context) => body(context, 'portable'));
  test(`${name} (native)`, { skip: noNative }, (context) => body(context, 'native'));
}

both('transfers are sent whole, in order with what was asked around them', async (context, kind) => {
  const { socket, closed } = await start(context, kind);
  const count = 500;
  socket.end(framed(Buffer.from('one'), transfer(count), Buffer.from('two'), transfer(2), transfer(0)));
  // The client reads late: what it does not take waits with the server.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const messages = await readMessages(socket);
  assert.deepEqual(messages.shift(), Buffer.from('one'));
  const sent = messages.splice(0, count);
  assert.deepEqual(
    [...sent.keys()],
    sent.map((message) => message.readUInt32BE(0)),
  );
  assert.ok(sent.every((message) => message.length === COUNTED_OCTETS));
  assert.deepEqual(messages.shift(), Buffer.from('two'));
  assert.deepEqual(
    messages.map((message) => message.readUInt32BE(0)),
    [0, 1],
  );
  while (closed('client') !== 1) await new Promise((resolve) => setTimeout(resolve, 10));
});

both('a client that does not read its transfer is closed', async (context, kind) => {
  const { socket, closed, value } = await start(context, kind, { writeStallMs: 300 });
  socket.pause();
  socket.write(framed(transfer(10_000)));
  while (closed('write-stalled') !== 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(value('isochrone_dns_octets_total', 'out') < 64 * 1024 * 1024);
});
