import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Prefix, parsePrefix } from '../src/base/address.ts';
import { OperatorError } from '../src/base/errors.ts';
import { networkKey } from '../src/base/network-key.ts';
import { readConfig } from '../src/cli/config-file.ts';
import { deciderOf } from '../src/cli/first-table.ts';
import { loadGround } from '../src/cli/ground.ts';
import { processTerminal } from '../src/cli/terminal.ts';
import { createWhatIf } from '../src/cli/what-if.ts';
import { startAdmin } from '../src/console/admin.ts';
import { imageFromGeography } from '../src/control/made-image.ts';
import type { ForeseenPop } from '../src/lab/foreseen.ts';
import { startRun } from '../src/lab/run.ts';
import { createForesight } from '../src/replay/foresee.ts';
import { loadOf } from '../src/replay/load.ts';
import { createRttView } from '../src/replay/rtt.ts';
import { flowsBetween } from '../src/replay/shares.ts';
import type { LocatedNetwork } from '../src/steering/cells.ts';
import { putEstimate } from '../src/steering/estimate.ts';
import { createEstimates } from '../src/steering/estimates.ts';
import { openImage, rowOf, type SteeringImage } from '../src/steering/image.ts';
import { packCell, popHashes } from '../src/steering/pack.ts';
import { decodeTerms } from '../src/steering/terms.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { adminApi } from './helpers/admin.ts';
import { made } from './lab/made-worlds.ts';

const ground = loadGround(readConfig({}, processTerminal(process, new AbortController().signal)));
const { places, config } = ground;
const NOW_MS = 1_800_000_000_000;
/** Two networks, in Frankfurt and in Tokyo. */
const CLIENTS = [
  { network: '192.0.2.0/24', placeId: places.find('DE', 50.1, 8.7), asn: 64_500 },
  { network: '198.51.100.0/24', placeId: places.find('JP', 35.7, 139.7), asn: 64_501 },
];
const locator = {
  attribution: [],
  databases: [],
  locate: (address: { octets: Uint8Array }, into: { placeId: number; asn: number; known: boolean }) => {
    const { placeId, asn } = CLIENTS[address.octets[0] === 192 ? 0 : 1] as (typeof CLIENTS)[number];
    Object.assign(into, { placeId, asn, known: true });
  },
};

/** `createWhatIf` for the demo's fleet, with the table of geography in use. */
function questions() {
  const store = createMemoryStore({ clock: { nowMs: () => NOW_MS } });
  const first = imageFromGeography(deciderOf(ground), NOW_MS);
  assert.ok('bytes' in first);
  const source = { fleetDigest: config.fleet.digest, placesDigest: places.digest };
  const image = openImage(first.bytes, source);
  assert.ok(typeof image !== 'string');
  const whatIfs = createWhatIf({ ground, store, locator, image: () => image, nowMs: () => NOW_MS });
  return { store, image, ask: whatIfs.whatIf, ahead: whatIfs.whatIfAhead };
}

