import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optimumMs } from './helpers/capacity-optimum.ts';
import { type CapacityWorld, capacityWorld } from './helpers/capacity-world.ts';

/** Ticks in which prices may still settle; no POP may be over capacity in any of them. */
const SETTLE_TICKS = 12;

/** Ticks with a POP drained, or none; none over capacity in any. How far the last is from the optimum, ms. */
async function regretMs(world: CapacityWorld, deadPop: number): Promise<number> {
  const capacityRps = world.fleet.pops.map((pop) => (pop.index === deadPop ? 0 : pop.capacityRps));
  const overrides = deadPop < 0 ? [] : [{ pop: `P${deadPop}`, reason: '' }];
  for (let tick = 0; tick < SETTLE_TICKS; tick++) {
    const { shortRps } = world.tick({ overrides });
    assert.equal(shortRps, 0);
    assert.deepEqual(world.decider.guard(), []);
    for (const [pop, rps] of world.loadOf(world.shares().shares).entries())
      assert.ok(rps <= (capacityRps[pop] as number) * 1.0002, `tick ${tick}: POP ${pop} is over`);
  }
  const demandRps = world.demand.map(({ rps }) => rps);
  return (
    world.meanMs(world.shares().shares) - (await optimumMs({ demandRps, capacityRps, costMs: world.costMs }))
  );
}

function biggest(world: CapacityWorld): number {
  const capacityRps = world.fleet.pops.map((pop) => pop.capacityRps);
  return capacityRps.indexOf(Math.max(...capacityRps));
}

for (const { pops, seed } of [
  { pops: 20, seed: 5 },
  { pops: 30, seed: 1 },
  { pops: 50, seed: 2 },
])
  test(`capacity 1.3 x demand, ${pops} POPs: near the optimum, also when the biggest POP died`, async () => {
    const world = capacityWorld({ cells: 3000, pops, slack: 1.3, seed });
    const before = await regretMs(world, -1);
    assert.ok(before <= 0.2, `${before} ms before`);
    const after = await regretMs(world, biggest(world));
    assert.ok(after <= 0.2, `${after} ms after`);
  });

test('capacity 1.1 x demand: near the optimum', async () => {
  const regret = await regretMs(capacityWorld({ cells: 3000, pops: 20, slack: 1.1, seed: 3 }), -1);
  assert.ok(regret <= 0.5, `${regret} ms`);
});

test('a few cells with most of the demand are divided as far as they must be', async () => {
  const regret = await regretMs(
    capacityWorld({ cells: 300, pops: 20, slack: 1.3, seed: 8, spread: 1.6 }),
    -1,
  );
  assert.ok(regret <= 0.5, `${regret} ms`);
});

test('capacity 0.9 x demand: the overload is spread over all POPs, and said', () => {
  const world = capacityWorld({ cells: 3000, pops: 40, slack: 0.9, seed: 4 });
  let short = 0;
  for (let tick = 0; tick < SETTLE_TICKS; tick++) short = world.tick().shortRps;
  assert.ok(Math.abs(short / world.totalRps - 0.1) < 0.01, `${short} of ${world.totalRps}`);
  for (const [pop, rps] of world.loadOf(world.shares().shares).entries()) {
    const used = rps / (world.fleet.pops[pop]?.capacityRps as number);
    assert.ok(used > 0.98 && used < 1.13, `POP ${pop} is filled to ${used}`);
  }
});

test('more capacity never worsens the total', () => {
  for (const seed of [1, 2, 3, 4]) {
    let before = Infinity;
    for (const slack of [1.02, 1.1, 1.2, 1.4, 1.8, 3]) {
      const world = capacityWorld({ cells: 400, pops: 12, slack, seed });
      for (let tick = 0; tick < SETTLE_TICKS; tick++) world.tick();
      const mean = world.meanMs(world.shares().shares);
      assert.ok(mean <= before + 0.02, `seed ${seed}, ${slack} x: ${mean} after ${before}`);
      before = mean;
    }
  }
});
