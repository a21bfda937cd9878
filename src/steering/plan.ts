import { planAudits } from './audit.ts';
import { explore, isLocated } from './explore.ts';
import { dueAgain } from './freshness.ts';
import { type Planner, renewExtra, setTried } from './planner.ts';
import { chooseTargets } from './targets.ts';

/** A burst that is wanted: from a POP to a client network. */
export interface PlannedBurst {
  /** `networkKey` of base/network-key.ts. */
  readonly network: number;
  readonly popIndex: number;
}

/**
 * A burst of exploring that is not answered by then is taken for lost, ms; the next depends on it. Others are
 * taken for lost when the next would be due.
 */
const BUSY_MS = 5000;
/** Bursts that a POP is sent for in exploring a network when nobody answers. */
const CHANCES = 2;

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
  const bursts = audits(planner, nowMs, burstsMax);
  renewExtra(planner);
  for (const { leaf, isExplored } of chooseTargets(planner, nowMs, { burstsMax, exploredMax })) {
    if (bursts.length >= burstsMax) break;
    const index = leaf - planner.source.cells.firstLeaf;
    giveUp(planner, index);
    const asked = isExplored ? explore(planner, leaf, nowMs) : [];
    const isAsked = asked.length > 0;
    const untilMs = nowMs + (isAsked ? BUSY_MS : Math.min(BUSY_MS, planner.source.params.probeRefreshMs));
    for (const pop of isAsked ? asked : dueAgain(planner, leaf, nowMs)) {
      if (bursts.length >= burstsMax || !send(planner, index, pop, untilMs)) break;
      bursts.push({ network: planner.source.cells.leafKey[index] as number, popIndex: pop });
      if (isAsked) planner.asked[index] = pop + 1;
    }
  }
  return bursts;
}

/** Bursts that audit the agents: none where networks may be sent but so many. */
function audits(planner: Planner, nowMs: number, burstsMax: number): PlannedBurst[] {
  if (planner.burstsPerNetworkMax !== Infinity) return [];
  const bursts: PlannedBurst[] = [];
  for (const { leaf, pop } of planAudits(planner, burstsMax)) {
    const index = leaf - planner.source.cells.firstLeaf;
    if (!send(planner, index, pop, nowMs + BUSY_MS)) continue;
    bursts.push({ network: planner.source.cells.leafKey[index] as number, popIndex: pop });
  }
  return bursts;
}

/** A cell's estimates changed. */
export function noteMeasured(planner: Planner, cell: number): void {
  if (cell >= planner.source.cells.firstLeaf && !isLocated(planner, cell)) planner.library.renew(cell);
}

/** A burst counted for a cell: once all that were sent to a network are answered, its next may go. */
export function noteAnswered(planner: Planner, cell: number): void {
  const index = cell - planner.source.cells.firstLeaf;
  if (index < 0 || planner.awaited[index] === 0) return;
  planner.awaited[index] = (planner.awaited[index] as number) - 1;
  if (planner.awaited[index] !== 0) return;
  planner.busyUntilMs[index] = 0;
  planner.asked[index] = 0;
  planner.unanswered[index] = 0;
}

/**
 * Takes what is still awaited of a network, late by now, for lost. A POP that did not answer in exploring may
 * be asked once more: perhaps its list or its answer went astray. Then it counts as tried, as it may not
 * measure this network at all, and the others have their turn.
 */
function giveUp(planner: Planner, index: number): void {
  const { asked, unanswered } = planner;
  planner.awaited[index] = 0;
  if (asked[index] === 0) return;
  unanswered[index] = ((unanswered[index] as number) + 1) % CHANCES;
  if (unanswered[index] !== 0) setTried(planner, index, (asked[index] as number) - 1, false);
  asked[index] = 0;
}

/** Notes that a burst is sent; false where a network was sent all that it may be. */
function send(planner: Planner, index: number, pop: number, untilMs: number): boolean {
  const { spent, awaited } = planner;
  if ((spent[index] as number) >= planner.burstsPerNetworkMax) return false;
  spent[index] = Math.min(0xffff, (spent[index] as number) + 1);
  awaited[index] = (awaited[index] as number) + 1;
  planner.busyUntilMs[index] = untilMs;
  setTried(planner, index, pop, true);
  return true;
}
