import type { Invalidation, NewInvalidations } from './invalidations.ts';
import type { ClockSkew, StoreMemory } from './server.ts';

/**
 * Room `store`: the shared state between agents, controller and name servers: one interface, in memory or on
 * Redis. May import `base`. Everything here may be asked of a store that is unreachable: each promise then
 * rejects with a `StoreError` within the store's time limit, and `state()` says so.
 */

/** One burst: several pings from one POP to one client network, reduced by the agent. */
export interface Sample {
  /** Client network that was measured, as a prefix: `203.0.113.0/24`. */
  readonly network: string;
  /**
   * Minimum round-trip time of the burst in ms, without the standing queue of the POP's own link, which the
   * link's report has; absent when every ping was lost.
   */
  readonly rttMs?: number;
  /** Mean of the burst less its minimum, ms; absent: not told. */
  readonly jitterMs?: number;
  /** Pings sent and lost in the burst. */
  readonly sent: number;
  readonly lost: number;
  /** How it was measured; absent: not told. */
  readonly method?: MeasureMethod;
}

/** Ways to measure a round-trip time. */
export type MeasureMethod = (typeof MEASURE_METHODS)[number];

/** Every way to measure: four that ask, two by what clients do anyhow, and `icmp`, the echo. */
export const MEASURE_METHODS = ['icmp', 'tcp', 'http', 'https', 'dns', 'passive', 'beacon'] as const;

/** One network that an agent is to measure. */
export interface Target {
  /** As a prefix: `203.0.113.0/24`. */
  readonly network: string;
  /** Absent, as the other two: the agent's own choice. */
  readonly method?: MeasureMethod;
  readonly address?: string;
  readonly port?: number;
}

/** What one prober sees of one POP's service. */
export interface PopView {
  readonly pop: string;
  readonly state: 'up' | 'down';
  /** What was wrong with the check that failed last; '' when none did. */
  readonly why: string;
  /** How long the last good check took, ms; absent: there was none. */
  readonly rttMs?: number;
}

/** What one prober (an agent or a name server) sees of all POPs that it checks. */
export interface HealthView {
  /** `agent:FRA`, `ns:HOST:PID`. */
  readonly prober: string;
  /** ms since 1970 UTC by the prober's clock. */
  readonly atMs: number;
  readonly views: readonly PopView[];
}

/** Who controls. */
export interface Lease {
  readonly holder: string;
  /** A fencing token: grows with each new holder. */
  readonly token: number;
  /** How long it holds yet by the store's clock, ms. */
  readonly leftMs: number;
}

/** What one agent sends at a time: bursts from one POP, measured at about one time. */
export interface SampleBatch {
  /** POP code of the agent. */
  readonly pop: string;
  /** When measured: ms since 1970 UTC by the store's clock, as well as the agent knows it. */
  readonly atMs: number;
  /** Whether a real network or the modelled one was measured. */
  readonly source: 'measured' | 'modelled';
  readonly samples: readonly Sample[];
}

/** What a POP last said of itself. */
export interface PopReport {
  readonly pop: string;
  readonly atMs: number;
  readonly source: 'measured' | 'modelled';
  /** Requests a second served now. */
  readonly loadRps: number;
  /** Of these, those that steered names brought; absent: nobody knows. */
  readonly steeredRps?: number;
  /** What it expects to serve when new answers count, as its load rises; absent: as much as now. */
  readonly expectedRps?: number;
  /** Requests a second it could serve now (may fall below the configured capacity). */
  readonly capacityRps: number;
  /** The agent's verdict of the POP's own service. */
  readonly healthy: boolean;
  /** Share of the processors' time that is used, 0..1; absent: not told. */
  readonly cpu?: number;
  /** Connections of clients that are open; absent: not told. */
  readonly connections?: number;
  /** The host wishes to be drained, and why; absent: it does not. */
  readonly drain?: string;
  /** One per link, in the fleet's order for that POP. */
  readonly links: readonly LinkReport[];
}

