import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ManualClock, manualClock } from '../src/base/clock.ts';
import { seededRandom } from '../src/base/random.ts';
import { readPlaces } from '../src/geo/places.ts';
import { createNetModel } from '../src/netmodel/model.ts';
import { readClientNetworks } from '../src/netmodel/networks.ts';
import {
  createModelledAgents,
  type ModelledAgentOptions,
  type ModelledAgents,
  startModelledAgents,
} from '../src/probe/modelled.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { openRedisStore } from '../src/store/redis.ts';
import { type PopReport, type Sample, type Store, StoreError } from '../src/store/store.ts';
import { until } from './contract/harness.ts';
import { smallFleet } from './helpers/fleet.ts';
import { startRedis, withoutRedis } from './helpers/redis.ts';

const fleet = smallFleet();
const places = readPlaces(
  `key,country,name,latitude,longitude,weight
world,,World,0,0,1
DE,DE,Germany,51,10,0.5
"DE/50.0,8.5",DE,Frankfurt,50.1,8.7,0.5
US,US,United States,40,-90,0.5
"US/40.5,-74.0",US,New York,40.7,-73.9,0.5
`,
  'places.csv',
);
const networks = readClientNetworks(
  `prefix,asn,asName,placeKey,weight
192.0.2.0/24,64500,One,"DE/50.0,8.5",0.3
198.51.100.0/24,64501,Two,"US/40.5,-74.0",0.6
203.0.113.0/24,64502,Three,"XX/0.0,0.0",0.1
`,
  'networks.csv',
);
const FRA = 0;
const JFK = 2;

interface Bench {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly agents: ModelledAgents;
  readonly lines: string[];
  /** Lets the agents work for so long. */
  readonly run: (ms: number) => Promise<void>;
  /** The same, while every POP is to measure every network each second. */
  readonly measure: (ms: number) => Promise<void>;
}

const LISTS = new Map(
  fleet.pops.map(({ code }) => [
    code,
    ['192.0.2.0/24', '198.51.100.0/24', '233.252.0.0/24'].map((network) => ({ network })),
  ]),
);

function bench(changes: Partial<ModelledAgentOptions> = {}): Bench {
  const clock = manualClock(Date.UTC(2026, 0, 1));
  const store = changes.store ?? createMemoryStore({ clock });
  const lines: string[] = [];
  const model = createNetModel({ fleet, places, seed: 7 });
  const agents = createModelledAgents({
    store,
    model,
    fleet,
    networks,
    places,
    service: 'web',
    chooseLink: () => -1,
    clock,
    random: seededRandom(7),
    log: (line) => lines.push(line),
    demandRps: 10_000,
    ...changes,
  });
  const run = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 50) {
      clock.advance(50);
      agents.step();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const measure = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 1_000) {
      await store.putTargets(LISTS);
      await agents.readTargets();
      await run(Math.min(1_000, ms - gone));
    }
  };
  return { clock, store, agents, lines, run, measure };
}

async function samplesOf(store: Store, pop: string, network: string): Promise<Sample[]> {
  const { batches } = await store.readSamples('', 10_000);
  return batches
    .filter((batch) => batch.pop === pop)
    .flatMap(({ samples }) => samples.filter((sample) => sample.network === network));
}

function meanRttMs(samples: readonly Sample[]): number {
  const answered = samples.filter(({ rttMs }) => rttMs !== undefined);
  return answered.reduce((sum, { rttMs = 0 }) => sum + rttMs, 0) / answered.length;
}

async function reportOf(store: Store, pop: string): Promise<PopReport> {
  return (await store.reports()).find((report) => report.pop === pop) as PopReport;
}

