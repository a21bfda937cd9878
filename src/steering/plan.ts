import { explore, isLocated } from './explore.ts';
import { dueAgain } from './freshness.ts';
import { isExploring, type Planner, renewExtra } from './planner.ts';
import { chooseTargets } from './targets.ts';

/** A burst that is wanted: from a POP to a client network. */
export interface PlannedBurst {
  /** `networkKey` of base/network-key.ts. */
  readonly network: number;
  readonly popIndex: number;
}

/** A burst that is not answered by then is taken for lost, ms. */
const BUSY_MS = 5000;

/**
 * What to measure now, the most worthwhile first, at most `burstsMax`. A network is explored one burst after
 * the other: each goes to the POP that promises most, until none promises `probeStopMs`. Then what is known
 * is kept fresh: the POP that its clients get, its challengers less often. The budget goes where demand x
 * what is to be won is highest.
 */
export function planBursts(
  planner: Planner,
  nowMs: number,
  burstsMax: number,
  exploredMax = Infinity,
): PlannedBurst[] {
  const bursts: PlannedBurst[] = [];
  renewExtra(planner);
  for (const leaf of chooseTargets(planner, nowMs, { burstsMax, exploredMax })) {
    if (bursts.length >= burstsMax) break;
    const index = leaf - planner.source.cells.firstLeaf;
    const pops = isExploring(planner, index, nowMs) ? explore(planner, leaf, nowMs) : [];
    if (pops.length === 0) pops.push(...dueAgain(planner, leaf, nowMs));
    for (const pop of pops) if (bursts.length < burstsMax) send(planner, leaf, pop, nowMs, bursts);
  }
  return bursts;
}

/** The cell was measured: its next burst may go. */
export function noteMeasured(planner: Planner, cell: number): void {
  const { cells } = planner.source;
  if (cell < cells.firstLeaf) return;
  planner.busyUntilMs[cell - cells.firstLeaf] = 0;
  if (!isLocated(planner, cell)) planner.library.renew(cell);
}

function send(planner: Planner, leaf: number, pop: number, nowMs: number, bursts: PlannedBurst[]): void {
  const index = leaf - planner.source.cells.firstLeaf;
  const { spent, tried, triedWords } = planner;
  if ((spent[index] as number) >= planner.burstsPerNetworkMax) return;
  spent[index] = Math.min(0xffff, (spent[index] as number) + 1);
  const at = index * triedWords + (pop >> 5);
  tried[at] = (tried[at] as number) | (1 << (pop & 31));
  planner.busyUntilMs[index] = nowMs + BUSY_MS;
  bursts.push({ network: planner.source.cells.leafKey[index] as number, popIndex: pop });
}
