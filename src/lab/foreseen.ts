import { loadRanges } from '../replay/draws.ts';
import { createForesight, type ForesightGround, type KnownWorld } from '../replay/foresee.ts';
import { loadOf } from '../replay/load.ts';
import type { World, WorldEvent } from './world.ts';

/** What a what-if question would have been answered with, just before POPs went. */
export interface SavedDecision {
  readonly ground: ForesightGround;
  readonly known: KnownWorld;
}

/** A POP that stayed: what was foreseen for it, and what it got; requests/s. */
export interface ForeseenPop {
  readonly pop: string;
  readonly foreseenRps: number;
  /** Between what it was likely to be, by how uncertain the estimates were. */
  readonly lowRps: number;
  readonly highRps: number;
  /** What would have been foreseen, had been known then what was measured until the end. */
  readonly hindsightRps: number;
  /** Mean over the ticks that were measured, and at the last of them. */
  readonly measuredRps: number;
  readonly lastRps: number;
  /** |foreseen - measured|, as a share of the larger of what was measured and a thousandth of all load. */
  readonly error: number;
}

/** POPs that went, and what that was foreseen to bring, and brought. */
export interface ForeseenLoss {
  /** They went at the start of this tick; the load was measured from the second to the third, inclusive. */
  readonly tick: number;
  readonly measuredFrom: number;
  readonly measuredTick: number;
  /** Codes of those that went. */
  readonly without: readonly string[];
  /** The others, in the world's order. */
  readonly pops: readonly ForeseenPop[];
  /** The largest error of any. */
  readonly worstError: number;
}

/** Foresees the loss of POPs whenever the world is about to take some, and measures what comes of it. */
export interface Foreseer {
  /** At the start of a tick, before anything happens. */
  readonly before: (tick: number, saved: () => SavedDecision | undefined) => void;
  /** After a tick. */
  readonly after: (tick: number, loadRps: Float64Array, saved: () => SavedDecision | undefined) => void;
  readonly losses: () => readonly ForeseenLoss[];
}

const LOSSES: readonly WorldEvent['event'][] = ['pop-down', 'drain'];
/** Loads below this share of all are small: they are held to it, not to themselves. */
const SMALL_SHARE = 1e-3;

/** What was foreseen at a tick, and the ticks at which it is measured. */
interface Foreseen {
  readonly tick: number;
  readonly from: number;
  readonly until: number;
  readonly gone: readonly number[];
  readonly saved: SavedDecision;
  readonly loadRps: Float64Array;
  readonly measured: Float64Array[];
}

/**
 * A foreseer for a world that runs for so many ticks. A load is measured as its mean over the longest TTL,
 * or the second half of the time until the next event, if that is shorter: until then clients still follow
 * answers that were replaced since, so the load of one moment is of nothing that was decided.
 */
export function createForeseer({ head, events, pops }: World, ticks: number): Foreseer {
  const changes = [...new Set(events.map(({ tick }) => tick)), ticks].sort((a, b) => a - b);
  const losses: ForeseenLoss[] = [];
  let foreseen: Foreseen | undefined;
  return {
    before: (tick, savedNow) => {
      const gone = events.filter((event) => event.tick === tick && LOSSES.includes(event.event));
      const saved = gone.length === 0 ? undefined : savedNow();
      if (saved === undefined) return;
      const until = (changes.find((change) => change > tick) ?? ticks) - 1;
      const ttlTicks = Math.ceil(saved.ground.params.ttlMaxSeconds / head.tickSeconds);
      const from = until + 1 - Math.max(1, Math.min(ttlTicks, Math.floor((until + 1 - tick) / 2)));
      const without = gone.map(({ pop }) => pop);
      const loadRps = loadWithout(saved, codesOf(pops, without));
      foreseen = { tick, from, until, gone: without, saved, loadRps, measured: [] };
    },
    after: (tick, loadRps, savedNow) => {
      if (foreseen === undefined || tick < foreseen.from) return;
      foreseen.measured.push(loadRps);
      if (tick < foreseen.until) return;
      losses.push(lossOf(pops, foreseen, savedNow()));
      foreseen = undefined;
    },
    losses: () => losses,
  };
}

function codesOf(pops: World['pops'], indexes: readonly number[]): string[] {
  return indexes.map((index) => pops[index]?.pop ?? '');
}

function loadWithout({ ground, known }: SavedDecision, without: readonly string[]): Float64Array {
  const foresight = createForesight(ground, known);
  foresight.settle([]);
  const world = { fleet: ground.fleet, groupCount: ground.groups.length, demand: known.demand };
  return loadOf(foresight.settle(without), world);
}

function lossOf(pops: World['pops'], of: Foreseen, end: SavedDecision | undefined): ForeseenLoss {
  const { tick, from, until, gone, saved, loadRps, measured } = of;
  const { ground, known } = saved;
  const without = codesOf(pops, gone);
  const ranges = loadRanges(ground, known, { without, plainRps: loadRps });
  const { estimates, nowMs } = end?.known ?? known;
  const hindsight = loadWithout({ ground, known: { ...known, estimates, nowMs } }, without);
  const meanRps = loadRps.map(
    (_, pop) => measured.reduce((sum, load) => sum + (load[pop] as number), 0) / measured.length,
  );
  const smallRps = SMALL_SHARE * meanRps.reduce((sum, rps) => sum + rps, 0);
  const others = pops.flatMap(({ pop }, index) => {
    if (gone.includes(index)) return [];
    const [foreseenRps, measuredRps] = [loadRps[index] as number, meanRps[index] as number];
    return [
      {
        pop,
        foreseenRps,
        lowRps: ranges[index]?.lowRps ?? foreseenRps,
        highRps: ranges[index]?.highRps ?? foreseenRps,
        hindsightRps: hindsight[index] as number,
        measuredRps,
        lastRps: measured.at(-1)?.[index] ?? 0,
        error: Math.abs(foreseenRps - measuredRps) / Math.max(measuredRps, smallRps),
      },
    ];
  });
  const worstError = others.reduce((worst, { error }) => Math.max(worst, error), 0);
  return { tick, measuredFrom: from, measuredTick: until, without, pops: others, worstError };
}
