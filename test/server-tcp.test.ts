import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { counterBlock, readCounters } from '../src/base/counters.ts';
import { openCounters, serverLayout } from '../src/server/counters.ts';
import type { Handler } from '../src/server/handler.ts';
import { listenTcp } from '../src/server/tcp.ts';
import { TCP_LIMITS, type TcpLimits } from '../src/server/tcp-limits.ts';
import { noNative, startNative } from './helpers/native-stage.ts';

/**
 * Answers with the query itself, QR set; a first octet of 0xff deserves no answer; 0xfe gets the longest one.
 */
const mirror: Handler = (query, length, _client, out) => {
  if (query[0] === 0xff) return 0;
  out.set(query.subarray(0, length));
  if (query[0] === 0xfe) return 65_535;
  return length;
};

type Kind = 'portable' | 'native';

async function start(context: TestContext, kind: Kind, limits: Partial<TcpLimits> = {}, host = '127.0.0.1') {
  const { port, value } = await (kind === 'native' ? startThread : startHere)(context, limits, host);
  const open = async (): Promise<Socket> => {
    const socket = connect({ host, port });
    socket.on('error', () => {});
    context.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { open, value, closed: (reason: string) => value('isochrone_dns_tcp_closed_total', reason) };
}

async function startThread(context: TestContext, limits: Partial<TcpLimits>, host: string) {
  const stage = await startNative(context, { limits, hosts: [host] });
  stage.run();
  return stage;
}

async function startHere(context: TestContext, limits: Partial<TcpLimits>, host: string) {
  const layout = serverLayout(['FRA']);
  const block = counterBlock(layout);
  const listener = await listenTcp({
    listen: { host, port: 0 },
    handle: mirror,
    counters: openCounters(layout, block),
    limits: { ...TCP_LIMITS, ...limits },
    reusePort: false,
  });
  context.after(() => listener.close());
  const value = (name: string, label: string): number =>
    readCounters(layout, [block])
      .families.find((family) => family.name === name)
      ?.samples.find((sample) => sample.values.includes(label) || label === '')?.value ?? 0;
  return { listener, port: listener.address.port, value };
}

function framed(...messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    messages.map((message) => Buffer.from([message.length >> 8, message.length & 0xff, ...message])),
  );
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The server's own view: the client may see a reset or a FIN, whichever the kernel makes of it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** A test of each implementation. */
function both(name: string, body: (context: TestContext, kind: Kind) => Promise<void>): void {
  test(`${name} (portable)`, (context) => body(context, 'portable'));
  test(`${name} (native)`, { skip: noNative }, (context) => body(context, 'native'));
}

const message = fc
  .uint8Array({ minLength: 1, maxLength: 600 })
  .map((octets) => octets.with(0, (octets[0] as number) & 0x7f));

both('however a client cuts its questions, it gets the answers in order, then FIN', async (context, kind) => {
  const { open } = await start(context, kind);
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 }),
      async (messages, cuts) => {
        const socket = await open();
        const octets = framed(...messages);
        let at = 0;
        for (const cut of cuts) {
          socket.write(octets.subarray(at, at + cut));
          at += cut;
          await new Promise(setImmediate);
        }
        socket.end(octets.subarray(at));
        assert.deepEqual(await readAll(socket), octets);
      },
    ),
    { numRuns: 60, seed: 7 },
  );
});

both('an empty message, or one that deserves no answer, ends the connection', async (context, kind) => {
  const { open, closed } = await start(context, kind);
  for (const [index, bad] of [Buffer.alloc(0), Buffer.from([0xff, 1])].entries()) {
    const socket = await open();
    socket.write(framed(Buffer.from('good'), bad, Buffer.from('never read')));
    assert.deepEqual(await readAll(socket), framed(Buffer.from('good')));
    await until(() => closed('malformed') === index + 1);
  }
});

both('a half message at FIN is forgotten', async (context, kind) => {
  const { open, closed } = await start(context, kind);
  const socket = await open();
  socket.end(Buffer.concat([framed(Buffer.from('whole')), Buffer.from([0, 9, 1])]));
  assert.deepEqual(await readAll(socket), framed(Buffer.from('whole')));
  await until(() => closed('client') === 1);
});

