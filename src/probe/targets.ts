import { TARGETS_MAX } from '../store/bounds.ts';
import type { Target } from '../store/store.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { Sink } from './sink.ts';

/** What the controller wants one POP to measure. */
export interface TargetList {
  /** Calls back with each burst that became due in that time. */
  readonly advance: (elapsedMs: number, visit: (target: Target) => void) => void;
  /** Takes the list from the store. Never rejects: what cannot be had now is planned anew. */
  readonly read: () => Promise<void>;
}

/**
 * A list is spread over so long, ms: nearly till the next one is there, so that a change of the internet
 * meets some bursts soon.
 */
const SPREAD_MS = 850;

/** Takes the lists of a POP; each burst is made once. */
export function createTargetList(sink: Pick<Sink, 'takeTargets' | 'state'>, pop: string): TargetList {
  let waiting: Target[] = [];
  let perMs = 0;
  let due = 0;
  return {
    advance: (elapsedMs, visit) => {
      if (waiting.length === 0) return;
      due += perMs * elapsedMs;
      // The last one is not left over by a rounding error.
      const count = due + 1e-6 >= waiting.length ? waiting.length : Math.floor(due);
      due = count === waiting.length ? 0 : due - count;
      for (const target of waiting.splice(0, count)) visit(target);
    },
    read: oneAtATime(async () => {
      if (!sink.state().connected) return;
      let targets: readonly Target[];
      try {
        targets = await sink.takeTargets(pop);
      } catch {
        // The store went away just now, and counted it.
        return;
      }
      if (targets.length === 0) return;
      waiting = [...waiting, ...targets].slice(-TARGETS_MAX);
      perMs = waiting.length / SPREAD_MS;
    }),
  };
}
