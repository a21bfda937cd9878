import type { Store } from '../store/store.ts';
import type { PathPattern } from './l2/object-store.ts';

/** How often the store is asked, in ms: a nudge may be lost. */
const POLL_EVERY_MS = 2_000;
/** Everything, of all distributions. */
const ALL: PathPattern = { scope: undefined, pattern: '/*' };

/** What `followInvalidations` needs. */
export interface InvalidationOptions {
  readonly store: Store;
  /** Drops what matches from all caches of this process; gives the number of keys. */
  readonly invalidate: (wanted: PathPattern) => Promise<number>;
  readonly log: (message: string) => void;
}

/** Invalidations that others made, done here. */
export interface InvalidationFollower {
  /**
   * Does what was added to the store until now; gives the number of keys dropped since the start. Rejects
   * with `StoreError` when the store is away.
   */
  readonly catchUp: () => Promise<number>;
  readonly stop: () => void;
}

/**
 * Drops from the caches of this process what the store's invalidations say, each at least once, in order. A
 * process that was cut off goes on where it was; where the store no longer has what came meanwhile, or was
 * never reached before, all caches are emptied.
 */
export function followInvalidations(options: InvalidationOptions): InvalidationFollower {
  const { store, invalidate, log } = options;
  let cursor = '';
  let dropped = 0;
  let wasAway = false;
  const read = async (): Promise<number> => {
    const found = await store.readInvalidations(cursor);
    if (found.missed || (cursor === '' && wasAway)) {
      log('invalidations may have been missed: all caches are emptied');
      dropped += await invalidate(ALL);
    } else
      for (const { pattern, distribution } of found.invalidations)
        dropped += await invalidate({ scope: distribution, pattern });
    // Only now: what was cut short is done again.
    cursor = found.cursor;
    return dropped;
  };
  // One after the other: each begins where the one before ended.
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const catchUp = (): Promise<number> => {
    waiting++;
    const done = turn.then(() => {
      waiting--;
      return read();
    });
    turn = done.catch(() => undefined);
    return done;
  };
  const follow = (): void => {
    // One that has not begun sees what this one would.
    if (waiting > 0) return;
    catchUp().catch((error: Error) => {
      wasAway = true;
      if (store.state().connected) log(`invalidations cannot be followed: ${error.message}`);
    });
  };
  const stopListening = store.onChange((topic) => {
    if (topic === 'invalidations') follow();
  });
  const timer = setInterval(follow, POLL_EVERY_MS);
  follow();
  return {
    catchUp,
    stop: () => {
      stopListening();
      clearInterval(timer);
    },
  };
}
