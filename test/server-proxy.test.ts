import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { accessList } from '../src/base/access-list.ts';
import { formatAddress, parseAddress, parsePrefix } from '../src/base/address.ts';
import { counterBlock, readCounters } from '../src/base/counters.ts';
import { openCounters, serverLayout } from '../src/server/counters.ts';
import type { Handler } from '../src/server/handler.ts';
import { openListeners } from '../src/server/listeners.ts';
import { TCP_LIMITS } from '../src/server/tcp-limits.ts';
import { emptyProxiedClient, readProxyHeader } from '../src/wire/proxy.ts';
import { decodeMessage, encodeQuery } from './helpers/message.ts';
import { noNative, startNative } from './helpers/native-stage.ts';
import { startSecure } from './helpers/secure-server.ts';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** A header as proxies write it: for this client, with `more` octets behind the addresses. */
function header(client: string, port: number, more: readonly number[] = []): Buffer {
  const address = parseAddress(client);
  assert.ok(address);
  const octets = [...address.octets.subarray(0, address.family === 4 ? 4 : 16)];
  const rest = [...octets, ...octets.map(() => 9), port >> 8, port & 0xff, 0, 53, ...more];
  const family = address.family === 4 ? 0x12 : 0x22;
  return Buffer.from([...SIGNATURE, 0x21, family, rest.length >> 8, rest.length & 0xff, ...rest]);
}

const LOCAL = Buffer.from([...SIGNATURE, 0x20, 0, 0, 0]);
/** To which the handlers answer with who asks. */
const WHO = Buffer.from([0xfc, 0]);

test('a header is read octet by octet', () => {
  const read = (octets: Buffer, length = octets.length): string => {
    const client = emptyProxiedClient();
    const size = readProxyHeader(client, octets, length);
    return client.known ? `${size} ${formatAddress(client.address)} ${client.port}` : `${size}`;
  };
  const v4 = header('192.0.2.7', 4711);
  assert.equal(read(v4), '28 192.0.2.7 4711');
  assert.equal(read(header('2001:db8::7', 1)), '52 2001:db8::7 1');
  assert.equal(read(header('192.0.2.7', 1, [4, 0, 1, 0])), '32 192.0.2.7 1');
  assert.equal(read(Buffer.concat([v4, WHO])), '28 192.0.2.7 4711');
  assert.equal(read(LOCAL), '16');
  assert.equal(read(Buffer.from([...SIGNATURE, 0x21, 0x31, 0, 1, 0])), '17', 'a Unix socket');
  for (let length = 0; length < v4.length; length++) assert.equal(read(v4, length), '0', `${length} octets`);
  const changed = (at: number, octet: number): Buffer => {
    const bad = Buffer.from(v4);
    bad[at] = octet;
    return bad;
  };
  for (let at = 0; at < SIGNATURE.length; at++) assert.equal(read(changed(at, 0xaa)), '-1');
  assert.equal(read(changed(12, 0x11)), '-1', 'version 1');
  assert.equal(read(changed(12, 0x22)), '-1', 'an unknown command');
  assert.equal(read(changed(14, 2)), '-1', 'longer than any');
  assert.match(read(changed(15, 11)), /^-1/, 'too short for its addresses');
});

type Kind = 'native' | 'portable';
const KINDS: readonly Kind[] = noNative === false ? ['native', 'portable'] : ['portable'];

function proxies() {
  const prefix = parsePrefix('127.0.0.1/32');
  assert.ok(typeof prefix !== 'string');
  return accessList([{ allow: true, prefix }]);
}

/** Listens on 127.0.0.1, and takes 127.0.0.1 for a proxy. */
async function start(context: TestContext, kind: Kind) {
  if (kind === 'native') {
    const stage = await startNative(context, {
      proxies: proxies(),
      limits: { connectionsPerClientMax: 2 },
    });
    stage.run();
    return stage;
  }
  const layout = serverLayout(['FRA']);
  const block = counterBlock(layout);
  const who: Handler = (query, length, client, out) => {
    const text = `${formatAddress(client.address)} ${client.port} ${client.transport}`;
    const answer = query[0] === 0xfc ? Buffer.from(text) : query.subarray(0, length);
    out.set(answer);
    return answer.length;
  };
  const listeners = await openListeners({
    listen: [{ host: '127.0.0.1', port: 0 }],
    handle: who,
    counters: openCounters(layout, block),
    tcpLimits: { ...TCP_LIMITS, connectionsPerClientMax: 2 },
    recvBufferOctets: 65_536,
    udpResponseMax: 4096,
    reusePort: false,
    proxies: proxies(),
  });
  context.after(() => listeners.close());
  const value = (name: string, label: string): number =>
    readCounters(layout, [block])
      .families.find((family) => family.name === name)
      ?.samples.find((sample) => sample.values.includes(label) || label === '')?.value ?? 0;
  return { port: listeners.addresses[0]?.port ?? 0, value };
}

async function udpClient(context: TestContext, from: string): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  context.after(() => socket.close());
  socket.bind(0, from);
  await once(socket, 'listening');
  return socket;
}

