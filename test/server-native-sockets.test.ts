import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { OperatorError } from '../src/base/errors.ts';
import { LINUX } from '../src/server/native-libc.ts';
import { closeNativeSockets, isWildcard, openNativeSockets } from '../src/server/native-sockets.ts';
import { WORD } from '../src/server/worker-memory.ts';
import { noNative, startNative, testLibc } from './helpers/native-stage.ts';

const skip = noNative;
const options = { sets: 1, recvBufferOctets: 1 << 20 };

test('native: several sets share their ports, with nobody else', { skip }, () => {
  const libc = testLibc();
  const listen = [
    { host: '127.0.0.1', port: 0 },
    { host: '::1', port: 0 },
  ];
  const { addresses, sets } = openNativeSockets(libc, { ...options, listen, sets: 3 });
  assert.equal(sets.length, 3);
  for (const set of sets)
    assert.deepEqual(
      set.map(({ kind, address }) => [kind, address]),
      addresses.flatMap((address) => [
        ['udp', address],
        ['tcp', address],
      ]),
    );
  assert.throws(() => openNativeSockets(libc, { ...options, listen: addresses, sets: 3 }), {
    code: 'port-in-use',
  });
  closeNativeSockets(libc, sets.flat());
});

test('native: every address that cannot be had is named at once, and nothing stays open', {
  skip,
}, async () => {
  const libc = testLibc();
  const taken = createSocket('udp4').bind(0, '127.0.0.1');
  const tcp = createServer().listen(0, '127.0.0.2');
  await Promise.all([once(taken, 'listening'), once(tcp, 'listening')]);
  const { port } = tcp.address() as { port: number };
  const free = { host: '127.0.0.3', port: taken.address().port };
  const listen = [
    free,
    { host: '127.0.0.1', port: taken.address().port },
    { host: '127.0.0.2', port },
    { host: '192.0.2.1', port: 5353 },
  ];
  const open = () => openNativeSockets(libc, { ...options, listen });
  assert.throws(open, (error) => {
    assert.ok(error instanceof OperatorError);
    assert.equal(error.code, 'port-in-use');
    const files = error.problems.map(({ file }) => file);
    assert.deepEqual(files, [
      `127.0.0.1:${taken.address().port}/udp`,
      `127.0.0.2:${port}/tcp`,
      '192.0.2.1:5353/udp',
    ]);
    assert.match(error.problems[2]?.message ?? '', /no interface/);
    return true;
  });
  const { sets } = openNativeSockets(libc, { ...options, listen: [free] });
  closeNativeSockets(libc, sets.flat());
  taken.close();
  tcp.close();
});

test('native: buffers, Fast Open and deferred accepts are asked of the kernel', { skip }, () => {
  const libc = testLibc();
  const { sets } = openNativeSockets(libc, { ...options, listen: [{ host: '127.0.0.1', port: 0 }] });
  const octets = new Uint8Array(new SharedArrayBuffer(8));
  const words = new Int32Array(octets.buffer);
  const read = (kind: string, level: number, option: number): number => {
    const fd = sets[0]?.find((socket) => socket.kind === kind)?.fd ?? -1;
    words[1] = 4;
    const address = libc.addressOf(octets);
    assert.equal(libc.getsockopt(fd, level, option, address, address + 4), 0);
    return words[0] as number;
  };
  assert.ok(read('udp', LINUX.SOL_SOCKET, LINUX.SO_RCVBUF) >= 200_000);
  assert.equal(read('udp', LINUX.SOL_IP, LINUX.IP_MTU_DISCOVER), LINUX.IP_PMTUDISC_OMIT);
  assert.ok(read('tcp', LINUX.SOL_TCP, LINUX.TCP_FASTOPEN) > 0);
  assert.ok(read('tcp', LINUX.SOL_TCP, LINUX.TCP_DEFER_ACCEPT) > 0);
  assert.equal(read('tcp', LINUX.SOL_TCP, LINUX.TCP_NODELAY), 1);
  assert.equal(read('tcp', LINUX.SOL_SOCKET, LINUX.SO_REUSEPORT), 0);
  closeNativeSockets(libc, sets.flat());
});

test('wildcards are told from addresses', () => {
  for (const host of ['0.0.0.0', '::', '0::0']) assert.ok(isWildcard(host), host);
  for (const host of ['127.0.0.1', '::1', '0.0.0.1']) assert.ok(!isWildcard(host), host);
});

test('native: TCP clients are told apart, and stopping answers what they have asked', {
  skip,
}, async (context) => {
  const { addresses, run, stop, value } = await startNative(context, { hosts: ['0.0.0.0', '::1'] });
  run();
  for (const [index, host] of ['127.0.0.7', '::1'].entries()) {
    const socket = connect({ host, port: addresses[index]?.port ?? 0 });
    socket.write(Buffer.from([0, 1, 0xfc]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    const own = host === '::1' ? '::1' : '127.0.0.1';
    assert.equal(answer.subarray(2).toString(), `${own} ${socket.localPort} tcp`);
    socket.end();
  }
  const socket = connect({ host: '127.0.0.1', port: addresses[0]?.port ?? 0 });
  socket.write(Buffer.from([0, 1, 1]));
  await once(socket, 'data');
  const question = Buffer.concat(Array.from({ length: 500 }, () => Buffer.from([0, 3, 1, 2, 3])));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve) => socket.write(question, () => resolve()));
  const closed = once(socket, 'close');
  const tookMs = await stop();
  await closed;
  assert.deepEqual(Buffer.concat(chunks), question);
  assert.equal(value('isochrone_dns_tcp_closed_total', 'shutdown'), 1);
  assert.ok(tookMs < 5_000);
});

test('native: a successor closes the connections that a thread left', { skip }, async (context) => {
  const { port, run, words, value } = await startNative(context);
  const first = run();
  const open = async () => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    socket.write(Buffer.from([0, 1, 1]));
    await once(socket, 'data');
    return socket;
  };
  const [idle, deadly] = [await open(), await open()];
  deadly.write(Buffer.from([0, 2, 0xfd, 1]));
  await once(first, 'error');
  assert.equal(words[WORD.IN_HAND_LENGTH], 2);
  run(true);
  await Promise.all([once(idle.resume(), 'close'), once(deadly.resume(), 'close')]);
  (await open()).destroy();
  assert.equal(words[WORD.IN_HAND_LENGTH], 0);
  assert.equal(value('isochrone_dns_tcp_accepted_total', ''), 3);
});
