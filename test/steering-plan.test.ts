import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import type { LocatedSample } from '../src/steering/accept.ts';
import type { PlannedBurst } from '../src/steering/plan.ts';
import { type Driver, drive } from './helpers/steering-world.ts';

const POPS = [0, 8, 30, 60, 90];
const TILES = Array.from({ length: 16 }, (_, i) => i * 6 - 4);
const FIRST_KEY = 0x0a0000;
const REFRESH_S = 2;

/** Client networks, one a tile by turns, and what measures them as planned. */
interface Lab {
  readonly driver: Driver;
  /** Plans, then a tick in which those bursts are answered, those of `silent` networks excepted. */
  readonly step: (how?: Step) => readonly PlannedBurst[];
}

interface Step {
  readonly budget?: number;
  readonly silent?: boolean;
  readonly addMs?: (burst: PlannedBurst) => number;
  readonly reports?: Parameters<Driver['reports']>[0];
}

function lab(options: { networks: number; rps?: (i: number) => number; burstsPerNetworkMax?: number }): Lab {
  const { networks, rps = () => 5, burstsPerNetworkMax = 0 } = options;
  const driver = drive({ pops: POPS, tiles: TILES, burstsPerNetworkMax });
  const demand = Array.from({ length: networks }, (_, i) => ({
    network: FIRST_KEY + i,
    placeId: placeOf(FIRST_KEY + i),
    asn: 64500,
    rps: rps(i),
    group: -1,
  }));
  driver.tick({ demand, reports: driver.reports() });
  return {
    driver,
    step: ({ budget = 50, silent = false, addMs = () => 0, reports } = {}) => {
      const planned = driver.decider.plan(driver.nowMs(), budget);
      const samples = silent ? [] : planned.map((burst) => answered(driver, burst, addMs(burst)));
      driver.tick({ demand, samples, reports: driver.reports(reports) });
      return planned;
    },
  };
}

function placeOf(network: number): number {
  return 2 + ((network - FIRST_KEY) % TILES.length);
}

function answered(driver: Driver, { network, popIndex }: PlannedBurst, addMs: number): LocatedSample {
  return driver.sample(popIndex, placeOf(network), { network, addMs, atMs: driver.nowMs() + 1000 });
}

function counts<T>(values: readonly T[]): Map<T, number> {
  const count = new Map<T, number>();
  for (const value of values) count.set(value, (count.get(value) ?? 0) + 1);
  return count;
}

test('never more than the budget, never a POP that is down, one burst at a time while exploring', () => {
  const run = fc.record({
    networks: fc.integer({ min: 1, max: 20 }),
    budgets: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 14 }),
    down: fc.subarray([0, 1, 2, 3, 4], { maxLength: 4 }),
    healthySteps: fc.integer({ min: 0, max: 12 }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(run, ({ networks, budgets, down, healthySteps, seed }) => {
      const { driver, step } = lab({ networks });
      const random = seededRandom(seed);
      const reports = Object.fromEntries(down.map((pop) => [`P${'ABCDE'[pop]}`, { healthy: false }]));
      for (let i = 0; i < healthySteps; i++) step({ addMs: () => random.next() * 40 });
      step({ budget: 0, reports });
      for (const [i, budget] of budgets.entries()) {
        const planned = step({ budget, reports, addMs: () => random.next() * 40 });
        assert.ok(planned.length <= budget);
        for (const { network, popIndex } of planned) {
          assert.ok(!down.includes(popIndex), `POP ${popIndex} is down`);
          assert.ok(network >= FIRST_KEY && network < FIRST_KEY + networks);
        }
        const pairs = planned.map(({ network, popIndex }) => `${network} ${popIndex}`);
        assert.equal(new Set(pairs).size, pairs.length, 'no burst twice');
        if (healthySteps === 0 && i < 2)
          assert.equal(new Set(planned.map(({ network }) => network)).size, planned.length);
      }
      assert.deepEqual(driver.decider.guard(), []);
    }),
    { seed: 51, numRuns: 60 },
  );
});

test('a burst that is on its way is waited for, and after five seconds taken for lost', () => {
  const { step } = lab({ networks: 3 });
  assert.equal(step({ silent: true }).length, 3);
  for (let i = 0; i < 4; i++) assert.deepEqual(step({ silent: true }), []);
  assert.equal(step({ addMs: () => 80 }).length, 3);
  assert.equal(step().length, 3, 'an answer lets the next one go');
});

/** A second in which what is planned for these POPs goes astray, and the rest is answered. */
function astray({ driver }: Lab, pops: readonly number[]): number[] {
  const planned = driver.decider.plan(driver.nowMs(), 50);
  const heard = planned.filter(({ popIndex }) => !pops.includes(popIndex));
  driver.tick({ samples: heard.map((burst) => answered(driver, burst, 0)), reports: driver.reports() });
  return planned.map(({ popIndex }) => popIndex);
}

