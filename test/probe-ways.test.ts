import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { developmentCertificate } from '../src/pop/authority.ts';
import { loadNative, type NativeResult } from '../src/probe/native.ts';
import { openPassive } from '../src/probe/passive.ts';
import type { Way } from '../src/probe/way.ts';
import { type ActiveMethod, openWays } from '../src/probe/ways.ts';
import { freePorts } from '../src/server/listeners.ts';

/** Every way to measure, against real servers on this machine. */

const loaded = await loadNative();
const manners = { version: '1.2.3', contact: 'noc@example.com', dnsName: '.' };
const withKernel = openWays(loaded, manners);
/** As on systems without koffi. */
const without: NativeResult = { reason: 'not tried' };
const plain = openWays(without, manners);
after(() => {
  withKernel.close();
  plain.close();
});

const TIMEOUT_MS = 2000;
/** For documentation (RFC 3849): no machine has it. */
const NOBODY = '2001:db8:ffff::1';
/** Far more than a round trip on the loopback interface takes as the kernel sees it, however busy we are. */
const KERNEL_MAX_MS = 20;

function wayOf(method: ActiveMethod, ways = withKernel): Way {
  const way = ways.of(method);
  assert.ok(way !== undefined, `${method} is there`);
  return way;
}

async function listen(server: Server, t: TestContext, host = '127.0.0.1'): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const [free] = await freePorts([{ host: '127.0.0.1', port: 0 }]);
  assert.ok(free !== undefined);
  return free.port;
}

const isKernelTime = (rttMs: number | undefined): boolean =>
  rttMs !== undefined && rttMs > 0 && rttMs < ('native' in loaded ? KERNEL_MAX_MS : TIMEOUT_MS);

test('TCP: a handshake and a reset are answers, an address that nobody has is none', async (t) => {
  const port = await listen(createServer(), t);
  const free = await freePort();
  for (const ways of [withKernel, plain]) {
    const { ping } = wayOf('tcp', ways);
    const rttMs = await ping({ address: '127.0.0.1', port }, TIMEOUT_MS);
    assert.ok(rttMs !== undefined && rttMs > 0 && rttMs < TIMEOUT_MS, `${rttMs}`);
    const reset = await ping({ address: '127.0.0.1', port: free }, TIMEOUT_MS);
    assert.ok(reset !== undefined && reset > 0 && reset < TIMEOUT_MS, `reset: ${reset}`);
    assert.equal(await ping({ address: NOBODY, port: 9 }, 100), undefined);
  }
});

test('TCP: the time is the kernel’s, however late this process looks', async (t) => {
  if ('reason' in loaded) return t.skip(loaded.reason);
  const port = await listen(createServer(), t);
  const asked = wayOf('tcp').ping({ address: '127.0.0.1', port }, TIMEOUT_MS);
  const busyUntilMs = performance.now() + 200;
  while (performance.now() < busyUntilMs);
  const rttMs = await asked;
  assert.ok(isKernelTime(rttMs), `${rttMs}`);
});

test('HTTP and HTTPS: the server’s thinking is not in the time; the User-Agent says who asks', async (t) => {
  const agents: (string | undefined)[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    agents.push(request.headers['user-agent']);
    setTimeout(() => response.end(), 100);
  };
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-ways-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = { nowMs: Date.now };
  const made = developmentCertificate({
    ...{ folder, domains: ['example.com'], addresses: ['127.0.0.1'], clock },
    log: () => undefined,
  });
  const http = await listen(createHttp(answer), t);
  const https = await listen(createHttps({ cert: made.certificate, key: made.key }, answer), t);
  for (const ways of [withKernel, plain]) {
    const times = [
      await wayOf('http', ways).ping({ address: '127.0.0.1', port: http }, TIMEOUT_MS),
      await wayOf('https', ways).ping({ address: '127.0.0.1', port: https }, TIMEOUT_MS),
    ];
    for (const rttMs of times) assert.ok(rttMs !== undefined && rttMs > 0 && rttMs < 100, `${times}`);
  }
  assert.deepEqual(new Set(agents), new Set(['isochrone-agent/1.2.3 (+noc@example.com)']));
  assert.equal(await wayOf('http').ping({ address: '127.0.0.1', port: http }, 50), undefined, 'in time');
  const silent = await listen(createServer(), t);
  assert.equal(await wayOf('http').ping({ address: '127.0.0.1', port: silent }, 200), undefined);
});