test('without a POP: its clients go where the engine sends them, and no load is lost', async () => {
  const { store, image, ask, ahead } = questions();
  await assert.rejects(ask(['FRA']), (error: unknown) => {
    return error instanceof OperatorError && error.code === 'not-found' && /nobody/.test(error.message);
  });
  const rpsOf = (network: string): number => (network.startsWith('192') ? 900 : 100);
  const service = config.services[0]?.name ?? '';
  const demand = CLIENTS.map(({ network }) => ({ network, rps: rpsOf(network), service }));
  await store.putDemand('FRA', demand);
  const popIn = (table: typeof image, at: (typeof CLIENTS)[number]): string => {
    const key = networkKey(parsePrefix(at.network) as Prefix);
    const row = rowOf(table, 0, at.placeId, at.asn, key);
    const link = config.fleet.links[table.rows[row * (table.rows.length / table.rowCount)] ?? -1];
    return config.fleet.pops[link?.popIndex ?? -1]?.code ?? '';
  };
  const [home = ''] = CLIENTS.map((at) => popIn(image, at));
  ahead();
  const [plain, view, again] = await Promise.all([ask([home], true), ask([home]), ask([home, home])]);
  assert.equal(again, view, 'the same question is worked out once');
  assert.ok(view && plain);
  const bare = view.pops.map(({ lowRps: _low, highRps: _high, ...pop }) => pop);
  assert.deepEqual(plain, { ...view, pops: bare }, 'the same figures, without how sure they are');
  const { pops, worst, rttChangeMs } = view;
  assert.deepEqual(
    pops.map(({ beforeRps, afterRps }) => [beforeRps, afterRps]),
    asReplayed(image, home, rpsOf),
  );
  assert.deepEqual([view.without, view.cells, view.cellsMoved, view.overCapacity], [[home], 2, 1, []]);
  assert.ok(Math.abs(view.demandMoved - 0.9) < 1e-6, `${view.demandMoved} moved`);
  const sum = (of: 'beforeRps' | 'afterRps'): number => pops.reduce((all, pop) => all + pop[of], 0);
  assert.deepEqual([Math.round(sum('beforeRps')), Math.round(sum('afterRps'))], [1000, 1000]);
  assert.equal(pops.find(({ code }) => code === home)?.afterRps, 0);
  assert.equal(worst.length, 1);
  const [moved] = worst;
  assert.deepEqual([moved?.fromPop, Math.round(100 * (moved?.share ?? 0))], [home, 90]);
  assert.match(moved?.place ?? '', /Frankfurt am Main, DE/);
  const gained = pops.find(({ code }) => code === moved?.toPop);
  // Nothing was measured: there is nothing to draw from.
  assert.deepEqual([gained?.lowRps, gained?.afterRps, gained?.highRps], [900, 900, 900]);
  assert.ok(
    rttChangeMs.mean > 0 && Math.abs(rttChangeMs.mean - (moved?.toMs ?? 0) + (moved?.fromMs ?? 0)) < 1e-6,
  );
  assert.match(view.basis, /^modelled: .*the demand that the POPs report.*0\.0 % of the demand/);
});

/** By POP: its load with and without one, as `replay --without` has the engine decide (replay-side.ts). */
function asReplayed(image: SteeringImage, pop: string, rpsOf: (network: string) => number): number[][] {
  const { fleet } = config;
  const { groups, groupOf, policyNetworks: networks } = ground;
  const demand = CLIENTS.map(({ network, placeId, asn }) => {
    const key = networkKey(parsePrefix(network) as Prefix);
    return { placeId, asn, network: key, rps: rpsOf(network), group: groupOf[0] ?? -1 };
  });
  const deciding = { fleet, groups, params: config.steering, networks, geometry: places };
  const known = { nowMs: NOW_MS, image, estimates: [], demand, overrides: [] };
  const foresight = createForesight({ ...deciding, placesDigest: places.digest }, known);
  const loads = [[], [pop]].map((without) => {
    return loadOf(foresight.settle(without), { fleet, groupCount: groups.length, demand });
  });
  return fleet.pops.map(({ index }) => loads.map((load) => load[index] as number));
}

test('the round-trip times of a network owe nothing to the one that was looked at before', () => {
  const { image } = questions();
  const { fleet } = config;
  const { hashes } = popHashes(fleet.pops.map(({ code }) => code));
  const estimates = createEstimates(CLIENTS.length);
  for (const [cell, pop, level] of [
    [0, 0, 20],
    [0, 1, 300],
    [1, 0, 50],
  ] as const) {
    const saved = { level, deviation: 1, last: level, bursts: 5, modelled: false, atMs: NOW_MS };
    putEstimate(estimates, { cell, pop }, saved);
  }
  const packed = new Map(
    CLIENTS.map(({ network }, cell) => {
      return [network, packCell(estimates, cell, { popHashes: hashes, nowMs: NOW_MS }) as Uint8Array];
    }),
  );
  const terms = decodeTerms(image.termsText);
  const view = () => createRttView({ fleet, geometry: places, terms, packed, nowMs: NOW_MS });
  const [one, other] = CLIENTS.map(({ network, placeId, asn }) => {
    return { placeId, asn, network: networkKey(parsePrefix(network) as Prefix) };
  }) as [LocatedNetwork, LocatedNetwork];
  const alone = [...view().of(other)];
  const both = view();
  assert.ok((both.of(one)[1] as number) > 200);
  assert.deepEqual([...both.of(other)], alone);
});

