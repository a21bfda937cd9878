import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRun } from '../../src/lab/run.ts';
import type { World } from '../../src/lab/world.ts';
import { made } from './made-worlds.ts';

/** What counts as worse, ms. */
const WORSE_MS = 5;

/** Demand in the end that is at a POP more than 5 ms worse than the best, as a share, by the truth. */
function worseShares(world: World): { readonly at: (pop: number) => number; readonly all: number } {
  const run = startRun({ world, policy: 'isochrone' });
  while (run.step());
  const count = world.pops.length;
  const times = new Map(world.rtts.map(({ cell, pop, rttMs }) => [cell * count + pop, rttMs]));
  const rttMs = (cell: number, pop: number): number => times.get(cell * count + pop) ?? Number.NaN;
  const last = new Map(run.result().decisions.map(({ cell, shares }) => [cell, shares]));
  const worse = new Float64Array(count);
  const total = world.cells.reduce((sum, { demandRps }) => sum + demandRps, 0);
  for (const [cell, { demandRps }] of world.cells.entries()) {
    const bestMs = Math.min(...world.pops.map((_, pop) => rttMs(cell, pop)));
    for (const { pop, share } of last.get(cell) ?? [])
      if (rttMs(cell, pop) > bestMs + WORSE_MS)
        worse[pop] = (worse[pop] as number) + (share * demandRps) / total;
  }
  return { at: (pop) => worse[pop] as number, all: worse.reduce((sum, share) => sum + share, 0) };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

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
