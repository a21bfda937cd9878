/** What one prober sees of the POPs. */
export interface ProberStatus {
  /** `agent:FRA`, `ns:HOST:PID`. */
  readonly prober: string;
  /** Age of its view by its own clock, ms. */
  readonly ageMs: number;
  readonly up: number;
  /** POPs that it sees down, and why; all of them: it lost its own network, and has no vote. */
  readonly down: readonly { readonly pop: string; readonly why: string }[];
}

/** How the POPs' health is checked and judged here, since the start. */
export interface HealthMetrics {
  readonly checks: {
    readonly made: number;
    readonly failed: number;
    /** Put off because too many were under way. */
    readonly postponed: number;
    /** Views that the store did not take. */
    readonly viewsLost: number;
  };
  readonly watch: {
    /** Probers that are heard now. */
    readonly views: number;
    /** POPs that went down, or came up, by the views. */
    readonly verdictChanges: number;
    /** Readings of views that the store refused. */
    readonly storeFailures: number;
  };
  /** By POP: views that count for its verdict, and what they see. */
  readonly votes: readonly { readonly pop: string; readonly up: number; readonly down: number }[];
  /** From the first failed check here to the verdict, ms. */
  readonly verdictTimes: { readonly count: number; readonly sumMs: number; readonly lastMs: number };
}
