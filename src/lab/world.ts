/**
 * Room `lab`: the production engine of `steering` against worlds of round-trip times in simulated time:
 * reading and making worlds, the simulated network, baselines, figures, the report. May import `base`,
 * `netmodel`, `steering`. Pure: texts in, texts out. The truth of a world is read by the simulated network
 * and by who judges afterwards, never by what decides.
 */

/** How a world is run. */
export interface WorldHead {
  readonly name: string;
  /** One control tick, s. */
  readonly tickSeconds: number;
  readonly ticks: number;
  readonly seed: number;
  /** Where the figures come from. */
  readonly source: string;
}

/** A POP as its operator knows it. */
export interface WorldPop {
  readonly pop: string;
  /** Degrees; NaN where the world does not say. */
  readonly latitude: number;
  readonly longitude: number;
  readonly capacityRps: number;
}

/** A client network as a geo database claims it to be, and what it asks for. */
export interface WorldCell {
  readonly cell: string;
  readonly prefix: string;
  /** Claimed, in degrees; NaN where the database has none. */
  readonly latitude: number;
  readonly longitude: number;
  readonly country: string;
  readonly city: string;
  readonly demandRps: number;
  /** Mean of what the access line adds to a ping, ms. */
  readonly lastMileMs: number;
}

/** The truth of a (cell, POP) pair from a tick on. Sorted by cell, POP and tick. */
export interface WorldRtt {
  readonly cell: number;
  readonly pop: number;
  readonly fromTick: number;
  readonly rttMs: number;
  readonly minMs: number;
  readonly jitterMs: number;
  readonly lossRate: number;
}

export const EVENT_KINDS = [
  'pop-down',
  'pop-up',
  'capacity',
  'add-rtt',
  'drain',
  'restore',
  'demand',
  'lie',
  'clock',
  'repeat',
  'late',
] as const;

/** Something that happens at the start of a tick. */
export interface WorldEvent {
  readonly tick: number;
  readonly event: (typeof EVENT_KINDS)[number];
  /** Index; -1 where the event is not about a POP. */
  readonly pop: number;
  /** Index; -1: all cells. */
  readonly cell: number;
  readonly value: number;
}

/** All of a world. */
export interface World {
  readonly head: WorldHead;
  readonly pops: readonly WorldPop[];
  readonly cells: readonly WorldCell[];
  readonly rtts: readonly WorldRtt[];
  readonly events: readonly WorldEvent[];
}

/** Files of a world, in the order in which they are read and written. */
export const WORLD_FILES = ['world.json', 'pops.csv', 'cells.csv', 'rtt.csv', 'events.csv'] as const;
export type WorldFile = (typeof WORLD_FILES)[number];
/** Columns of the tables. */
export const WORLD_COLUMNS: Readonly<Record<Exclude<WorldFile, 'world.json'>, readonly string[]>> = {
  'pops.csv': ['pop', 'lat', 'lon', 'capacityRps'],
  'cells.csv': ['cell', 'prefix', 'lat', 'lon', 'country', 'city', 'demandRps', 'lastMileMs'],
  'rtt.csv': ['cell', 'pop', 'fromTick', 'rttMs', 'minMs', 'jitterMs', 'lossRate'],
  'events.csv': ['tick', 'event', 'pop', 'cell', 'value'],
};
