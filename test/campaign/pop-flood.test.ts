import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { must } from '../../src/base/assert.ts';
import { exponential, seededRandom } from '../../src/base/random.ts';
import type { PopView, StatusView } from '../../src/console/api.ts';
import { createAsker } from '../helpers/answers.ts';
import { runProgram, startProgram } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';
import { smallGeo } from '../helpers/small-geo.ts';

/**
 * `npm run test:pop-flood`: what clients near one POP ask of it rises to twice what it can serve: evenly, by
 * chance, and evenly twice as fast. New clients are sent elsewhere before it is full, although those that
 * have its address go on asking it; `trace` says that its price moved them.
 */

const CAPACITY_RPS = 120;
/** How long it takes, and when clients come: one after the other at equal times, or by chance. */
const FLOODS = [
  { rampMs: 24_000, gap: () => 1, comes: 'evenly' },
  { rampMs: 24_000, gap: byChance(1), comes: 'by chance' },
  { rampMs: 12_000, gap: () => 1, comes: 'evenly' },
] as const;
const TOP_RPS = 2 * CAPACITY_RPS;
/** Networks of the flood; further clients of theirs ask DNS all the time. */
const FLOODING = Array.from({ length: 40 }, (_, i) => `10.1.${i + 1}`);
const SETTLE_MS = 8_000;
const SAMPLE_MS = 100;
const STARTS_MS = 180_000;
/** What was not asked for so long is asked for at once, ms. */
const OWED_MS = 250;

const PLACES = {
  PA: '50.1, longitude: 8.7, country: DE',
  PB: '48.9, longitude: 2.4, country: FR',
  PC: '52.3, longitude: 4.8, country: NL',
};

/** Times between one client and the next, of a Poisson process: 1 at the mean. */
function byChance(seed: number): () => number {
  const random = seededRandom(seed);
  return () => exponential(random, 1);
}

function writeWorld(folder: string): string {
  const pops = Object.entries(PLACES).map(
    ([code, place], index) =>
      `  - {code: ${code}, city: ${code}, region: r, latitude: ${place}, capacityRps: ${CAPACITY_RPS},\n` +
      `     links: [{transit: t, capacityMbps: 1000, ipv4: 127.64.${index + 1}.1}]}`,
  );
  const near = 'country: DE, latitude: 50.1, longitude: 8.7';
  writeFileSync(
    join(folder, 'zone'),
    '$ORIGIN cdn.example.\n@ 60 SOA ns hostmaster 1 60 60 60 60\n@ 60 NS ns\nwww 60 STEER web\n',
  );
  const path = join(folder, 'c.yaml');
  writeFileSync(
    path,
    `zones: [{origin: cdn.example, file: zone}]
geo: ${smallGeo(folder)}
services: {web: {ttl: {min: 5, max: 20}}}
networks: [{prefix: 10.1.0.0/16, ${near}}]
pops:
${pops.join('\n')}
`,
  );
  return path;
}

/**
 * Asks one POP in the names of the flooding clients, at a rate that may change at any time. What could not be
 * asked while this machine stood still is not asked later: a flood of that shape has no bursts.
 */
function startFlood(
  to: { readonly host: string; readonly port: number },
  shape: { readonly rateNow: () => number; readonly gap: () => number; readonly fullRps: number },
) {
  const { rateNow, gap, fullRps } = shape;
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answeredMs: number[] = [];
  let fullMs: number | undefined;
  const answered = (): void => {
    const nowMs = performance.now();
    answeredMs.push(nowMs);
    while ((answeredMs[0] ?? nowMs) <= nowMs - 1000) answeredMs.shift();
    if (answeredMs.length > fullRps) fullMs ??= nowMs;
  };
  let owed = 0;
  let next = gap();
  let lastMs = performance.now();
  let turn = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const rate = rateNow() / 1000;
    owed = Math.min(next + rate * OWED_MS, owed + rate * (nowMs - lastMs));
    lastMs = nowMs;
    for (; owed >= next; next = gap()) {
      owed -= next;
      const client = FLOODING[turn++ % FLOODING.length] ?? '';
      const headers = { host: 'www.cdn.example', 'x-isochrone-client': `${client}.9` };
      const options = { ...to, path: '/static/flood', headers, agent, rejectUnauthorized: false };
      const asked = request(options, (response) => response.resume().on('end', answered));
      asked.on('error', () => undefined);
      asked.end();
    }
  }, 10);
  return {
    /** When more than `fullRps` had been answered within a second; undefined: not yet. */
    fullMs: () => fullMs,
    stop: () => {
      clearInterval(timer);
      agent.destroy();
    },
  };
}

