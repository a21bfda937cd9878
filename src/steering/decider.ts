import type { LocatedSample, Refusal } from './accept.ts';
import { assignUnits } from './assign.ts';
import { type DecidePass, refreshCell } from './decide.ts';
import { setDemand } from './decider-demand.ts';
import { guardDecided } from './decider-guard.ts';
import {
  adoptImage,
  dropStale,
  type LocateKey,
  packedCell,
  restoreCell,
  takeUnsaved,
} from './decider-memory.ts';
import {
  createDeciderState,
  type DeciderOptions,
  type DeciderState,
  type LocatedDemand,
  listCells,
  REFRESH_TICKS,
  releaseOldCells,
  startCell,
  takeFleetChange,
} from './decider-state.ts';
import { type FleetOverride, type FleetReport, observeFleet } from './fleet-state.ts';
import { markHeavy } from './heavy.ts';
import type { SteeringImage } from './image.ts';
import type { ImageParts } from './image-encode.ts';
import { type Learned, learn } from './ingest.ts';
import { predictedLoad } from './load.ts';
import { endLosses } from './loss-ends.ts';
import { findNearest } from './nearest.ts';
import { noteAnswered, noteMeasured, type PlannedBurst, planBursts } from './plan.ts';
import { exploreAnew, watchAsn } from './planner.ts';
import { writePolicyRows } from './policy-rows.ts';
import type { DownBy, Verdict } from './quorum.ts';
import { estimateRegret, type Regret } from './regret.ts';
import { observeCapacity, overloadRps, setRoom } from './room.ts';
import { encodeTerms, type SteeringTerms } from './terms.ts';
import { termsOf } from './terms-of.ts';
import { CANDIDATES, NONE } from './units.ts';

/** Cells looked up anew in a tick though nobody measured them, at most. */
const REFRESHED_MAX = 4096;
/** Units that go home in a tick, as a share of the cells, from which on it cannot wait. */
const WAVE_SHARE = 0.0005;

/** What comes in at a tick. */
export interface TickInputs {
  /** ms since 1970 UTC. */
  readonly nowMs: number;
  /** Bursts since the last tick. */
  readonly samples: readonly LocatedSample[];
  /** The last report of every POP that has one. */
  readonly reports: readonly FleetReport[];
  readonly overrides: readonly FleetOverride[];
  /** What probers together see of each POP; absent: nobody looks. */
  readonly verdicts?: readonly Verdict[] | undefined;
  /** Demand of all networks; undefined: as before. */
  readonly demand?: readonly LocatedDemand[] | undefined;
  /** Nothing moves for its gain alone: what was adopted is handed on as it is. */
  readonly holdsGains?: boolean;
}

/** What a tick did. */
export interface TickStats {
  readonly accepted: number;
  readonly refused: Partial<Record<Refusal, number>>;
  /** Units (cell x service group) that were given another POP, by why. */
  readonly moves: DecidePass['moves'];
  /** Codes of POPs whose RTT or loss changed for all. */
  readonly alarms: readonly string[];
  /** A POP may be getting slower for all its cells: another tick soon would tell. */
  readonly isSuspected: boolean;
  /** Rows whose candidates or TTL changed. */
  readonly changedRows: number;
  /** Units were given another POP, or other shares of several. */
  readonly moved: boolean;
  /**
   * Clients should learn at once: POPs out or back, links changed, moves because of alarms or load.
   */
  readonly urgent: boolean;
  readonly networkCells: number;
  /** Single networks known, measured or not. */
  readonly leafCells: number;
  readonly estimates: number;
  /** Units for which the whole fleet was looked at. */
  readonly wideUnits: number;
  /** Passes over all units that prices took. */
  readonly sweeps: number;
  /** Demand that would gain by moving but waits for the next tick, by the bound of churn; requests/s. */
  readonly waitingRps: number;
  /** Demand, or load of others, beyond what the POPs that are answered can serve, requests/s. */
  readonly shortRps: number;
  /** What clients would gain at most by the estimates, and what keeps them from it. */
  readonly regretMs: Regret;
  /** Names of service groups that are answered although all their POPs are out. */
  readonly failOpen: readonly string[];
}