export interface LinkReport {
  readonly id: string;
  /** Megabits a second carried now. */
  readonly throughputMbps: number;
  readonly capacityMbps: number;
  /** Standing queue on the link: RTT added, in ms. */
  readonly queueMs: number;
  /** Fraction 0..1 of packets lost on the link. */
  readonly lossRate: number;
}

/** An operator's word about a POP: beats every measurement, survives restarts. */
export interface Override {
  readonly pop: string;
  readonly state: 'drain';
  readonly reason: string;
  readonly sinceMs: number;
  /** When it ends by itself; absent: until restored. */
  readonly untilMs?: number;
}

/** Demand of one client network, as seen by the POPs that serve it. */
export interface Demand {
  readonly network: string;
  readonly rps: number;
  /** Name of the service that is asked for; absent: of any. */
  readonly service?: string;
}

/** A change that an operator made to the modelled internet; absent fields: as modelled. */
export interface ModelChange {
  readonly pop: string;
  /** Added to every RTT to this POP, ms. */
  readonly rttMs?: number;
  /** Fraction 0..1 of packets lost on paths to this POP. */
  readonly lossRate?: number;
  /** Utilisation of the POP's links (1 = full): of the link named, or of all. */
  readonly congestion?: number;
  readonly link?: string;
  /** Load of the POP as a fraction of its capacity, from other sources than steered traffic. */
  readonly load?: number;
  /** The POP answers nothing. */
  readonly outage?: boolean;
}

