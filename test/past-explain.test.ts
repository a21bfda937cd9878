import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildRowMap } from '../src/answer/row-map.ts';
import { OperatorError } from '../src/base/errors.ts';
import { explain } from '../src/cli/admin-api.ts';
import { readConfig } from '../src/cli/config-file.ts';
import { deciderOf } from '../src/cli/first-table.ts';
import { loadGround } from '../src/cli/ground.ts';
import { packedFrom } from '../src/cli/packed.ts';
import { createPast } from '../src/cli/past.ts';
import { createPastLog, type KeptParts } from '../src/cli/past-log.ts';
import { processTerminal } from '../src/cli/terminal.ts';
import { openWorld, startImages, type World } from '../src/cli/world.ts';
import type { ExplainView } from '../src/console/api-explain.ts';
import { makeImage } from '../src/control/made-image.ts';
import { createExplainer } from '../src/steering/explain.ts';
import { openImage } from '../src/steering/image.ts';
import { createImageEncoder } from '../src/steering/image-encode.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { smallGeo } from './helpers/small-geo.ts';

/** What `explain` says of a moment of the past is what it said then. */

const folder = mkdtempSync(join(tmpdir(), 'isochrone-past-'));
const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const POPS = [
  ['FRA', 50.03, 8.57, 'DE', 1],
  ['AMS', 52.31, 4.76, 'NL', 2],
  ['JFK', 40.64, -73.78, 'US', 3],
] as const;
const START_MS = Date.UTC(2026, 10, 2, 9);
const MINUTE_MS = 60_000;
const CLIENTS = ['192.0.2.7', '198.51.100.0/24', '2001:db8::1'];

let world: World;

before(async () => {
  const zone = '@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.53\nwww 3600 STEER web\n';
  writeFileSync(join(folder, 'zone'), zone);
  const pops = POPS.map(([code, latitude, longitude, country, n]) => {
    const links = `[{ transit: one, capacityMbps: 1000, ipv4: 192.0.2.${n} }]`;
    const where = `country: ${country}, latitude: ${latitude}, longitude: ${longitude}`;
    return `  - { code: ${code}, city: C, region: r, ${where}, capacityRps: 1000, links: ${links} }`;
  });
  const networks = '{ prefix: 198.51.100.0/24, country: US, latitude: 40, longitude: -74, asn: 64501 }';
  const said = [
    'zones: [{ origin: cdn.example, file: zone }]',
    'services: { web: {} }',
    `geo: ${smallGeo(folder)}`,
    'state: state',
    `networks: [${networks}]`,
    'pops:',
    ...pops,
  ];
  writeFileSync(join(folder, 'isochrone.yaml'), said.join('\n'));
  const terminal = processTerminal(process, new AbortController().signal);
  const quiet = { ...terminal, err: () => undefined, passing: () => undefined };
  const ground = loadGround(readConfig({ config: join(folder, 'isochrone.yaml') }, terminal));
  const closeLater = (close: () => Promise<void> | void): void => void closers.push(close);
  const loading = startImages(ground, { terminal: quiet, closeLater });
  world = await openWorld(ground, loading, { terminal: quiet, closeLater });
  closers.push(world.describer.close);
});

/** A world whose POPs get slow, full and drained from minute to minute, and what is kept of it. */
function stage() {
  let nowMs = START_MS;
  const clock = { nowMs: () => nowMs };
  const store = createMemoryStore({ clock });
  const { fleet } = world.config;
  const explainer = createExplainer({ fleet, geometry: world.places });
  const decider = deciderOf(world);
  const encoder = createImageEncoder();
  const { answering, locator, words } = world;
  const image = () => answering.context.table?.image;
  const past = createPast({ ground: world, image, locator, explainer, store, clock });
  const asked = {
    world,
    explain: { world, explainer, nowMs: clock.nowMs },
    packed: packedFrom({ store }),
    past,
  };
  const ask = (client: string, atMs?: number): Promise<ExplainView> =>
    explain(asked, { name: 'www.cdn.example', type: 'A', client, ...(atMs === undefined ? {} : { atMs }) });
  /** A tick with times measured from each POP, the load of the first, and who is drained. */
  const tick = async (rttMs: readonly number[], loadRps: number, drained: readonly string[]) => {
    nowMs += MINUTE_MS;
    const at = locator.databases.length >= 0 ? placeOf('192.0.2.7') : undefined;
    assert.ok(at);
    const samples = rttMs.flatMap((one, popIndex) =>
      [0, 1, 2].map((i) => {
        const times = { rttMs: one + i, sent: 3, lost: 0, atMs: nowMs - 1000 * i };
        return { popIndex, ...at, ...times, modelled: false };
      }),
    );
    const reports = fleet.pops.map(({ code, index }) => {
      const loads = { loadRps: index === 0 ? loadRps : 10, steeredRps: 0, capacityRps: 1000 };
      return { pop: code, atMs: nowMs, ...loads, healthy: true, links: [] };
    });
    const overrides = drained.map((pop) => ({ pop, reason: `works at ${nowMs}`, sinceMs: nowMs }));
    words.setDrained(new Map(overrides.map((one) => [one.pop, one])));
    decider.tick({ nowMs, samples, reports, overrides });
    const made = makeImage(decider, encoder, { epoch: nowMs / MINUTE_MS, nowMs });
    assert.ok('bytes' in made, String(made));
    await store.putEstimates(decider.takeUnsaved(1000));
    const opened = answering.setTable(made.bytes, rowMapOf(made.bytes));
    assert.ok(typeof opened !== 'string', String(opened));
    return nowMs;
  };
  return { ask, tick, past, store, wait: (ms: number) => void (nowMs += ms) };
}

