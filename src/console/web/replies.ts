/** What the process says, as its admin API gives it: one shape on both sides of the wire. */
export type { PopStateWord, PopView, StatusView } from '../api.ts';
export type { ExplainedPop, ExplainView } from '../api-explain.ts';
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
export type { ReplayLine, ReplayView } from '../api-replay.ts';
export type { WhatIfView } from '../api-what-if.ts';

/** What is wrong with something that was sent, and where. */
export interface Problem {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
}

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
