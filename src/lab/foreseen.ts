import { createForesight, type ForesightGround, type KnownWorld } from '../replay/foresee.ts';
import { loadOf } from '../replay/load.ts';
import type { World, WorldEvent } from './world.ts';

/** What a what-if question would have been answered with, just before POPs went. */
export interface SavedDecision {
  readonly ground: ForesightGround;
  readonly known: KnownWorld;
}

/** POPs that went, and what that was foreseen to bring, and brought. */
export interface ForeseenLoss {
  /** They went at the start of this tick; the load was measured at the end of the other. */
  readonly tick: number;
  readonly measuredTick: number;
  /** Codes of those that went. */
  readonly without: readonly string[];
  /** The others, in the world's order. */
  readonly pops: readonly {
    readonly pop: string;
    readonly foreseenRps: number;
    readonly measuredRps: number;
  }[];
  /** The largest difference, as a share of the larger of what was measured and a thousandth of all load. */
  readonly worstError: number;
}

/** Foresees the loss of POPs whenever the world is about to take some, and measures what comes of it. */
export interface Foreseer {
  /** At the start of a tick, before anything happens. */
  readonly before: (tick: number, saved: () => SavedDecision | undefined) => void;
  /** After a tick. */
  readonly after: (tick: number, loadRps: Float64Array) => void;
  readonly losses: () => readonly ForeseenLoss[];
}

const LOSSES: readonly WorldEvent['event'][] = ['pop-down', 'drain'];
/** Loads below this share of all are small: they are held to it, not to themselves. */
const SMALL_SHARE = 1e-3;

/** A foreseer for a world that runs for so many ticks. */
export function createForeseer({ events, pops }: World, ticks: number): Foreseer {
  const changes = [...new Set(events.map(({ tick }) => tick)), ticks].sort((a, b) => a - b);
  const losses: ForeseenLoss[] = [];
  let foreseen: { tick: number; until: number; gone: readonly number[]; loadRps: Float64Array } | undefined;
  return {
    before: (tick, saved) => {
      const gone = events.filter((event) => event.tick === tick && LOSSES.includes(event.event));
      const decision = gone.length === 0 ? undefined : saved();
      if (decision === undefined) return;
      const { ground, known } = decision;
      const foresight = createForesight(ground, known);
      foresight.settle([]);
      const without = gone.map(({ pop }) => pops[pop]?.pop ?? '');
      const { demand } = known;
      const world = { fleet: ground.fleet, groupCount: ground.groups.length, demand };
      const loadRps = loadOf(foresight.settle(without), world);
      const until = (changes.find((change) => change > tick) ?? ticks) - 1;
      foreseen = { tick, until, gone: gone.map(({ pop }) => pop), loadRps };
    },
    after: (tick, measured) => {
      if (foreseen === undefined || tick !== foreseen.until) return;
      losses.push(lossOf(pops, { ...foreseen, measured }));
      foreseen = undefined;
    },
    losses: () => losses,
  };
}

function lossOf(
  pops: World['pops'],
  of: {
    readonly tick: number;
    readonly until: number;
    readonly gone: readonly number[];
    readonly loadRps: Float64Array;
    readonly measured: Float64Array;
  },
): ForeseenLoss {
  const { tick, until, gone, loadRps, measured } = of;
  const smallRps = SMALL_SHARE * measured.reduce((sum, rps) => sum + rps, 0);
  const others = pops.flatMap(({ pop }, index) => {
    const foreseenRps = loadRps[index] as number;
    return gone.includes(index) ? [] : [{ pop, foreseenRps, measuredRps: measured[index] as number }];
  });
  const errors = others.map(
    ({ foreseenRps, measuredRps }) => Math.abs(foreseenRps - measuredRps) / Math.max(measuredRps, smallRps),
  );
  return {
    tick,
    measuredTick: until,
    without: gone.map((pop) => pops[pop]?.pop ?? ''),
    pops: others,
    worstError: errors.reduce((worst, error) => Math.max(worst, error), 0),
  };
}
