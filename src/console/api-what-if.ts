/** What would happen without some POPs, as the admin API tells it. */
export interface WhatIfView {
  /** Codes of the POPs that are taken away. */
  readonly without: readonly string[];
  /** What it was computed from, in words: always modelled. */
  readonly basis: string;
  /** Share 0..1 of all demand that gets another POP. */
  readonly demandMoved: number;
  /** Client networks (of a service) that move, wholly or in part, and all that are known to ask. */
  readonly cellsMoved: number;
  readonly cells: number;
  /** Of the demand that moves; greater is slower. */
  readonly rttChangeMs: {
    readonly mean: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
  };
  /** Who loses most, by time x demand: at most 20. */
  readonly worst: readonly WhatIfCell[];
  /** All POPs. Loads with those of others than steering. */
  readonly pops: readonly {
    readonly code: string;
    readonly beforeRps: number;
    readonly afterRps: number;
    /** Between what `afterRps` is likely to be, by how uncertain the estimates are; absent: not asked for. */
    readonly lowRps?: number;
    readonly highRps?: number;
    readonly capacityRps: number;
  }[];
  /** Codes of the POPs that would get more than they can serve. */
  readonly overCapacity: readonly string[];
}

/** Clients that would move. */
export interface WhatIfCell {
  /** `AS3320 in Frankfurt am Main, DE`. */
  readonly place: string;
  readonly fromPop: string;
  readonly toPop: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Share 0..1 of all demand. */
  readonly share: number;
}