test('a POP whose burst goes astray is asked once more; then the others have their turn', () => {
  const world = lab({ networks: 1 });
  const all = POPS.map((_, pop) => pop);
  const asked = Array.from({ length: 16 }, () => astray(world, all)).flat();
  assert.equal(asked.length, 4, 'one in five seconds');
  assert.equal(asked[0], 0);
  assert.equal(asked[1], 0);
  assert.notEqual(asked[2], 0);
  assert.equal(asked[3], asked[2]);
});

test('a POP that was not heard of is asked again when the network is explored anew', () => {
  const world = lab({ networks: 1 });
  const first = Array.from({ length: 60 }, () => astray(world, [0])).flat();
  assert.equal(counts(first).get(0), 2, `${first}`);
  const later = Array.from({ length: 320 }, () => astray(world, [])).flat();
  assert.ok((counts(later).get(0) ?? 0) > 0, 'the nearest is found at last');
});

test('bursts that are on their way are not sent again because another was answered', () => {
  const world = lab({ networks: 1 });
  for (let i = 0; i < 12; i++) world.step({ addMs: ({ popIndex }) => (popIndex === 0 ? 25 : 0) });
  for (let i = 0; i < 120; i++) world.driver.skip();
  const due = astray(world, [0]);
  assert.ok(due.length >= 2 && due.includes(0), `${due}`);
  assert.deepEqual(astray(world, [0]), [], 'a second later');
  assert.ok(astray(world, [0]).includes(0), 'two seconds later it is due again');
});

test('a network is explored from the nearest POP on, as far as a burst promises anything', () => {
  const { step } = lab({ networks: TILES.length });
  for (const { network, popIndex } of step()) {
    const distances = POPS.map((pop) => Math.abs(pop - (TILES[placeOf(network) - 2] as number)));
    assert.equal(distances[popIndex], Math.min(...distances), `${network}`);
  }
  const sent = Array.from({ length: 12 }, () => step()).flat();
  const tried = new Set(sent.map(({ network, popIndex }) => `${network} ${popIndex}`));
  assert.ok(tried.size < TILES.length * 4, `${tried.size} pairs`);
});

test('a network whose first POP cannot be beaten knows of a second one all the same', () => {
  const { step } = lab({ networks: TILES.length });
  const sent = Array.from({ length: 20 }, () => step()).flat();
  const popsOf = new Map<number, Set<number>>();
  for (const { network, popIndex } of sent)
    popsOf.set(network, (popsOf.get(network) ?? new Set()).add(popIndex));
  assert.equal(popsOf.size, TILES.length);
  for (const [network, pops] of popsOf) assert.ok(pops.size >= 2, `${network}: ${[...pops]}`);
});

test('the best of the others is found out too, as far as it promises anything should the first go', () => {
  const { step } = lab({ networks: TILES.length });
  const sent = Array.from({ length: 16 }, () => step()).flat();
  for (let network = FIRST_KEY; network < FIRST_KEY + TILES.length; network++) {
    const at = TILES[placeOf(network) - 2] as number;
    const byDistance = [...POPS.keys()].sort(
      (one, other) => Math.abs((POPS[one] as number) - at) - Math.abs((POPS[other] as number) - at),
    );
    const known = new Set(sent.filter((burst) => burst.network === network).map((burst) => burst.popIndex));
    for (const pop of byDistance.slice(0, 2)) assert.ok(known.has(pop), `${at} degrees: ${[...known]}`);
  }
});

test('a network whose best POP becomes slow is explored again within a minute, and only then', () => {
  const { step } = lab({ networks: 1 });
  // Not for so long that audits have come to all POPs.
  const before = Array.from({ length: 16 }, () => step()).flat();
  const known = new Set(before.map(({ popIndex }) => popIndex));
  assert.ok(known.size < POPS.length, 'some POPs are not worth a burst');
  const slow = (burst: PlannedBurst): number => (known.has(burst.popIndex) ? 150 : 0);
  const after = Array.from({ length: 60 }, () => step({ addMs: slow })).flat();
  const added = after.filter(({ popIndex }) => !known.has(popIndex));
  assert.ok(added.length > 0, `${[...known]}, then ${after.map(({ popIndex }) => popIndex)}`);
});

test('a network far from where it is claimed finds its POP', () => {
  const { driver, step } = lab({ networks: 1 });
  // Claimed at -4 degrees, it is beside PE at 90.
  const truth = [160, 150, 110, 60, 6];
  const addMs = ({ network, popIndex }: PlannedBurst): number =>
    (truth[popIndex] as number) - (driver.sample(popIndex, placeOf(network)).rttMs as number);
  for (let i = 0; i < 8; i++) step({ addMs });
  assert.equal(driver.answer(2, 64500, FIRST_KEY), 'PE');
});

