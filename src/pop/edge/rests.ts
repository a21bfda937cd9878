/** Which functions rest, because their calls ran too long: they would keep the threads from all others. */
export interface Rests {
  readonly isResting: (name: string) => boolean;
  /** Told how a call ended. */
  readonly ended: (name: string, isLate: boolean) => void;
}

/** Calls in a row that ran too long before a function rests, and for how long, ms; then one call may try. */
const LATE_MAX = 3;
export const REST_MS = 5000;

/** `nowMs` is monotonic. */
export function createRests(nowMs: () => number): Rests {
  const late = new Map<string, { count: number; untilMs: number }>();
  return {
    isResting: (name) => nowMs() < (late.get(name)?.untilMs ?? 0),
    ended: (name, isLate) => {
      if (!isLate) {
        late.delete(name);
        return;
      }
      const known = late.get(name) ?? { count: 0, untilMs: 0 };
      known.count++;
      if (known.count >= LATE_MAX) known.untilMs = nowMs() + REST_MS;
      late.set(name, known);
    },
  };
}
