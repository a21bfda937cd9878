import { ageMsOf, ENTRIES, firstEntry, levelMs, popAt } from './estimates.ts';
import { isWatched, type Planner } from './planner.ts';

/** A POP is measured again after so many refreshings, by its rank among those measured of the network. */
const RANK_REFRESHES = [1, 3, 3, 10, 10, 10, 30] as const;
/** Those whose POP or AS just changed are measured so much more often. */
const ALARM_REFRESHES = 0.25;

/** Refreshings that the most urgent measurement of a leaf is overdue; below 1: nothing is due. */
export function overdue(planner: Planner, leaf: number, nowMs: number): number {
  let most = 0;
  forEachRanked(planner, leaf, (entry, rank) => {
    most = Math.max(most, overdueOf(planner, leaf, { entry, rank, nowMs }));
  });
  return most;
}

/** POPs of a leaf that are due to be measured again. */
export function dueAgain(planner: Planner, leaf: number, nowMs: number): number[] {
  const due: number[] = [];
  const { estimates, down } = planner.source;
  const isScarce = planner.burstsPerNetworkMax !== Infinity;
  forEachRanked(planner, leaf, (entry, rank) => {
    const pop = popAt(estimates, entry);
    if (down[pop] === 1 || (isScarce && !isWatched(planner, leaf, pop, nowMs))) return;
    if (overdueOf(planner, leaf, { entry, rank, nowMs }) >= 1) due.push(pop);
  });
  return due;
}

/** Calls back with the entries of a cell, and their ranks; 0: the POP that its clients get. */
function forEachRanked(planner: Planner, leaf: number, visit: (entry: number, rank: number) => void): void {
  const { estimates, incumbentOf } = planner.source;
  const incumbent = incumbentOf(leaf);
  const first = firstEntry(leaf);
  for (let entry = first; entry < first + ENTRIES; entry++) {
    const pop = popAt(estimates, entry);
    if (pop < 0) break;
    let rank = pop === incumbent ? 0 : 1;
    const level = levelMs(estimates, entry);
    for (let other = first; rank > 0 && other < first + ENTRIES; other++) {
      const rival = popAt(estimates, other);
      if (rival < 0) break;
      const rivalMs = levelMs(estimates, other);
      // Only lost bursts so far: no rival.
      if (rival !== incumbent && rivalMs > 0 && rivalMs < level) rank++;
    }
    visit(entry, Math.min(rank, RANK_REFRESHES.length - 1));
  }
}

function overdueOf(
  planner: Planner,
  leaf: number,
  { entry, rank, nowMs }: { entry: number; rank: number; nowMs: number },
): number {
  const { estimates, params } = planner.source;
  const pop = popAt(estimates, entry);
  const refreshes =
    (RANK_REFRESHES[rank] as number) * (isWatched(planner, leaf, pop, nowMs) ? ALARM_REFRESHES : 1);
  return ageMsOf(estimates, entry, nowMs) / (refreshes * params.probeRefreshMs);
}
