import { formatPrefix } from '../base/address.ts';
import type { Fleet } from '../base/fleet.ts';
import { networkOfKey } from '../base/network-key.ts';
import type { TargetBook } from '../config/targets-csv.ts';
import type { Decider } from '../steering/decider.ts';
import type { PlannedBurst } from '../steering/plan.ts';
import { TARGETS_MAX } from '../store/bounds.ts';
import type { Store, Target } from '../store/store.ts';
import type { RunningStats } from './stats.ts';
import { createThinking, threadMs } from './thinking.ts';

/** Tells the agents what to measure. */
export interface TargetLists {
  /**
   * Plans the bursts of the coming tick, and hands them to the store in the background. Nothing is planned
   * while the store did not take the last ones. `isAlarmed`: this thread has answers to change first, and
   * explores nothing now.
   */
  readonly publish: (nowMs: number, isAlarmed: boolean, fence: number) => void;
}

/** A plan is made for so long ahead at most, ms. */
const AHEAD_MAX_MS = 1000;
/** Time that a plan makes up for at most, in ticks. */
const TICKS_MAX = 2;
/** Networks whose text is remembered at most; then all are forgotten. */
const REMEMBERED_MAX = 200_000;

/** For one loop; counts into its `stats`. */
export function createTargetLists(options: {
  store: Store;
  decider: Pick<Decider, 'plan'>;
  fleet: Fleet;
  tickMs: number;
  burstsPerSecond: number;
  stats: RunningStats;
  /** Told of what the store did not take. */
  onFailure: (error: unknown) => void;
  /** Whom to ask in a network, where that is known. */
  targetBook?: TargetBook | undefined;
}): TargetLists {
  const { store, decider, fleet, tickMs, burstsPerSecond, stats } = options;
  const textOf = networkTexts();
  const thinking = createThinking();
  const targetOf = (network: string): Target => options.targetBook?.get(network) ?? { network };
  let plannedAtMs: number | undefined;
  let isBusy = false;
  const plan = (nowMs: number, elapsedMs: number, isAlarmed: boolean): readonly PlannedBurst[] => {
    const startedMs = threadMs();
    const burstsMax = Math.floor((burstsPerSecond * elapsedMs) / 1000);
    // What falls due before the next plan is measured now, and not a tick late.
    const atMs = nowMs + Math.min(tickMs, AHEAD_MAX_MS);
    const bursts = decider.plan(atMs, burstsMax, isAlarmed ? 0 : thinking.exploredMax(elapsedMs));
    stats.lastPlanMs = threadMs() - startedMs;
    stats.totalPlanMs += stats.lastPlanMs;
    thinking.took(stats.lastPlanMs, elapsedMs);
    return bursts;
  };
  const list = (nowMs: number, isAlarmed: boolean): Map<string, Target[]> => {
    const elapsedMs = Math.max(0, Math.min(TICKS_MAX * tickMs, nowMs - (plannedAtMs ?? nowMs - tickMs)));
    plannedAtMs = nowMs;
    const lists = new Map<string, Target[]>();
    for (const { network, popIndex } of plan(nowMs, elapsedMs, isAlarmed)) {
      const pop = fleet.pops[popIndex]?.code ?? '';
      const targets = lists.get(pop) ?? [];
      lists.set(pop, targets);
      if (targets.length < TARGETS_MAX) targets.push(targetOf(textOf(network)));
      else stats.lostBursts++;
    }
    return lists;
  };
  const send = async (lists: ReadonlyMap<string, readonly Target[]>, fence: number): Promise<void> => {
    isBusy = true;
    try {
      await store.putTargets(lists, fence);
      for (const [pop, { length }] of lists)
        stats.plannedBursts[pop] = (stats.plannedBursts[pop] ?? 0) + length;
    } catch (error) {
      options.onFailure(error);
      for (const { length } of lists.values()) stats.lostBursts += length;
    } finally {
      isBusy = false;
    }
  };
  return {
    publish: (nowMs, isAlarmed, fence) => {
      if (isBusy) return;
      const lists = list(nowMs, isAlarmed);
      if (lists.size > 0) void send(lists, fence);
    },
  };
}

/** The text of a network by its key; remembers, bounded. */
function networkTexts(): (key: number) => string {
  const known = new Map<number, string>();
  return (key) => {
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    if (known.size >= REMEMBERED_MAX) known.clear();
    const text = formatPrefix(networkOfKey(key));
    known.set(key, text);
    return text;
  };
}
