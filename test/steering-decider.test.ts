import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import { ESTIMATED_POPS_MAX } from '../src/steering/estimates.ts';
import { candidate, ROW_CANDIDATES, rowOf, type SteeringImage } from '../src/steering/image.ts';
import { decodeTerms } from '../src/steering/terms.ts';
import { type Driver, drive } from './helpers/steering-world.ts';

const POPS = [0, 8, 30, 60];
const TILES = Array.from({ length: 24 }, (_, i) => i * 3 - 4);
/** Tile at longitude -1: nearest PA, then PB. */
const NEAR_A = 3;

const world = (): Driver => drive({ pops: POPS, tiles: TILES });
const quiet = (): number => 0;
const nowhere = (): undefined => undefined;

function settle(driver: Driver, ticks = 6): void {
  for (let i = 0; i < ticks; i++) driver.tick({ samples: driver.samples(quiet), reports: driver.reports() });
}

test('with nothing measured every place gets the POP nearest to it', () => {
  const driver = world();
  driver.tick();
  for (const [i, longitude] of TILES.entries()) {
    const distances = POPS.map((pop) => Math.abs(pop - longitude));
    const nearest = distances.indexOf(Math.min(...distances));
    assert.equal(driver.answer(i + 2), driver.fleet.pops[nearest]?.code, `tile at ${longitude}`);
  }
  assert.deepEqual(driver.decider.guard(), []);
  assert.notEqual(driver.answer(0), 'nobody', 'the world has an answer too');
});

test('latency: +60 ms at one POP moves its cells by the next tick, and back when it ends', () => {
  const driver = world();
  settle(driver);
  assert.equal(driver.answer(NEAR_A, 64500), 'PA');
  const slow = (pop: number): number => (pop === 0 ? 60 : 0);
  const hit = driver.tick({ samples: driver.samples(slow), reports: driver.reports() });
  assert.deepEqual(hit.alarms, ['PA']);
  assert.equal(driver.answer(NEAR_A, 64500), 'PB');
  assert.equal(driver.answer(NEAR_A), 'PB', 'unmeasured cells of the place as well');
  for (let i = 0; i < 5; i++) driver.tick({ samples: driver.samples(slow), reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A, 64500), 'PB');
  driver.tick({ samples: driver.samples(quiet), reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A, 64500), 'PA');
});

test('loss: 40 % at one POP moves its cells within two ticks, and back', () => {
  const driver = world();
  settle(driver);
  const lossy = (pop: number): number => (pop === 0 ? 1 : 0);
  for (let i = 0; i < 2; i++)
    driver.tick({ samples: driver.samples(quiet, lossy), reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A, 64500), 'PB');
  for (let i = 0; i < 6; i++) driver.tick({ samples: driver.samples(quiet), reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A, 64500), 'PA');
});

test('health: a POP that reports itself bad is left at once, and taken again after good reports', () => {
  const driver = world();
  settle(driver);
  driver.tick({ reports: driver.reports({ PA: { healthy: false } }) });
  assert.equal(driver.answer(NEAR_A), 'PB');
  assert.deepEqual(driver.decider.downPops(), ['report', '', '', '']);
  for (let i = 0; i < 3; i++) driver.tick({ reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A), 'PA');
});

test('load: a POP filled by others gets a price and empties; undone, its cells come back', () => {
  const driver = world();
  settle(driver);
  for (let i = 0; i < 2; i++) driver.tick({ reports: driver.reports({ PA: { loadRps: 1000 } }) });
  assert.equal(driver.answer(NEAR_A), 'PB');
  assert.ok((driver.decider.terms().pops[0]?.priceMs ?? 0) > 0);
  for (let i = 0; i < 8; i++) driver.tick({ reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A), 'PA');
  assert.equal(driver.decider.terms().pops[0]?.priceMs, 0);
});

