import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { emptyAddress, formatAddress } from '../src/base/address.ts';
import { counterBlock, readCounters } from '../src/base/counters.ts';
import { openCounters, serverLayout } from '../src/server/counters.ts';
import { type Handler, readPeer } from '../src/server/handler.ts';
import { listenUdp } from '../src/server/udp.ts';

async function start(context: TestContext, host: string, handle: Handler) {
  const layout = serverLayout(['FRA']);
  const block = counterBlock(layout);
  const options = {
    listen: { host, port: 0 },
    handle,
    counters: openCounters(layout, block),
    recvBufferOctets: 4 << 20,
    responseMax: 4096,
    reusePort: false,
  };
  const listener = await listenUdp(options);
  context.after(() => listener.close());
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  context.after(() => socket.close());
  const ask = async (octets: Uint8Array): Promise<Buffer> => {
    socket.send(octets, listener.address.port, host);
    const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(5_000) });
    return answer as Buffer;
  };
  const drops = (reason: string): number =>
    readCounters(layout, [block])
      .families.find((family) => family.name === 'isochrone_dns_drops_total')
      ?.samples.find((sample) => sample.values.includes(reason))?.value ?? 0;
  return { listener, options, socket, ask, drops };
}

const mirror: Handler = (query, length, _client, out) => {
  if (query[0] === 0xff) return 0;
  out.set(query.subarray(0, length));
  return length;
};

for (const host of ['127.0.0.1', '::1'])
  test(`it answers on ${host}, tells the client's address, and stays silent where told`, async (context) => {
    const seen: string[] = [];
    const { ask, drops, listener, socket } = await start(context, host, (query, length, client, out) => {
      seen.push(`${formatAddress(client.address)} ${client.port} ${client.transport}`);
      return mirror(query, length, client, out);
    });
    for (let i = 0; i < 200; i++) assert.equal((await ask(Buffer.from(`q${i}`))).toString(), `q${i}`);
    assert.deepEqual(new Set(seen), new Set([`${host} ${socket.address().port} udp`]));
    socket.send(Buffer.from([0xff]), listener.address.port, host);
    await ask(Buffer.from('after'));
    assert.equal(drops('unanswerable'), 1);
  });

test('many responses at once keep their own octets', async (context) => {
  const { listener, socket } = await start(context, '127.0.0.1', mirror);
  const count = 150;
  const got = new Set<string>();
  const all = new Promise<void>((resolve) => {
    socket.on('message', (answer) => {
      got.add(answer.toString());
      if (got.size === count) resolve();
    });
  });
  for (let i = 0; i < count; i++) socket.send(`question ${i}`, listener.address.port, '127.0.0.1');
  await all;
  assert.ok(got.has('question 149'));
});

test('a port in use is the system error', async (context) => {
  const { listener, options } = await start(context, '127.0.0.1', mirror);
  await assert.rejects(listenUdp({ ...options, listen: listener.address }), { code: 'EADDRINUSE' });
});

test('with reusePort several sockets share a port', async (context) => {
  const { options } = await start(context, '127.0.0.1', mirror);
  const first = await listenUdp({ ...options, reusePort: true });
  const second = await listenUdp({ ...options, reusePort: true, listen: first.address });
  assert.deepEqual(second.address, first.address);
  await Promise.all([first.close(), second.close()]);
});

test('a datagram from port 0 is dropped and counted, and service goes on', async (context) => {
  const { listener, ask, drops } = await start(context, '127.0.0.1', mirror);
  // Only a raw socket can send one, and Node has none.
  const script = `
import socket, struct
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(struct.pack('!HHHH', 0, ${listener.address.port}, 12, 0) + b'abcd', ('127.0.0.1', 0))
`;
  const { status } = spawnSync('python3', ['-c', script]);
  if (status !== 0) return context.skip('needs python3 and the right to open raw sockets');
  assert.equal((await ask(Buffer.from('still here'))).toString(), 'still here');
  assert.equal(drops('source-port-0'), 1);
});

test('peer addresses are read as Node writes them', () => {
  const address = emptyAddress();
  for (const [text, expected] of [
    ['192.0.2.255', '192.0.2.255'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['fe80::1%eth0', 'fe80::1'],
    ['0.0.0.0', '0.0.0.0'],
  ] as const) {
    readPeer(text, address);
    assert.equal(formatAddress(address), expected);
  }
});
