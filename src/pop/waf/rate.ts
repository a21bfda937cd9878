import { createHash } from 'node:crypto';

/** Requests counted by key over a sliding window. */
export interface RateCounter {
  /** Counts a request and returns how many there were in the window, this one among them. */
  readonly count: (key: string, nowMs: number) => number;
  /** Keys that are counted. */
  readonly size: () => number;
}

/** Keys that one rule counts at most; the one that was silent longest is forgotten first. */
const KEYS_MAX = 10_000;
/** Characters of a key; longer ones are kept as their digest. */
const KEY_MAX = 256;
/** Parts of a window: it slides by one of them. */
const PARTS = 10;

interface Tally {
  /** Number of the newest part. */
  at: number;
  readonly parts: Uint32Array;
}

/** A counter over the last `windowMs`, to a tenth of it. */
export function rateCounter(windowMs: number): RateCounter {
  const tallies = new Map<string, Tally>();
  const partMs = windowMs / PARTS;
  return {
    count: (given, nowMs) => {
      const key = given.length <= KEY_MAX ? given : createHash('sha256').update(given).digest('base64');
      const now = Math.floor(nowMs / partMs);
      const tally = tallies.get(key) ?? { at: now, parts: new Uint32Array(PARTS) };
      // The order of a map is that of insertion: what was asked for last stands last.
      tallies.delete(key);
      tallies.set(key, tally);
      if (tallies.size > KEYS_MAX) tallies.delete(tallies.keys().next().value ?? '');
      const passed = Math.min(now - tally.at, PARTS);
      for (let i = 1; i <= passed; i++) tally.parts[(tally.at + i) % PARTS] = 0;
      if (passed > 0) tally.at = now;
      tally.parts[tally.at % PARTS] = (tally.parts[tally.at % PARTS] ?? 0) + 1;
      return tally.parts.reduce((sum, part) => sum + part, 0);
    },
    size: () => tallies.size,
  };
}