/** The POPs of a world that nobody asks yet but its modelled clients. */
async function startWorld(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-flood-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const args = ['up', '--config', writeWorld(folder), '--pop-port', String(port)];
  const up = await startProgram(args, { state: join(folder, 'state'), startMs: STARTS_MS });
  t.after(() => up.end());
  const asker = createAsker(up.port);
  t.after(asker.close);
  return {
    port,
    popsNow: () => asker.pops(FLOODING.map((network) => `${network}.0/24`)),
    pa: async (): Promise<PopView> => {
      const { pops } = (await (await fetch(`${up.admin}/api/status`)).json()) as StatusView;
      return must(
        pops.find(({ code }) => code === 'PA'),
        'PA',
      );
    },
    trace: async (network: string): Promise<string> => {
      const url = `https://www.cdn.example:${port}/static/flood`;
      const client = ['--client', `${network}.0/24`, '--alone'];
      const { code, out, err } = await runProgram('trace', url, ...client, '--admin', up.admin);
      assert.equal(code, 0, err);
      return out;
    },
  };
}

for (const { rampMs, gap, comes } of FLOODS)
  test(`a flood at one POP, in ${rampMs / 1000} s, ${comes}: new clients go elsewhere first`, async (t) => {
    const { port, popsNow, pa, trace } = await startWorld(t);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const nearest = [...new Set(await popsNow())];
    assert.equal(nearest.length, 1, `at first all have the nearest POP: ${nearest}`);
    const baseRps = (await pa()).loadRps ?? 0;
    const beganMs = performance.now();
    const risen = () => Math.min(1, (performance.now() - beganMs) / rampMs);
    const shape = { rateNow: () => TOP_RPS * risen(), gap, fullRps: CAPACITY_RPS - baseRps };
    const flood = startFlood({ host: '127.64.1.1', port }, shape);
    t.after(flood.stop);
    let pricedMs: number | undefined;
    let elsewhereMs: number | undefined;
    let moved = '';
    while (risen() < 1 && (flood.fullMs() === undefined || elsewhereMs === undefined)) {
      const [pops] = await Promise.all([
        popsNow(),
        pa().then(({ priceMs }) => {
          if (priceMs > 0) pricedMs ??= performance.now();
        }),
      ]);
      const gone = pops.findIndex((pop) => pop !== nearest[0] && pop !== 'none');
      if (gone >= 0) elsewhereMs ??= performance.now();
      if (gone >= 0) moved ||= FLOODING[gone] ?? '';
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
    const after = (atMs: number | undefined) => (atMs === undefined ? 'never' : Math.round(atMs - beganMs));
    const fullMs = flood.fullMs();
    t.diagnostic(`${CAPACITY_RPS} requests/s, ${baseRps.toFixed(0)} of others; ms from the beginning`);
    t.diagnostic(`priced ${after(pricedMs)}, elsewhere ${after(elsewhereMs)}, full ${after(fullMs)}`);
    assert.ok(fullMs !== undefined, 'the flood fills it: this machine sends so much');
    assert.ok(elsewhereMs !== undefined && elsewhereMs < fullMs, 'before it is full');
    assert.match(await trace(moved), /PA is [\d.]+ ms nearer, but its price is/);
  });
