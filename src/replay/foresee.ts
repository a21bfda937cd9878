/**
 * Room `replay`: what would be, if. It reads query logs (JSON lines, dnstap, captured packets), has the
 * production decisions made for a demand that is handed in, and compares what clients get in two worlds.
 * Pure: files, threads and time are those of whoever calls. May import `base wire geo steering`.
 */
import { createDecider, type Decider } from '../steering/decider.ts';
import type { DeciderOptions, LocatedDemand } from '../steering/decider-state.ts';
import type { FleetOverride } from '../steering/fleet-state.ts';
import { openImage, type SteeringImage } from '../steering/image.ts';
import { encodeImage } from '../steering/image-encode.ts';
import { decodeTerms, type SteeringTerms } from '../steering/terms.ts';

/** The world that is decided for. */
export type ForesightGround = Pick<
  DeciderOptions,
  'fleet' | 'geometry' | 'placesDigest' | 'groups' | 'params' | 'networks'
>;

/** Packed estimates of a cell, and where its network lies if its key is that of one. */
export interface SavedCell {
  readonly key: string;
  readonly packed: Uint8Array;
  readonly at?: { readonly placeId: number; readonly asn: number } | undefined;
}

/** What is known of the world before anything changes. */
export interface KnownWorld {
  /** ms since 1970 UTC. */
  readonly nowMs: number;
  /** The table in use, made for this fleet and these places; absent: none is known. */
  readonly image?: SteeringImage | undefined;
  readonly estimates: readonly SavedCell[];
  readonly demand: readonly LocatedDemand[];
  /** POPs that are out anyhow. */
  readonly overrides: readonly FleetOverride[];
}

/** A table that the controller would come to. */
export interface Foreseen {
  readonly image: SteeringImage;
  readonly terms: SteeringTerms;
  /** Ticks until nothing moved any more, or as many as were made. */
  readonly ticks: number;
  readonly isSettled: boolean;
}

/**
 * Simulated time between two ticks, ms: next to none. Estimates age, and nobody measures here, while agents
 * go on in the world that is foreseen.
 */
const TICK_MS = 100;
/** Ticks at most: then prices that do not settle are as they are. */
const TICKS_MAX = 60;
/** Ticks in a row without a move that end it: a challenger must lead for some before a cell moves. */
const CALM_TICKS = 6;
/** Cells are made for what was asked from; the engine wants room for a few. */
const CELLS_MIN = 64;

/** The production engine in a world that is handed in, in simulated time. */
export interface Foresight {
  /** Drains these POPs, none else but those that are out anyhow, and ticks until nothing moves. */
  readonly settle: (without: readonly string[]) => Foreseen;
}

/**
 * An engine that starts from the estimates, the answers, the capacities and the loads of others that are
 * known. What it cannot know is left out: congestion and loss of the moment.
 */
export function createForesight(ground: ForesightGround, known: KnownWorld): Foresight {
  const { image, demand } = known;
  const networks = new Set(demand.map(({ network }) => network).filter((network) => network >= 0));
  const saved = known.estimates.length + (ground.networks?.length ?? 0);
  const decider = createDecider({
    ...ground,
    networkCellsMax: CELLS_MIN + saved,
    leafCellsMax: CELLS_MIN + saved + networks.size,
  });
  for (const { key, packed, at } of known.estimates) decider.restore({ key, packed }, () => at);
  const before = image === undefined ? undefined : decodeTerms(image.termsText);
  if (image !== undefined && before !== undefined) decider.adopt(image, before);
  let nowMs = known.nowMs;
  let isFirst = true;
  return {
    settle: (without) => {
      const overrides = [
        ...known.overrides.filter(({ pop }) => !without.includes(pop)),
        ...without.map((pop) => ({ pop, reason: 'what if' })),
      ];
      let ticks = 0;
      let calm = 0;
      for (; ticks < TICKS_MAX && calm < CALM_TICKS; ticks++, nowMs += TICK_MS) {
        const reports = reportsOf(ground, before, nowMs);
        const tick = { nowMs, samples: [], reports, overrides, demand: isFirst ? demand : undefined };
        calm = decider.tick(tick).moved ? 0 : calm + 1;
        isFirst = false;
      }
      // TTLs are to be those of rest, not of cells that moved just now; nothing else is to come of it.
      nowMs += ground.params.ttlRecentMs;
      const last = { nowMs, samples: [], reports: reportsOf(ground, before, nowMs), overrides };
      decider.tick({ ...last, holdsGains: true });
      nowMs += TICK_MS;
      const isSettled = calm >= CALM_TICKS;
      return { image: imageOf(ground, decider, nowMs), terms: decider.terms(), ticks, isSettled };
    },
  };
}

function imageOf({ fleet, placesDigest }: ForesightGround, decider: Decider, nowMs: number): SteeringImage {
  const bytes = encodeImage(decider.parts(1, nowMs));
  const opened = openImage(bytes, { fleetDigest: fleet.digest, placesDigest, isSummed: false });
  if (typeof opened === 'string') throw new Error(opened);
  return opened;
}

/** Every POP's report: what it can serve, and what others put on it, as the table in use knew it. */
function reportsOf({ fleet }: ForesightGround, before: SteeringTerms | undefined, atMs: number) {
  return fleet.pops.map(({ code, index, capacityRps }) => {
    const terms = before?.pops[index];
    return {
      pop: code,
      atMs,
      healthy: true,
      loadRps: terms?.externalRps ?? 0,
      steeredRps: 0,
      capacityRps: terms?.capacityRps ?? capacityRps,
      links: [],
    };
  });
}
