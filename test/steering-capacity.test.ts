import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import { CAPACITY_UNKNOWN, type CapacityState, nextCapacity } from '../src/steering/capacity.ts';
import type { LocatedDemand } from '../src/steering/decider-state.ts';
import { clearingPrice } from '../src/steering/price.ts';
import { steeringParams } from './helpers/steering-params.ts';
import { drive } from './helpers/steering-world.ts';

const params = steeringParams();

test('the clearing price keeps out what does not fit, and no more', () => {
  const market = { values: [30, 20, 10, -5], demands: [4, 4, 4, 4], heavy: [0, 0, 0, 0], beforeMs: 0 };
  const table: [availableRps: number, expected: number][] = [
    [12, 0],
    [11, 10.25],
    [8, 10.25],
    [7, 20.25],
    [3, 30.25],
    [0, 30.25],
  ];
  for (const [availableRps, expected] of table)
    assert.equal(clearingPrice({ ...market, availableRps }, params), expected, `${availableRps} rps`);
});

test('a price that does as well as another stays; one that is not needed falls in steps', () => {
  const market = { values: [30, 20, 10], demands: [4, 4, 4], heavy: [0, 0, 0], availableRps: 8 };
  assert.equal(clearingPrice({ ...market, beforeMs: 17 }, params), 17);
  assert.equal(clearingPrice({ ...market, availableRps: 12, beforeMs: 40 }, params), 10);
  assert.equal(clearingPrice({ ...market, availableRps: 12, beforeMs: 1.9 }, params), 0);
  assert.equal(
    clearingPrice({ ...market, values: [1e9], demands: [9], beforeMs: 0 }, params),
    params.priceMaxMs,
  );
});

test('what is above the price fits; more room never raises the price', () => {
  const units = fc.array(fc.tuple(fc.double({ min: -50, max: 500, noNaN: true }), fc.nat({ max: 100 })), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(units, fc.nat({ max: 2000 }), fc.nat({ max: 500 }), (pairs, availableRps, more) => {
      const market = {
        values: pairs.map(([value]) => value),
        demands: pairs.map(([, demand]) => demand),
        heavy: pairs.map(() => 0),
        beforeMs: 0,
      };
      const price = clearingPrice({ ...market, availableRps }, params);
      const load = pairs.reduce((sum, [value, demand]) => sum + (value > price ? demand : 0), 0);
      assert.ok(load <= availableRps);
      assert.ok(clearingPrice({ ...market, availableRps: availableRps + more }, params) <= price);
    }),
  );
});

test('load that our own steering explains is not taken for others', () => {
  const input = {
    capacityRps: 1000,
    reportedRps: 600,
    predictedRps: 600,
    demandChangeRps: 0,
    elapsedMs: 1000,
  };
  const own = nextCapacity({ ...CAPACITY_UNKNOWN, steeredMinRps: 600 }, input, params);
  assert.deepEqual([own.externalRps, own.availableRps], [0, 900]);
  const left = nextCapacity(own, { ...input, predictedRps: 100 }, params);
  assert.ok(left.externalRps < 1, 'the report still shows what old TTLs bring');
  const others = nextCapacity(own, { ...input, reportedRps: 1300 }, params);
  assert.deepEqual([others.externalRps, others.availableRps, others.isFull], [700, 200, false]);
  const came = nextCapacity(others, { ...input, reportedRps: 1300, predictedRps: 900 }, params);
  assert.ok(came.externalRps > 699, 'those who come are not there yet: the others stay counted');
  const more = nextCapacity(
    others,
    { ...input, reportedRps: 1300, predictedRps: 900, demandChangeRps: 300 },
    params,
  );
  assert.ok(more.externalRps < 402, 'demand that grew is there already');
  const full = nextCapacity(own, { ...input, reportedRps: 1500 }, params);
  assert.deepEqual([full.availableRps, full.isFull], [0, true]);
  const barely = nextCapacity(full, { ...input, reportedRps: 1480 }, params);
  assert.ok(barely.isFull, 'room again only clearly below the target');
  assert.equal(nextCapacity(full, { ...input, reportedRps: undefined }, params).availableRps, 900);
});

