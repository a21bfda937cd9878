import { formatAddress, parsePrefix } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { InvalidationsApi, NetworkPathsView, PopPathView, PopsApi } from '../console/api-pops.ts';
import { emptyLocated, locate } from '../geo/client-image.ts';
import type { NetModel, Weather } from '../netmodel/model.ts';
import { BUILT_IN_ID } from '../pop/built-in.ts';
import type { InvalidationFollower } from '../pop/invalidations.ts';
import { regionalPop } from '../pop/regions.ts';
import type { Store } from '../store/store.ts';
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
  const { world, store, follower } = options;
  const others = store.kind !== 'memory';
  return {
    distributions: distributionsOf(world.config),
    invalidate: async (wanted) => {
      const before = await follower.catchUp();
      await store.addInvalidation(wanted);
      return { dropped: (await follower.catchUp()) - before, others };
    },
    paths: (client) => pathsOf(options, client),
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

async function pathsOf(options: PopsApiOptions, text: string): Promise<NetworkPathsView> {
  const { world, store, pops, model, port, caFile } = options;
  const { fleet, edge } = world.config;
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string') throw new OperatorError('bad-usage', [{ file: 'client', message: prefix }]);
  const located = emptyLocated();
  locate(world.answering.clients(), prefix.address, located);
  const { placeId, asn } = located;
  const weather = new Map(
    (await store.modelChanges()).map((change): [string, Weather] => [change.pop, change]),
  );
  const rows = fleet.pops.flatMap(({ code, city, region, latitude, longitude, links }): PopPathView[] => {
    const paths = links.map((link) => ({
      link,
      rttMs: model.pathRtt({ placeId, asn, linkIndex: link.index }, { weather }).totalMs,
    }));
    const [best] = paths.toSorted((one, other) => one.rttMs - other.rttMs);
    if (best === undefined) return [];
    const { link, rttMs } = best;
    return [{ pop: code, city, region, latitude, longitude, link: link.id, ipv4: link.ipv4 ?? '', rttMs }];
  });
  const ranked = rows.sort((one, other) => one.rttMs - other.rttMs);
  const first = must(ranked[0], 'POP');
  const index = must(
    fleet.links.find(({ id }) => id === first.link),
    'link',
  ).index;
  const regions = [...new Set(fleet.pops.map(({ region }) => region))];
  const where = await world.describer.describe(prefix.address);
  const place = [where.city, where.country].filter((word) => word !== '').join(', ');
  return {
    client: { address: formatAddress(prefix.address), place: place === '' ? 'nobody knows where' : place },
    resolverRttMs: model.pathRtt({ placeId, asn, linkIndex: index }, { weather }).lastMileMs,
    pops: ranked,
    regional: Object.fromEntries(regions.map((region) => [region, regionalPop(fleet, region)?.code ?? ''])),
    originRegions: {
      ...Object.fromEntries(Object.entries(edge.origins).map(([name, { region }]) => [name, region])),
      ...pops.builtInRegions,
    },
    port,
    caFile,
  };
}
