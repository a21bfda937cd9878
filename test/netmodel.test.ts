import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCsv } from '../src/base/csv.ts';
import type { Fleet, Link } from '../src/base/fleet.ts';
import { distanceKm } from '../src/base/geodesy.ts';
import { seededRandom } from '../src/base/random.ts';
import { readPlaces } from '../src/geo/places.ts';
import { createNetModel, type Weather } from '../src/netmodel/model.ts';
import { readClientNetworks } from '../src/netmodel/networks.ts';
import { smallFleet } from './helpers/fleet.ts';

const read = (file: string): string => readFileSync(new URL(`../geo-data/${file}`, import.meta.url), 'utf8');
const places = readPlaces(read('places.csv'), 'places.csv');
const fleet = smallFleet();
const model = createNetModel({ fleet, places, seed: 1 });
const quiet = new Map<string, Weather>();
const frankfurt = places.find('DE', 50.11, 8.68);
const path = { placeId: frankfurt, asn: 3320, linkIndex: 0 };
const anyPath = fc.record({
  placeId: fc.nat(places.count - 1),
  asn: fc.nat(70_000),
  linkIndex: fc.nat(fleet.links.length - 1),
});

/** All POPs of the demo, as far as the model looks at them. */
function demoFleet(): Fleet {
  const [header, ...rows] = readCsv(read('pops.csv'));
  const links: Link[] = [];
  const pops = rows.map(({ cells }, index) => {
    const cell = (name: string): string => cells[header?.cells.indexOf(name) ?? -1] ?? '';
    const own = ['A', 'B'].map((letter): Link => {
      const link = { popIndex: index, transit: cell(`transit${letter}`), ipv4: '', index: links.length };
      const id = `${cell('code')}-${letter.toLowerCase()}`;
      links.push({ ...link, id, capacityMbps: Number(cell(`capacityMbps${letter}`)) });
      return links.at(-1) as Link;
    });
    const place = { latitude: Number(cell('latitude')), longitude: Number(cell('longitude')) };
    const words = {
      code: cell('code'),
      city: cell('city'),
      country: cell('country'),
      region: cell('region'),
    };
    return { ...words, ...place, index, capacityRps: Number(cell('capacityRps')), biasMs: 0, links: own };
  });
  return { pops, links, digest: 0 };
}

test('the POP with the least modelled RTT is among the five nearest for 99 % of the networks', () => {
  const demo = demoFleet();
  const networks = readClientNetworks(read('networks.csv'), 'networks.csv');
  for (const seed of [1, 2, 3]) {
    const internet = createNetModel({ fleet: demo, places, seed });
    let [near, nearest] = [0, 0];
    for (const { placeKey, asn } of networks) {
      const id = places.idOf(placeKey);
      const from = { latitude: places.latitude[id] ?? 0, longitude: places.longitude[id] ?? 0 };
      const rtts = demo.links.map((link) => internet.baseRttMs(id, asn, link.index));
      const best = demo.pops[demo.links[rtts.indexOf(Math.min(...rtts))]?.popIndex ?? -1];
      assert.ok(best !== undefined);
      const nearer = demo.pops.filter((pop) => distanceKm(from, pop) < distanceKm(from, best)).length;
      if (nearer < 5) near++;
      if (nearer === 0) nearest++;
    }
    assert.ok(near / networks.length >= 0.99, `seed ${seed}: ${near} of ${networks.length}`);
    assert.ok(nearest / networks.length < 0.97, 'geography alone must not always be right');
  }
});

test('nothing is faster than light in fibre, terms add up, and a seed gives one internet', () => {
  const again = createNetModel({ fleet, places, seed: 1 });
  const other = createNetModel({ fleet, places, seed: 2 });
  let different = 0;
  fc.assert(
    fc.property(anyPath, (one) => {
      const rttMs = model.baseRttMs(one.placeId, one.asn, one.linkIndex);
      const pop = fleet.pops[fleet.links[one.linkIndex]?.popIndex ?? -1];
      assert.ok(pop !== undefined);
      const from = {
        latitude: places.latitude[one.placeId] ?? 0,
        longitude: places.longitude[one.placeId] ?? 0,
      };
      const km = distanceKm(from, pop);
      assert.ok(rttMs > km / 102.2 && rttMs < 60 + km / 48, `${rttMs} ms for ${km} km`);
      const { totalMs, queueMs, ...terms } = model.pathRtt(one, { weather: quiet });
      const sum = Object.values(terms).reduce((total, term) => total + term, 0);
      assert.ok(Math.abs(sum + queueMs - totalMs) < 1e-9);
      assert.ok(Math.abs(sum - rttMs) < 1e-9);
      assert.equal(again.baseRttMs(one.placeId, one.asn, one.linkIndex), rttMs);
      if (other.baseRttMs(one.placeId, one.asn, one.linkIndex) !== rttMs) different++;
    }),
    { numRuns: 500, seed: 4 },
  );
  assert.ok(different > 490);
});

test('for one country, network and link, further is slower', () => {
  const german = [...places.key.keys()].filter((id) => places.country[id] === 'DE');
  const pop = fleet.pops[0];
  assert.ok(pop !== undefined);
  const pairs = german.map((id) => {
    const km = distanceKm({ latitude: places.latitude[id] ?? 0, longitude: places.longitude[id] ?? 0 }, pop);
    const path = { placeId: id, asn: 3320, linkIndex: 0 };
    const terms = model.pathRtt(path, { weather: quiet });
    return { km, withoutAccessMs: terms.propagationMs + terms.inflationMs + terms.detourMs };
  });
  pairs.sort((left, right) => left.km - right.km);
  for (const [i, { withoutAccessMs }] of pairs.entries())
    assert.ok(withoutAccessMs >= (pairs[i - 1]?.withoutAccessMs ?? 0));
});