test('congestion: of one link, the other serves; of both, another POP does; undone, all as before', () => {
  const driver = world();
  settle(driver);
  const before = driver.image();
  const links = (queues: readonly number[]) =>
    driver.fleet.pops[0]?.links.map(({ id, capacityMbps }, i) => ({
      id,
      capacityMbps,
      throughputMbps: (queues[i] as number) > 0 ? capacityMbps : 0,
      queueMs: queues[i] as number,
      lossRate: 0,
    })) ?? [];
  const linksIn = (image: SteeringImage): Set<number> =>
    new Set(
      Array.from({ length: image.rowCount * ROW_CANDIDATES }, (_, i) =>
        candidate(image, Math.floor(i / ROW_CANDIDATES), i % ROW_CANDIDATES),
      ).filter((link) => link >= 0),
    );
  const linksUsed = () => linksIn(driver.image());
  for (let i = 0; i < 3; i++) driver.tick({ reports: driver.reports({ PA: { links: links([80, 0]) } }) });
  assert.equal(driver.answer(NEAR_A), 'PA');
  assert.ok(!linksUsed().has(0) && linksUsed().has(1));
  for (let i = 0; i < 3; i++) driver.tick({ reports: driver.reports({ PA: { links: links([80, 80]) } }) });
  assert.equal(driver.answer(NEAR_A), 'PB');
  for (let i = 0; i < 12; i++) driver.tick({ reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A), 'PA');
  assert.deepEqual(linksUsed(), linksIn(before));
});

test('an override beats good health, says why, and ends by the clock', () => {
  const driver = world();
  settle(driver);
  const override = { pop: 'PA', reason: 'new routers', untilMs: driver.nowMs() + 3500 };
  driver.tick({ reports: driver.reports(), overrides: [override] });
  assert.equal(driver.answer(NEAR_A), 'PB');
  assert.match(driver.decider.terms().pops[0]?.why ?? '', /^drained until .*Z: new routers$/);
  for (let i = 0; i < 3; i++) driver.tick({ reports: driver.reports(), overrides: [override] });
  assert.equal(driver.answer(NEAR_A), 'PA');
});

test('with every POP out all are answered as if up, and the tick says so', () => {
  const driver = world();
  settle(driver);
  const overrides = driver.fleet.pops.map(({ code }) => ({ pop: code, reason: '' }));
  const { failOpen } = driver.tick({ overrides });
  assert.deepEqual(failOpen, ['web']);
  assert.equal(driver.answer(NEAR_A), 'PA');
  assert.deepEqual(driver.decider.guard(), []);
});

test('one network with a path of its own gets its own answer; its place keeps the other', () => {
  const driver = world();
  settle(driver);
  const detour = (pop: number) => driver.sample(pop, NEAR_A, { asn: 64999, addMs: pop === 0 ? 40 : 0 });
  for (let i = 0; i < 4; i++)
    driver.tick({ samples: [...driver.samples(quiet), detour(0), detour(1)], reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A, 64999), 'PB');
  assert.equal(driver.answer(NEAR_A, 64500), 'PA');
});

test('POPs equal but for noise do not flap', () => {
  const driver = drive({ pops: [-2, 2], tiles: [0, 0.5, 1, -1] });
  const random = seededRandom(5);
  let moves = 0;
  for (let i = 0; i < 600; i++) {
    const { moves: made } = driver.tick({ samples: driver.samples(() => random.next() * 3) });
    if (i >= 20) moves += Object.values(made).reduce((sum, count) => sum + count, 0);
  }
  assert.ok(moves <= 3, `${moves} moves of 10 cells in 10 minutes`);
});

