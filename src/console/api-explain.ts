/** A question for `explain`. */
export interface ExplainQuestion {
  readonly name: string;
  /** Type mnemonic, `A` by default. */
  readonly type: string;
  /** Address or prefix, presentation form. */
  readonly client: string;
  /** As it was then, ms since 1970 UTC; absent: now. */
  readonly atMs?: number;
}

/** Which POP a client gets for a name, and why. */
export interface ExplainView {
  readonly name: string;
  readonly type: string;
  readonly service: string;
  readonly client: {
    readonly address: string;
    /** `Frankfurt am Main, DE`. */
    readonly place: string;
    readonly asn: number;
    readonly asName: string;
    /** Which database (its path) or override said so. */
    readonly source: string;
    /** When its maker built the database, ms since 1970 UTC; absent: an override said so, or nobody. */
    readonly sourceBuiltAtMs?: number;
  };
  /** `inherits`: key of the cell whose answers a /24 or /48 would get without a row of its own. */
  readonly cell: { readonly key: string; readonly label: string; readonly inherits?: string };
  /** Of what moment this is, where one was asked for. */
  readonly moment?: MomentView;
  /** Prefix length of the answer's ECS scope; absent: it is not kept of the past. */
  readonly scopeLength?: number;
  /** The clients of this cell are divided among links; absent where all get the same. */
  readonly split?: SplitView;
  readonly ttl: { readonly seconds: number; readonly why: string };
  readonly table: { readonly epoch: number; readonly ageMs: number };
  /** What the answer gives. */
  readonly chosen: { readonly pop: string; readonly link: string; readonly addresses: readonly string[] };
  /** What decides in place of the score, in words. */
  readonly policy?: string;
  /** The next best; absent when there is none. `marginMs`: by how much it is worse. */
  readonly runnerUp?: { readonly pop: string; readonly marginMs: number };
  /** The nearest POP, by how much it is nearer (ms), and why it is not chosen; absent: it is. */
  readonly passedOver?: PassedOverView;
  /**
   * Why the chosen POP is not the one with the lowest score, where that is so; and what else is worth
   * knowing.
   */
  readonly notes: readonly string[];
  /** By score; those that are out come last. Empty where round-trip times of then were not kept. */
  readonly pops: readonly ExplainedPop[];
}

/** One candidate of an explanation: a POP over its best link. All terms in ms; they add up to the score. */
export interface ExplainedPop {
  readonly pop: string;
  readonly city: string;
  readonly link: string;
  readonly rttMs: number;
  /** Where the RTT comes from: `measured`, `modelled`, `prior` … and how many bursts stand behind it. */
  readonly rttSource: string;
  readonly bursts: number;
  readonly lossMs: number;
  readonly congestionMs: number;
  readonly priceMs: number;
  readonly biasMs: number;
  readonly scoreMs: number;
  /** Why it cannot be chosen; absent when it can. */
  readonly out?: string;
}

/** A moment that was asked for, and the one that is told of. */
export interface MomentView {
  /** ms since 1970 UTC. */
  readonly atMs: number;
  /** Now is nearer to what was asked for than all that is kept. */
  readonly isNow: boolean;
  /** What is not of that moment, in words. */
  readonly words: string;
}

/** The nearest POP, of clients who do not get it. */
export interface PassedOverView {
  readonly pop: string;
  readonly nearerMs: number;
  readonly why: string;
}

/** How the clients of a cell are divided: a hash of the client's /24 or /48 says which part it is in. */
export interface SplitView {
  /** Shares 0..1 of the clients, which add up to 1. */
  readonly parts: readonly { readonly pop: string; readonly link: string; readonly share: number }[];
  /** Position of this client's part. */
  readonly part: number;
}
