import type { Config } from '../config/config.ts';
import type { InvalidationsApi, PopsApi } from '../console/api-pops.ts';
import type { NetModel } from '../netmodel/model.ts';
import { BUILT_IN_ID } from '../pop/built-in.ts';
import type { InvalidationFollower } from '../pop/invalidations.ts';
import type { Store } from '../store/store.ts';
import { pathsOf } from './network-paths.ts';
import type { PopTier } from './pop-tier.ts';
import type { World } from './world.ts';

/** What `createPopsApi` needs. */
export interface PopsApiOptions {
  readonly world: World;
  readonly store: Store;
  readonly pops: PopTier;
  readonly follower: InvalidationFollower;
  readonly model: NetModel;
  readonly port: number;
  readonly caFile: string;
}

/** What the admin API may ask of the POPs of `up`. */
export function createPopsApi(options: PopsApiOptions): PopsApi {
  const { world, store, follower, pops } = options;
  const others = store.kind !== 'memory';
  return {
    distributions: distributionsOf(world.config),
    invalidate: async (wanted) => {
      const before = await follower.catchUp();
      await store.addInvalidation(wanted);
      return { dropped: (await follower.catchUp()) - before, others };
    },
    paths: (client) => pathsOf({ ...options, builtInRegions: pops.builtInRegions }, client),
  };
}

/** How a process without POPs tells those of others; nobody would hear of it from a store in memory. */
export function invalidationsOf(config: Config, store: Store): InvalidationsApi | undefined {
  if (store.kind === 'memory') return undefined;
  return {
    distributions: distributionsOf(config),
    invalidate: async (wanted) => {
      await store.addInvalidation(wanted);
      return { others: true };
    },
  };
}

function distributionsOf({ edge }: Config): string[] {
  return [...Object.keys(edge.distributions), BUILT_IN_ID];
}
