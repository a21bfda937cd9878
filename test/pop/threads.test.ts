import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { Session } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OperatorError } from '../../src/base/errors.ts';
import { POP_DRAINED, popStateWords, setPopBit } from '../../src/base/pop-state.ts';
import { type PopTier, type PopTierOptions, startPopTier } from '../../src/cli/pop-tier.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { developmentCertificate, type PopCertificate } from '../../src/pop/authority.ts';
import { type DemoOrigin, startDemoOrigin } from '../../src/pop/demo-origin.ts';
import { until as untilWithin } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';

/** The POPs in threads of their own: what the main thread has of them, and what it is told. */

const folder = mkdtempSync(join(tmpdir(), 'isochrone-pop-threads-'));
const clock = { nowMs: Date.now };
const lines: string[] = [];
const closers: (() => Promise<void> | void)[] = [];
const popState = popStateWords(3);
let origin: DemoOrigin;
let certificate: PopCertificate;
let tier: PopTier;
let port: number;

before(async () => {
  origin = await startDemoOrigin(clock);
  port = await freePort();
  const addresses = [1, 2, 3].map((net) => `127.99.${net}.1`);
  const log = (line: string) => void lines.push(line);
  certificate = developmentCertificate({ folder, domains: ['cdn.example'], addresses, clock, log });
  tier = await startPopTier(optionsFor({}));
});
after(async () => {
  for (const close of closers.reverse()) await close();
  await origin.close();
  rmSync(folder, { recursive: true });
});

function configWith(more: string): Config {
  writeFileSync(
    join(folder, 'zone'),
    '$ORIGIN cdn.example.\n@ 60 SOA ns hostmaster 1 60 60 60 60\n@ 60 NS ns\n',
  );
  const pops = ['FRA eu', 'AMS eu', 'JFK us'].map((word, index) => {
    const [code, region] = word.split(' ');
    const links = `[{transit: t, capacityMbps: 1000, ipv4: 127.99.${index + 1}.1}]`;
    const place = 'city: C, country: DE, latitude: 50, longitude: 8, capacityRps: 100';
    return `  - {code: ${code}, region: ${region}, ${place}, links: ${links}}`;
  });
  const text = `zones: [{origin: cdn.example, file: zone}]
pops:
${pops.join('\n')}
origins: {o: {url: '${origin.url.href}', region: eu}}
distributions:
  d: {domains: [www.cdn.example], behaviours: [{origin: o}]${more}}
`;
  return loadConfig({ text, file: join(folder, 'c.yaml'), read: (path) => readFileSync(path, 'utf8') });
}

function optionsFor(more: Partial<PopTierOptions>): PopTierOptions {
  return {
    config: configWith(''),
    anyAddress: false,
    port,
    certificate,
    believesClients: true,
    popState,
    threads: 2,
    clients: () => undefined,
    places: { country: [], digest: 0 },
    answer: (question) => (question.name === 'service' ? 'web' : undefined),
    log: (line) => void lines.push(line),
    closeLater: (close) => void closers.push(close),
    ...more,
  };
}

const agent = new Agent({ keepAlive: true });
after(() => agent.destroy());

/** A thread takes its time to start where others are at work on the machine. */
async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const { held } = await untilWithin(async () => holds(), Boolean, 60_000);
  assert.ok(held, what);
}

interface Got {
  readonly status: number;
  readonly cache: string;
  readonly connection: string;
}

function get(net: number, path: string, host = 'www.cdn.example'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: `127.99.${net}.1`, port, path, headers: { host }, agent, rejectUnauthorized: false },
      (response) => {
        response.resume();
        response.on('end', () => {
          const { 'x-cache': cache = '', connection = '' } = response.headers;
          resolve({ status: response.statusCode ?? 0, cache: String(cache), connection });
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

test('POPs of two regions in two threads: served, counted together, invalidated together', async () => {
  assert.deepEqual([tier.threads, tier.addressCount], [2, 3]);
  for (const net of [1, 2, 3]) assert.equal((await get(net, '/static/a')).status, 200, String(net));
  for (const net of [1, 2, 3]) assert.match((await get(net, '/static/a')).cache, /^Hit/, String(net));
  await until(() => requestsIn(tier) >= 6, 'both threads told');
  // Three POPs' caches; the origin is in the region of two of them, so there is one regional cache.
  assert.equal(await tier.invalidate({ scope: 'd', pattern: '/static/*' }), 4);
  for (const net of [1, 3]) assert.match((await get(net, '/static/a')).cache, /^Miss/, String(net));
});

function requestsIn({ counters }: PopTier): number {
  const family = counters().families.find(({ name }) => name === 'isochrone_pop_requests_total');
  return (family?.samples ?? []).reduce((sum, { value }) => sum + value, 0);
}

test('what clients ask is the load of their POP, by the service that the main thread knows', async () => {
  await until(async () => {
    await Promise.all(Array.from({ length: 10 }, () => get(3, '/static/load')));
    return tier.load(2).demand.some(({ service }) => service === 'web');
  }, 'it is told');
  const { rps, connections, demand } = tier.load(2);
  assert.ok(rps > 0 && connections > 0);
  assert.equal(demand[0]?.network, '127.0.0.0/24');
});

test('a POP is left by its word, shut and opened by order', async () => {
  setPopBit(popState, { popIndex: 0, bit: POP_DRAINED, on: true });
  assert.equal((await get(1, '/static/a')).connection, 'close');
  setPopBit(popState, { popIndex: 0, bit: POP_DRAINED, on: false });
  await tier.setUp(0, false);
  await assert.rejects(get(1, '/healthz'), /ECONNREFUSED/);
  assert.equal((await get(2, '/healthz')).status, 200);
  await tier.setUp(0, true);
  assert.equal((await get(1, '/healthz')).status, 200);
});

test('a thread that dies starts again, and what was shut stays shut', async () => {
  await tier.setUp(1, false);
  const letBe = killThreads(2);
  await until(() => lines.filter((line) => /starts again.*killed/s.test(line)).length === 2, 'both died');
  letBe();
  const isServed = (net: number) => get(net, '/static/a').then(({ cache }) => cache, String);
  for (const net of [1, 3])
    await until(async () => /^Miss|^Hit/.test(await isServed(net)), 'it serves again');
  await until(async () => /ECONNREFUSED/.test(await isServed(2)), 'it is shut');
  await tier.setUp(1, true);
});

/** Has so many threads of this process, those that are there, throw an error; gives how to let go of them. */
function killThreads(count: number): () => void {
  const session = new Session();
  let left = count;
  session.connect();
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId } }) => {
    // Those that start later are told of too.
    if (left-- <= 0) return;
    const expression = "setTimeout(() => { throw new Error('killed by the test') })";
    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } });
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
  });
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  return () => session.disconnect();
}

test('an address that is taken, and files that are not there, are told by the threads', async () => {
  const refused = (more: Partial<PopTierOptions>) =>
    startPopTier(optionsFor(more)).then(
      () => assert.fail('it starts'),
      (error: unknown) => {
        assert.ok(error instanceof OperatorError, String(error));
        return error;
      },
    );
  const taken = await refused({});
  assert.equal(taken.code, 'port-in-use');
  assert.equal(taken.problems.length, 2);
  // A shield is one cache for all: so is the thread.
  const one = await refused({ config: configWith(', shield: eu') });
  assert.match(one.problems.map(({ message }) => message).join(), /and 2 other addresses/);
});
