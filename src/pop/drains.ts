import type { Fleet } from '../base/fleet.ts';
import type { Pops } from './pops.ts';

/** How often it is looked, ms. */
const LOOK_EVERY_MS = 1_000;

/** What `followDrains` needs. */
export interface DrainOptions {
  readonly fleet: Fleet;
  readonly pops: Pick<Pops, 'setUp' | 'connections'>;
  readonly isDraining: (popIndex: number) => boolean;
  /** Answers that name the POP are used so long after the drain began, ms: the longest TTL. */
  readonly answersLastMs: number;
  readonly log: (message: string) => void;
}

/**
 * Closes POPs that were drained: when the last answers that name one are out of use, and its connections have
 * ended with what they were asked. Restored ones open again. Returns how to stop.
 */
export function followDrains(options: DrainOptions): () => void {
  const { fleet, pops, isDraining, answersLastMs, log } = options;
  const sinceMs = new Map<number, number>();
  const closed = new Set<number>();
  const look = (): void => {
    for (const { index, code } of fleet.pops) {
      if (!isDraining(index)) {
        sinceMs.delete(index);
        if (!closed.delete(index)) continue;
        pops.setUp(index, true).catch((error: Error) => log(`${code} cannot open again: ${error.message}`));
        log(`${code} is restored: it is open again`);
        continue;
      }
      const nowMs = performance.now();
      const beganMs = sinceMs.get(index) ?? nowMs;
      sinceMs.set(index, beganMs);
      if (closed.has(index) || nowMs - beganMs < answersLastMs || pops.connections(index) > 0) continue;
      closed.add(index);
      pops.setUp(index, false).catch((error: Error) => log(`${code} cannot close: ${error.message}`));
      log(`${code} is drained: it is closed, and no request was lost`);
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
