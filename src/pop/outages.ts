import type { Fleet } from '../base/fleet.ts';
import type { Store } from '../store/store.ts';
import type { Pops } from './pops.ts';

/** How often the store is asked, in ms: a nudge may be lost. */
const POLL_EVERY_MS = 2_000;

/** What `followOutages` needs. */
export interface OutageOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly pops: Pick<Pops, 'setUp'>;
  readonly log: (message: string) => void;
}

/**
 * Takes POPs down and up as the modelled internet's changes in the store say, so that a modelled outage
 * refuses connections too. While the store is unreachable the POPs stay as they are. Returns how to stop.
 */
export function followOutages(options: OutageOptions): () => void {
  const { store, fleet, pops, log } = options;
  const down = new Set<number>();
  let isFollowing = false;
  let isAskedAgain = false;
  const follow = async (): Promise<void> => {
    isAskedAgain = isFollowing;
    if (isFollowing) return;
    isFollowing = true;
    try {
      const changes = await store.modelChanges();
      const outages = new Set(changes.filter(({ outage }) => outage === true).map(({ pop }) => pop));
      for (const { code, index } of fleet.pops) {
        if (outages.has(code) === down.has(index)) continue;
        await pops.setUp(index, !outages.has(code));
        if (outages.has(code)) down.add(index);
        else down.delete(index);
        log(`${code} ${down.has(index) ? 'is down: a modelled outage' : 'is up again'}`);
      }
    } catch (error) {
      // A store that is away has its own metric and line in the log; an address that cannot be had is news.
      if (store.state().connected)
        log(`POPs cannot follow the modelled outages: ${(error as Error).message}`);
    } finally {
      isFollowing = false;
    }
    if (isAskedAgain) await follow();
  };
  const stopListening = store.onChange((topic) => {
    if (topic === 'model') void follow();
  });
  const timer = setInterval(follow, POLL_EVERY_MS);
  void follow();
  return () => {
    stopListening();
    clearInterval(timer);
  };
}