test('steered load that the rows do not explain takes room, slowly and within bounds', () => {
  const input = {
    capacityRps: 1000,
    reportedRps: 700,
    steeredRps: 700,
    predictedRps: 600,
    demandChangeRps: 0,
    elapsedMs: 1000,
  };
  const known = { ...CAPACITY_UNKNOWN, steeredMinRps: 600, steeredMaxRps: 600 };
  const first = nextCapacity(known, input, params);
  assert.ok(first.strayRps > 0 && first.strayRps < 5, `${first.strayRps}`);
  const run = (change: Partial<typeof input>, ticks: number) => {
    let state: CapacityState = known;
    for (let i = 0; i < ticks; i++) state = nextCapacity(state, { ...input, ...change }, params);
    return state;
  };
  const settled = run({}, 600);
  assert.ok(Math.abs(settled.strayRps - 100) < 1 && Math.abs(settled.availableRps - 800) < 1);
  assert.ok(run({ steeredRps: 2000 }, 600).strayRps <= 300, 'half of what the rows send at most');
  assert.equal(run({ steeredRps: 500, reportedRps: 500 }, 600).strayRps, 0);
  assert.equal(run({ predictedRps: 0 }, 1).strayRps, 0, 'no demand is known: nothing is stray');
});

/** Places with demand, POPs with capacities unrelated to it: total room is `slack` times the demand. */
function crowdedWorld(slack: number, seed: number) {
  const random = seededRandom(seed);
  const tiles = Array.from({ length: 120 }, (_, i) => -30 + i * 0.5);
  const demand: LocatedDemand[] = tiles.map((_, i) => ({
    placeId: i + 2,
    asn: 0,
    group: -1,
    rps: 5 + 20 * random.next(),
  }));
  const total = demand.reduce((sum, { rps }) => sum + rps, 0);
  const shares = [1, 4, 2, 6, 1, 3].map((share) => share * (0.5 + random.next()));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  const capacityRps = shares.map((share) => ((share / whole) * total * slack) / params.utilisationTarget);
  return { driver: drive({ pops: [-28, -15, -5, 5, 14, 25], tiles, capacityRps }), demand, capacityRps };
}

for (const seed of [1, 2, 3])
  test(`constant demand, late reports: nobody over capacity, no swinging (seed ${seed})`, () => {
    const { driver, demand, capacityRps } = crowdedWorld(1.3, seed);
    const random = seededRandom(seed + 100);
    const ttlTicks = demand.map(() => 20 + Math.floor(random.next() * 280));
    const askAt = demand.map((_, i) => i % (ttlTicks[i] as number));
    const served = demand.map(() => -1);
    const late: number[][] = [];
    const movesOf = demand.map(() => 0);
    const last = demand.map(() => '');
    for (let tick = 0; tick < 200; tick++) {
      const load = capacityRps.map(() => 0);
      for (const [i, { rps }] of demand.entries()) {
        const pop = served[i] as number;
        if (pop >= 0) load[pop] = (load[pop] as number) + rps;
      }
      late.push(load);
      const reported = late[Math.max(0, tick - 3)] as number[];
      const changes = Object.fromEntries(
        driver.fleet.pops.map(({ code, index }) => [code, { loadRps: reported[index] as number }]),
      );
      driver.tick({ reports: driver.reports(changes), demand });
      const planned = capacityRps.map(() => 0);
      for (const [i, { placeId, rps }] of demand.entries()) {
        const pop = driver.fleet.pops.findIndex(({ code }) => code === driver.answer(placeId));
        planned[pop] = (planned[pop] as number) + rps;
        if (last[i] !== String(pop) && tick > 10) movesOf[i] = (movesOf[i] as number) + 1;
        last[i] = String(pop);
        if ((askAt[i] as number) > tick) continue;
        served[i] = pop;
        askAt[i] = tick + (ttlTicks[i] as number);
      }
      for (const [pop, rps] of planned.entries())
        assert.ok(
          rps <= (capacityRps[pop] as number) * 0.9 * 1.0001,
          `tick ${tick}: POP ${pop} gets ${rps} of ${capacityRps[pop]}`,
        );
    }
    assert.ok(Math.max(...movesOf) <= 1, `a cell moved ${Math.max(...movesOf)} times`);
  });

test('more demand than room: all is still answered, and prices stay within their bound', () => {
  const { driver, demand } = crowdedWorld(0.8, 4);
  for (let i = 0; i < 10; i++) driver.tick({ reports: driver.reports(), demand });
  assert.deepEqual(driver.decider.guard(), []);
  for (const { priceMs } of driver.decider.terms().pops)
    assert.ok(priceMs >= 0 && priceMs <= params.priceMaxMs);
});

test('where no demand is known, no POP is thought overloaded', () => {
  const { driver } = crowdedWorld(1.3, 5);
  driver.tick({ reports: driver.reports() });
  assert.deepEqual(new Set(driver.decider.terms().pops.map(({ priceMs }) => priceMs)), new Set([0]));
});
