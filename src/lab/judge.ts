import { createFreshJudge, type FreshFigures } from './judge-fresh.ts';
import { createReactionJudge, type Reaction } from './judge-reactions.ts';
import { CLOSE_MS, mean, quantile, rounded } from './numbers.ts';
import type { Share } from './steerer.ts';
import type { Truth } from './truth.ts';
import type { WorldEvent, WorldHead } from './world.ts';

/** Regret over cells. */
export interface RegretFigures {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  /** Share of cells within 5 ms of their best live POP. */
  readonly within5: number;
  /** Mean weighted by demand. */
  readonly weightedMs: number;
}

/** One tick of a run. */
export interface TickFigures {
  readonly meanRegretMs: number;
  readonly within5: number;
  readonly meanRttMs: number;
  readonly bestRttMs: number;
  /** Cells whose first POP is another than a tick ago. */
  readonly moves: number;
  /** Share of the demand that decisions put over capacities, and that clients bring over them. */
  readonly overflow: number;
  readonly clientOverflow: number;
  readonly bursts: number;
}

/** A POP at the end. */
export interface PopFigures {
  readonly capacityRps: number;
  /** By decisions, and as clients bring it. */
  readonly decidedRps: number;
  readonly clientRps: number;
  readonly state: 'up' | 'down' | 'drained';
}

/** All that is said of a run. */
export interface Figures {
  /** At the last tick. */
  readonly end: RegretFigures;
  /** Of each cell's mean over all ticks. */
  readonly average: RegretFigures;
  /** By cell, at the end and over time, ms. */
  readonly cells: readonly CellFigures[];
  readonly ticks: readonly TickFigures[];
  readonly pops: readonly PopFigures[];
  readonly burstsPerCell: number;
  /** Changes of a cell's first POP after the first ten ticks that no verdict or drain forced, an hour. */
  readonly flapsPerCellHour: number;
  /** Over all ticks: the largest share of demand over capacity by decisions. */
  readonly overflowMax: number;
  readonly reactions: readonly Reaction[];
  readonly fresh: FreshFigures;
}

export interface CellFigures {
  readonly pop: number;
  readonly bestPop: number;
  readonly rttMs: number;
  readonly bestMs: number;
  readonly regretMs: number;
  readonly meanRegretMs: number;
}

/** What was decided at a tick, and what came of it. */
export interface Observed {
  readonly sharesOf: (cell: number) => readonly Share[];
  readonly load: Float64Array;
  readonly bursts: number;
}

export interface Judge {
  /** Before a tick's decisions: what happened to the world. */
  readonly happened: (tick: number, events: readonly WorldEvent[]) => void;
  readonly observe: (tick: number, observed: Observed) => void;
  readonly figures: (bursts: number) => Figures;
}

/** Flaps count from here on: before, cells are still being learnt. */
const LEARNING_TICKS = 10;

/** Judges decisions by the truth. */
export function createJudge(truth: Truth, head: WorldHead): Judge {
  const { cellCount, popCount } = truth;
  const reactions = createReactionJudge(truth, head.tickSeconds);
  const fresh = createFreshJudge(truth);
  const sumMs = new Float64Array(cellCount);
  const weightSum = new Float64Array(cellCount);
  const first = new Int32Array(cellCount).fill(-1);
  const ticks: TickFigures[] = [];
  let cells: CellFigures[] = [];
  let pops: PopFigures[] = [];
  let flaps = 0;
  return {
    happened: (tick, events) => reactions.happened(tick, events, first),
    observe: (tick, { sharesOf, load, bursts }) => {
      let moves = 0;
      const decided = new Float64Array(popCount);
      cells = [];
      for (let cell = 0; cell < cellCount; cell++) {
        const shares = sharesOf(cell);
        const served = judgeCell(truth, cell, shares);
        sumMs[cell] = (sumMs[cell] as number) + served.regretMs;
        weightSum[cell] = (weightSum[cell] as number) + truth.demandRps(cell);
        cells.push({ ...served, meanRegretMs: (sumMs[cell] as number) / (ticks.length + 1) });
        for (const { pop, share } of shares)
          decided[pop] = (decided[pop] as number) + share * truth.demandRps(cell);
        const before = first[cell] as number;
        first[cell] = served.pop;
        if (before < 0 || before === served.pop) continue;
        moves++;
        const isForced = !truth.isUp(before) || truth.isDrained(before);
        if (tick >= LEARNING_TICKS && !isForced) flaps++;
      }
      fresh.observe(sharesOf);
      reactions.observe(tick, first);
      ticks.push(tickFigures(truth, cells, { decided, load, moves, bursts }));
      pops = popFigures(truth, decided, load);
    },
    figures: (bursts) => {
      const hours = (Math.max(0, ticks.length - LEARNING_TICKS) * head.tickSeconds) / 3600;
      const demand = (cell: number): number => (weightSum[cell] as number) / Math.max(1, ticks.length);
      return {
        end: regretFigures(
          cells.map(({ regretMs }) => regretMs),
          truth.demandRps,
        ),
        average: regretFigures(
          cells.map(({ meanRegretMs }) => meanRegretMs),
          demand,
        ),
        cells,
        ticks,
        pops,
        burstsPerCell: rounded(bursts / cellCount),
        flapsPerCellHour: hours === 0 ? 0 : rounded(flaps / cellCount / hours),
        overflowMax: rounded(Math.max(0, ...ticks.map(({ overflow }) => overflow))),
        reactions: reactions.figures(),
        fresh: fresh.figures(),
      };
    },
  };
}