test('DNS: whatever a real resolver answers counts; nobody there is no answer', async (t) => {
  const port = await startUnbound(t);
  if (port === undefined) return t.skip('unbound is not installed');
  for (const ways of [withKernel, plain]) {
    const { ping } = wayOf('dns', ways);
    const all = await Promise.all([1, 2, 3].map(() => ping({ address: '127.0.0.1', port }, TIMEOUT_MS)));
    for (const rttMs of all) assert.ok(rttMs !== undefined && rttMs > 0 && rttMs < TIMEOUT_MS, `${all}`);
    const free = await freePort();
    assert.equal(await ping({ address: '127.0.0.1', port: free }, 200), undefined);
  }
});

async function startUnbound(t: TestContext): Promise<number | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-unbound-'));
  const port = await freePort();
  const conf = join(folder, 'unbound.conf');
  writeFileSync(
    conf,
    `server:
  interface: 127.0.0.1
  port: ${port}
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
`,
  );
  const child = spawn('unbound', ['-d', '-c', conf], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const started = new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.stderr.on('data', (text) => String(text).includes('start of service') && resolve(true));
  });
  return (await started) ? port : undefined;
}

test('ICMP echo: this machine answers over IPv4 and IPv6, or the way says why not', async (t) => {
  assert.match(plain.declined.join(), /^ICMP echo: not tried$/);
  const way = withKernel.of('icmp');
  if (way === undefined) {
    assert.match(withKernel.declined.join(), /not permitted here|koffi|Linux/);
    return t.skip(withKernel.declined.join());
  }
  const asked = ['127.0.0.1', '127.0.9.1'].map((address) => way.ping({ address, port: 0 }, TIMEOUT_MS));
  const busyUntilMs = performance.now() + 100;
  while (performance.now() < busyUntilMs);
  for (const rttMs of await Promise.all(asked)) assert.ok(isKernelTime(rttMs), `${rttMs}`);
  assert.equal(await way.ping({ address: NOBODY, port: 0 }, 100), undefined);
  const v6 = await way.ping({ address: '::1', port: 0 }, TIMEOUT_MS);
  if (v6 === undefined) t.diagnostic('no IPv6 on this machine');
  else assert.ok(isKernelTime(v6));
});

test('passive: connections by client network, if they said something since the last look', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  const port = await listen(server, t, '0.0.0.0');
  const passive = openPassive(loaded, [port]);
  if ('declined' in passive) {
    assert.match(passive.declined, /^passive round-trip times: /);
    return t.skip(passive.declined);
  }
  t.after(passive.close);
  const clients: Socket[] = [];
  for (const localAddress of ['127.1.1.1', '127.1.1.2', '127.1.2.1']) {
    const client = connect({ port, host: '127.0.0.1', localAddress });
    t.after(() => client.destroy());
    clients.push(client);
    await once(client, 'connect');
    client.write('hello');
    await once(client, 'data');
  }
  const first = await passive.look(0);
  assert.equal(first.connections, 3);
  assert.deepEqual(
    new Set(first.samples.map((one) => one.network)),
    new Set(['127.1.1.0/24', '127.1.2.0/24']),
  );
  for (const { rttMs, lost, method } of first.samples) {
    assert.ok(isKernelTime(rttMs), `${rttMs}`);
    assert.deepEqual([lost, method], [0, 'passive']);
  }
  assert.deepEqual(
    new Map(passive.demand(30).map(({ network, rps }) => [network, rps])),
    new Map([
      ['127.1.1.0/24', 20],
      ['127.1.2.0/24', 10],
    ]),
  );
  await new Promise((resolve) => setTimeout(resolve, 1000));
  clients[2]?.write('again');
  await once(clients[2] as Socket, 'data');
  const second = await passive.look(500);
  assert.deepEqual(
    second.samples.map(({ network }) => network),
    ['127.1.2.0/24'],
  );
});
