import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { WORD } from '../src/server/worker-memory.ts';
import { noNative, startNative } from './helpers/native-stage.ts';

const skip = noNative;

/** A client that keeps what it is sent, each with the address it came from. */
function client(context: TestContext, host: string) {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  context.after(() => socket.close());
  const got: { text: string; from: string }[] = [];
  socket.on('message', (octets, peer) => got.push({ text: octets.toString('latin1'), from: peer.address }));
  return { socket, got };
}

async function ask(socket: Socket, octets: string | Uint8Array, to: { host: string; port: number }) {
  socket.send(octets, to.port, to.host);
  const [answer, peer] = await once(socket, 'message', { signal: AbortSignal.timeout(5_000) });
  return { text: (answer as Buffer).toString('latin1'), from: (peer as { address: string }).address };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 10_000; !condition(); ) {
    assert.ok(performance.now() < end, `still not so after 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

for (const host of ['127.0.0.1', '::1'])
  test(`native: ${host} answers, and the handler is told who asks`, { skip }, async (context) => {
    const { port, run, drops } = await startNative(context, { hosts: [host] });
    run();
    const { socket } = client(context, host);
    for (let i = 0; i < 100; i++) assert.equal((await ask(socket, `q${i}`, { host, port })).text, `q${i}`);
    const { text, from } = await ask(socket, Buffer.from([0xfc]), { host, port });
    assert.equal(text, `${host} ${socket.address().port} udp`);
    assert.equal(from, host);
    socket.send(Buffer.from([0xff]), port, host);
    await ask(socket, 'after', { host, port });
    assert.equal(drops('unanswerable'), 1);
  });

test('native: of a batch the handler is told before; a lone query is answered at once', {
  skip,
}, async (context) => {
  const host = '127.0.0.1';
  const { port, run } = await startNative(context, { hosts: [host] });
  const { socket, got } = client(context, host);
  // They wait in the kernel before the thread starts: they are read as one batch.
  for (let i = 0; i < 8; i++) await new Promise((resolve) => socket.send(`q${i}`, port, host, resolve));
  run();
  await until(() => got.length === 8, '8 answers');
  assert.equal((await ask(socket, Buffer.from([0xfb]), { host, port })).text, '8');
});

for (const [wildcard, hosts] of [
  ['0.0.0.0', ['127.0.0.1', '127.0.0.2', '127.1.2.3']],
  ['::', ['::1']],
] as const)
  test(`native: on ${wildcard}, answers leave from the address that was asked`, { skip }, async (context) => {
    const { port, run } = await startNative(context, { hosts: [wildcard] });
    run();
    for (const host of hosts) {
      const { socket } = client(context, host);
      for (let i = 0; i < 3; i++)
        assert.deepEqual(await ask(socket, 'who', { host, port }), { text: 'who', from: host });
    }
  });

test('native: wildcards of both families and an own address share a thread', { skip }, async (context) => {
  const hosts = ['0.0.0.0', '::', '127.0.0.9'];
  const { addresses, run } = await startNative(context, { hosts });
  run();
  const asked = ['127.0.0.3', '::1', '127.0.0.9'];
  for (let round = 0; round < 20; round++)
    for (const [index, host] of asked.entries()) {
      const { socket } = client(context, host);
      const to = { host, port: addresses[index]?.port ?? 0 };
      assert.deepEqual(await ask(socket, `r${round}`, to), { text: `r${round}`, from: host });
    }
});

test('native: dropped ones leave no hole in a batch, and each answer goes to who asked', {
  skip,
}, async (context) => {
  const { port, run, drops, batches } = await startNative(context, { hosts: ['0.0.0.0'] });
  const hosts = Array.from({ length: 30 }, (_, i) => `127.0.0.${i + 1}`);
  const clients = hosts.map(() => client(context, '127.0.0.1'));
  // All wait in the kernel before the thread starts: they are read in full batches.
  for (let round = 0; round < 10; round++)
    for (const [i, { socket }] of clients.entries()) {
      const octets = (i + round) % 3 === 0 ? Buffer.from([0xff]) : Buffer.from(`${i}/${round}`);
      await new Promise((resolve) => socket.send(octets, port, hosts[i], resolve));
    }
  run();
  await until(() => clients.reduce((sum, { got }) => sum + got.length, 0) === 200, '200 answers');
  for (const [i, { got }] of clients.entries()) {
    const rounds = Array.from({ length: 10 }, (_, round) => round).filter((round) => (i + round) % 3 !== 0);
    assert.deepEqual(
      got,
      rounds.map((round) => ({ text: `${i}/${round}`, from: hosts[i] })),
    );
  }
  assert.equal(drops('unanswerable'), 100);
  assert.equal(batches()?.counts[6], 5, 'four full batches, and one of 44');
  assert.equal(batches()?.sum, 300);
});

test('native: port 0, too long and too long for the client are dropped and counted', {
  skip,
}, async (context) => {
  const { port, run, drops } = await startNative(context);
  run();
  const { socket } = client(context, '127.0.0.1');
  const to = { host: '127.0.0.1', port };
  assert.equal((await ask(socket, 'x'.repeat(4096), to)).text.length, 4096);
  socket.send('x'.repeat(4097), port, '127.0.0.1');
  assert.equal((await ask(socket, 'still here', to)).text, 'still here');
  assert.equal(drops('truncated-query'), 1);
  const script = `
import socket, struct
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(struct.pack('!HHHH', 0, ${port}, 12, 0) + b'abcd', ('127.0.0.1', 0))
`;
  const { status } = spawnSync('python3', ['-c', script]);
  if (status !== 0) return context.skip('needs python3 and the right to open raw sockets');
  assert.equal((await ask(socket, 'and here', to)).text, 'and here');
  assert.equal(drops('source-port-0'), 1);
});

for (const skipInHand of [false, true])
  test(`native: a successor goes on behind a query of death (skipped: ${skipInHand})`, {
    skip,
  }, async (context) => {
    const { port, run, words, drops } = await startNative(context, { hosts: ['0.0.0.0'] });
    const { socket, got } = client(context, '127.0.0.1');
    const texts = Array.from({ length: 20 }, (_, i) => (i === 7 ? '\xfd' : i === 3 ? '\xff' : `q${i}`));
    for (const text of texts)
      await new Promise((resolve) => socket.send(Buffer.from(text, 'latin1'), port, '127.0.0.5', resolve));
    const first = run();
    const [error] = await once(first, 'error');
    assert.match(String(error), /query of death/);
    assert.equal(words[WORD.BATCH_COUNT], 20);
    assert.equal(words[WORD.IN_HAND_LENGTH], 1);
    assert.equal(got.length, 0);
    const second = run(skipInHand);
    if (!skipInHand) {
      // It dies by the same query, and leaves the same behind.
      await once(second, 'error');
      assert.equal(words[WORD.BATCH_HANDLED], 7);
      run(true);
    }
    await until(() => got.length === 18, '18 answers');
    const expected = texts.filter((text) => text.startsWith('q'));
    assert.deepEqual(
      got,
      expected.map((text) => ({ text, from: '127.0.0.5' })),
    );
    assert.equal(drops('query-of-death'), 1);
    assert.equal(words[WORD.BATCH_COUNT], 0);
  });

test('native: it stops, takes mail and beats though nothing comes', { skip }, async (context) => {
  const { port, run, stop, words, mails } = await startNative(context);
  run();
  const { socket } = client(context, '127.0.0.1');
  await ask(socket, 'hello', { host: '127.0.0.1', port });
  const beat = Atomics.load(words, WORD.HEARTBEAT);
  Atomics.add(words, WORD.MAIL, 1);
  await until(() => Atomics.load(mails, 0) === 1, 'mail');
  await until(() => Atomics.load(words, WORD.HEARTBEAT) > beat, 'a beat');
  assert.ok((words[WORD.THREAD_ID] as number) > 0);
  await stop();
  assert.equal(words[WORD.EPOLL], 0);
});

test('native: overloaded, it drops what is late, and sends no errors', { skip }, async (context) => {
  const { port, run, drops, value } = await startNative(context, { slowMs: 1 });
  const { socket, got } = client(context, '127.0.0.1');
  const count = 3_000;
  // Octet 3 is the response code: every other answer is REFUSED.
  for (let i = 0; i < count; i++)
    await new Promise((resolve) =>
      socket.send(Buffer.from([1, 2, 0, i % 2 === 0 ? 0 : 5]), port, '127.0.0.1', resolve),
    );
  run();
  await until(() => got.length + drops('late') + drops('overload-error') === count, 'all accounted for');
  assert.ok(drops('late') > count / 2, `${drops('late')} late`);
  assert.ok(drops('overload-error') > 0);
  assert.equal(value('isochrone_dns_octets_total', 'in'), (count - drops('late')) * 4);
  // It is over: errors are sent again.
  const refused = await ask(socket, Buffer.from([1, 2, 0, 5]), { host: '127.0.0.1', port });
  assert.equal(refused.text.charCodeAt(3), 5);
});

test('native: what the kernel drops is counted', { skip }, async (context) => {
  const { port, run, drops } = await startNative(context, { recvBufferOctets: 8_192 });
  run();
  const { socket } = client(context, '127.0.0.1');
  await ask(socket, 'hello', { host: '127.0.0.1', port });
  // The thread answers one of these for every few that come at once; the buffer holds a dozen.
  const flood = setInterval(() => {
    for (let i = 0; i < 500; i++) socket.send(Buffer.alloc(1000), port, '127.0.0.1');
  }, 5);
  context.after(() => clearInterval(flood));
  await until(() => drops('kernel-buffer') > 0, 'kernel drops');
});
