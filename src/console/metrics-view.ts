import type { CounterSnapshot } from '../base/counters.ts';
import type { StoreMemory } from '../store/server.ts';
import type { ImagesView, PopView, TableView } from './api.ts';
import type { HealthMetrics } from './api-health.ts';

/** What a process is, for `isochrone_build_info`. */
export interface ProcessFacts {
  readonly role: 'up' | 'serve' | 'control' | 'agent' | 'pop';
  readonly version: string;
}

/** What the metrics page is made of. */
export interface MetricsView extends ProcessFacts {
  /** Counters of the name server's workers, summed. */
  readonly counters: readonly CounterSnapshot[];
  readonly table?: TableView;
  readonly images: ImagesView;
  /** ms since 1970 UTC. */
  readonly nowMs: number;
  readonly pops: readonly PopView[];
  readonly store: {
    readonly connected: boolean;
    readonly errors: number;
    /** Of a store that tells. */
    readonly memory?: StoreMemory | undefined;
  };
  /** The control loop, where it runs here. */
  readonly control?: ControlMetrics;
  readonly health: HealthMetrics;
}

/** What the control loop did. */
export interface ControlMetrics {
  readonly ticks: number;
  /** Time of the last tick and of all, ms. */
  readonly lastTickMs: number;
  readonly totalTickMs: number;
  /** Ticks that failed, and tables that the guard kept back. */
  readonly failedTicks: number;
  /** Of the ticks' time, what planning measurements took, ms. */
  readonly totalPlanMs: number;
  /** Bursts that agents were given to make, by the POP's code. */
  readonly plannedBursts: Readonly<Record<string, number>>;
  /** Bursts that were planned and did not reach an agent's list. */
  readonly lostBursts: number;
  readonly samples: number;
  /** By POP's code: when its agent wrote its last report, ms since 1970. */
  readonly reportedAtMs: Readonly<Record<string, number>>;
  readonly refusedSamples: Readonly<Record<string, number>>;
  /** Cells that were given another POP, by why. */
  readonly moves: Readonly<Record<string, number>>;
  readonly cells: number;
  /** The same by depth, and single networks besides: `place`, `network`, `single`. */
  readonly cellsByDepth: Readonly<Record<string, number>>;
  /** Pairs of cell and POP that were measured. */
  readonly estimates: number;
  /** POPs that were seen to get slower for many cells. */
  readonly alarms: number;
  /** Tables that the guard kept back: part of `failedTicks`. */
  readonly keptBack: number;
  /** Service groups answered although all their POPs are out. */
  readonly failOpen: number;
  /** Demand beyond what the POPs that are answered can serve, requests/s. */
  readonly shortRps: number;
  /** What clients would gain at most by the estimates, ms, by what keeps them from it. */
  readonly regretMs: Readonly<Record<string, number>>;
  readonly election: ElectionMetrics;
}

/** The election as the process sees it, and its part in it. */
export interface ElectionMetrics {
  readonly standing: 'leading' | 'standing-by' | 'cut-off' | 'starting';
  /** Fencing token of the lease that was seen last. */
  readonly token: number;
  /** Other tokens seen, after the first. */
  readonly changes: number;
  /** Writes that the store refused because of their token. */
  readonly fenced: number;
  /** Times that this process became the one that decides, and what the last took, ms. */
  readonly takeovers: number;
  readonly lastTakeoverMs: number;
}
