/** Networks explored in one call, at most. */
export const EXPLORED_MAX = 400;

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
/** … and saved up at most, ms: a new controller has that. */
const SAVED_MAX_MS = 2000;
const SECOND_MS = 1000;
/** Networks explored a second at least, and how the number may change from plan to plan. */
const EXPLORED_MIN = 20;
const GROWTH = 1.25;
const DECLINE = 0.5;

/** Begins with the most that a plan may explore. */
export function createThinking(): Thinking {
  let savedMs = SAVED_MAX_MS;
  let perSecond = EXPLORED_MAX;
  return {
    exploredMax: (elapsedMs) => Math.ceil(perSecond * Math.min(1, elapsedMs / SECOND_MS)),
    took: (tookMs, elapsedMs) => {
      const planMs = Math.min(SECOND_MS, elapsedMs);
      const limitMs = Math.max(SHARE * planMs, Math.min(TICK_SHARE * planMs, savedMs));
      savedMs = Math.max(0, Math.min(SAVED_MAX_MS, savedMs + SHARE * elapsedMs - tookMs));
      const factor = Math.max(DECLINE, Math.min(GROWTH, limitMs / Math.max(tookMs, 1)));
      perSecond = Math.max(EXPLORED_MIN, Math.min(EXPLORED_MAX, perSecond * factor));
    },
  };
}

/** Processor time of this thread, ms: others' work does not count. Goes in steps of some ms. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
