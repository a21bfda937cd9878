import type { TickInputs, TickStats } from '../steering/decider.ts';

/** Figures since the start. */
export interface ControlStats {
  readonly ticks: number;
  /** Ticks that threw: a defect; the last table stays. */
  readonly failedTicks: number;
  /** Ticks at which the store could not be read: the last table stays. */
  readonly missedTicks: number;
  readonly lastTickMs: number;
  readonly totalTickMs: number;
  /** Time that planning took, of ticks that had a plan; part of the ticks' time. */
  readonly lastPlanMs: number;
  readonly totalPlanMs: number;
  /** Bursts that agents were given to make, by the POP's code. */
  readonly plannedBursts: Readonly<Record<string, number>>;
  /** Bursts that were planned and did not reach a list. */
  readonly lostBursts: number;
  readonly samples: number;
  /** By POP's code: when its agent wrote its last report, ms since 1970 by the store's clock. */
  readonly reportedAtMs: Readonly<Record<string, number>>;
  readonly refusedSamples: Readonly<Record<string, number>>;
  /** Cells that were given another POP, by why. */
  readonly movesByReason: Readonly<Record<string, number>>;
  readonly alarms: number;
  /** Tables that the guard kept back. */
  readonly keptBack: number;
  /** Calls to the store that failed. */
  readonly storeFailures: number;
  /** Of the last table. */
  readonly epoch: number;
  readonly madeAtMs: number;
  /** Cells: network cells on top of the places, single networks, and (cell, POP) pairs measured. */
  readonly networkCells: number;
  readonly leafCells: number;
  readonly estimates: number;
  /** How often this process became the one that decides, and how long the last time took, ms. */
  readonly takeovers: number;
  readonly lastTakeoverMs: number;
  /** Demand, or load of others, beyond what the POPs that are answered can serve, requests/s. */
  readonly shortRps: number;
  /** What clients would gain at most by the estimates, and what keeps them from it. */
  readonly regretMs: TickStats['regretMs'];
  /** Service groups answered although all their POPs are out. */
  readonly failOpen: readonly string[];
}

/** The same while they are counted. */
export type RunningStats = {
  -readonly [Name in keyof ControlStats]: Name extends 'plannedBursts'
    ? Record<string, number>
    : ControlStats[Name];
};

/** Adds what a tick did with these reports. `isLeading`: what it decided counts. */
export function account(
  stats: RunningStats,
  ticked: TickStats,
  { isLeading, reports }: { readonly isLeading: boolean; readonly reports: TickInputs['reports'] },
): void {
  stats.ticks++;
  stats.reportedAtMs = Object.fromEntries(reports.map(({ pop, atMs }) => [pop, atMs]));
  stats.samples += ticked.accepted;
  stats.refusedSamples = addCounts(stats.refusedSamples, ticked.refused);
  if (isLeading) stats.movesByReason = addCounts(stats.movesByReason, ticked.moves);
  stats.alarms += ticked.alarms.length;
  stats.networkCells = ticked.networkCells;
  stats.leafCells = ticked.leafCells;
  stats.estimates = ticked.estimates;
  stats.shortRps = ticked.shortRps;
  stats.regretMs = ticked.regretMs;
  stats.failOpen = ticked.failOpen;
}

/** Nothing happened yet. */
export function emptyStats(): RunningStats {
  return {
    ticks: 0,
    failedTicks: 0,
    missedTicks: 0,
    lastTickMs: 0,
    totalTickMs: 0,
    lastPlanMs: 0,
    totalPlanMs: 0,
    plannedBursts: {},
    lostBursts: 0,
    samples: 0,
    reportedAtMs: {},
    refusedSamples: {},
    movesByReason: {},
    alarms: 0,
    keptBack: 0,
    storeFailures: 0,
    epoch: 0,
    madeAtMs: 0,
    networkCells: 0,
    leafCells: 0,
    estimates: 0,
    shortRps: 0,
    regretMs: { capacity: 0, terms: 0, held: 0 },
    takeovers: 0,
    lastTakeoverMs: 0,
    failOpen: [],
  };
}

function addCounts(
  total: Readonly<Record<string, number>>,
  more: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum = { ...total };
  for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
