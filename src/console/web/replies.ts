/** What the process says, as its admin API gives it: one shape on both sides of the wire. */
export type { ExplainedPop, ExplainView, PopStateWord, PopView, StatusView } from '../api.ts';
export type {
  CatchmentPlace,
  CatchmentsView,
  HistoryMoment,
  HistoryPoint,
  HistoryView,
  LivePop,
  LiveState,
  PopHistory,
} from '../api-live.ts';

/** One bar of a waterfall, as `isochrone trace --json` prints it. */
export interface TraceBar {
  readonly layer: string;
  readonly name: string;
  readonly ms: number;
  readonly roundTrips: number;
  readonly source: 'measured' | 'modelled';
}

/** `/api/trace`: a request, bar by bar. */
export interface TraceReply {
  readonly url: string;
  readonly client: { readonly address: string; readonly place: string };
  readonly why: string;
  readonly pop: string;
  readonly totalMs: number;
  readonly clientRoundTrips: number;
  readonly skipped: readonly string[];
  readonly cache: string;
  readonly tls: string;
  readonly bars: readonly TraceBar[];
}

/** `/api/whatif`: what would happen without some POPs. */
export interface WhatIfReply {
  readonly without: readonly string[];
  readonly basis: string;
  /** Part 0..1 of the demand that would go elsewhere. */
  readonly demandMoved: number;
  readonly cellsMoved: number;
  readonly cells: number;
  /** Of those that move. */
  readonly rttChangeMs: {
    readonly mean: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
  };
  readonly worst: readonly {
    readonly place: string;
    readonly fromPop: string;
    readonly toPop: string;
    readonly fromMs: number;
    readonly toMs: number;
    readonly share: number;
  }[];
  readonly pops: readonly {
    readonly code: string;
    readonly beforeRps: number;
    readonly afterRps: number;
    readonly capacityRps: number;
  }[];
  readonly overCapacity: readonly string[];
}
