import type { ClockSkew } from './server.ts';

const MEASURED_EVERY_MS = 30_000;

/** How far another clock is ahead of ours. */
export interface ClockWatch {
  /** As last measured. */
  readonly skew: () => ClockSkew | undefined;
  /** Measures now; what fails leaves the last. Never rejects. */
  readonly measure: () => Promise<void>;
  readonly stop: () => void;
}

/** Measures every 30 s: asks for the other's time, and takes the way there and back for the error. */
export function watchClock(askMs: () => Promise<number>): ClockWatch {
  let skew: ClockSkew | undefined;
  const measure = async (): Promise<void> => {
    try {
      const [askedMs, begunMs] = [Date.now(), performance.now()];
      const theirMs = await askMs();
      const errorMs = (performance.now() - begunMs) / 2;
      skew = { skewMs: theirMs - askedMs - errorMs, errorMs };
    } catch {
      // Whoever asks counts what fails.
    }
  };
  const timer = setInterval(() => void measure(), MEASURED_EVERY_MS);
  timer.unref();
  return { skew: () => skew, measure, stop: () => clearInterval(timer) };
}
