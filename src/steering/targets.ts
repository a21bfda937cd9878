import { heed } from './explore.ts';
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

/** A network that is to be measured now. */
export interface Target {
  readonly leaf: number;
  /** Whether to find out what another POP might bring; else to measure again those that are due. */
  readonly isExplored: boolean;
}

interface Candidate extends Target {
  readonly worth: number;
  /** What measuring again is worth; 0: nothing is due. */
  readonly freshWorth: number;
}

/**
 * The leaves whose bursts are worth most now, the most worthwhile first: demand x what is to be won; of those
 * to explore at most `exploredMax`. The others are kept fresh until it is their turn.
 */
export function chooseTargets(
  planner: Planner,
  nowMs: number,
  { burstsMax, exploredMax }: { readonly burstsMax: number; readonly exploredMax: number },
): Target[] {
  const { cells } = planner.source;
  const { leafCount, firstLeaf, leafKey } = cells;
  const looks = Math.min(leafCount, LOOKED_AT_MAX);
  const explored: Candidate[] = [];
  const fresh: Candidate[] = [];
  for (let look = 0; look < looks; look++) {
    const index = planner.cursor < leafCount ? planner.cursor : 0;
    planner.cursor = index + 1;
    if ((leafKey[index] as number) < 0 || nowMs < (planner.busyUntilMs[index] as number)) continue;
    if ((planner.spent[index] as number) >= planner.burstsPerNetworkMax) continue;
    const rps = Math.max(LEAST_RPS, planner.rps[index] as number);
    const leaf = firstLeaf + index;
    // Where nobody asks from any more, what was found out is left to age, and the leaf to go.
    const due = planner.rps[index] === 0 ? 0 : overdue(planner, leaf, nowMs);
    const freshWorth = due >= 1 ? rps * FRESH_MS * Math.min(OVERDUE_MAX, due) : 0;
    if (isExploring(planner, index, nowMs)) {
      const promise = planner.promiseMs[index] as number;
      const worth = rps * (Number.isNaN(promise) ? UNKNOWN_MS : Math.max(promise, stopMs(planner)));
      explored.push({ leaf, isExplored: true, worth, freshWorth });
    } else {
      heed(planner, leaf, nowMs);
      if (freshWorth > 0) fresh.push({ leaf, isExplored: false, worth: freshWorth, freshWorth });
    }
  }
  explored.sort(byWorth);
  for (const { leaf, freshWorth } of explored.splice(exploredMax))
    if (freshWorth > 0) fresh.push({ leaf, isExplored: false, worth: freshWorth, freshWorth });
  return [...explored, ...fresh].sort(byWorth).slice(0, burstsMax);
}

function byWorth(one: Candidate, other: Candidate): number {
  return other.worth - one.worth || one.leaf - other.leaf;
}