/** A published steering image. */
export interface PublishedImage {
  readonly epoch: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a nudge is about. The listener re-reads; a nudge may be lost, so everybody also polls. */
export type StoreTopic = (typeof STORE_TOPICS)[number];

/** Every topic of a nudge. */
export const STORE_TOPICS = [
  'image',
  'overrides',
  'model',
  'reports',
  'news',
  'targets',
  'health',
  'lease',
  'invalidations',
] as const;

/**
 * The store as its users see it. A write with a `fence` is refused with `FencedError`, and changes nothing,
 * unless the lease's token is that one and the lease has not expired; looked up in one step with the write.
 */
export interface Store {
  readonly kind: 'memory' | 'redis';
  /**
   * Appends one batch; the oldest batches fall off past the bound. Nudges `news` if the agent says that they
   * are: its POP's round-trip times or losses changed for many networks.
   */
  appendSamples(batch: SampleBatch, isNews?: boolean): Promise<void>;
  /**
   * Batches after `cursor` ('' = from the oldest kept), each POP's in order, at most `limit`, and the cursor
   * to go on with. Fewer than `limit`: there are no more now. Only of the fleet's POPs.
   */
  readSamples(cursor: string, limit: number): Promise<{ batches: readonly SampleBatch[]; cursor: string }>;
  /**
   * Replaces the POP's last report; reports expire after `REPORT_EXPIRY_MS`. Nudges `reports` when the
   * verdict `healthy` differs from the last that this store handle was given for the POP (the first: from
   * healthy); else `news` if the agent says so: its load or its links changed much.
   */
  putReport(report: PopReport, isNews?: boolean): Promise<void>;
  /** Of the fleet's POPs. */
  reports(): Promise<readonly PopReport[]>;
  /** Replaces one POP's list of demand (bounded); expires with the reports. */
  putDemand(pop: string, demand: readonly Demand[]): Promise<void>;
  /** Demand summed over the POPs, by network. */
  demand(): Promise<readonly Demand[]>;
  /**
   * Replaces what the prober sees; it expires after `HEALTH_EXPIRY_MS`. Nudges `health` if the prober says
   * that a state changed.
   */
  putHealth(view: HealthView, isChange: boolean): Promise<void>;
  /** What every prober sees that did not expire. Of agents: only those of the fleet's POPs. */
  healthViews(): Promise<readonly HealthView[]>;
  /**
   * Takes the lease if it is free or expired, or renews one's own; returns it as it is then, of whomever. A
   * new holder has a greater token than any before, and so has one who held it last but let it expire.
   * Nudges `lease` when the token changes.
   */
  takeLease(holder: string, ttlMs: number): Promise<Lease>;
  /** Gives it back; nothing happens if it is held by another, or under another token. Nudges `lease`. */
  releaseLease(lease: Pick<Lease, 'holder' | 'token'>): Promise<void>;
  /** The lease; undefined when nobody holds it. */
  lease(): Promise<Lease | undefined>;
  /**
   * Gives POPs, by code, the networks that their agents are to send a burst each; a list that was not taken
   * yet is replaced. Lists are bounded, and expire after `TARGETS_EXPIRY_MS`. Nudges `targets`.
   */
  putTargets(lists: ReadonlyMap<string, readonly Target[]>, fence?: number): Promise<void>;
  /** Takes the POP's list: nobody gets it a second time. Empty when there is none. */
  takeTargets(pop: string): Promise<readonly Target[]>;
  /** Sets the override of a POP, or with undefined removes it. Overrides never expire in the store. */
  setOverride(pop: string, override: Override | undefined): Promise<void>;
  overrides(): Promise<readonly Override[]>;
  /** Sets the change of one POP in the modelled internet, or with undefined undoes it. */
  setModelChange(pop: string, change: ModelChange | undefined): Promise<void>;
  modelChanges(): Promise<readonly ModelChange[]>;
  /** Tells all POPs, also those that are away now, to drop something. Nudges `invalidations`. */
  addInvalidation(invalidation: Invalidation): Promise<void>;
  /**
   * What was added after `cursor`; each reader gets each at least once. '' stands for now: nothing, and the
   * cursor to go on with.
   */
  readInvalidations(cursor: string): Promise<NewInvalidations>;
  /** Publishes an image if its epoch is greater than the one published; says whether it did. */
  publishImage(image: PublishedImage, fence?: number): Promise<boolean>;
  /** Epoch of the published image; 0 when there is none. */
  imageEpoch(): Promise<number>;
  image(): Promise<PublishedImage | undefined>;
  /**
   * Saves packed estimates by cell key, replacing; for warm starts and for `explain` on name servers. What
   * nobody saves for `ESTIMATES_EXPIRY_MS` goes.
   */
  putEstimates(estimates: ReadonlyMap<string, Uint8Array>, fence?: number): Promise<void>;
  estimate(cell: string): Promise<Uint8Array | undefined>;
  /** Every estimate; one that is replaced meanwhile may come twice, the later one last. */
  allEstimates(): AsyncIterable<readonly [cell: string, packed: Uint8Array]>;
  /**
   * Calls back when somebody changed something (also this process), and for every topic when nudges may have
   * been missed. The listener must not throw. Returns how to stop.
   */
  onChange(listener: (topic: StoreTopic) => void): () => void;
  state(): StoreState;
  /**
   * How far the store's clock is ahead of ours, ms, give or take `errorMs`; measured at each connection and
   * every 30 s. undefined: never measured yet.
   */
  clockSkew(): ClockSkew | undefined;
  /** undefined: it is this process's; a text: the store does not tell, and why, which is no error. */
  memory(): Promise<StoreMemory | string | undefined>;
  /** Stops within 1 s, whatever the other side does. */
  close(): Promise<void>;
}

export interface StoreState {
  readonly connected: boolean;
  /** Address without credentials: `redis://127.0.0.1:6379/0`, `memory`. */
  readonly address: string;
  /** Failed calls and connection errors since the start. */
  readonly errors: number;
  /** Stored values that could not be read and were skipped, since the start. */
  readonly damaged: number;
  readonly lastError?: string;
}

/** The store could not do it: unreachable, slow, or refused. */
export class StoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
  }
}

/** The write was fenced off: the lease expired, or another holds it. Nothing was written. */
export class FencedError extends StoreError {
  constructor(message: string) {
    super(message);
    this.name = 'FencedError';
  }
}
