/** When the ticks of a loop come: one after the other, sooner after a nudge. */
export interface Pace {
  /** The first tick comes one interval from now. */
  readonly start: () => void;
  /**
   * A tick is to come `inMs` from now, if none comes sooner, and not sooner than `apartMs` after the last
   * began. During a tick: after it.
   */
  readonly nudge: (inMs: number, apartMs?: number) => void;
  readonly stop: () => void;
}

/** `tick` never rejects; `everyMs`: from the begin of the tick that just ended to that of the next. */
export function createPace(tick: () => Promise<void>, everyMs: () => number): Pace {
  let timer: NodeJS.Timeout | undefined;
  let isTicking = false;
  let isStopped = false;
  let nextAtMs = Infinity;
  let begunAtMs = -Infinity;
  /** Set by a nudge during a tick. */
  let wantedAtMs = Infinity;
  const schedule = (atMs: number): void => {
    if (isStopped) return;
    clearTimeout(timer);
    nextAtMs = atMs;
    timer = setTimeout(() => void run(), Math.max(0, atMs - performance.now()));
  };
  const run = async (): Promise<void> => {
    isTicking = true;
    begunAtMs = performance.now();
    await tick();
    isTicking = false;
    schedule(Math.min(begunAtMs + everyMs(), wantedAtMs));
    wantedAtMs = Infinity;
  };
  return {
    start: () => schedule(performance.now() + everyMs()),
    nudge: (inMs, apartMs = 0) => {
      const atMs = Math.max(performance.now() + inMs, begunAtMs + apartMs);
      if (isTicking) wantedAtMs = Math.min(wantedAtMs, atMs);
      else if (nextAtMs > atMs && nextAtMs < Infinity) schedule(atMs);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