test('every POP reports and measures; near is faster than far; the store says it is modelled', async () => {
  const { store, agents, lines, measure } = bench();
  await measure(10_000);
  assert.deepEqual(lines, ['1 client networks lie in places that are not known: nobody measures them']);
  const near = await samplesOf(store, 'FRA', '192.0.2.0/24');
  const far = await samplesOf(store, 'NRT', '192.0.2.0/24');
  assert.deepEqual([near.length, far.length], [10, 10]);
  assert.ok(near.every(({ jitterMs = -1 }) => jitterMs > 0));
  assert.ok(meanRttMs(near) + 50 < meanRttMs(far), `${meanRttMs(near)} and ${meanRttMs(far)}`);
  const { batches } = await store.readSamples('', 10_000);
  assert.ok(batches.every(({ source }) => source === 'modelled'));
  const reports = await store.reports();
  assert.deepEqual(new Set(reports.map(({ pop }) => pop)), new Set(fleet.pops.map(({ code }) => code)));
  for (const { healthy, source, links } of reports)
    assert.deepEqual([healthy, source, links.length], [true, 'modelled', 2]);
  const { bursts, unknownTargets, dropped, reportsLost } = agents.counts();
  assert.deepEqual([bursts, unknownTargets], [20 * fleet.pops.length, 10 * fleet.pops.length]);
  assert.deepEqual([dropped, reportsLost], [0, 0]);
});

test('without lists agents measure nothing; the first step tells all demand', async () => {
  const { store, agents, run } = bench();
  await run(50);
  const networksSeen = new Set((await store.demand()).map(({ network }) => network));
  assert.deepEqual(networksSeen, new Set(['192.0.2.0/24', '198.51.100.0/24']));
  assert.equal((await store.reports()).length, fleet.pops.length);
  await run(5_000);
  assert.equal(agents.counts().bursts, 0);
});

test('a process that steps seldom reports as often as it can', async () => {
  const { clock, store, agents } = bench();
  for (let i = 0; i < 4; i++) {
    clock.advance(1_500);
    agents.step();
    await new Promise((resolve) => setImmediate(resolve));
    const reports = await store.reports();
    assert.ok(reports.length === fleet.pops.length);
    assert.ok(reports.every(({ atMs }) => atMs === clock.nowMs()));
  }
});

test('the same seed measures the same', async () => {
  const [first, second] = [bench(), bench()];
  await first.measure(3_000);
  await second.measure(3_000);
  assert.ok(first.agents.counts().bursts > 0);
  assert.deepEqual(await first.store.readSamples('', 10_000), await second.store.readSamples('', 10_000));
});

test('demand and load follow what steering says, as fast as answers run out', async () => {
  let chosen = -1;
  const { store, run } = bench({ chooseLink: () => chosen, holdMs: 5_000 });
  await run(8_000);
  const before = new Map((await store.demand()).map(({ network, rps }) => [network, rps]));
  assert.ok((before.get('198.51.100.0/24') ?? 0) > (before.get('192.0.2.0/24') ?? 0));
  const loads = async () =>
    [(await reportOf(store, 'FRA')).loadRps, (await reportOf(store, 'JFK')).loadRps] as const;
  const [fra, jfk] = await loads();
  chosen = fleet.pops[FRA]?.links[1]?.index ?? -1;
  await run(12_000);
  const [fraAfter, jfkAfter] = await loads();
  assert.ok(fraAfter > fra + 2_000 && jfkAfter < jfk - 2_000, `${fra} ${jfk} -> ${fraAfter} ${jfkAfter}`);
  const { links } = await reportOf(store, 'FRA');
  assert.ok((links[1]?.throughputMbps ?? 0) > (links[0]?.throughputMbps ?? 0));
  const after = new Map((await store.demand()).map(({ network, rps }) => [network, rps]));
  assert.deepEqual([...after.keys()].sort(), [...before.keys()].sort());
});

