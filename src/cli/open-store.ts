import type { Config } from '../config/config.ts';
import { createMemoryStore } from '../store/memory.ts';
import type { Store } from '../store/store.ts';
import { systemClock } from './live.ts';

/**
 * Opens the store that the configuration names; waits 1 s for Redis at most. Throws `OperatorError` for a
 * wrong address.
 */
export async function openStore({ store, cluster, fleet }: Config): Promise<Store> {
  if (store === 'memory') return createMemoryStore({ clock: systemClock });
  const { openRedisStore } = await import('../store/redis.ts');
  return openRedisStore({ url: store, cluster, pops: fleet.pops.map(({ code }) => code) });
}