/** All POPs measured of all networks, then slow at once: they alarm. */
function alarm({ driver }: Lab, networks: number, pops: readonly number[]): void {
  const bursts = (addMs: number) =>
    pops.flatMap((popIndex) =>
      Array.from({ length: networks }, (_, i) =>
        answered(driver, { network: FIRST_KEY + i, popIndex }, addMs),
      ),
    );
  for (let i = 0; i < 3; i++) driver.tick({ samples: bursts(0), reports: driver.reports() });
  const { alarms } = driver.tick({ samples: bursts(60), reports: driver.reports() });
  assert.equal(alarms.length, pops.length);
}

test('with bursts counted, no network gets more than its share, not after alarms either', () => {
  for (const burstsPerNetworkMax of [1, 2, 3, 4, 5, 6, 7]) {
    const world = lab({ networks: 10, burstsPerNetworkMax });
    const random = seededRandom(burstsPerNetworkMax);
    const sent: PlannedBurst[] = [];
    const run = (): void => {
      for (let i = 0; i < 30; i++) sent.push(...world.step({ addMs: () => random.next() * 20 }));
    };
    run();
    alarm(world, 10, [0, 1, 2]);
    run();
    const each = counts(sent.map(({ network }) => network));
    assert.equal(each.size, 10);
    for (const count of each.values()) assert.ok(count <= burstsPerNetworkMax, `${count}`);
  }
});

test('the same inputs give the same plan', () => {
  const run = () => {
    const random = seededRandom(8);
    const { step } = lab({ networks: 15, rps: (i) => 1 + (i % 4) });
    return Array.from({ length: 40 }, () => step({ budget: 9, addMs: () => random.next() * 30 }));
  };
  assert.deepEqual(run(), run());
});

test('where the budget is short it goes to demand x promise', () => {
  const { step } = lab({ networks: 12, rps: (i) => 2 ** i });
  const first = step({ budget: 3 }).map(({ network }) => network - FIRST_KEY);
  assert.deepEqual(first, [11, 10, 9], 'nothing is known of any: demand alone');
  const seen: number[] = [];
  for (let i = 0; i < 30; i++) seen.push(...step({ budget: 1 }).map(({ network }) => network - FIRST_KEY));
  const each = counts(seen);
  assert.ok((each.get(11) ?? 0) > (each.get(3) ?? 0));
  assert.equal(each.get(0), undefined, 'one with a 2,000th of the demand waits');
});

/** Bursts by POP in so many seconds to a lone network that was explored. */
function refreshes(seconds: number, during: Step = {}): Map<number, number> {
  const { step } = lab({ networks: 1 });
  for (let i = 0; i < 12; i++) step({ addMs: ({ popIndex }) => (popIndex === 0 ? 25 : 0) });
  const sent = Array.from({ length: seconds }, () =>
    step({ addMs: ({ popIndex }) => (popIndex === 0 ? 25 : 0), ...during }),
  ).flat();
  return counts(sent.map(({ popIndex }) => popIndex));
}

test('what is known is kept fresh: the POP that clients get most often, challengers less', () => {
  const seconds = 90;
  const each = [...refreshes(seconds).values()].sort((one, other) => other - one);
  const [own = 0, challenger = 0, third = 0] = each;
  assert.ok(own >= seconds / REFRESH_S / 2.2 && own <= seconds / REFRESH_S + 2, `${each}`);
  assert.ok(challenger >= own / 8 && challenger <= own / 2, `${each}`);
  assert.ok(third <= challenger, `${each}`);
});

test('after an alarm of a POP it is measured more often, by networks that do not get it too', () => {
  const world = lab({ networks: TILES.length });
  for (let i = 0; i < 16; i++) world.step();
  // All networks have measured PB, and nothing is new to be explored.
  const measured = Array.from({ length: TILES.length }, (_, i) => FIRST_KEY + i);
  const toB = (addMs: number) =>
    measured.map((network) => answered(world.driver, { network, popIndex: 1 }, addMs));
  world.driver.tick({ samples: toB(0), reports: world.driver.reports() });
  const others = measured.filter((network) => world.driver.answer(placeOf(network), 64500, network) !== 'PB');
  const isToB = ({ network, popIndex }: PlannedBurst): boolean => popIndex === 1 && others.includes(network);
  const before = Array.from({ length: 24 }, () => world.step())
    .flat()
    .filter(isToB).length;
  alarm(world, TILES.length, [1]);
  const slow = ({ popIndex }: PlannedBurst): number => (popIndex === 1 ? 60 : 0);
  const after = Array.from({ length: 24 }, () => world.step({ addMs: slow }))
    .flat()
    .filter(isToB).length;
  assert.ok(before > 0 && after > 1.5 * before, `${before} before, ${after} after`);
});
