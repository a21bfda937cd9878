/** So much a minute for each key, no more. */
export interface RateBound {
  /** Takes `count` for the key if there is room for them; says whether there was. */
  readonly take: (key: string, count: number, nowMs: number) => boolean;
  /** What was turned away since the start. */
  readonly refused: () => number;
}

const MINUTE_MS = 60_000;

/** Counts in minutes; of more than `keysMax` keys in one of them the later ones are turned away. */
export function createRateBound(options: {
  readonly perMinute: number;
  readonly keysMax: number;
}): RateBound {
  const taken = new Map<string, number>();
  let minute = 0;
  let refused = 0;
  return {
    take: (key, count, nowMs) => {
      const now = Math.floor(nowMs / MINUTE_MS);
      if (now !== minute) taken.clear();
      minute = now;
      const before = taken.get(key) ?? 0;
      const hasRoom = before + count <= options.perMinute && (before > 0 || taken.size < options.keysMax);
      if (hasRoom) taken.set(key, before + count);
      else refused += count;
      return hasRoom;
    },
    refused: () => refused,
  };
}
