import { overdue } from './freshness.ts';
import { isExploring, type Planner, stopMs } from './planner.ts';

/**
 * Networks looked at in one call, at most; the next call goes on from there. So many take some 10 ms, in
 * which nothing else is done; agents are sent far fewer bursts in the time between two calls.
 */
const LOOKED_AT_MAX = 20_000;
/** What the first bursts to a network promise, ms. */
const UNKNOWN_MS = 100;
/** What keeping what is known fresh is worth, ms, when it is due; twice when twice overdue. */
const FRESH_MS = 0.5;
const OVERDUE_MAX = 20;
/** A network without demand counts as if it had this much, requests/s. */
const LEAST_RPS = 0.01;

/**
 * The leaves whose bursts are worth most now, the most worthwhile first: demand x what is to be won; of those
 * to explore at most `exploredMax`.
 */
export function chooseTargets(
  planner: Planner,
  nowMs: number,
  { burstsMax, exploredMax }: { readonly burstsMax: number; readonly exploredMax: number },
): number[] {
  const { cells } = planner.source;
  const { leafCount, firstLeaf, leafKey } = cells;
  const looks = Math.min(leafCount, LOOKED_AT_MAX);
  const explored: { leaf: number; worth: number }[] = [];
  const fresh: { leaf: number; worth: number }[] = [];
  for (let look = 0; look < looks; look++) {
    const index = planner.cursor < leafCount ? planner.cursor : 0;
    planner.cursor = index + 1;
    if ((leafKey[index] as number) < 0 || nowMs < (planner.busyUntilMs[index] as number)) continue;
    if ((planner.spent[index] as number) >= planner.burstsPerNetworkMax) continue;
    const rps = Math.max(LEAST_RPS, planner.rps[index] as number);
    const leaf = firstLeaf + index;
    if (isExploring(planner, index, nowMs)) {
      const promise = planner.promiseMs[index] as number;
      const worth = rps * (Number.isNaN(promise) ? UNKNOWN_MS : Math.max(promise, stopMs(planner)));
      explored.push({ leaf, worth });
      continue;
    }
    // Nobody asks from there any more: what was found out is left to age, and the leaf to go.
    if (planner.rps[index] === 0) continue;
    const due = overdue(planner, leaf, nowMs);
    if (due >= 1) fresh.push({ leaf, worth: rps * FRESH_MS * Math.min(OVERDUE_MAX, due) });
  }
  const byWorth = (one: { leaf: number; worth: number }, other: { leaf: number; worth: number }): number =>
    other.worth - one.worth || one.leaf - other.leaf;
  explored.sort(byWorth);
  const chosen = [...explored.slice(0, exploredMax), ...fresh].sort(byWorth);
  return chosen.slice(0, burstsMax).map(({ leaf }) => leaf);
}
