import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { parsePrefix } from '../src/base/address.ts';
import { manualClock } from '../src/base/clock.ts';
import type { Outcome } from '../src/probe/agent.ts';
import { fetchMetrics, sumOf } from '../src/probe/exporter.ts';
import { createOutbox } from '../src/probe/outbox.ts';
import { createPinger } from '../src/probe/pinger.ts';
import { createPoliteness } from '../src/probe/polite.ts';
import type { ActiveMethod } from '../src/probe/ways.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import type { SampleBatch, Target } from '../src/store/store.ts';

const prefixes = (...texts: readonly string[]) =>
  texts.map((text) => {
    const prefix = parsePrefix(text);
    assert.ok(typeof prefix !== 'string', String(prefix));
    return prefix;
  });
const BOUNDS = { burstsPerSecond: 10, everyMs: 1000, silentMaxMs: 60_000, optOut: [] };

test('an address is asked once in a while, all together so often; what was saved is used', () => {
  const { admit, counts } = createPoliteness(BOUNDS);
  assert.equal(admit('192.0.2.1', 0), undefined);
  assert.equal(admit('192.0.2.1', 999), 'too-soon');
  assert.equal(admit('192.0.2.1', 1000), undefined);
  const asked = (nowMs: number): number => {
    let admitted = 0;
    for (let i = 0; i < 100; i++) if (admit(`198.51.${nowMs / 1000}.${i}`, nowMs) === undefined) admitted++;
    return admitted;
  };
  assert.deepEqual([asked(2000), asked(3000), asked(60_000)], [10, 10, 10]);
  assert.deepEqual(counts(), { 'opted-out': 0, 'too-soon': 1, silent: 0, 'too-many': 270 });
});

test('whoever does not answer is asked half as often each time, down to a bound; an answer ends that', () => {
  const { admit, answered } = createPoliteness(BOUNDS);
  const times: number[] = [];
  for (let nowMs = 0; nowMs < 400_000; nowMs += 500)
    if (admit('192.0.2.1', nowMs) === undefined) {
      times.push(nowMs / 1000);
      answered('192.0.2.1', false);
    }
  assert.deepEqual(times, [0, 2, 6, 14, 30, 62, 122, 182, 242, 302, 362]);
  assert.equal(admit('192.0.2.1', 430_000), undefined);
  answered('192.0.2.1', true);
  assert.equal(admit('192.0.2.1', 431_000), undefined);
});

test('who wants no measurements is never asked, nor is what is no address', () => {
  const optOut = prefixes('192.0.2.0/25', '203.0.113.7', '2001:db8:1::/48');
  const { admit } = createPoliteness({ ...BOUNDS, burstsPerSecond: 1000, optOut });
  const out = ['192.0.2.127', '203.0.113.7', '2001:db8:1:2::3', 'www.example.com'];
  const asked = ['192.0.2.128', '203.0.113.8', '2001:db8:2::1'];
  for (const address of out) assert.equal(admit(address, 0), 'opted-out', address);
  for (const address of asked) assert.equal(admit(address, 0), undefined, address);
});

/** A pinger whose pings take so long in turn, ms; undefined: lost. */
function pingerOf(times: readonly (number | undefined)[], has: readonly ActiveMethod[]) {
  const asked: string[] = [];
  const ways = {
    of: (method: ActiveMethod) =>
      has.includes(method)
        ? {
            ping: async ({ address, port }: { address: string; port: number }) => {
              asked.push(`${method} ${address} ${port}`);
              return times[(asked.length - 1) % times.length];
            },
            close: () => undefined,
          }
        : undefined,
    declined: [],
    close: () => undefined,
  };
  const pinger = createPinger({
    ways,
    politeness: createPoliteness({ ...BOUNDS, everyMs: 0 }),
    aimAt: (network) => (network === '192.0.2.0/24' ? { address: '192.0.2.1', method: 'dns' } : undefined),
    method: 'icmp',
    pings: 3,
    gapMs: 0,
    timeoutMs: 1,
  });
  const burst = (target: Target) =>
    new Promise<Outcome>((resolve) => {
      pinger.burst(target, 0, resolve);
    });
  return { asked, burst };
}