for (const kind of KINDS)
  test(`over UDP a listed proxy says for whom it asks, nobody else does (${kind})`, async (context) => {
    const { port, value } = await start(context, kind);
    const proxy = await udpClient(context, '127.0.0.1');
    const ask = async (socket: UdpSocket, ...parts: Buffer[]): Promise<string> => {
      socket.send(Buffer.concat(parts), port, '127.0.0.1');
      const [answer] = (await once(socket, 'message')) as [Buffer];
      return answer.toString('latin1');
    };
    const own = `127.0.0.1 ${proxy.address().port} udp`;
    assert.equal(await ask(proxy, header('192.0.2.7', 4711), WHO), '192.0.2.7 4711 udp');
    assert.equal(await ask(proxy, header('2001:db8::7', 53), WHO), '2001:db8::7 53 udp');
    assert.equal(await ask(proxy, LOCAL, WHO), own);
    assert.equal(await ask(proxy, header('192.0.2.8', 9, [3, 0, 1, 7]), WHO), '192.0.2.8 9 udp');
    // Many at once: each answer is for its own.
    const clients = Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? `2001:db8::${i}` : `192.0.2.${i}`));
    const answers: string[] = [];
    const all = new Promise<void>((resolve) => {
      proxy.on('message', (answer) => {
        if (answers.push(answer.toString('latin1')) === clients.length) resolve();
      });
    });
    for (const client of clients) proxy.send(Buffer.concat([header(client, 7), WHO]), port, '127.0.0.1');
    await all;
    assert.deepEqual(
      answers.toSorted(),
      clients
        .map((client) => {
          const address = parseAddress(client);
          return `${address && formatAddress(address)} 7 udp`;
        })
        .toSorted(),
    );
    proxy.removeAllListeners('message');
    const bare = value('isochrone_dns_drops_total', 'proxy-header');
    proxy.send(WHO, port, '127.0.0.1');
    proxy.send(header('192.0.2.7', 1).subarray(0, 20), port, '127.0.0.1');
    assert.equal(await ask(proxy, LOCAL, WHO), own, 'the two before get no answer');
    assert.equal(value('isochrone_dns_drops_total', 'proxy-header') - bare, 2);
    const other = await udpClient(context, '127.0.0.2');
    assert.equal(await ask(other, WHO), `127.0.0.2 ${other.address().port} udp`);
    const forged = header('192.0.2.7', 4711);
    assert.equal(await ask(other, forged, WHO), Buffer.concat([forged, WHO]).toString('latin1'));
  });

const frame = (message: Buffer): Buffer => Buffer.concat([Buffer.of(0, message.length), message]);

async function answers(socket: Socket, octets: number): Promise<string> {
  let got = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    got += (chunk as Buffer).toString('latin1');
    if (got.length >= octets) break;
  }
  return got;
}

for (const kind of KINDS)
  test(`over TCP the header comes first, in how many pieces ever (${kind})`, async (context) => {
    const { port, value } = await start(context, kind);
    const open = async (from = '127.0.0.1'): Promise<Socket> => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true });
      context.after(() => socket.destroy());
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    };
    const told = '\0\x142001:db8::7 4711 tcp';
    // More than one client may have: they are many.
    const many = await Promise.all([open(), open(), open(), open()]);
    for (const socket of many) {
      for (const octet of header('2001:db8::7', 4711)) {
        socket.write(Buffer.of(octet));
        await new Promise(setImmediate);
      }
      socket.write(Buffer.concat([frame(WHO), frame(WHO)]));
    }
    for (const socket of many) assert.equal(await answers(socket, 2 * told.length), told + told);
    const whole = await open();
    whole.write(Buffer.concat([header('2001:db8::7', 4711), frame(WHO), frame(WHO)]));
    assert.equal(await answers(whole, 2 * told.length), told + told);
    const bare = await open();
    bare.write(Buffer.concat([frame(WHO), Buffer.alloc(30)]));
    await once(bare.resume(), 'close');
    assert.equal(value('isochrone_dns_drops_total', 'proxy-header'), 1);
    const other = await open('127.0.0.2');
    other.write(frame(WHO));
    assert.match(await answers(other, 20), /127\.0\.0\.2 \d+ tcp/);
  });

test('before TLS too: who has no client subnet is steered by the address in the header', async (context) => {
  const stage = await startSecure(context, {}, '127.0.0.1');
  const { authority, dotPort, count } = stage;
  const ask = async (first: Buffer): Promise<string | undefined> => {
    const raw = connect(dotPort, '127.0.0.1');
    context.after(() => raw.destroy());
    raw.write(first);
    const socket = connectTls({ socket: raw, ca: authority.ca, servername: 'edge.test' });
    socket.on('error', () => {});
    const query = encodeQuery({ name: 'www.edge.test.', type: 'A' });
    socket.write(Buffer.from([0, query.length, ...query]));
    for await (const chunk of socket) return decodeMessage((chunk as Buffer).subarray(2)).sections[0][0];
    return undefined;
  };
  assert.equal(await ask(header('10.1.2.3', 4711)), 'www.edge.test. 30 A 192.0.2.2');
  assert.equal(await ask(header('192.0.2.3', 4711)), 'www.edge.test. 30 A 192.0.2.3');
  assert.equal(await ask(LOCAL), 'www.edge.test. 30 A 192.0.2.1');
  assert.equal(await ask(Buffer.alloc(0)), undefined);
  assert.equal(count('isochrone_dns_drops_total', 'tls', 'proxy-header'), 1);
});