both('silence, dribbling and idling have an end', async (context, kind) => {
  const { open, closed } = await start(context, kind, { firstQueryMs: 40, messageMs: 300, idleMs: 700 });
  const silent = await open();
  await once(silent.resume(), 'close');
  await until(() => closed('no-query') === 1);
  const dribbler = await open();
  dribbler.resume().write(framed(Buffer.from('first')));
  const dribble = setInterval(() => dribbler.write(Buffer.from([1])), 20);
  context.after(() => clearInterval(dribble));
  await until(() => closed('slow-message') === 1);
  clearInterval(dribble);
  const idler = await open();
  idler.resume().write(framed(Buffer.from('one')));
  await until(() => closed('idle') === 1);
});

both('a client that does not read is not read from, and is closed', async (context, kind) => {
  const { open, closed, value } = await start(context, kind, { writeStallMs: 300 });
  const socket = await open();
  socket.pause();
  const question = framed(Buffer.from([0xfe, 0]));
  const pipeline = Buffer.concat(Array.from({ length: 4_000 }, () => question));
  socket.write(pipeline);
  await until(() => closed('write-stalled') === 1);
  // What the kernel's socket buffers took, and two batches: far from 4,000 answers of 64 KiB.
  assert.ok(value('isochrone_dns_octets_total', 'out') < 64 * 1024 * 1024);
});

both('a client that reads late gets everything', async (context, kind) => {
  const { open } = await start(context, kind);
  const socket = await open();
  socket.pause();
  const question = framed(Buffer.from([0xfe, 0]));
  const count = 300;
  socket.end(Buffer.concat(Array.from({ length: count }, () => question)));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await readAll(socket)).length, count * (65_535 + 2));
});

both(
  'past the bound the longest idle connection goes; with none idle, the new one',
  async (context, kind) => {
    const { open, closed, value } = await start(context, kind, { connectionsMax: 2 });
    const first = await open();
    const second = await open();
    for (const socket of [first, second]) {
      socket.resume().write(framed(Buffer.from('q')));
      await once(socket, 'data');
    }
    const third = await open();
    await once(first, 'close');
    assert.equal(closed('evicted'), 1);
    for (const socket of [second, third]) socket.write(Buffer.from([0, 9, 1]));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const fourth = await open();
    await once(fourth.resume(), 'close');
    assert.equal(value('isochrone_dns_tcp_refused_total', 'connections-max'), 1);
    assert.equal(value('isochrone_dns_tcp_connections', ''), 2);
  },
);

both('one client cannot take all connections', async (context, kind) => {
  const { open, value } = await start(context, kind, { connectionsPerClientMax: 1 });
  const holder = await open();
  holder.write(Buffer.from([0]));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const other = await open();
  await once(other.resume(), 'close');
  assert.equal(value('isochrone_dns_tcp_refused_total', 'client-connections-max'), 1);
});

both('queries on one connection are bounded where the operator says so', async (context, kind) => {
  const { open, closed } = await start(context, kind, { queriesPerConnectionMax: 2 });
  const socket = await open();
  socket.write(framed(Buffer.from('a'), Buffer.from('b'), Buffer.from('c')));
  assert.deepEqual(await readAll(socket), framed(Buffer.from('a'), Buffer.from('b')));
  await until(() => closed('queries-max') === 1);
});

test('a port in use is the system error; closing ends every connection', async (context) => {
  const { listener, port, value } = await startHere(context, {}, '127.0.0.1');
  await assert.rejects(
    listenTcp({
      listen: listener.address,
      handle: mirror,
      counters: openCounters(serverLayout([]), counterBlock(serverLayout([]))),
      limits: TCP_LIMITS,
      reusePort: false,
    }),
    { code: 'EADDRINUSE' },
  );
  const socket = connect(port, '127.0.0.1').resume();
  socket.write(framed(Buffer.from('q')));
  await once(socket, 'data');
  await listener.close();
  assert.equal(value('isochrone_dns_tcp_closed_total', 'shutdown'), 1);
});

both('it listens on IPv6 too', async (context, kind) => {
  const { open } = await start(context, kind, {}, '::1');
  const socket = await open();
  socket.end(framed(Buffer.from('six')));
  assert.deepEqual(await readAll(socket), framed(Buffer.from('six')));
});
