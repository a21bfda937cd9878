import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMarket } from '../src/steering/market.ts';
import { createRegretPass, estimateRegret, type Regret } from '../src/steering/regret.ts';
import { emptyPopTerms } from '../src/steering/score.ts';
import { CANDIDATES, createUnits } from '../src/steering/units.ts';
import { capacityWorld } from './helpers/capacity-world.ts';
import { steeringParams } from './helpers/steering-params.ts';
import { drive } from './helpers/steering-world.ts';

const total = ({ capacity, terms, held }: Regret): number => capacity + terms + held;

test('the regret is what clients would gain at their nearest POP that is not out, by their rows', () => {
  const worlds = fc.record({
    seed: fc.integer({ min: 1, max: 1000 }),
    slack: fc.constantFrom(0.9, 1.05, 1.3, 20),
    pops: fc.constantFrom(5, 30),
    drained: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(
    fc.property(worlds, ({ seed, slack, pops, drained }) => {
      const world = capacityWorld({ cells: 120, pops, slack, seed });
      const overrides = [{ pop: `P${drained}`, reason: 'a test' }];
      for (let tick = 0; tick < 12; tick++) {
        const { regretMs } = world.tick(tick < 6 ? {} : { overrides });
        for (const ms of Object.values(regretMs)) assert.ok(ms >= 0);
        const up = world.fleet.pops.filter(({ index }) => tick < 6 || index !== drained);
        const bestMs = world.demand.reduce((sum, { rps }, cell) => {
          const costs = up.map(({ index }) => world.costMs[cell * pops + index] as number);
          return sum + rps * Math.min(...costs);
        }, 0);
        const expected = world.meanMs(world.shares().shares) - bestMs / world.totalRps;
        assert.ok(
          Math.abs(total(regretMs) - expected) < 0.02 + 0.01 * expected,
          `${tick}: ${total(regretMs)} ${expected}`,
        );
      }
    }),
    { numRuns: 50, examples: [[{ seed: 988, slack: 0.9, pops: 30, drained: 0 }]] },
  );
});

/** Two POPs 20 degrees apart, and clients at the first. */
function pair(
  options: { readonly biasMs?: readonly number[]; readonly capacityRps?: readonly number[] } = {},
) {
  const { biasMs = [], capacityRps = [1000, 1000] } = options;
  const world = drive({
    pops: [0, 20],
    tiles: [0],
    capacityRps,
    services: [{ name: 'web', popIndexes: [0, 1], biasMs }],
  });
  const demand = [{ network: -1, placeId: 2, asn: 0, rps: 100, group: -1 }];
  const ticks = (count: number, inputs = {}) => {
    let last = world.tick({ demand, reports: world.reports(), ...inputs });
    for (let i = 1; i < count; i++) last = world.tick({ demand, reports: world.reports(), ...inputs });
    return last.regretMs;
  };
  return { ...world, ticks };
}

test('each reason is told by what would have to change', () => {
  const apartMs = 0.0155 * 2224;
  const near = (regret: Regret, reason: keyof Regret, ms: number): void => {
    assert.ok(
      Math.abs(regret[reason] - ms) < 0.05 * ms + 0.01,
      `${reason}: ${JSON.stringify(regret)}, ${ms}`,
    );
    assert.ok(Math.abs(total(regret) - regret[reason]) < 0.01, `${reason} alone: ${JSON.stringify(regret)}`);
  };
  near(pair().ticks(5), 'held', 0);
  near(pair({ biasMs: [90, 0] }).ticks(5), 'terms', apartMs);
  near(pair({ capacityRps: [1, 1000] }).ticks(20), 'capacity', 0.99 * apartMs);
  // Half of the demand finds room at the first.
  near(pair({ capacityRps: [50, 1000] }).ticks(20), 'capacity', apartMs / 2);
  const drained = pair();
  near(drained.ticks(5, { overrides: [{ pop: 'PA', reason: 'a test' }] }), 'held', 0);
  assert.equal(drained.answer(2), 'PB');
});

test('who stays for hysteresis alone is held, until the gain is worth a move', () => {
  const world = drive({ pops: [0, 1], tiles: [0.5] });
  const demand = [{ network: -1, placeId: 2, asn: 64500, rps: 100, group: -1 }];
  const ms = (add: readonly number[]) =>
    world.tick({
      demand,
      reports: world.reports(),
      samples: world.samples((pop) => add[pop] as number),
    }).regretMs;
  for (let i = 0; i < 40; i++) ms([0, 3]);
  const before = world.answer(2, 64500);
  assert.equal(before, 'PA');
  let last = ms([3, 0]);
  for (let i = 0; i < 4; i++) last = ms([3, 0]);
  assert.equal(world.answer(2, 64500), before);
  assert.ok(last.held > 1 && last.held <= 3.1, JSON.stringify(last));
  assert.equal(last.capacity + last.terms, 0);
  for (let i = 0; i < 40; i++) last = ms([3, 0]);
  assert.notEqual(world.answer(2, 64500), before);
  assert.equal(total(last), 0);
});

test('without demand there is nothing to gain', () => {
  const world = drive({ pops: [0, 20], tiles: [0] });
  assert.ok(Number.isFinite(total(world.tick({ reports: world.reports() }).regretMs)));
});

test('many units take several ticks, and the last whole pass counts until the next', () => {
  const cells = 45_000;
  const units = createUnits(1, cells);
  for (let unit = 0; unit < cells; unit++) {
    units.pop.set([0, 1], unit * CANDIDATES);
    units.costMs.set([10, 20], unit * CANDIDATES);
    units.incumbent[unit] = unit % 2;
  }
  const room = () => new Float64Array(2).fill(1e9);
  const market = createMarket({
    params: steeringParams(),
    units,
    groups: [{ name: 'web', serves: new Uint8Array(2).fill(1), biasMs: new Float64Array(2) }],
    out: [new Uint8Array(2)],
    activeCells: Int32Array.from({ length: cells }, (_, cell) => cell),
    demandRps: new Float32Array(cells).fill(1),
    terms: emptyPopTerms(2),
    softRps: room(),
    hardRps: room(),
    capacityRps: room(),
  });
  market.extraMs[0]?.fill(0);
  const pass = createRegretPass();
  const look = () =>
    total(estimateRegret(pass, { market, loadRps: new Float64Array(2), findAnew: () => undefined }));
  assert.deepEqual([look(), look(), look()], [0, 0, 5]);
  units.incumbent.fill(0);
  assert.deepEqual([look(), look(), look()], [5, 5, 0]);
});