test('stand-ins keep their places in a row through noise, and lose them for good reason', () => {
  // Seen from 0, two POPs stand equally far behind the first.
  const driver = drive({ pops: [0, -30, 30], tiles: [0] });
  const standIns = (): number[] => {
    const row = rowOf(driver.image(), 0, 2, 64500);
    return [1, 2].map((k) => driver.fleet.links[candidate(driver.image(), row, k)]?.popIndex ?? -1);
  };
  const random = seededRandom(7);
  const noise = (): number => random.next() * 4;
  for (let i = 0; i < 20; i++) driver.tick({ samples: driver.samples(noise) });
  const before = standIns();
  assert.deepEqual(before.toSorted(), [1, 2]);
  for (let i = 0; i < 100; i++) {
    driver.tick({ samples: driver.samples(noise) });
    assert.deepEqual(standIns(), before, `tick ${i}`);
  }
  const slower = (pop: number): number => noise() + (pop === before[0] ? 20 : 0);
  for (let i = 0; i < 20; i++) driver.tick({ samples: driver.samples(slower) });
  assert.deepEqual(standIns(), before.toReversed());
});

test('ticks are deterministic', () => {
  const run = () => {
    const driver = world();
    const random = seededRandom(9);
    for (let i = 0; i < 10; i++)
      driver.tick({ samples: driver.samples(() => random.next() * 5), reports: driver.reports() });
    return driver.image().bytes;
  };
  assert.deepEqual(run(), run());
});

test('a decider that starts from saved estimates and an image moves nobody', () => {
  const old = world();
  const random = seededRandom(3);
  const noise = Array.from({ length: 200 }, () => random.next() * 15);
  const stable = (pop: number, place: number) => noise[pop * 30 + place] as number;
  for (let i = 0; i < 20; i++) old.tick({ samples: old.samples(stable), reports: old.reports() });
  const fresh = world();
  for (const [key, packed] of old.decider.takeUnsaved(1000))
    assert.ok(fresh.decider.restore({ key, packed }, nowhere));
  const image = old.image();
  fresh.decider.adopt(image, decodeTerms(image.termsText));
  for (let i = 0; i < 20; i++) fresh.tick();
  const { moves } = fresh.tick({ samples: [], reports: fresh.reports() });
  assert.ok(Object.values(moves).every((count) => count === 0));
  for (let place = 0; place < old.geometry.count; place++)
    for (const asn of [0, 64500])
      assert.equal(fresh.answer(place, asn), old.answer(place, asn), `place ${place}`);
  assert.ok(!fresh.decider.restore({ key: 'nowhere', packed: new Uint8Array(4) }, nowhere));
  const damaged = Uint8Array.of(2, 0, 9, 0);
  assert.ok(!fresh.decider.restore({ key: 'AS64500/XX/0.0,2.0', packed: damaged }, nowhere));
});

test('whatever comes in, the table is total and answers no POP that is out', () => {
  const step = fc.record({
    down: fc.subarray([0, 1, 2, 3]),
    load: fc.array(fc.nat({ max: 3000 }), { minLength: 4, maxLength: 4 }),
    rttMs: fc.array(fc.double({ min: -10, max: 100_000 }), { minLength: 4, maxLength: 4 }),
    lost: fc.nat({ max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
      const driver = world();
      for (const { down, load, rttMs, lost } of steps) {
        const changes = Object.fromEntries(
          driver.fleet.pops.map(({ code, index }) => [
            code,
            { healthy: !down.includes(index), loadRps: load[index] as number },
          ]),
        );
        const samples = rttMs.map((rtt, pop) =>
          driver.sample(pop, NEAR_A, lost === 3 ? { lost } : { rttMs: rtt, lost }),
        );
        driver.tick({ reports: driver.reports(changes), samples });
        assert.deepEqual(driver.decider.guard(), []);
      }
    }),
    { numRuns: 60 },
  );
});

test('a fleet of more POPs than estimates can tell apart is refused', () => {
  const pops = Array.from({ length: ESTIMATED_POPS_MAX + 1 }, (_, pop) => pop / 10);
  assert.throws(() => drive({ pops, tiles: [0] }), /at most 1022 POPs/);
});
