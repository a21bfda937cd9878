import { join } from 'node:path';
import { formatAddress, parsePrefix } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { NetworkPathsView, PopPathView } from '../console/api-pops.ts';
import { emptyLocated, locate } from '../geo/client-image.ts';
import { createNetModel, type NetModel, type Weather } from '../netmodel/model.ts';
import { BUILT_IN_ID, builtInRegion } from '../pop/built-in.ts';
import { regionalPop } from '../pop/regions.ts';
import type { Store } from '../store/store.ts';
import { DEMO_SEED } from './real-delays.ts';
import type { World } from './world.ts';

/** What paths are worked out from. */
interface PathParts {
  readonly world: World;
  readonly store: Pick<Store, 'modelChanges'>;
  readonly model: Pick<NetModel, 'pathRtt'>;
  /** Where POPs listen, and the authority of their certificates. */
  readonly port: number;
  readonly caFile: string;
  /** Regions of the origins of distributions that nobody configured, by the origin's name. */
  readonly builtInRegions: Readonly<Record<string, string>>;
}

/** POPs listen there, unless a service or their own flag says otherwise. */
export const POP_PORT = 8443;

/** Where the POPs of the configuration's services listen. */
export function popPortOf({ services }: Pick<Config, 'services'>): number {
  return services.find(({ https }) => https?.port !== undefined)?.https?.port ?? POP_PORT;
}

/**
 * Paths as a process without POPs knows them: those of others are by the same model, of the default seed.
 * `folder`: where the authority of their certificates is, if they share it.
 */
export function pathsElsewhere(
  world: World,
  parts: { readonly store: Store; readonly folder: string },
): (client: string) => Promise<NetworkPathsView> {
  const { fleet } = world.config;
  let model: NetModel | undefined;
  return (client) => {
    model ??= createNetModel({ fleet, places: world.places, seed: DEMO_SEED });
    const builtInRegions = { [BUILT_IN_ID]: builtInRegion(fleet) };
    const caFile = join(parts.folder, 'ca.crt');
    const { store } = parts;
    return pathsOf({ world, store, model, port: popPortOf(world.config), caFile, builtInRegions }, client);
  };
}

/** How far everything is for a client, modelled. Rejects with `OperatorError('bad-usage')` for no address. */
export async function pathsOf(parts: PathParts, text: string): Promise<NetworkPathsView> {
  const { world, store, model, port, caFile } = parts;
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
      ...parts.builtInRegions,
    },
    port,
    caFile,
  };
}