/** Decides, tick by tick, which POP each cell gets. Owns its state; everything comes in through calls. */
export interface Decider {
  readonly tick: (inputs: TickInputs) => TickStats;
  /** Why the table may not be published; empty when it may. */
  readonly guard: () => readonly string[];
  /** The table as it stands, for `encodeImage`. */
  readonly parts: (epoch: number, madeAtMs: number) => ImageParts;
  readonly terms: () => SteeringTerms;
  /** By POP: what says that it is down, also while it is drained; '' when nothing does. */
  readonly downPops: () => readonly DownBy[];
  /**
   * What to measure now, the most worthwhile first, at most `burstsMax`. `exploredMax`: networks that are
   * thought about at most.
   */
  readonly plan: (nowMs: number, burstsMax: number, exploredMax?: number) => readonly PlannedBurst[];
  /** Packed estimates of cells changed since they were last taken, at most `max`, by cell key. */
  readonly takeUnsaved: (max: number) => Map<string, Uint8Array>;
  /** Packed estimates of a cell; undefined if nothing was measured of it. */
  readonly packed: (key: string) => Uint8Array | undefined;
  /** Takes saved estimates back; false when the key or the bytes mean nothing here. */
  readonly restore: (
    saved: { readonly key: string; readonly packed: Uint8Array },
    locate: LocateKey,
  ) => boolean;
  /**
   * Takes the answers of an image for its own, so that a new controller moves nobody. After `restore`; also
   * between two ticks, of a controller that follows another.
   */
  readonly adopt: (image: SteeringImage, terms: SteeringTerms) => void;
}

/** A decider for a fleet, places and services. */
export function createDecider(options: DeciderOptions): Decider {
  const state = createDeciderState(options);
  for (const cell of state.kept) if (cell >= state.cells.placeCount) startCell(state, cell);
  setDemand(state, []);
  return {
    tick: (inputs) => tick(state, inputs),
    guard: () => guardDecided(state),
    parts: (epoch, madeAtMs) => parts(state, epoch, madeAtMs),
    terms: () => termsOf(state),
    downPops: () => state.fleetState.downBy,
    plan: (nowMs, burstsMax, exploredMax) => planBursts(state.planner, nowMs, burstsMax, exploredMax),
    takeUnsaved: (max) => takeUnsaved(state, max),
    packed: (key) => packedCell(state, key),
    restore: (saved, locate) => restoreCell(state, saved, locate),
    adopt: (image, terms) => adoptImage(state, image, terms),
  };
}

function tick(state: DeciderState, inputs: TickInputs): TickStats {
  const { nowMs, samples, demand } = inputs;
  const { options, terms, fleetState, learning, deciding, cells } = state;
  const { fleet, params } = options;
  const fleetChange = observeFleet(fleetState, { fleet, params, terms, ...inputs });
  if (fleetChange.changed) takeFleetChange(state, nowMs);
  if (state.ticks === 0) dropStale(state, nowMs);
  const learned = learn(learning, samples, nowMs);
  for (const cell of learned.madeCells) startCell(state, cell);
  const released = releaseOldCells(state, nowMs);
  if (state.ticks === 0 || learned.madeCells.length > 0 || released) listCells(state);
  if (demand !== undefined) setDemand(state, demand);
  takeLearned(state, learned, nowMs);
  takeRoom(state, nowMs);
  const { activeCells } = state;
  const assigned = assignUnits(deciding, {
    activeCells,
    nowMs,
    relinked: fleetChange.relinked,
    holdsGains: inputs.holdsGains,
  });
  const isAnew = fleetChange.changed || state.ticks === 0 || learned.madeCells.length > 0 || released;
  if (isAnew || assigned.changedRows > 0)
    assigned.changedRows += writePolicyRows(state.policies, activeCells, !isAnew);
  state.predictedRps = assigned.loadRps;
  state.churnRps = assigned.churnRps;
  state.ticks++;
  state.lastTickMs = nowMs;
  const { out, alarm, overflow, home } = assigned.moves;
  const isWave = home > WAVE_SHARE * activeCells.length;
  return {
    accepted: learned.accepted,
    refused: learned.refused,
    moves: assigned.moves,
    alarms: learned.alarms.map((pop) => fleet.pops[pop]?.code ?? ''),
    isSuspected: learned.isSuspected,
    changedRows: assigned.changedRows,
    moved: Object.values(assigned.moves).some((count) => count > 0),
    urgent: isWave || out + alarm + overflow > 0 || fleetChange.changed || state.ticks === 1,
    networkCells: cells.ids.size(),
    leafCells: cells.leafIds.size(),
    estimates: state.estimates.used,
    wideUnits: assigned.wideUnits,
    sweeps: assigned.sweeps,
    waitingRps: assigned.waitingRps,
    shortRps: overloadRps(fleetState, assigned.loadRps),
    regretMs: estimateRegret(state.regret, {
      market: deciding.market,
      loadRps: assigned.loadRps,
      findAnew: (unit, group) => findNearest(deciding, { unit, group, nowMs }),
    }),
    failOpen: deciding.groups.filter((_, group) => deciding.failOpen[group]).map(({ name }) => name),
  };
}

