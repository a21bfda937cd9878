/** How often questions were asked, in windows of time that grow with the log. */
export interface Counts {
  /** A question was asked at a time, ms since 1970 UTC. */
  readonly add: (id: number, atMs: number) => void;
  /** Number of the window of a time, as windows are now. */
  readonly windowOf: (atMs: number) => number;
  /** Times that a question was asked in a window. */
  readonly of: (id: number, window: number) => number;
  /** Windows in use, and the length of each, s. */
  readonly windows: () => number;
  readonly windowSeconds: () => number;
  /** From the first query to the last, ms since 1970 UTC; NaN before any. */
  readonly span: () => { readonly fromMs: number; readonly toMs: number };
}

/** Windows of a log at most. */
export const WINDOWS_MAX = 24;
const SECOND_MS = 1000;
const ROOM_AT_FIRST = 4096;

/** Counts nothing yet: windows of a second, which double in length whenever they are too few. */
export function createCounts(): Counts {
  let counts = new Uint32Array(ROOM_AT_FIRST * WINDOWS_MAX);
  let fromMs = Number.NaN;
  let toMs = Number.NaN;
  let baseMs = 0;
  let lengthMs = SECOND_MS;
  const windowOf = (atMs: number): number =>
    Math.max(0, Math.min(WINDOWS_MAX - 1, Math.floor((atMs - baseMs) / lengthMs)));
  const grow = (atMs: number): void => {
    while (atMs >= baseMs + WINDOWS_MAX * lengthMs) {
      mergePairs(counts);
      lengthMs *= 2;
    }
  };
  return {
    add: (id, atMs) => {
      if (Number.isNaN(fromMs)) {
        fromMs = toMs = atMs;
        baseMs = Math.floor(atMs / SECOND_MS) * SECOND_MS;
      }
      if (atMs < fromMs) fromMs = atMs;
      if (atMs > toMs) {
        toMs = atMs;
        grow(atMs);
      }
      if (id < 0) return;
      const at = id * WINDOWS_MAX + windowOf(atMs);
      if (at >= counts.length) {
        const more = new Uint32Array(Math.max(2 * counts.length, (id + 1) * WINDOWS_MAX));
        more.set(counts);
        counts = more;
      }
      counts[at] = (counts[at] as number) + 1;
    },
    windowOf,
    of: (id, window) => counts[id * WINDOWS_MAX + window] ?? 0,
    windows: () => (Number.isNaN(toMs) ? 0 : windowOf(toMs) + 1),
    windowSeconds: () => lengthMs / 1000,
    span: () => ({ fromMs, toMs }),
  };
}

function mergePairs(counts: Uint32Array): void {
  for (let first = 0; first < counts.length; first += WINDOWS_MAX)
    for (let window = 0; window < WINDOWS_MAX; window++) {
      const pair = first + 2 * window;
      const isIn = 2 * window < WINDOWS_MAX;
      counts[first + window] = isIn ? (counts[pair] as number) + (counts[pair + 1] as number) : 0;
    }
}
