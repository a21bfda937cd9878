import type { PassedOverView } from './api-explain.ts';

/** One bar of the waterfall: one part of the way, from one source. */
export interface Bar {
  readonly layer: 'DNS' | 'network' | 'L1' | 'L2' | 'REC' | 'shield' | 'L3' | 'origin' | 'client';
  readonly name: string;
  readonly ms: number;
  /** Round trips between the two places that the bar names. */
  readonly roundTrips: number;
  readonly source: 'measured' | 'modelled';
}

/** A request, bar by bar. */
export interface Waterfall {
  readonly title: string;
  readonly pop: string;
  readonly bars: readonly Bar[];
  /** What was measured from begin to end, and what was modelled, together; the bars add up to it. */
  readonly totalMs: number;
  /** Round trips between client and POP, from TCP to the last octet. */
  readonly clientRoundTrips: number;
  /** Layers that were left out, and why. */
  readonly skipped: readonly string[];
  /** HTTP status of the answer. */
  readonly status: number;
  readonly cache: string;
  readonly tls: string;
}

/** A request that was traced, as `isochrone trace --json` prints it. */
export interface TraceView extends Waterfall {
  readonly url: string;
  readonly client: { readonly address: string; readonly place: string };
  /** Why that POP, in a line. */
  readonly why: string;
  /** The nearest POP, where DNS gives another, and why. */
  readonly passedOver?: PassedOverView;
  /** The same request otherwise: to other POPs, with another handshake; empty where it was to be alone. */
  readonly others: readonly Waterfall[];
}

/** What is to be traced. */
export interface TraceWish {
  readonly url: URL;
  /** Address or prefix of the client. */
  readonly client: string;
  /** The object is dropped from all caches first. */
  readonly isCold: boolean;
  /** A client that comes again: resolver, caches, TLS ticket and Fast Open cookie know it. */
  readonly isWarm: boolean;
  /** TLS 1.2 in place of 1.3. */
  readonly tls12: boolean;
  /** The handshake resumes a session. */
  readonly resume: boolean;
  /** TLS in the first packet of TCP. */
  readonly fastOpen: boolean;
  /** Only this request, no others beside it. */
  readonly isAlone: boolean;
  /** HTTP method; absent: GET. Those that may change something are sent once. */
  readonly method?: string;
  /** Fields beside those that every request has. */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Absent: there is none. */
  readonly body?: string;
}
