import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix } from '../src/base/address.ts';
import { networkOfKey } from '../src/base/network-key.ts';
import { seededRandom } from '../src/base/random.ts';
import type { LocatedSample } from '../src/steering/accept.ts';
import { createExplainer, type Explanation } from '../src/steering/explain.ts';
import { choose, rowOf } from '../src/steering/image.ts';
import { decodeTerms } from '../src/steering/terms.ts';
import { ttlOf } from '../src/steering/ttl.ts';
import { steeringParams } from './helpers/steering-params.ts';
import { type Driver, drive } from './helpers/steering-world.ts';

const POPS = [0, 8, 30, 60];
const TILES = Array.from({ length: 12 }, (_, i) => i * 6 - 4);
/** Tile at longitude -4: nearest PA, then PB. */
const PLACE = 2;
const ASN = 64500;
const FIRST_KEY = 0x0a0000;
const DAY_S = 86_400;
const params = steeringParams();

const world = (leafCellsMax = 200): Driver => drive({ pops: POPS, tiles: TILES, leafCellsMax });
const at = (driver: Driver, network: number, placeId = PLACE): string => driver.answer(placeId, ASN, network);
/** A burst to a single network, with what it has on top of distance, ms. */
const burst = (driver: Driver, pop: number, network: number, addMs = 0, placeId = PLACE): LocatedSample =>
  driver.sample(pop, placeId, { network, addMs, atMs: driver.nowMs() + 1000 });

function mustBe(driver: Driver, answers: Record<number, string>): void {
  for (const [network, pop] of Object.entries(answers))
    assert.equal(at(driver, Number(network)), pop, network);
}

test('a network inherits; its first burst makes its leaf, which learns at once', () => {
  const driver = world();
  const demand = [1, 2].map((i) => ({ network: FIRST_KEY + i, placeId: PLACE, asn: ASN, rps: 5, group: -1 }));
  const { leafCells } = driver.tick({ reports: driver.reports(), demand });
  assert.equal(leafCells, 2, 'networks with demand are known, to be measured');
  assert.equal(driver.image().leafIpv4.length, 0, 'and have no rows');
  mustBe(driver, { [FIRST_KEY + 1]: 'PA', [FIRST_KEY + 2]: 'PA' });
  const others = () => Array.from({ length: 18 }, (_, i) => burst(driver, i % 2, FIRST_KEY + 10 + (i >> 1)));
  for (let i = 0; i < 5; i++) driver.tick({ samples: others(), reports: driver.reports() });
  driver.tick({ samples: [burst(driver, 0, FIRST_KEY + 1, 90)], reports: driver.reports() });
  const { moves } = driver.tick({ samples: [burst(driver, 1, FIRST_KEY + 1, 0)], reports: driver.reports() });
  assert.ok(moves.learned >= 1, JSON.stringify(moves));
  assert.ok(driver.image().leafIpv4.includes(FIRST_KEY + 1));
  assert.ok(!driver.image().leafIpv4.includes(FIRST_KEY + 2));
  mustBe(driver, { [FIRST_KEY + 1]: 'PB', [FIRST_KEY + 2]: 'PA' });
  assert.equal(driver.answer(PLACE), 'PA', 'the place keeps its answer');
});

test('a burst of another network changes the rows of its place and AS at most', () => {
  const networks = Array.from({ length: 8 }, (_, i) => ({
    network: FIRST_KEY + i,
    placeId: PLACE + (i % 4),
  }));
  const run = (extra: boolean) => {
    const driver = world();
    const random = seededRandom(17);
    for (let tick = 0; tick < 20; tick++) {
      const samples = networks.flatMap(({ network, placeId }, i) =>
        POPS.map((_, pop) =>
          burst(driver, pop, network, random.next() * 3 + (extra && i === 0 && pop === 0 ? 70 : 0), placeId),
        ),
      );
      driver.tick({ samples, reports: driver.reports() });
    }
    return driver;
  };
  const [plain, changed] = [run(false), run(true)];
  assert.equal(at(plain, FIRST_KEY), 'PA');
  assert.equal(at(changed, FIRST_KEY), 'PB');
  for (const { network, placeId } of networks.slice(1))
    assert.equal(at(changed, network, placeId), at(plain, network, placeId), `${network}`);
  for (let place = PLACE + 4; place < TILES.length + 2; place++)
    assert.equal(changed.answer(place), plain.answer(place));
  for (const { network, placeId } of networks) {
    if (placeId === PLACE) continue;
    const key = formatPrefix(networkOfKey(network));
    assert.deepEqual(changed.decider.packed(key), plain.decider.packed(key), 'its estimates are its own');
  }
});

test('the same bursts give the same table and the same plan, to the octet', () => {
  const run = () => {
    const driver = world();
    const random = seededRandom(23);
    const plans: unknown[] = [];
    const demand = Array.from({ length: 12 }, (_, i) => ({
      network: FIRST_KEY + i,
      placeId: PLACE + i,
      asn: ASN,
      rps: 1 + i,
      group: -1,
    }));
    for (let tick = 0; tick < 25; tick++) {
      const planned = driver.decider.plan(driver.nowMs(), 10);
      plans.push(planned);
      const samples = planned.map(({ network, popIndex }) =>
        burst(driver, popIndex, network, random.next() * 9, PLACE + network - FIRST_KEY),
      );
      driver.tick({ samples, reports: driver.reports(), demand });
    }
    return { bytes: driver.image().bytes, plans };
  };
  assert.deepEqual(run(), run());
});