test('what POPs lose goes to those that gain, the largest first', () => {
  const one = [{ pop: 1, share: 1 }];
  assert.deepEqual(flowsBetween(one, one), []);
  assert.deepEqual(flowsBetween(one, [{ pop: 2, share: 1 }]), [{ from: 1, to: 2, share: 1 }]);
  const before = [
    { pop: 1, share: 0.75 },
    { pop: 2, share: 0.25 },
  ];
  const after = [
    { pop: 3, share: 0.5 },
    { pop: 2, share: 0.5 },
  ];
  assert.deepEqual(flowsBetween(before, after), [
    { from: 1, to: 3, share: 0.5 },
    { from: 1, to: 2, share: 0.25 },
  ]);
});

test('/api/whatif: POPs of the fleet, at least one, not too many; busy is said', async () => {
  const open = await start(adminApi());
  const busy = await start({ ...adminApi(), whatIf: async () => undefined });
  const full = await fetch(`${busy}/api/whatif?without=FRA`);
  assert.deepEqual([full.status, full.headers.get('retry-after')], [503, '5']);
  const got = await fetch(`${open}/api/whatif?without=FRA&without=GRU`);
  assert.deepEqual(((await got.json()) as { without: string[] }).without, ['FRA', 'GRU']);
  assert.equal((await fetch(`${open}/api/whatif/ahead`)).status, 200);
  const many = Array.from({ length: 21 }, () => 'without=FRA').join('&');
  for (const [query, status, words] of [
    ['', 400, /without: is missing/],
    [`?${many}`, 400, /at most 20 POPs/],
    ['?without=FRX', 404, /FRX/],
    ['?without=FRA&ranges=no', 400, /ranges: .* is neither true nor false/],
  ] as const) {
    const refused = await fetch(`${open}/api/whatif${query}`);
    assert.equal(refused.status, status);
    assert.match(await refused.text(), words);
  }
});

async function start(api: ReturnType<typeof adminApi>): Promise<string> {
  const listen = { host: '127.0.0.1', port: 0 };
  const admin = await startAdmin({
    listen,
    token: 'a-token-for-the-tests',
    tokenWhere: 'in the test',
    api,
    onError: (error) => assert.fail(String(error)),
  });
  after(admin.close);
  return admin.url;
}

/** Fixed, and in order: `npm run test:forecast` has many more, and says what is to be expected. */
const SEEDS = [1, 2, 3];

test('the load that is foreseen without a POP is what the simulator then measures', (t) => {
  const pops: ForeseenPop[] = [];
  for (const seed of SEEDS) {
    const sizes = { pops: 12, cells: 246, capacity: 1.5, ticks: 120, eventTick: 50, seed };
    const run = startRun({ world: made('capacity', sizes), policy: 'isochrone', foresees: true });
    while (run.step());
    const [loss, ...more] = run.result().foreseen;
    assert.ok(loss !== undefined && more.length === 0);
    const { tick, measuredFrom, measuredTick, without, worstError } = loss;
    assert.deepEqual([tick, measuredFrom, measuredTick, loss.pops.length], [50, 90, 119, 11]);
    assert.equal(worstError, Math.max(...loss.pops.map(({ error }) => error)));
    const near = loss.pops.filter(({ error }) => error <= 0.05).length;
    const worst = `at worst ${(100 * worstError).toFixed(1)} % off`;
    t.diagnostic(`seed ${seed}, without ${without}: ${near} of 11 POPs within 5 %, ${worst}`);
    pops.push(...loss.pops);
  }
  const errors = pops.map(({ error }) => error).sort((a, b) => a - b);
  const shareOf = (is: (pop: ForeseenPop) => boolean): number => pops.filter(is).length / pops.length;
  assert.ok((errors[Math.floor(errors.length / 2)] as number) < 0.02, `the median of ${errors}`);
  // Of 20 worlds 95 % are, and 96 % of those of the simulator with other luck; 92 % between what was likely.
  const near = shareOf(({ error }) => error <= 0.05);
  assert.ok(near >= 0.8, `${near} of the POPs within 5 %: ${errors}`);
  const likely = shareOf(
    ({ lowRps, highRps, measuredRps }) => lowRps <= measuredRps && measuredRps <= highRps,
  );
  t.diagnostic(`${(100 * likely).toFixed(0)} % of the loads are between what was likely`);
  assert.ok(likely >= 0.8, `${likely} of the POPs between what was likely`);
  for (const { lowRps, foreseenRps, highRps } of pops)
    assert.ok(lowRps <= foreseenRps && foreseenRps <= highRps);
});
