import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../src/base/random.ts';
import { createExplainer, type Explanation } from '../src/steering/explain.ts';
import { choose, rowOf } from '../src/steering/image.ts';
import { type Driver, drive } from './helpers/steering-world.ts';

const POPS = [0, 8, 30, 60];
const TILES = Array.from({ length: 24 }, (_, i) => i * 3 - 4);
const NEAR_A = 3;

function explain(
  driver: Driver,
  placeId: number,
  asn: number,
  popState = new Int32Array(POPS.length),
): Explanation {
  const { fleet, geometry, decider } = driver;
  const explainer = createExplainer({ fleet, geometry });
  const image = driver.image();
  const keys = explainer.keysOf(image, { placeId, asn });
  return explainer.explain({
    image,
    groupIndex: 0,
    placeId,
    asn,
    clientHash: 0,
    popState,
    packedPlace: decider.packed(keys.place),
    packedNetwork: keys.network === undefined ? undefined : decider.packed(keys.network),
  });
}

function busyWorld(): Driver {
  const biasMs = [0, 0, -3, 2];
  const services = [{ name: 'web', popIndexes: [0, 1, 2, 3], biasMs }];
  const driver = drive({ pops: POPS, tiles: TILES, services });
  const random = seededRandom(11);
  for (let i = 0; i < 12; i++) {
    const links =
      driver.fleet.pops[0]?.links.map(({ id }) => ({
        id,
        capacityMbps: 1000,
        throughputMbps: 920,
        queueMs: 1.5,
        lossRate: 0.001,
      })) ?? [];
    const reports = driver.reports({ PA: { links }, PB: { loadRps: 990 }, PD: { healthy: false } });
    driver.tick({
      samples: driver.samples(
        () => random.next() * 4,
        (pop) => (pop === 2 ? 1 : 0),
      ),
      reports,
    });
  }
  return driver;
}

test('the terms of every POP add up, and the answer is the one that the image gives', () => {
  const driver = busyWorld();
  const image = driver.image();
  const popState = new Int32Array(POPS.length);
  const linkPop = Int32Array.from(driver.fleet.links, ({ popIndex }) => popIndex);
  for (let placeId = 0; placeId < driver.geometry.count; placeId++)
    for (const asn of [0, 64500, 65000]) {
      const explanation = explain(driver, placeId, asn);
      const link = choose(image, rowOf(image, 0, placeId, asn), popState, linkPop, 0);
      assert.equal(explanation.chosen.link, driver.fleet.links[link]?.id);
      assert.equal(explanation.pops.length, POPS.length);
      for (const pop of explanation.pops) {
        const sum = pop.rttMs + pop.lossMs + pop.congestionMs + pop.priceMs + pop.biasMs;
        assert.equal(pop.scoreMs, Math.round(sum * 1000) / 1000);
      }
      const own = explanation.pops.find(({ pop }) => pop === explanation.chosen.pop);
      const rival = explanation.pops.find(({ pop }) => pop === explanation.runnerUp?.pop);
      assert.ok(own !== undefined && rival !== undefined && own.out === undefined);
      assert.ok(Math.abs(rival.scoreMs - own.scoreMs - (explanation.runnerUp?.marginMs ?? 0)) < 1e-6);
      assert.equal(explanation.held !== undefined, (explanation.runnerUp?.marginMs ?? 0) < 0);
    }
});

test('each input shows in its own term, and what is out says why', () => {
  const pops = new Map(explain(busyWorld(), NEAR_A, 64500).pops.map((pop) => [pop.pop, pop]));
  assert.ok((pops.get('PA')?.congestionMs ?? 0) > 10);
  assert.ok((pops.get('PB')?.priceMs ?? 0) > 0);
  assert.ok((pops.get('PC')?.lossMs ?? 0) > 100);
  assert.equal(pops.get('PC')?.biasMs, -3);
  assert.equal(pops.get('PD')?.out, 'its agent reports it unhealthy');
});

test('where all words are set since the table was made, the answer is said to fail open', () => {
  const driver = busyWorld();
  const notes = (words: readonly number[]): string =>
    explain(driver, NEAR_A, 64500, Int32Array.from(words)).notes.join(' ');
  assert.doesNotMatch(notes([1, 1, 0, 1]), /fail open/);
  assert.match(notes([1, 1, 1, 1]), /No POP of the row is up since this table was made/);
});

