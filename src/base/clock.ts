/** Time, handed in: pure rooms and the lab never ask the machine. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970-01-01 UTC. */
  readonly nowMs: () => number;
}

/** A clock that stands still until told: for tests and simulations. */
export interface ManualClock extends Clock {
  /** Moves the time on by `ms`. */
  readonly advance: (ms: number) => void;
}

/** A clock that starts at `startMs` and moves only by `advance`. */
export function manualClock(startMs: number): ManualClock {
  let now = startMs;
  return {
    nowMs: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}
