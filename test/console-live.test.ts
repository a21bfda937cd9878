import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IPV6_KEYS } from '../src/base/network-key.ts';
import { popStateWords } from '../src/base/pop-state.ts';
import { catchmentOf, placeWeights, SHARE_STEPS } from '../src/cli/catchment.ts';
import {
  ANY_SERVICE,
  type ClientWeights,
  weightsOfAddresses,
  weightsOfDemand,
} from '../src/cli/client-weights.ts';
import { createHistory, HISTORY_STEP_MS } from '../src/cli/history.ts';
import { popViews } from '../src/cli/pop-views.ts';
import { type LivePop, type LiveState, livePop } from '../src/console/api-live.ts';
import { createPopWords } from '../src/control/pop-words.ts';
import { choose, openImage, rowOf } from '../src/steering/image.ts';
import { encodeImage } from '../src/steering/image-encode.ts';
import type { SteeringTerms } from '../src/steering/terms.ts';
import { configTexts } from './helpers/config-text.ts';
import { clientImage, runs, withBuckets } from './helpers/row-maps.ts';
import { EXPECTED, someParts } from './helpers/steering-parts.ts';

const POPS = 40;
/** Links that images of `someParts` name. */
const linkPop = Int32Array.from({ length: 301 }, (_, link) => link % POPS);

