import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { must } from '../../src/base/assert.ts';
import type { PopView, StatusView } from '../../src/console/api.ts';
import { createAsker } from '../helpers/answers.ts';
import { runProgram, startProgram } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';
import { smallGeo } from '../helpers/small-geo.ts';

/**
 * `npm run test:pop-flood`: what clients near one POP ask of it rises to twice what it can serve, slowly and
 * twice as fast. New clients are sent elsewhere before it is full, although those that have its address go on
 * asking it; `trace` says that its price moved them.
 */

const CAPACITY_RPS = 120;
const RAMPS_MS = [24_000, 12_000];
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
function startFlood(to: { readonly host: string; readonly port: number }, rateNow: () => number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answeredMs: number[] = [];
  let owed = 0;
  let lastMs = performance.now();
  let turn = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    owed = Math.min(1 + (rateNow() * OWED_MS) / 1000, owed + (rateNow() * (nowMs - lastMs)) / 1000);
    lastMs = nowMs;
    for (; owed >= 1; owed--) {
      const client = FLOODING[turn++ % FLOODING.length] ?? '';
      const headers = { host: 'www.cdn.example', 'x-isochrone-client': `${client}.9` };
      const options = { ...to, path: '/static/flood', headers, agent, rejectUnauthorized: false };
      const asked = request(options, (response) => {
        response.resume();
        response.on('end', () => answeredMs.push(performance.now()));
      });
      asked.on('error', () => undefined);
      asked.end();
    }
  }, 10);
  return {
    /** Answers a second, over the last one. */
    rps: () => answeredMs.filter((atMs) => atMs > performance.now() - 1000).length,
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

for (const rampMs of RAMPS_MS)
  test(`a flood at one POP in ${rampMs / 1000} s: new clients go elsewhere before it is full`, async (t) => {
    const { port, popsNow, pa, trace } = await startWorld(t);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const nearest = [...new Set(await popsNow())];
    assert.equal(nearest.length, 1, `at first all have the nearest POP: ${nearest}`);
    const baseRps = (await pa()).loadRps ?? 0;
    const beganMs = performance.now();
    const risen = () => Math.min(1, (performance.now() - beganMs) / rampMs);
    const flood = startFlood({ host: '127.64.1.1', port }, () => TOP_RPS * risen());
    t.after(flood.stop);
    const at: Partial<Record<'priced' | 'elsewhere' | 'full', number>> = {};
    let moved = '';
    while (risen() < 1 && (at.full === undefined || at.elsewhere === undefined)) {
      const [pops, { priceMs }] = await Promise.all([popsNow(), pa()]);
      const nowMs = Math.round(performance.now() - beganMs);
      if (priceMs > 0) at.priced ??= nowMs;
      const gone = pops.findIndex((pop) => pop !== nearest[0] && pop !== 'none');
      if (gone >= 0) at.elsewhere ??= nowMs;
      if (gone >= 0) moved ||= FLOODING[gone] ?? '';
      if (baseRps + flood.rps() > CAPACITY_RPS) at.full ??= nowMs;
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
    t.diagnostic(`${CAPACITY_RPS} requests/s, ${baseRps.toFixed(0)} of others; ms from the beginning`);
    t.diagnostic(`priced ${at.priced}, elsewhere ${at.elsewhere}, full ${at.full}`);
    assert.ok(at.full !== undefined, 'the flood fills it: this machine sends so much');
    assert.ok(at.elsewhere !== undefined && at.elsewhere < at.full, 'before it is full');
    assert.match(await trace(moved), /PA is [\d.]+ ms nearer, but its price is/);
  });
