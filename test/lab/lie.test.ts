import assert from 'node:assert/strict';
import { test } from 'node:test';
import { made } from './made-worlds.ts';
import { percent, worseShares } from './worse-off.ts';

test('one lying agent of ten lures next to nobody to a POP that is more than 5 ms worse', () => {
  const world = made('hubs', { pops: 10, cells: 240, ticks: 40 });
  console.log(`nobody lies: ${percent(worseShares(world).all)} of demand is more than 5 ms worse off`);
  for (const value of [0.01, 0.5, 0.8]) {
    const found = world.pops.map((_, pop) => {
      const lie = { tick: 0, event: 'lie', pop, cell: -1, value } as const;
      const shares = worseShares({ ...world, events: [lie] });
      return { lured: shares.at(pop), all: shares.all };
    });
    const lured = found.map((one) => one.lured);
    const mean = lured.reduce((sum, share) => sum + share, 0) / lured.length;
    const all = found.reduce((sum, one) => sum + one.all, 0) / found.length;
    const most = percent(Math.max(...lured));
    const words = `told ${value} of the truth: lured ${percent(mean)} at the mean, ${most} at most`;
    console.log(`${words}; more than 5 ms worse off in all ${percent(all)} at the mean`);
    assert.ok(mean <= 0.02, words);
  }
});
