import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorldEvent } from '../../src/lab/world.ts';
import { made } from './made-worlds.ts';
import { percent, worseShares } from './worse-off.ts';

const CASES: readonly {
  readonly event: WorldEvent['event'];
  readonly value: number;
  readonly what: string;
}[] = [
  { event: 'clock', value: 10, what: 'its clock 10 s ahead' },
  { event: 'clock', value: -10, what: 'its clock 10 s behind' },
  { event: 'repeat', value: 3, what: 'each burst three times' },
  { event: 'late', value: 45, what: 'each burst up to 45 s late, out of order' },
];
/** Whose agent it is. */
const POPS = [0, 4, 8];
/** Share of demand that may be worse off than where nothing is wrong. */
const ROOM = 0.01;

test('an agent of ten with a wrong clock, or whose bursts come twice or late, misleads nobody', () => {
  const world = made('hubs', { pops: 10, cells: 240, ticks: 40 });
  const well = worseShares(world);
  console.log(`nothing is wrong: ${percent(well.all)} of demand is more than 5 ms worse off`);
  for (const { event, value, what } of CASES) {
    const found = POPS.map((pop) => {
      const shares = worseShares({ ...world, events: [{ tick: 0, event, pop, cell: -1, value }] });
      return { lured: shares.at(pop) - well.at(pop), all: shares.all - well.all };
    });
    const mean = (of: readonly number[]): number => of.reduce((sum, one) => sum + one, 0) / of.length;
    const lured = mean(found.map((one) => one.lured));
    const all = mean(found.map((one) => one.all));
    const words = `${what}: ${percent(lured)} more of demand at that POP, ${percent(all)} more in all`;
    console.log(`${words}; ${world.head.tickSeconds} s ticks`);
    assert.ok(lured <= ROOM && all <= ROOM, words);
  }
});
