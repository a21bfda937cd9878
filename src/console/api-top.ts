import type { PopStateWord } from './api.ts';
import type { DemandView } from './api-demand.ts';

/** What is asked most just now. Rates are queries a second over the last seconds. */
export interface TopView {
  /** ms since 1970 UTC. */
  readonly atMs: number;
  readonly qps: number;
  /** Queries that names were counted from; the others are from counters of all queries. */
  readonly samples: number;
  /** The most asked first, of as many as were seen. */
  readonly names: readonly { readonly name: string; readonly qps: number }[];
  readonly rcodes: readonly TopRate[];
  readonly types: readonly TopRate[];
  readonly transports: readonly TopRate[];
  /** POPs that answers name, or that have load. */
  readonly pops: readonly TopPop[];
  /** Who asks: places and networks, never clients; over ten seconds. */
  readonly cells: DemandView['rows'];
}

/** A value of a label, and its rate. */
export interface TopRate {
  readonly name: string;
  readonly qps: number;
}

/** A POP, and the answers that name it. */
export interface TopPop {
  readonly code: string;
  readonly state: PopStateWord;
  readonly qps: number;
  /** Requests a second that it reports; absent without a report. */
  readonly loadRps?: number;
  readonly capacityRps: number;
  readonly priceMs: number;
}