test('it tells network, place and prior apart, and measured from modelled', () => {
  const driver = drive({ pops: POPS, tiles: TILES });
  driver.tick({
    samples: [driver.sample(0, NEAR_A), driver.sample(1, NEAR_A, { asn: 64501, modelled: true })],
  });
  const sources = (asn: number) =>
    explain(driver, NEAR_A, asn)
      .pops.toSorted((one, other) => one.pop.localeCompare(other.pop))
      .map(({ rttSource, rttOf, bursts }) => `${rttSource} ${rttOf} ${bursts}`);
  const prior = 'prior geography 0';
  assert.deepEqual(sources(64500), ['measured network 1', 'modelled place 1', prior, prior]);
  assert.deepEqual(sources(64501), ['measured place 1', 'modelled network 1', prior, prior]);
  assert.deepEqual(sources(0), ['measured place 1', 'modelled place 1', prior, prior]);
  const { cell } = explain(driver, NEAR_A, 64500);
  assert.deepEqual(cell, { key: 'AS64500/XX/0.0,-1.0', level: 'network', label: 'AS64500 in Town -1, XX' });
  assert.equal(explain(driver, NEAR_A, 1).cell.level, 'tile');
  assert.equal(explain(driver, 0, 0).cell.label, 'World');
});

test('a POP that went out after the table was made is passed over, and that is said', () => {
  const driver = drive({ pops: POPS, tiles: TILES });
  driver.tick();
  const explanation = explain(driver, NEAR_A, 0, Int32Array.of(2, 0, 0, 0));
  assert.equal(explanation.chosen.pop, 'PB');
  assert.match(explanation.notes.join(' '), /PA is first in the table, but went out since/);
  assert.equal(explanation.pops.at(-1)?.out, 'drained since this table was made');
});

test('where clients do not get the nearest POP it is named, with what speaks against it', () => {
  const driver = busyWorld();
  let passed = 0;
  for (let placeId = 0; placeId < driver.geometry.count; placeId++) {
    const { pops, chosen, passedOver } = explain(driver, placeId, 64500);
    const nearest = pops.toSorted((one, other) => one.rttMs - other.rttMs)[0];
    const own = pops.find(({ pop }) => pop === chosen.pop);
    const nearerMs = (own?.rttMs ?? 0) - (nearest?.rttMs ?? 0);
    assert.equal(passedOver?.pop, nearerMs > 0 ? nearest?.pop : undefined);
    assert.ok(Math.abs((passedOver?.nearerMs ?? 0) - nearerMs) < 0.006);
    const why = passedOver?.why ?? '';
    if (passedOver?.pop === 'PD') assert.equal(why, `it is down: ${nearest?.out}`);
    else if (passedOver?.pop === 'PA') assert.match(why, /^the congestion of its links is [\d.]+ ms/);
    else if (passedOver?.pop === 'PB')
      assert.match(why, /its price is [\d.]+ ms \(it serves 990 requests\/s, and can serve \d+\)/);
    else if (passedOver?.pop === 'PC') assert.match(why, /^its losses count for/);
    passed += passedOver === undefined ? 0 : 1;
  }
  assert.ok(passed >= 3, `${passed} places`);
  const idle = drive({ pops: POPS, tiles: TILES });
  idle.tick();
  const drained = explain(idle, NEAR_A, 0, Int32Array.of(2, 0, 0, 0)).passedOver;
  assert.match(`${drained?.pop}: ${drained?.why}`, /^PA: it is drained since this table was made$/);
});

test('hysteresis that holds an answer is shown with what a move needs', () => {
  const driver = drive({ pops: [-2, 2], tiles: [0] });
  for (let i = 0; i < 4; i++) driver.tick({ samples: driver.samples(() => 0) });
  const [other, now] = driver.answer(2) === 'PA' ? [1, 0] : [0, 1];
  driver.tick({ samples: driver.samples((pop) => (pop === now ? 2.4 : 0)) });
  const held = explain(driver, 2, 64500);
  assert.equal(held.runnerUp?.pop, driver.fleet.pops[other]?.code);
  assert.ok(held.held !== undefined && held.held.gainMs > 0 && held.held.neededMs >= 5);
  assert.match(held.notes.join(' '), /hysteresis keeps/);
  assert.equal(held.ttl.seconds, 20);
});
