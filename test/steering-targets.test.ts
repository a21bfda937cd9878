import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCells, ensureLeaf } from '../src/steering/cells.ts';
import { putEstimate } from '../src/steering/estimate.ts';
import { createEstimates } from '../src/steering/estimates.ts';
import { lightBetween } from '../src/steering/light.ts';
import { createPlanner, type Planner } from '../src/steering/planner.ts';
import { placeDistances } from '../src/steering/prior.ts';
import { emptyPopTerms } from '../src/steering/score.ts';
import { chooseTargets } from '../src/steering/targets.ts';
import { createTrust } from '../src/steering/trust.ts';
import { steeringParams } from './helpers/steering-params.ts';
import { rowFleet, rowPlaces } from './helpers/steering-world.ts';

const NOW_MS = 1_700_000_000_000;
const ALL = { burstsMax: 1e6, exploredMax: 1e6 };
/** Networks that a call may look at, so that it takes no longer than some 10 ms. */
const LOOKED_AT_MAX = 20_000;

/** A planner of so many networks, none measured yet. */
function plannerOf(leaves: number): Planner {
  const { pops } = rowFleet([0, 30]);
  const geometry = rowPlaces([0, 10]);
  const cells = createCells(geometry.count, { networkMax: 1, leafMax: leaves });
  for (let network = 0; network < leaves; network++) ensureLeaf(cells, { network, placeId: 2, asn: 0 });
  return createPlanner(
    {
      params: steeringParams(),
      geometry,
      cells,
      estimates: createEstimates(cells.capacity),
      distances: placeDistances(geometry, pops),
      down: new Uint8Array(pops.length),
      alarmedAtMs: new Float64Array(pops.length).fill(-Infinity),
      terms: emptyPopTerms(pops.length),
      incumbentOf: () => 0,
      trust: createTrust(pops.length),
      between: lightBetween(pops),
    },
    pops,
  );
}

function leavesOf(planner: Planner, exploredMax = ALL.exploredMax): number[] {
  return chooseTargets(planner, NOW_MS, { ...ALL, exploredMax }).map(({ leaf }) => leaf);
}

test('a network that waits to be explored is kept fresh meanwhile', () => {
  const planner = plannerOf(5);
  planner.rps.fill(1);
  const { cells, estimates } = planner.source;
  const saved = { level: 20, deviation: 1, last: 20, bursts: 2, modelled: false };
  for (const [i, atMs] of [NOW_MS, NOW_MS - 10_000].entries())
    putEstimate(estimates, { cell: cells.firstLeaf + i, pop: 0 }, { ...saved, atMs });
  assert.deepEqual(leavesOf(planner, 0), [cells.firstLeaf + 1], 'one is due, the others are not measured');
  const all = chooseTargets(planner, NOW_MS, ALL);
  assert.ok(all.length === 5 && all.every(({ isExplored }) => isExplored));
});

test('a call looks at a bounded number of networks; the next goes on, until each had its turn', () => {
  const leaves = 2.5 * LOOKED_AT_MAX;
  const planner = plannerOf(leaves);
  const calls = Array.from({ length: 3 }, () => leavesOf(planner));
  for (const chosen of calls) assert.equal(chosen.length, LOOKED_AT_MAX);
  assert.equal(new Set(calls.flat()).size, leaves);
});

test('no network is looked at twice in a call', () => {
  const planner = plannerOf(7);
  for (let call = 0; call < 3; call++) assert.equal(new Set(leavesOf(planner)).size, 7);
});
