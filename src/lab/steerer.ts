import type { FleetOverride, FleetReport } from '../steering/fleet-state.ts';
import type { Regret } from '../steering/regret.ts';
import type { SavedDecision } from './foreseen.ts';
import type { WorldCell, WorldHead, WorldPop } from './world.ts';

/** What a policy is told of a world: what its operator and a geo database know. */
export interface ClaimedWorld {
  readonly head: WorldHead;
  readonly pops: readonly WorldPop[];
  readonly cells: readonly ClaimedCell[];
}

/** A client network as a geo database claims it to be. */
export type ClaimedCell = Pick<WorldCell, 'cell' | 'prefix' | 'latitude' | 'longitude' | 'country' | 'city'>;

/** A burst that a policy wants. */
export interface WantedBurst {
  readonly cell: number;
  readonly pop: number;
}

/** What came of a burst. */
export interface MeasuredBurst extends WantedBurst {
  /** Minimum; undefined when every ping was lost. */
  readonly rttMs: number | undefined;
  /** Mean less minimum. */
  readonly jitterMs: number;
  readonly sent: number;
  readonly lost: number;
}

/** A burst as it arrives. */
export interface DeliveredBurst extends MeasuredBurst {
  /** By the clock of the POP's agent, ms since 1970. */
  readonly atMs: number;
}

/** What comes in at a tick. */
export interface SteererInputs {
  readonly nowMs: number;
  readonly bursts: readonly DeliveredBurst[];
  /** One of every POP, by POP. Load is that of the tick before. */
  readonly reports: readonly FleetReport[];
  readonly overrides: readonly FleetOverride[];
  /** By cell, requests/s, as the POPs saw it in the tick before. */
  readonly demandRps: Float64Array;
}

/** A POP and the share of a cell's clients that it gets. */
export interface Share {
  readonly pop: number;
  readonly share: number;
}

/** The answer for a cell. */
export interface Answer {
  /** Adds up to 1. */
  readonly shares: readonly Share[];
  readonly ttlSeconds: number;
}

/** A policy at work: decides which POP each cell gets, from what production would have. */
export interface Steerer {
  /** What it wants measured now, most worthwhile first. */
  readonly plan: (nowMs: number, burstsMax: number) => readonly WantedBurst[];
  readonly tick: (inputs: SteererInputs) => void;
  readonly answer: (cell: number) => Answer;
  /** All that is known after a tick, for a forecast; absent: the policy cannot foresee. */
  readonly saved?: () => SavedDecision | undefined;
  /** After a tick, what clients would gain at most by what it knows, by demand; absent: it does not say. */
  readonly estimatedRegret?: () => Regret;
}

/** What a policy is made with. */
export interface SteererOptions {
  readonly claimed: ClaimedWorld;
  readonly seed: number;
  /** Bursts that a cell may spend in the whole run; undefined: as the policy sees fit. */
  readonly burstsPerCell: number | undefined;
}