test('a way over a third city is hardly ever much shorter', () => {
  fc.assert(
    fc.property(fc.nat(places.count - 1), fc.nat(70_000), (placeId, asn) => {
      for (const via of fleet.pops)
        for (const to of fleet.pops) {
          const direct = model.baseRttMs(placeId, asn, to.index * 2);
          const first = model.baseRttMs(placeId, asn, via.index * 2);
          const second = distanceKm(via, to) / 102.1;
          assert.ok(direct <= (first + second) * 2 + 45);
        }
    }),
    { numRuns: 100, seed: 5 },
  );
});

test('bursts: the least of the pings, above the base and near it, the same from the same seed', () => {
  const run = (pings: number, weather: ReadonlyMap<string, Weather>) => {
    const random = seededRandom(7);
    return Array.from({ length: 400 }, () => model.burst(path, { weather, pings, random }));
  };
  const { totalMs } = model.pathRtt(path, { weather: quiet });
  const bursts = run(3, quiet);
  assert.ok(bursts.every(({ rttMs, meanMs }) => rttMs === undefined || (meanMs ?? 0) >= rttMs));
  const rtts = bursts.flatMap(({ rttMs }) => rttMs ?? []).sort((left, right) => left - right);
  assert.ok(rtts.every((rttMs) => rttMs >= totalMs));
  assert.ok((rtts[200] ?? 0) < totalMs + 1, 'median within a ms');
  assert.deepEqual(run(3, quiet), bursts);
  const lossy = run(3, new Map([['FRA', { lossRate: 0.3 }]]));
  const lost = lossy.reduce((sum, burst) => sum + burst.lost, 0) / 1200;
  assert.ok(lost > 0.26 && lost < 0.34, `${lost}`);
  assert.deepEqual(run(2, new Map([['FRA', { outage: true }]]))[0], { sent: 2, lost: 2 });
  const slow = run(3, new Map([['FRA', { rttMs: 60 }]]));
  assert.ok(Math.min(...slow.flatMap(({ rttMs }) => rttMs ?? [])) >= totalMs + 60);
});

test('congestion: a queue that grows near full, loss after it, on the named link alone', () => {
  const report = (congestion: number, linkIndex = 0) =>
    model.linkReport(linkIndex, 0, new Map([['FRA', { congestion, link: 'FRA-a' }]]));
  const queues = [0, 0.5, 0.8, 0.9, 0.95, 1, 2].map((congestion) => report(congestion).queueMs);
  assert.deepEqual(
    queues,
    [...queues].sort((left, right) => left - right),
  );
  assert.ok((queues[1] ?? 9) <= 1 && (queues[3] ?? 0) > 20 && queues.at(-1) === 120);
  assert.deepEqual([report(0.9).lossRate, report(1).lossRate], [0, 0.02]);
  assert.ok(report(2).lossRate > 0.5);
  assert.equal(report(1).throughputMbps, fleet.links[0]?.capacityMbps);
  assert.deepEqual(report(1, 1), model.linkReport(1, 0, quiet), 'the other link is as it was');
  const served =
    model.linkReport(0, 5_000, quiet).throughputMbps - model.linkReport(0, 0, quiet).throughputMbps;
  assert.ok(Math.abs(served - 500) < 1e-9, 'a request is 0.1 Mb');
});

test('load: steered requests and those from elsewhere', () => {
  const background = model.loadOf(0, 0, quiet);
  assert.ok(background >= 1_000 && background <= 2_500);
  assert.ok(Math.abs(model.loadOf(0, 700, quiet) - background - 700) < 1e-9);
  assert.equal(model.loadOf(0, 700, new Map([['FRA', { load: 0.9 }]])), 9_700);
});

test('demand swings through the local day about its mean', () => {
  const hours = Array.from({ length: 24 }, (_, hour) => model.demandFactor(frankfurt, hour * 3_600_000));
  const mean = hours.reduce((sum, factor) => sum + factor, 0) / 24;
  assert.ok(Math.abs(mean - 1) < 1e-9);
  assert.equal(hours.indexOf(Math.max(...hours)), 20, '21 h solar time in Frankfurt is about 20 h UTC');
});

test('a bad row of networks.csv is named', () => {
  const text =
    'prefix,asn,asName,placeKey,weight\n10.0.0.1/24,1,A,DE,0.1\n10.0.0.0/24,x,A,DE,0.1\n10.0.0.0/24,1,A\n';
  assert.throws(
    () => readClientNetworks(text, 'n.csv'),
    /n\.csv:2: .*host bits[\s\S]*n\.csv:3: asn[\s\S]*n\.csv:4/,
  );
  assert.throws(() => readClientNetworks('a,b\n', 'n.csv'), /n\.csv:1: the header/);
  const wide = 'prefix,asn,asName,placeKey,weight\n10.0.0.0/23,1,A,DE,0.1\n2001:db8::/47,1,A,DE,0.1\n';
  assert.throws(() => readClientNetworks(wide, 'n.csv'), /n\.csv:2: .*single[\s\S]*n\.csv:3: .*single/);
});