test('a burst is reduced to its minimum, its jitter and its loss', async () => {
  const { asked, burst } = pingerOf([30, undefined, 20], ['icmp', 'tcp']);
  const target = { network: '198.51.100.0/24', address: '198.51.100.9' };
  assert.deepEqual(await burst(target), { rttMs: 20, jitterMs: 5, sent: 3, lost: 1, method: 'icmp' });
  assert.deepEqual(new Set(asked), new Set(['icmp 198.51.100.9 0']));
  assert.deepEqual(await burst({ network: '198.51.100.0/24' }), {
    ...{ rttMs: 20, jitterMs: 5, sent: 3, lost: 1, method: 'icmp' },
  });
});

test('the controller’s aim comes first, then the file’s; what cannot be done is done by TCP', async () => {
  const { asked, burst } = pingerOf([10], ['tcp', 'dns']);
  await burst({ network: '192.0.2.0/24', address: '192.0.2.7', method: 'tcp', port: 8443 });
  await burst({ network: '192.0.2.0/24' });
  await burst({ network: '198.51.100.0/24', address: '198.51.100.9', method: 'icmp' });
  assert.deepEqual(
    [asked[0], asked[3], asked[6]],
    ['tcp 192.0.2.7 8443', 'dns 192.0.2.1 53', 'tcp 198.51.100.9 443'],
  );
  assert.equal(await burst({ network: '203.0.113.0/24' }), 'unknown');
});

test('who answers neither of two pings is spared the third; only who answered can be lost', async () => {
  const silent = pingerOf([undefined], ['icmp']);
  const target = { network: '192.0.2.0/24', address: '192.0.2.7' };
  assert.equal(await silent.burst(target), 'silent');
  assert.equal(silent.asked.length, 2);
  const lost = pingerOf([8, 8, 8, undefined, undefined], ['icmp']);
  assert.deepEqual(await lost.burst(target), { rttMs: 8, jitterMs: 0, sent: 3, lost: 0, method: 'icmp' });
  assert.deepEqual(await lost.burst(target), { sent: 2, lost: 2, method: 'icmp' });
});

test('an exporter’s metrics: sums of the series with the labels; a page may not come', async () => {
  const page = `# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{code="200",host="a b"} 12 1700000000000
http_requests_total{host="a b",code="500"} 3
http_requests_total{host="c",code="200"} 5e2
http_requests_total_other 99
up 1
broken NaN
`;
  assert.equal(sumOf(page, 'http_requests_total'), 515);
  assert.equal(sumOf(page, 'http_requests_total{code="200"}'), 512);
  assert.equal(sumOf(page, 'http_requests_total{host="a b",code="500"}'), 3);
  assert.equal(sumOf(page, 'up'), 1);
  for (const none of ['http', 'broken', 'http_requests_total{code="404"}', 'not a metric'])
    assert.equal(sumOf(page, none), undefined, none);
  const server = createServer((request, response) => {
    if (request.url === '/metrics') response.end(page);
    else if (request.url === '/gone') response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { userAgent: 'test', timeoutMs: 200 };
  assert.equal(await fetchMetrics(`${at}/metrics`, options), page);
  await assert.rejects(fetchMetrics(`${at}/gone`, options), /status 404/);
  await assert.rejects(fetchMetrics(`${at}/silent`, options), /timeout/);
  server.closeAllConnections();
  server.close();
});

test('batches tell their time by the store’s clock, where the difference is known', async () => {
  const store = createMemoryStore({ clock: manualClock(0) });
  const told: number[] = [];
  let skew: { skewMs: number; errorMs: number } | undefined;
  const outbox = createOutbox({
    state: () => store.state(),
    clockSkew: () => skew,
    appendSamples: async ({ atMs }: SampleBatch) => void told.push(atMs),
  });
  for (const next of [undefined, { skewMs: 3, errorMs: 5 }, { skewMs: -10_000, errorMs: 5 }]) {
    skew = next;
    outbox.put({ pop: 'FRA', atMs: 50_000, source: 'measured', samples: [] });
    outbox.flush(50_000);
  }
  await new Promise(setImmediate);
  assert.deepEqual(told, [50_000, 50_000, 40_000]);
});
