import type { OriginTarget } from '../request-path.ts';
import { type OriginConnections, originConnections } from './connections.ts';

/** The connections of one place to all its origins: to so many at once at most. */
export interface OriginPools {
  /**
   * Those to an origin, opened where there are none; undefined: there is no room, as all others are in use.
   * Where there are too many, those go that were not used for longest and have nothing under way.
   */
  readonly of: (target: OriginTarget) => OriginConnections | undefined;
  /** By origin; `other` has what was done over those that made room. */
  readonly counts: () => ReadonlyMap<string, ReturnType<OriginConnections['counts']>>;
  readonly close: () => Promise<void>;
}

/** What `createOriginPools` may be told. */
export interface OriginPoolOptions {
  /** Origins that have connections at once: a Lambda@Edge handler may name any number. */
  readonly originsMax?: number;
}

/** More than a configuration has, and few enough for the descriptors of a process. */
const ORIGINS_MAX = 256;

/** Opens nothing yet. */
export function createOriginPools({ originsMax = ORIGINS_MAX }: OriginPoolOptions): OriginPools {
  // In order of use, the longest unused first.
  const pools = new Map<string, OriginConnections>();
  const gone = { opened: 0, open: 0, requests: 0 };
  const makeRoom = (): void => {
    for (const [name, pool] of pools) {
      if (pools.size < originsMax) return;
      if (!pool.isIdle()) continue;
      const { opened, requests } = pool.counts();
      gone.opened += opened;
      gone.requests += requests;
      pools.delete(name);
      void pool.close();
    }
  };
  return {
    of: (target) => {
      const known = pools.get(target.name);
      if (known === undefined) makeRoom();
      if (known === undefined && pools.size >= originsMax) return undefined;
      const pool = known ?? originConnections(target);
      pools.delete(target.name);
      pools.set(target.name, pool);
      return pool;
    },
    counts: () => {
      const counts = new Map(Array.from(pools, ([name, pool]) => [name, pool.counts()]));
      return gone.requests === 0 ? counts : counts.set('other', gone);
    },
    close: async () => {
      await Promise.all(Array.from(pools.values(), (pool) => pool.close()));
    },
  };
}
