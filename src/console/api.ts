/**
 * Room `console`: the admin API, the metrics page and the web console, on `node:http`. May import the pure
 * rooms and `store`. What it shows comes from callbacks that the composition root hands in.
 */
import type { ModelChange, Override } from '../store/store.ts';
import type { DemandView } from './api-demand.ts';
import type { ExplainQuestion, ExplainView } from './api-explain.ts';
import type { ProberStatus } from './api-health.ts';
import type { LiveApi } from './api-live.ts';
import type { InvalidationsApi, PopsApi } from './api-pops.ts';
import type { ReplayLog } from './api-replay.ts';
import type { TopView } from './api-top.ts';
import type { TraceView, TraceWish } from './api-trace.ts';
import type { WhatIfView } from './api-what-if.ts';
import type { ReloadedZone, SecondaryZone, ZoneReloadWish } from './api-zones.ts';
import type { MetricsView } from './metrics-view.ts';

/** State of a POP in one word. */
export type PopStateWord = 'up' | 'down' | 'drained';

/** One POP, as `status` and the console show it. */
export interface PopView {
  readonly code: string;
  readonly city: string;
  readonly country: string;
  readonly region: string;
  /** Degrees north, and east. */
  readonly latitude: number;
  readonly longitude: number;
  readonly state: PopStateWord;
  /** Why it is not up: the override's reason, or the verdict. */
  readonly why?: string;
  /** Requests a second now; absent without a report. */
  readonly loadRps?: number;
  /** Where it expects more: requests a second by the time that new answers count, `expectedInMs` from now. */
  readonly expectedRps?: number;
  readonly expectedInMs?: number;
  readonly capacityRps: number;
  /** Price for its load, ms. */
  readonly priceMs: number;
  /** Operator's bias, ms. */
  readonly biasMs: number;
  /** Fraction 0..1 of the demand that the table in use sends there. */
  readonly share: number;
  readonly links: readonly LinkView[];
  /** Standing 0..1 of its agent; below 1: its times cannot be true, and are held to what others allow. */
  readonly agentStanding: number;
  /** Time since its agent last reported, ms; absent: no report is kept. */
  readonly reportAgeMs?: number;
  /** How many probers see it up, and down. */
  readonly views?: { readonly up: number; readonly down: number };
}

/** Who decides. */
export interface ControllerView {
  /** Name of the process that leads; empty: nobody does now. */
  readonly leader: string;
  /** Its fencing token, and how long its lease holds yet, ms. */
  readonly token: number;
  readonly leftMs: number;
  /** What this process does in the election; absent where it takes no part. */
  readonly here?: 'leading' | 'standing-by' | 'cut-off' | 'starting';
}

interface LinkView {
  readonly id: string;
  readonly transit: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly cname?: string;
  /** Congestion term, ms. */
  readonly congestionMs: number;
}

/** What runs and how it does. */
export interface StatusView {
  readonly version: string;
  /** `up`, `serve` or `control`. */
  readonly role: string;
  readonly cluster: string;
  /** When the process started: ms since 1970 UTC. */
  readonly startedAtMs: number;
  /** Where queries are answered; empty for a process that answers none. */
  readonly dns: readonly string[];
  /** The first of them; `images.zones` has their number. */
  readonly zones: readonly string[];
  /** Threads that answer, and how they read and write; absent where no queries are answered. */
  readonly serving?: {
    readonly workers: number;
    readonly sockets: 'native' | 'portable';
    readonly why?: string;
  };
  readonly images: ImagesView;
  readonly store: { readonly address: string; readonly connected: boolean; readonly lastError?: string };
  /** The steering table in use; absent before the first. `origin`: who made it. */
  readonly table?: TableView;
  /** Who decides; absent while the store cannot say. */
  readonly controller?: ControllerView;
  /** Queries a second over the last seconds, by transport. */
  readonly queryRates: Readonly<Record<string, number>>;
  readonly pops: readonly PopView[];
  /** What each prober that is heard sees. */
  readonly probers: readonly ProberStatus[];
  /** The busiest client networks, a few of them. */
  readonly demand: DemandView;
  /** Credits that must be shown for the geo data in use. */
  readonly attribution: readonly string[];
}

