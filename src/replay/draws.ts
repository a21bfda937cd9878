import { normal, type Random, seededRandom } from '../base/random.ts';
import { creditOf, errorMs2 } from '../steering/estimate.ts';
import {
  createEstimates,
  dropCell,
  type Entry,
  type Estimates,
  entryCount,
  firstEntry,
  readEntry,
  writeEntry,
} from '../steering/estimates.ts';
import { packCell, popHashes, unpackCell } from '../steering/pack.ts';
import { createForesight, type ForesightGround, type KnownWorld, type SavedCell } from './foresee.ts';
import { loadOf } from './load.ts';

/** Between what a POP's load is likely to be, requests/s. */
export interface LoadRange {
  readonly lowRps: number;
  readonly highRps: number;
}

/** So many forecasts are drawn; of many cells fewer: so many of all draws together, and these at least. */
const DRAWS = 4;
const CELLS_OF_ALL = 20_000;
const DRAWS_MIN = 2;
const SEED = 1;
/** Even what is certain comes only about so: a share of the POP's load, and of all load. */
const SWING_SHARE = 0.01;
const SWING_SHARE_OF_ALL = 0.0003;
/** No round-trip time is drawn shorter than this, ms. */
const LEVEL_LEAST_MS = 0.5;

/**
 * By POP: the least and the most load that is foreseen without POPs when each estimate is moved by chance
 * within its own error, and when none is: measuring goes on after a loss, and what is known then is known by
 * other bursts. What nobody measured is not moved. Always the same for the same world. POPs that are gone,
 * and a world of which nothing was measured, have no range: as foreseen.
 */
export function loadRanges(
  ground: ForesightGround,
  known: KnownWorld,
  of: { readonly without: readonly string[]; readonly plainRps: ArrayLike<number> },
): LoadRange[] {
  const { fleet, groups } = ground;
  const { demand } = known;
  const draw = drawing(ground, known);
  const random = seededRandom(SEED);
  const loads: ArrayLike<number>[] = [of.plainRps];
  const isPlain = known.estimates.length === 0;
  const most = Math.max(DRAWS_MIN, Math.floor(CELLS_OF_ALL / known.estimates.length));
  for (let i = 0; i < (isPlain ? 0 : Math.min(DRAWS, most)); i++) {
    const drawn = createForesight(ground, { ...known, estimates: draw(random) }).settle(of.without);
    loads.push(loadOf(drawn, { fleet, groupCount: groups.length, demand }));
  }
  const totalRps = demand.reduce((sum, { rps }) => sum + rps, 0);
  return fleet.pops.map(({ code, index }) => {
    const rps = loads.map((load) => load[index] as number);
    const [lowRps, highRps] = [Math.min(...rps), Math.max(...rps)];
    if (isPlain || of.without.includes(code)) return { lowRps, highRps };
    const swingRps = SWING_SHARE_OF_ALL * totalRps;
    return {
      lowRps: Math.max(0, lowRps * (1 - SWING_SHARE) - swingRps),
      highRps: highRps * (1 + SWING_SHARE) + swingRps,
    };
  });
}

/** Draws estimates of all cells: each level by a normal variate of its standard error. */
function drawing(
  { fleet, params }: ForesightGround,
  { estimates: saved, nowMs }: KnownWorld,
): (random: Random) => SavedCell[] {
  const { hashes, popOf } = popHashes(fleet.pops.map(({ code }) => code));
  const estimates = createEstimates(1);
  const errorMs = (entry: number): number => {
    const credit = creditOf(estimates, entry, nowMs, params);
    return credit === 0 ? 0 : Math.sqrt(errorMs2(estimates, entry, credit, params));
  };
  return (random) =>
    saved.map((cell) => {
      dropCell(estimates, 0);
      const lastMs = unpackCell(estimates, 0, cell.packed, popOf);
      if (lastMs === undefined) return cell;
      moveLevels(estimates, random, errorMs);
      const packed = packCell(estimates, 0, { popHashes: hashes, nowMs: Math.max(nowMs, lastMs) });
      return packed === undefined ? cell : { ...cell, packed };
    });
}

const hand: Entry = { level: 0.5, deviation: 0.5, last: 0.5, bursts: 0.5, time: 0, modelled: false };

function moveLevels(estimates: Estimates, random: Random, errorMs: (entry: number) => number): void {
  const first = firstEntry(0);
  for (let entry = first; entry < first + entryCount(estimates, 0); entry++) {
    const error = errorMs(entry);
    if (error === 0) continue;
    readEntry(estimates, entry, hand);
    hand.level = Math.max(LEVEL_LEAST_MS, hand.level + error * normal(random));
    writeEntry(estimates, entry, hand);
  }
}