test('a catchment is what every part of every client would be answered, added up', async () => {
  const clientRows = fc.array(
    fc.record({
      place: fc.nat(29),
      as: fc.nat(40),
      leaf: fc.nat(60),
      service: fc.constantFrom(ANY_SERVICE, 0, 1),
      weight: fc.integer({ min: 1, max: 1000 }),
    }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(
      someParts,
      clientRows,
      fc.uniqueArray(fc.nat(POPS - 1)),
      fc.constantFrom(ANY_SERVICE, 0),
      async (parts, rows, out, service) => {
        const image = openImage(encodeImage(parts), EXPECTED);
        assert.ok(typeof image !== 'string', String(image));
        const popState = new Int32Array(new SharedArrayBuffer(4 * POPS));
        for (const pop of out) popState[pop] = 1;
        const list = rows
          .map(({ place, as, leaf, ...rest }) => {
            const key = parts.leafKey[leaf] ?? -1;
            const asn = parts.networkAsn[as] ?? 0;
            return { placeId: place % parts.placeCount, asn, key, ...rest };
          })
          .sort((one, other) => one.placeId - other.placeId);
        const clients: ClientWeights = {
          placeId: Uint32Array.from(list, (one) => one.placeId),
          asn: Uint32Array.from(list, (one) => one.asn),
          key: Float64Array.from(list, (one) => one.key),
          service: Int16Array.from(list, (one) => one.service),
          weight: Float32Array.from(list, (one) => one.weight),
        };
        const made = await catchmentOf({ image, groupIndex: 0, popState, linkPop, clients, service });
        const weights = placeWeights(clients, parts.placeCount, service);
        const counted = list.filter((one) => service === ANY_SERVICE || one.service !== 1);
        const total = counted.reduce((sum, { weight }) => sum + weight, 0);
        for (let place = 0; place < parts.placeCount; place++) {
          const got = new Float64Array(POPS);
          let own = 0;
          for (const { placeId, asn, key, weight } of counted) {
            if (placeId !== place) continue;
            own += weight;
            const row = rowOf(image, 0, placeId, asn, key);
            for (let part = 0; part < 0x8000; part++) {
              const pop = linkPop[choose(image, row, popState, linkPop, part * 0x20000)] as number;
              got[pop] = (got[pop] as number) + weight / 0x8000;
            }
          }
          const pop = made.popOf[place] as number;
          assert.equal(pop < 0, own === 0);
          assert.ok(Math.abs((weights[place] as number) - (total === 0 ? 0 : own / total)) < 1e-9);
          if (pop < 0) continue;
          const most = Math.max(...got);
          assert.ok((got[pop] as number) >= most - 1e-6, `${pop} gets ${got[pop]} of ${most}`);
          const share = (made.share[place] as number) / SHARE_STEPS;
          assert.ok(share <= most / own + 1e-9 && share > most / own - 1 / SHARE_STEPS - 1e-9);
          assert.ok(share < 1 || got.filter((one) => one > 0).length === 1, 'the whole is all of them');
        }
      },
    ),
    { numRuns: 15 },
  );
});

test('clients are where the image has them: reported demand by service, else addresses', async () => {
  const [sites, places] = [6, 6];
  await fc.assert(
    fc.asyncProperty(runs(4, sites), runs(6, sites), async (v4, v6) => {
      const image = clientImage(v4, v6, sites);
      const weights = await weightsOfAddresses(image, places);
      const addresses = new Map<number, number>();
      for (const [i, { start, site }] of v4.entries()) {
        const count = Number((v4[i + 1]?.start ?? 2n ** 32n) - start);
        const place = image.sitePlace[site] as number;
        addresses.set(place, (addresses.get(place) ?? 0) + count);
      }
      const byPlace = placeWeights(weights, places, ANY_SERVICE);
      for (const [place, count] of addresses)
        assert.ok(Math.abs((byPlace[place] as number) - count / 2 ** 32) < 1e-6, `place ${place}`);
    }),
    { numRuns: 40 },
  );
  const image = withBuckets(
    clientImage(
      [
        { start: 0n, site: 0 },
        { start: 1n << 24n, site: 1 },
      ],
      [{ start: 0n, site: 2 }],
      3,
    ),
  );
  const demand = [
    { network: '1.2.3.0/24', rps: 30, service: 'web' },
    { network: '0.0.0.0/16', rps: 10 },
    { network: '2001:db8::/48', rps: 5, service: 'other' },
    { network: 'nonsense', rps: 5 },
    { network: '1.2.4.0/24', rps: Number.NaN, service: 'web' },
  ];
  const weights = await weightsOfDemand(demand, { clients: image, serviceOf: new Map([['web', 0]]) });
  assert.ok(weights !== undefined);
  assert.equal(
    weights.weight.reduce((sum, one) => sum + one, 0),
    45,
  );
  const ofWeb = placeWeights(weights, 3, 0);
  assert.deepEqual([...ofWeb], [0.25, 0.75, 0], 'what another service is asked does not count');
  assert.ok(weights.key.includes(0x010203) && weights.key.some((key) => key > IPV6_KEYS));
  assert.equal(
    await weightsOfDemand([{ network: 'x', rps: 1 }], { clients: image, serviceOf: new Map() }),
    undefined,
  );
});

test('the history is a ring of an hour: points by time, the nearest moment, memory as said', () => {
  const codes = ['FRA', 'GRU'];
  const history = createHistory(codes);
  assert.deepEqual(history.view(5), { stepMs: HISTORY_STEP_MS, fromMs: 5, pops: codes, points: [] });
  assert.throws(() => history.at(0), /nothing is kept yet/);
  const state = (i: number): LiveState => ({
    atMs: i * HISTORY_STEP_MS,
    epoch: i,
    tableAgeMs: 0,
    ready: true,
    queryRates: { udp: i, ...(i > 3 ? { tcp: 0.1 } : {}) },
    pops: [
      {
        code: 'FRA',
        state: i % 2 === 0 ? 'up' : 'down',
        loadRps: 123.4,
        capacityRps: 1000,
        priceMs: 0.7,
        share: 0.25,
      },
      { code: 'GRU', state: 'drained', capacityRps: 500, priceMs: 0, share: 0 },
    ],
  });
  for (let i = 0; i < 400; i++) history.add(state(i));
  const { points, fromMs } = history.view(0);
  assert.equal(points.length, 3_600_000 / HISTORY_STEP_MS);
  assert.deepEqual([fromMs, points[0]?.epoch, points.at(-1)?.epoch], [220 * HISTORY_STEP_MS, 220, 399]);
  assert.deepEqual(points.at(-1), {
    atMs: 399 * HISTORY_STEP_MS,
    epoch: 399,
    qps: 399.1,
    down: ['FRA'],
    drained: ['GRU'],
  });
  const { pops, ...moment } = history.at(300 * HISTORY_STEP_MS + 9_000);
  assert.deepEqual(moment, { atMs: 300 * HISTORY_STEP_MS, epoch: 300, queryRates: { udp: 300, tcp: 0.1 } });
  assert.deepEqual(pops, state(300).pops);
  const { code: _, ...fra } = state(399).pops[0] as LivePop;
  assert.deepEqual(history.series('FRA').at(-1), { atMs: 399 * HISTORY_STEP_MS, ...fra });
  assert.deepEqual([history.series('GRU').length, history.series('ZZZ').length], [180, 0]);
  assert.equal(history.at(0).epoch, 220, 'what is older is gone');
  assert.equal(history.octets, 180 * (8 + 8 + 8 * 4 + 2 * (1 + 4 * 4)));
});

test('a POP that expects more says so, and how soon: when answers made now count', () => {
  const link = '[{ transit: t, capacityMbps: 9, ipv4: 192.0.2.1 }]';
  const place = 'city: F, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 900';
  const { load } = configTexts(`cluster: c
zones: [{ origin: example, file: example.zone }]
pops:
  - { code: FRA, ${place}, links: ${link} }
  - { code: AMS, ${place}, links: ${link.replace('.1', '.2')} }
services: { web: { ttl: { min: 5, max: 20 } }, api: { ttl: { min: 3, max: 20 } } }
`);
  const config = load('');
  const popState = popStateWords(2);
  const words = createPopWords(config.fleet, popState);
  const known = { state: 'up', why: '', capacityRps: 900, priceMs: 0, share: 0.5, reportedRps: 400 };
  const terms = { pops: [{ ...known, expectedRps: 640.04 }, known], links: [] } as unknown as SteeringTerms;
  const [fra, ams] = popViews({ config, popState, words }, terms).map(livePop);
  assert.deepEqual([fra?.loadRps, fra?.expectedRps, fra?.expectedInMs], [400, 640, 4_500]);
  assert.deepEqual([ams?.loadRps, ams?.expectedRps, ams?.expectedInMs], [400, undefined, undefined]);
});