function judgeCell(truth: Truth, cell: number, shares: readonly Share[]): Omit<CellFigures, 'meanRegretMs'> {
  const bestPop = truth.bestPop(cell);
  const bestMs = truth.rttMs(cell, bestPop);
  let rttMs = 0;
  let top = shares[0];
  for (const one of shares) {
    rttMs += one.share * truth.rttMs(cell, one.pop);
    if (one.share > (top?.share ?? 0)) top = one;
  }
  const only = shares.length === 1 ? truth.rttMs(cell, shares[0]?.pop ?? 0) : rttMs;
  return { pop: top?.pop ?? 0, bestPop, rttMs: only, bestMs, regretMs: only - bestMs };
}

function tickFigures(
  truth: Truth,
  cells: readonly CellFigures[],
  of: { decided: Float64Array; load: Float64Array; moves: number; bursts: number },
): TickFigures {
  const { decided, load, moves, bursts } = of;
  return {
    meanRegretMs: rounded(mean(cells.map(({ regretMs }) => regretMs))),
    within5: rounded(mean(cells.map(({ regretMs }) => (regretMs <= CLOSE_MS ? 1 : 0)))),
    meanRttMs: rounded(mean(cells.map(({ rttMs }) => rttMs))),
    bestRttMs: rounded(mean(cells.map(({ bestMs }) => bestMs))),
    moves,
    overflow: rounded(overflowOf(truth, decided)),
    clientOverflow: rounded(overflowOf(truth, load)),
    bursts,
  };
}

/** Share of a load that is over the capacities. */
function overflowOf(truth: Truth, load: Float64Array): number {
  let total = 0;
  let over = 0;
  for (const [pop, rps] of load.entries()) {
    total += rps;
    over += Math.max(0, rps - (truth.isUp(pop) ? truth.capacityRps(pop) : 0));
  }
  return total === 0 ? 0 : over / total;
}

function popFigures(truth: Truth, decided: Float64Array, load: Float64Array): PopFigures[] {
  return [...decided].map((rps, pop) => ({
    capacityRps: truth.capacityRps(pop),
    decidedRps: rounded(rps),
    clientRps: rounded(load[pop] ?? 0),
    state: !truth.isUp(pop) ? 'down' : truth.isDrained(pop) ? 'drained' : 'up',
  }));
}

function regretFigures(regretMs: readonly number[], weightOf: (cell: number) => number): RegretFigures {
  const sorted = [...regretMs].sort((left, right) => left - right);
  const weights = regretMs.map((_, cell) => weightOf(cell));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const weighted = regretMs.reduce((sum, regret, cell) => sum + regret * (weights[cell] as number), 0);
  return {
    meanMs: rounded(mean(regretMs)),
    p50Ms: rounded(quantile(sorted, 0.5)),
    p90Ms: rounded(quantile(sorted, 0.9)),
    p99Ms: rounded(quantile(sorted, 0.99)),
    within5: rounded(mean(regretMs.map((ms) => (ms <= CLOSE_MS ? 1 : 0)))),
    weightedMs: rounded(total === 0 ? 0 : weighted / total),
  };
}