test('each change of the modelled internet shows in samples or reports, and ends with it', async () => {
  const { store, agents, run, measure: measureFor } = bench();
  const network = '192.0.2.0/24';
  const measure = async () => {
    await agents.readChanges();
    // What was measured before the change leaves with the next batch.
    await run(1_000);
    const { cursor } = await store.readSamples('', 10_000);
    await measureFor(10_000);
    const { batches } = await store.readSamples(cursor, 10_000);
    const samples = batches.filter(({ pop }) => pop === 'FRA').flatMap((batch) => batch.samples);
    const own = samples.filter((sample) => sample.network === network);
    const sent = own.reduce((sum, sample) => sum + sample.sent, 0);
    const lost = own.reduce((sum, sample) => sum + sample.lost, 0);
    return { rttMs: meanRttMs(own), lossRate: lost / sent, report: await reportOf(store, 'FRA') };
  };
  await run(2_000);
  const quiet = await measure();

  await store.setModelChange('FRA', { pop: 'FRA', rttMs: 60 });
  const slow = await measure();
  assert.ok(Math.abs(slow.rttMs - quiet.rttMs - 60) < 5, `${quiet.rttMs} -> ${slow.rttMs}`);

  await store.setModelChange('FRA', { pop: 'FRA', lossRate: 0.5 });
  assert.ok((await measure()).lossRate > 0.25);

  await store.setModelChange('FRA', { pop: 'FRA', congestion: 1.2, link: 'FRA-a' });
  const oneLink = await measure();
  assert.ok((oneLink.report.links[0]?.queueMs ?? 0) > 50 && (oneLink.report.links[1]?.queueMs ?? 0) < 5);
  assert.ok(Math.abs(oneLink.rttMs - quiet.rttMs) < 5, 'agents measure over the free link');

  await store.setModelChange('FRA', { pop: 'FRA', congestion: 1.2 });
  const bothLinks = await measure();
  assert.ok((bothLinks.report.links[1]?.queueMs ?? 0) > 50);
  assert.ok(Math.abs(bothLinks.rttMs - quiet.rttMs) < 10, 'the queue is reported once, with the link');

  await store.setModelChange('FRA', { pop: 'FRA', load: 0.95 });
  assert.ok((await measure()).report.loadRps > 9_500);

  await store.setModelChange('FRA', undefined);
  const again = await measure();
  assert.ok(Math.abs(again.rttMs - quiet.rttMs) < 5 && again.lossRate < 0.1);
  assert.ok(again.report.loadRps < 9_500);
});

test('an outage is reported at once, and every burst to the POP is lost', async () => {
  const { store, agents, measure } = bench();
  await measure(2_000);
  await store.setModelChange('JFK', { pop: 'JFK', outage: true });
  const { cursor } = await store.readSamples('', 10_000);
  await agents.readChanges();
  assert.equal((await reportOf(store, 'JFK')).healthy, false);
  await measure(3_000);
  // What was measured before the change may still be in the first batch.
  const { batches } = await store.readSamples(cursor, 10_000);
  const samples = batches.filter(({ pop }) => pop === fleet.pops[JFK]?.code).slice(1);
  assert.ok(samples.length > 0);
  for (const sample of samples.flatMap((batch) => batch.samples)) assert.deepEqual(sample.sent, sample.lost);
});

test('on timers: a change heard by nudge shows without waiting for a poll', async () => {
  const clock = { nowMs: Date.now };
  const store = createMemoryStore({ clock });
  const model = createNetModel({ fleet, places, seed: 7 });
  const random = seededRandom(7);
  const agents = startModelledAgents({
    ...{ store, model, fleet, networks, places, clock, random },
    service: 'web',
    chooseLink: () => -1,
    log: () => undefined,
  });
  try {
    await until(async () => (await store.reports()).length === fleet.pops.length, 'all report');
    await store.setModelChange('SYD', { pop: 'SYD', outage: true });
    await until(async () => (await reportOf(store, 'SYD')).healthy === false, 'SYD is down');
    await store.putTargets(LISTS);
    await until(() => agents.counts().bursts === 2 * fleet.pops.length, 'the lists are heard of');
  } finally {
    agents.close();
    await store.close();
  }
});

test('the store goes and comes back: nothing grows without bound, samples come again', {
  skip: withoutRedis(),
}, async () => {
  const redis = await startRedis();
  const store = await openRedisStore({
    url: redis.url,
    cluster: 'agents',
    pops: fleet.pops.map(({ code }) => code),
  });
  const { agents, run, measure } = bench({ store });
  try {
    await measure(3_000);
    await until(() => agents.counts().waiting === 0 && agents.counts().sent > 0, 'batches are sent');
    await redis.kill('SIGKILL');
    await until(() => !store.state().connected, 'the loss is noticed');
    const { bursts } = agents.counts();
    await agents.readTargets();
    await run(20_000);
    const away = agents.counts();
    assert.equal(away.bursts, bursts, 'nobody says what to measure');
    assert.ok(away.reportsLost > 0);
    await assert.rejects(store.reports(), StoreError);
    await redis.start();
    await until(() => store.state().connected, 'it is back');
    await run(5_000);
    await until(async () => {
      await measure(1_000);
      return (await store.readSamples('', 10)).batches.length > 0 && (await store.reports()).length > 0;
    }, 'samples and reports come again');
    assert.ok(agents.counts().waiting < 1_000);
  } finally {
    await store.close();
    await redis.stop();
  }
});