test('a leaf that nobody measures for a day is given up, and its index serves another', () => {
  const driver = world(2);
  const samples = () => [burst(driver, 0, FIRST_KEY, 90), burst(driver, 1, FIRST_KEY, 0)];
  for (let i = 0; i < 3; i++) driver.tick({ samples: samples(), reports: driver.reports() });
  driver.tick({ samples: [burst(driver, 1, FIRST_KEY + 1)], reports: driver.reports() });
  assert.equal(at(driver, FIRST_KEY), 'PB');
  const full = driver.tick({ samples: [burst(driver, 0, FIRST_KEY + 2)], reports: driver.reports() });
  assert.equal(full.leafCells, 2, 'no room for a third');
  assert.equal(full.accepted, 1, 'whose burst counts for its AS');
  for (let second = 0; second < DAY_S - 30; second += 1) driver.tick();
  assert.equal(driver.tick({ samples: [burst(driver, 1, FIRST_KEY + 1)] }).leafCells, 2);
  for (let second = 0; second < 60; second += 1) driver.tick();
  assert.equal(driver.tick().leafCells, 1);
  assert.equal(at(driver, FIRST_KEY), driver.answer(PLACE, ASN), 'it inherits again');
  assert.equal(driver.tick({ samples: [burst(driver, 0, FIRST_KEY + 3)] }).leafCells, 2);
  assert.equal(driver.decider.packed(formatPrefix(networkOfKey(FIRST_KEY))), undefined);
  assert.deepEqual(driver.decider.guard(), []);
});

test('a network that was never measured and is not asked for any more makes room', () => {
  const driver = world(3);
  const demandOf = (first: number) =>
    [0, 1, 2].map((i) => ({ network: first + i, placeId: PLACE, asn: ASN, rps: 1, group: -1 }));
  driver.tick({ demand: demandOf(FIRST_KEY) });
  for (let i = 0; i < 20; i++) driver.tick({ demand: demandOf(FIRST_KEY + 50) });
  const planned = driver.decider.plan(driver.nowMs(), 10).map(({ network }) => network);
  assert.deepEqual(
    planned.toSorted((one, other) => one - other),
    [50, 51, 52].map((i) => FIRST_KEY + i),
  );
});

/** Networks with paths of their own, measured for a while. */
function busy(): { driver: Driver; networks: { network: number; placeId: number }[] } {
  const driver = world();
  const random = seededRandom(5);
  const networks = Array.from({ length: 24 }, (_, i) => ({
    network: FIRST_KEY + i,
    placeId: PLACE + (i % TILES.length),
  }));
  const addMs = networks.map(() => POPS.map(() => random.next() * 25));
  for (let tick = 0; tick < 100; tick++) {
    const samples = networks.flatMap(({ network, placeId }, i) =>
      POPS.map((_, pop) =>
        burst(driver, pop, network, (addMs[i]?.[pop] as number) + random.next() * 4, placeId),
      ),
    );
    driver.tick({ samples, reports: driver.reports() });
    driver.decider.plan(driver.nowMs(), 100);
  }
  return { driver, networks };
}

/** A new decider with what another saved and published. */
function successor(old: Driver, networks: readonly { network: number; placeId: number }[]): Driver {
  const fresh = world();
  const locate = (key: string) => {
    const found = networks.find(({ network }) => formatPrefix(networkOfKey(network)) === key);
    return found === undefined ? undefined : { placeId: found.placeId, asn: ASN };
  };
  const saved = [...old.decider.takeUnsaved(1000)];
  for (const [key, packed] of saved) assert.ok(fresh.decider.restore({ key, packed }, locate), key);
  const leaves = saved.filter(([key]) => locate(key) !== undefined);
  assert.equal(leaves.length, networks.length);
  const [key, packed] = leaves[0] as [string, Uint8Array];
  assert.ok(!world().decider.restore({ key, packed }, () => undefined), 'nobody knows where it lies');
  const image = old.image();
  fresh.decider.adopt(image, decodeTerms(image.termsText));
  while (fresh.nowMs() < old.nowMs() - 1000) fresh.skip();
  return fresh;
}

test('a decider that starts from saved estimates and an image moves no leaf either', () => {
  const { driver: old, networks } = busy();
  const fresh = successor(old, networks);
  for (let i = 0; i < 40; i++) {
    const { moves, leafCells } = fresh.tick({ reports: fresh.reports() });
    assert.equal(leafCells, networks.length);
    assert.ok(
      Object.values(moves).every((count) => count === 0),
      JSON.stringify({ i, moves }),
    );
  }
  for (const { network, placeId } of networks)
    assert.equal(at(fresh, network, placeId), at(old, network, placeId), `${network}`);
});

