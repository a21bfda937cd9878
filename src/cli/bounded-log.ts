/** Lines a second that are written. */
const LINES_MAX = 10;

/**
 * A log for what clients can cause: some lines a second, and how many were left out. `nowMs` is monotonic.
 */
export function boundedLog(log: (message: string) => void, nowMs: () => number): (message: string) => void {
  let endsMs = 0;
  let written = 0;
  let leftOut = 0;
  return (message) => {
    if (nowMs() >= endsMs) {
      if (leftOut > 0) log(`${leftOut} lines like the last ones are left out`);
      [endsMs, written, leftOut] = [nowMs() + 1000, 0, 0];
    }
    if (++written <= LINES_MAX) log(message);
    else leftOut++;
  };
}