/** The steering table in use. */
export interface TableView {
  readonly epoch: number;
  readonly ageMs: number;
  /** Who made it. */
  readonly origin: string;
  /** Rows that differ, of all service groups. */
  readonly rows: number;
  /** Octets of the steering image. */
  readonly octets: number;
  /** Its row map: what building it took, ms, and its octets; absent where no queries are answered. */
  readonly map?: { readonly buildMs: number; readonly octets: number };
}

/** The images that answers are made from. */
export interface ImagesView {
  /** Absent where no queries are answered. */
  readonly zones?: ImageView & { readonly zones: number; readonly names: number; readonly records: number };
  readonly clients: ImageView & {
    /** Ranges of addresses that lie in one place and network. */
    readonly rangesIpv4: number;
    readonly rangesIpv6: number;
    /** Pairs of place and network. */
    readonly sites: number;
  };
}

interface ImageView {
  /** When it was made, ms since 1970 UTC. */
  readonly madeAtMs: number;
  readonly octets: number;
  /** Read from its file, or made from its sources, when the process started or since. */
  readonly origin: 'file' | 'sources';
}

/**
 * Everything that the console needs from the process around it. Promises may reject with `OperatorError` or
 * `StoreError`.
 */
export interface AdminApi {
  /** Codes of all POPs. */
  readonly popCodes: readonly string[];
  /** Ids of the links of a POP. */
  readonly linkIds: (pop: string) => readonly string[];
  readonly nowMs: () => number;
  readonly status: () => Promise<StatusView>;
  /** The busiest client networks, at most so many. */
  readonly demand: (max: number) => DemandView;
  /** Now, who gets which POP, and the last hour. */
  readonly live: LiveApi;
  /** An `OperatorError('not-found')` for a name that is not steered, or a moment that is not kept. */
  readonly explain: (question: ExplainQuestion) => Promise<ExplainView>;
  /** What is asked most now, at most so many of each; watching goes on for a while after each question. */
  readonly top: (max: number) => Promise<TopView>;
  /**
   * What would happen without these POPs of the fleet; worked out beside what answers. `isPlain`: without how
   * sure that is, which takes longer. Undefined: too many such questions wait. An
   * `OperatorError('not-found')` while nobody is known to ask for anything.
   */
  readonly whatIf: (without: readonly string[], isPlain?: boolean) => Promise<WhatIfView | undefined>;
  /** Somebody is about to ask that: what the answer begins with is worked out. */
  readonly whatIfAhead: () => void;
  /** Where queries are answered. */
  readonly replay?: ReplayLog;
  /** Reads zones again, or says what would change. An `OperatorError('not-found')` for an unknown one. */
  readonly reloadZones: (wish: ZoneReloadWish) => Promise<readonly ReloadedZone[]>;
  /** How the zones stand that come from elsewhere. */
  readonly secondaries: () => readonly SecondaryZone[];
  readonly setOverride: (pop: string, override: Override | undefined) => Promise<void>;
  readonly modelChanges: () => Promise<readonly ModelChange[]>;
  readonly setModelChange: (pop: string, change: ModelChange | undefined) => Promise<void>;
  /**
   * Traces a request, where the POPs run in this process; undefined while others are traced. An
   * `OperatorError('bad-usage')` for a host that is not steered here.
   */
  readonly trace?: (wish: TraceWish) => Promise<TraceView | undefined>;
  /** The POPs, where they run in this process. */
  readonly pops?: () => PopsApi | undefined;
  /** How far everything is for a client, where the POPs run in other processes. */
  readonly paths?: PopsApi['paths'] | undefined;
  /** Tells the POPs of other processes, where none run in this one. */
  readonly invalidations?: InvalidationsApi | undefined;
  /** Why the process cannot answer as it should yet (no zones, no table); undefined when ready. */
  readonly notReady: () => string | undefined;
  /** What `/metrics` shows, read now. */
  readonly metrics: () => Promise<MetricsView>;
}
