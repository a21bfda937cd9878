/** Networks explored in one call, at most. */
const EXPLORED_MAX = 400;

/** Bounds the time that exploring networks takes, whatever the machine: each takes a while of thinking. */
export interface Thinking {
  /** Networks that may be explored in a plan for so long. */
  readonly exploredMax: (elapsedMs: number) => number;
  /** The plan took so much of the thread's time, ms. */
  readonly took: (tookMs: number, elapsedMs: number) => void;
}

/** Share of all time that planning may take in the long run … */
const SHARE = 0.05;
/** … in one tick, while there is time saved up … */
const TICK_SHARE = 0.15;
/** … and saved up at most, as so many ticks' worth: a new controller has that. */
const SAVED_TICKS = 40;
const EXPLORED_MIN = 20;
/** With time left over, so many more are explored in the next tick. */
const GROWTH = 1.25;

/** For a loop with such ticks. */
export function createThinking(tickMs: number): Thinking {
  const savedMaxMs = SAVED_TICKS * SHARE * tickMs;
  let savedMs = savedMaxMs;
  let explored = EXPLORED_MAX;
  return {
    // A nudged tick comes soon after the last one.
    exploredMax: (elapsedMs) => Math.ceil(explored * Math.min(1, elapsedMs / tickMs)),
    took: (tookMs, elapsedMs) => {
      const limitMs = Math.max(SHARE * tickMs, Math.min(TICK_SHARE * tickMs, savedMs));
      savedMs = Math.max(0, Math.min(savedMaxMs, savedMs + SHARE * elapsedMs - tookMs));
      if (elapsedMs < tickMs / 2) return;
      const factor = Math.min(GROWTH, limitMs / Math.max(tookMs, 1));
      explored = Math.max(EXPLORED_MIN, Math.min(EXPLORED_MAX, explored * factor));
    },
  };
}

/** Processor time of this thread, ms: others' work does not count. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
