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
}

/** What one agent sends at a time: bursts from one POP, measured at about one time. */
export interface SampleBatch {
  /** POP code of the agent. */
  readonly pop: string;
  /** When measured: ms since 1970 UTC by the agent's clock. */
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
  /** Requests a second it could serve now (may fall below the configured capacity). */
  readonly capacityRps: number;
  /** The agent's verdict of the POP's own service. */
  readonly healthy: boolean;
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
export const STORE_TOPICS = ['image', 'overrides', 'model', 'reports', 'news', 'targets'] as const;

/** The store as its users see it. */
export interface Store {
  readonly kind: 'memory' | 'redis';
  /**
   * Appends one batch; the oldest batches fall off past the bound. Nudges `news` if the agent says that they
   * are: its POP's round-trip times or losses changed for many networks.
   */
  appendSamples(batch: SampleBatch, isNews?: boolean): Promise<void>;
  /** Batches after `cursor` ('' = from the oldest kept), at most `limit`, and the cursor to go on with. */
  readSamples(cursor: string, limit: number): Promise<{ batches: readonly SampleBatch[]; cursor: string }>;
  /**
   * Replaces the POP's last report; reports expire after `REPORT_EXPIRY_MS`. Nudges `reports` when the
   * verdict `healthy` differs from the last that this store handle was given for the POP (the first: from
   * healthy); else `news` if the agent says so: its load or its links changed much.
   */
  putReport(report: PopReport, isNews?: boolean): Promise<void>;
  reports(): Promise<readonly PopReport[]>;
  /** Replaces one POP's list of demand (bounded); expires with the reports. */
  putDemand(pop: string, demand: readonly Demand[]): Promise<void>;
  /** Demand summed over the POPs, by network. */
  demand(): Promise<readonly Demand[]>;
  /**
   * Gives POPs, by code, the networks (`203.0.113.0/24`) that their agents are to send a burst each; a list
   * that was not taken yet is replaced. Lists are bounded, and expire after `TARGETS_EXPIRY_MS`. Nudges
   * `targets`.
   */
  putTargets(lists: ReadonlyMap<string, readonly string[]>): Promise<void>;
  /** Takes the POP's list: nobody gets it a second time. Empty when there is none. */
  takeTargets(pop: string): Promise<readonly string[]>;
  /** Sets the override of a POP, or with undefined removes it. Overrides never expire in the store. */
  setOverride(pop: string, override: Override | undefined): Promise<void>;
  overrides(): Promise<readonly Override[]>;
  /** Sets the change of one POP in the modelled internet, or with undefined undoes it. */
  setModelChange(pop: string, change: ModelChange | undefined): Promise<void>;
  modelChanges(): Promise<readonly ModelChange[]>;
  /** Publishes an image if its epoch is greater than the one published; says whether it did. */
  publishImage(image: PublishedImage): Promise<boolean>;
  /** Epoch of the published image; 0 when there is none. */
  imageEpoch(): Promise<number>;
  image(): Promise<PublishedImage | undefined>;
  /**
   * Saves packed estimates by cell key, replacing; for warm starts and for `explain` on name servers. What
   * nobody saves for `ESTIMATES_EXPIRY_MS` goes.
   */
  putEstimates(estimates: ReadonlyMap<string, Uint8Array>): Promise<void>;
  estimate(cell: string): Promise<Uint8Array | undefined>;
  /** Every estimate; one that is replaced meanwhile may come twice, the later one last. */
  allEstimates(): AsyncIterable<readonly [cell: string, packed: Uint8Array]>;
  /**
   * Calls back when somebody changed something (also this process), and for every topic when nudges may have
   * been missed. The listener must not throw. Returns how to stop.
   */
  onChange(listener: (topic: StoreTopic) => void): () => void;
  state(): StoreState;
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

/** A POP report or demand list older than this is gone. */
export const REPORT_EXPIRY_MS = 15_000;
/** Sample batches kept. */
export const SAMPLE_BATCHES_KEPT = 10_000;
/** Samples in one batch at most. */
export const BATCH_SAMPLES_MAX = 1_024;
/** Estimates that nobody saves for this long are gone: a week. */
export const ESTIMATES_EXPIRY_MS = 7 * 86_400_000;
/** Demand entries of one POP at most. */
export const DEMAND_ENTRIES_MAX = 20_000;
/** Networks that one POP is given to measure at most. */
export const TARGETS_MAX = 10_000;
/** A list of networks to measure that nobody took by then is gone. */
export const TARGETS_EXPIRY_MS = 5_000;