test('networks that were explored are not young after a restart: hysteresis holds them', () => {
  const { driver: old, networks } = busy();
  for (let tick = 0; tick < 2; tick++) {
    const samples = networks.flatMap(({ network, placeId }) =>
      POPS.map((_, pop) =>
        burst(old, pop, network, at(old, network, placeId) === popCode(pop) ? 12 : 9, placeId),
      ),
    );
    assert.equal(old.tick({ samples, reports: old.reports() }).moves.learned, 0);
  }
  const fresh = successor(old, networks);
  for (let i = 0; i < 5; i++) assert.equal(fresh.tick({ reports: fresh.reports() }).moves.learned, 0);
});

const popCode = (pop: number): string => `P${'ABCD'[pop]}`;

function explain(driver: Driver, client: { placeId: number; key: number }): Explanation {
  const { fleet, geometry, decider } = driver;
  const explainer = createExplainer({ fleet, geometry });
  const image = driver.image();
  const who = { ...client, asn: ASN };
  const keys = explainer.keysOf(image, who);
  return explainer.explain({
    image,
    groupIndex: 0,
    ...who,
    clientHash: 0,
    popState: new Int32Array(POPS.length),
    packedPlace: decider.packed(keys.place),
    packedNetwork: keys.network === undefined ? undefined : decider.packed(keys.network),
    packedLeaf: keys.leaf === undefined ? undefined : decider.packed(keys.leaf),
  });
}

test('explain and decision agree for clients of a leaf', () => {
  const { driver, networks } = busy();
  const image = driver.image();
  const linkPop = Int32Array.from(driver.fleet.links, ({ popIndex }) => popIndex);
  const popState = new Int32Array(POPS.length);
  let shown = 0;
  for (const { network: key, placeId } of networks) {
    const explanation = explain(driver, { placeId, key });
    const link = choose(image, rowOf(image, 0, placeId, ASN, key), popState, linkPop, 0);
    assert.equal(explanation.chosen.link, driver.fleet.links[link]?.id);
    for (const pop of explanation.pops) {
      const sum = pop.rttMs + pop.lossMs + pop.congestionMs + pop.priceMs + pop.biasMs;
      assert.ok(Math.abs(sum - pop.scoreMs) < 1e-3);
    }
    const marginMs = explanation.runnerUp?.marginMs ?? 0;
    assert.equal(explanation.held !== undefined, marginMs < 0);
    const before = explanation.ttl.seconds;
    const wanted = ttlOf(
      { marginMs, sinceMoveMs: Infinity, alarmed: false, failOpen: false, before },
      params,
    );
    // 14 s a ms: a second is less than a tenth of a ms.
    if (explanation.ttl.why.includes('margin'))
      assert.ok(Math.abs(explanation.ttl.seconds - wanted.seconds) <= 1, JSON.stringify(explanation.ttl));
    if (explanation.cell.level !== 'leaf') continue;
    shown++;
    assert.equal(explanation.cell.key, formatPrefix(networkOfKey(key)));
    assert.equal(explanation.cell.inherits?.level, 'network');
    assert.ok(explanation.pops.every(({ rttSource, rttOf }) => rttSource === 'measured' && rttOf === 'leaf'));
  }
  assert.ok(shown >= networks.length / 3, `${shown} leaves have rows of their own`);
  const other = explain(driver, { placeId: PLACE, key: FIRST_KEY + 999 });
  assert.equal(other.cell.level, 'network', 'a network without a leaf is its AS');
});

test('what was saved long ago does not look fresh when it is taken back', () => {
  const old = world();
  const samples = POPS.map((_, pop) => burst(old, pop, FIRST_KEY, 3));
  old.tick({ samples, reports: old.reports() });
  const saved = [...old.decider.takeUnsaved(10)];
  assert.equal(saved.length, 3);
  // Entries tell times of 18 hours: an hour more, and all would look an hour old.
  for (const [hours, isKept] of [
    [1, true],
    [13, false],
    [19, false],
    [37, false],
    [24 * 30, false],
    [-1 / 60, true],
    [-13, false],
  ] as const) {
    const fresh = world();
    const shifted = saved.map(([key, packed]) => [key, hours < 0 ? later(packed, -hours) : packed] as const);
    for (const [key, packed] of shifted)
      assert.ok(fresh.decider.restore({ key, packed }, () => ({ placeId: PLACE, asn: ASN })));
    for (let second = 0; second < 3600 * hours; second++) fresh.skip();
    fresh.tick({ reports: fresh.reports() });
    for (const [key] of saved)
      assert.equal(fresh.decider.packed(key) !== undefined, isKept, `${key} after ${hours} hours`);
  }
});

/** Packed estimates as if measured so many hours later. */
function later(packed: Uint8Array, hours: number): Uint8Array {
  const bytes = Uint8Array.from(packed);
  const view = new DataView(bytes.buffer);
  for (let at = 4; at < bytes.length; at += 24)
    view.setUint32(at + 4, view.getUint32(at + 4, true) + hours * 3600, true);
  return bytes;
}