/**
 * Looks up anew the cells that were measured, those that have no candidates yet, and of the others one share
 * a tick, so many at most: estimates age, priors are corrected.
 */
function takeLearned(state: DeciderState, learned: Learned, nowMs: number): void {
  const { deciding, learning, units, activeCells, ticks, unsaved, planner, fleetState, downPops } = state;
  for (const [pop, by] of fleetState.downBy.entries()) downPops[pop] = by === '' ? 0 : 1;
  endLosses(learning, state.isHit, downPops);
  const forgiven = learning.forgiven.splice(0);
  if (learned.hasTurned) exploreAnew(planner, forgiven);
  for (const cell of forgiven) refreshCell(deciding, cell, nowMs);
  for (const { pop, asn } of learned.asnAlarms) watchAsn(planner, pop, asn, nowMs);
  for (const cell of learned.cellOfSample) noteAnswered(planner, cell);
  for (const cell of learned.touched) {
    unsaved.add(cell);
    noteMeasured(planner, cell);
    refreshCell(deciding, cell, nowMs);
  }
  const turns = Math.max(REFRESH_TICKS, Math.ceil(activeCells.length / REFRESHED_MAX));
  for (let i = 0; i < activeCells.length; i++) {
    const cell = activeCells[i] as number;
    const isTurn = i % turns === ticks % turns;
    if (!isTurn && units.pop[cell * CANDIDATES] !== NONE) continue;
    refreshCell(deciding, cell, nowMs);
    if (isTurn)
      for (let group = 0; group < units.groupCount; group++) units.stale[group * units.cellStride + cell] = 1;
  }
}

/** Learns what others put on the POPs, and sets the room that is left for each. */
function takeRoom(state: DeciderState, nowMs: number): void {
  const { options, units, activeCells, demandRps, fleetState, deciding } = state;
  const { params } = options;
  const { groups } = deciding;
  const { leftRps, cameRps, returnedRps, groupOut } = deciding;
  const { capacityRps } = fleetState;
  markHeavy(units, { activeCells, demandRps, capacityRps });
  const elapsedMs = state.ticks === 0 ? 0 : Math.max(0, nowMs - state.lastTickMs);
  const predictedRps = predictedLoad({ units, groups, activeCells, demandRps });
  observeCapacity(fleetState, { params, predictedRps, moved: deciding, elapsedMs });
  deciding.startRps.set(predictedRps);
  returnedRps.fill(0);
  leftRps.fill(0);
  cameRps.fill(0);
  setRoom(
    fleetState,
    groups.map(({ serves }, group) => ({
      demandRps: demandOf(state, group),
      out: serves.map((one, pop) => (one === 0 || groupOut[group]?.[pop] === 1 ? 1 : 0)),
    })),
    params,
  );
}

/** Demand of a service group, requests/s. */
function demandOf(state: DeciderState, group: number): number {
  const { demandRps, activeCells, units } = state;
  const first = group * units.cellStride;
  let sum = 0;
  for (let i = 0; i < activeCells.length; i++) sum += demandRps[first + (activeCells[i] as number)] as number;
  return sum;
}

function parts(state: DeciderState, epoch: number, madeAtMs: number): ImageParts {
  const { options, cells, units } = state;
  return {
    epoch,
    madeAtMs,
    fleetDigest: options.fleet.digest,
    placesDigest: options.placesDigest,
    groupCount: options.groups.length,
    placeCount: cells.placeCount,
    networkAsn: cells.networkAsn,
    networkPlace: cells.networkPlace,
    networkCount: cells.networkCount,
    firstLeaf: cells.firstLeaf,
    leafCount: cells.leafCount,
    leafKey: cells.leafKey,
    leafPlace: cells.leafPlace,
    leafAsn: cells.leafAsn,
    leafActive: cells.leafActive,
    rows: units.rows,
    termsText: encodeTerms(termsOf(state)),
  };
}
