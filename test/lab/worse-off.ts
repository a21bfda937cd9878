import { startRun } from '../../src/lab/run.ts';
import type { World } from '../../src/lab/world.ts';

/** What counts as worse, ms. */
const WORSE_MS = 5;

/** Demand in the end that is at a POP more than 5 ms worse than the best, as a share, by the truth. */
export function worseShares(world: World): { readonly at: (pop: number) => number; readonly all: number } {
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

/** For people. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