function placeOf(address: string) {
  const octets = Uint8Array.from([...address.split('.').map(Number), ...new Array(12).fill(0)]);
  const into = { placeId: 0, asn: 0, known: false };
  world.locator.locate({ family: 4, octets }, into);
  return { placeId: into.placeId, asn: into.asn, network: -1 };
}

test('a moment of the past is explained as it was explained then', async () => {
  const { ask, tick, past, wait } = stage();
  const then: { atMs: number; views: ExplainView[] }[] = [];
  for (const [rttMs, loadRps, drained] of [
    [[10, 20, 90], 100, []],
    [[60, 20, 90], 100, []],
    [[60, 20, 90], 990, ['AMS']],
    [[9, 20, 90], 990, []],
  ] as const) {
    const atMs = await tick(rttMs, loadRps, drained);
    await past.keep();
    then.push({ atMs, views: await Promise.all(CLIENTS.map((client) => ask(client))) });
  }
  wait(20_000);
  const chosen = new Set<string>();
  for (const { atMs, views } of then)
    for (const [i, { scopeLength, ...before }] of views.entries()) {
      assert.equal(typeof scopeLength, 'number');
      const { moment, ...told } = await ask(CLIENTS[i] ?? '', atMs + 5000);
      assert.deepEqual(told, before, `${CLIENTS[i]} at ${atMs}`);
      assert.deepEqual([moment?.atMs, moment?.isNow], [atMs, false]);
      assert.match(moment?.words ?? '', new RegExp(`As it was at ${new Date(atMs).toISOString()}`));
      chosen.add(before.chosen.pop);
    }
  assert.ok(chosen.size >= 2, [...chosen].join());
  const outs = then.map(({ views }) => views[0]?.pops.find(({ pop }) => pop === 'AMS')?.out);
  assert.deepEqual([outs[0], outs[1], outs[3]], [undefined, undefined, undefined]);
  assert.match(outs[2] ?? '', /drained: works at/);
  const { moment, scopeLength } = await ask(CLIENTS[0] ?? '', (then.at(-1)?.atMs ?? 0) + 15_000);
  assert.deepEqual([moment?.isNow, typeof scopeLength], [true, 'number'], 'now is nearer');
  for (const offMs of [-10 * MINUTE_MS, 30 * MINUTE_MS])
    await assert.rejects(ask(CLIENTS[0] ?? '', START_MS + offMs), (error: unknown) => {
      return error instanceof OperatorError && error.code === 'not-found' && /kept from/.test(error.message);
    });
});

test('round-trip times that were not kept are not made up', async () => {
  const { ask, tick, past, store } = stage();
  const atMs = await tick([10, 20, 90], 100, []);
  const now = await ask(CLIENTS[0] ?? '');
  Object.assign(store, {
    allEstimates: () => {
      throw new Error('away');
    },
  });
  await past.keep();
  await tick([90, 20, 10], 100, []);
  const { pops, runnerUp, passedOver, moment, chosen, table } = await ask(CLIENTS[0] ?? '', atMs);
  assert.deepEqual([pops, runnerUp, passedOver], [[], undefined, undefined]);
  assert.deepEqual([chosen, table], [now.chosen, now.table], 'the row is kept');
  assert.match(moment?.words ?? '', /Round-trip times .* were not kept/);
});

test('moments come back as they were kept, the oldest go first, memory is bounded', async () => {
  const image = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 7919) >> 3);
  const parts = (atMs: number): KeptParts => ({
    atMs,
    image: image.map((one, i) => (i % 1000 === atMs % 1000 ? atMs & 255 : one)),
    popState: Int32Array.of(atMs, 0),
    out: new Map([[0, { why: `why ${atMs}`, sinceMs: atMs }]]),
    cells: new Map([
      ['DE/50.0,8.0', Uint8Array.of(atMs & 255, 2, 3)],
      ['world', new Uint8Array(0)],
    ]),
    isWhole: atMs % 2 === 0,
  });
  const log = createPastLog({ max: 30, octetsMax: 1 << 20 });
  for (let atMs = 1; atMs <= 75; atMs++) await log.add(parts(atMs));
  const times = log.times();
  assert.deepEqual([times.length, times[0], times.at(-1)], [30, 46, 75]);
  for (const atMs of times) {
    const got = await log.at(atMs);
    assert.deepEqual(
      { ...got, image: Uint8Array.from(got?.image ?? []) },
      {
        ...parts(atMs),
        cells: new Map([...parts(atMs).cells].map(([key, one]) => [key, Buffer.from(one)])),
      },
    );
  }
  assert.equal(await log.at((times[0] as number) - 1), undefined);
  const small = createPastLog({ max: 30, octetsMax: 1 });
  for (let atMs = 1; atMs <= 25; atMs++) await small.add(parts(atMs));
  assert.deepEqual(small.times(), [25]);
  assert.deepEqual((await small.at(25))?.popState, parts(25).popState);
});

function rowMapOf(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const opened = openImage(bytes, {
    fleetDigest: world.config.fleet.digest,
    placesDigest: world.places.digest,
  });
  assert.ok(typeof opened !== 'string', String(opened));
  return buildRowMap(world.answering.clients(), opened);
}
