import { type Prefix, parseAddress, parsePrefix, prefixHolds } from '../base/address.ts';
import { CONTINENTS } from '../base/continents.ts';
import type { Draft, GeoDraft, Location, PolicyDraft } from './draft.ts';
import { type Files, folderOf, textOf } from './files.ts';
import type { Plugins, Wish } from './gdnsd-plugins.ts';
import { get, type Hash, readVscf, text, texts, type Value } from './vscf.ts';

/** A map of the geoip plugin. */
interface GeoMap {
  readonly name: string;
  readonly value: Value;
  /** In the order of the last resort. */
  readonly datacenters: readonly string[];
  /** By datacenter, where `auto_dc_coords` says so. */
  readonly locations: ReadonlyMap<string, Location>;
  readonly nets: readonly Net[];
}

interface Net {
  readonly prefix: Prefix;
  readonly text: string;
  readonly datacenters: readonly string[];
}

export type GeoMaps = ReadonlyMap<string, GeoMap>;

const NOWHERE = { country: 'ZZ', latitude: 0, longitude: 0 };

/** Reads the maps; their networks become networks of the configuration, each with its prefix for a label. */
export function readMaps(config: Hash, files: Files, draft: Draft): GeoMaps {
  const maps = new Map<string, GeoMap>();
  const all = get(config, 'plugins', 'geoip', 'maps');
  for (const [name, value] of all?.kind === 'hash' ? all.entries : []) {
    const locations = new Map<string, Location>();
    const coords = get(value, 'auto_dc_coords');
    for (const [dc, at] of coords?.kind === 'hash' ? coords.entries : []) {
      const [latitude = 0, longitude = 0] = texts(at).map(Number);
      locations.set(dc, { city: dc, country: 'ZZ', latitude, longitude });
    }
    const datacenters = texts(get(value, 'datacenters'));
    const nets = netsOf({ name, value }, files, draft);
    maps.set(name, { name, value, datacenters, locations, nets });
    for (const net of nets) {
      const { latitude, longitude } = locations.get(net.datacenters[0] ?? '') ?? NOWHERE;
      draft.network({ prefix: net.text, label: net.text, ...NOWHERE, latitude, longitude });
    }
    takeDatabase(get(value, 'geoip2_db'), name, files, draft);
    if (get(value, 'ignore_ecs') !== undefined)
      draft.lost(value.place, `ignore_ecs of ${name}`, 'client subnets always count where they are given');
  }
  return maps;
}

/** The file that locates clients, for all maps: the first that is there. */
function takeDatabase(value: Value | undefined, map: string, files: Files, draft: Draft): void {
  const path = text(value);
  if (value === undefined || path === undefined) return;
  const file = path.startsWith('/') ? path : `${folderOf(value.place.file)}geoip/${path}`;
  const isThere = files.exists(file);
  if (isThere) draft.geoCity ??= file;
  if (draft.geoCity === file) return;
  const reason = isThere
    ? `all clients are located by ${draft.geoCity}`
    : `${file} is not there: set geo.city`;
  draft.changed(value.place, `geoip2_db of ${map}`, reason);
}

function netsOf(map: Pick<GeoMap, 'name' | 'value'>, files: Files, draft: Draft): Net[] {
  const value = get(map.value, 'nets');
  let nets: Value | undefined = value;
  if (value?.kind === 'text') {
    const { text: path, place } = value;
    const file = path.startsWith('/') ? path : `${folderOf(place.file)}geoip/${path}`;
    nets = textOf(file, files) === undefined ? undefined : readVscf(file, files, draft);
    if (nets === undefined) draft.lost(place, `nets of ${map.name}`, `${file} cannot be read`);
  }
  return (nets?.kind === 'hash' ? [...nets.entries] : []).flatMap(([name, dcs]): Net[] => {
    const prefix = parsePrefix(name);
    if (typeof prefix === 'string') draft.lost(dcs.place, `network ${name} of ${map.name}`, prefix);
    return typeof prefix === 'string' ? [] : [{ prefix, text: name.toLowerCase(), datacenters: texts(dcs) }];
  });
}

/** What a map is asked with for a resource. */
interface Asking {
  readonly map: GeoMap;
  readonly name: string;
  /** Datacenters of each list that are left out in front. */
  readonly skips: number;
  /** The choice of a datacenter; undefined: it has none of the family. */
  readonly choiceOf: (dc: string) => string | undefined;
}

/** The choice of a geoip resource. */
export function geoChoice(plugins: Plugins, asking: Asking, wish: Wish): string | undefined {
  const { draft } = plugins;
  const { map, name } = asking;
  if (map.datacenters.every((dc) => asking.choiceOf(dc) === undefined)) return undefined;
  const serve = (policy: PolicyDraft, hint: string): string =>
    draft.service({ policy, ttl: wish.ttl }, wish.family === 6 ? `${hint}-ipv6` : hint);
  const ofList = (dcs: readonly string[], from: Value): string | undefined => {
    const kept = dcs.length > 1 ? dcs.slice(asking.skips) : dcs;
    const choices = [...new Set(kept.flatMap((dc) => asking.choiceOf(dc) ?? []))];
    if (choices.length > 1) return serve({ failover: choices }, `${name}-${kept.join('-')}`);
    if (choices.length === 0)
      draft.lost(
        from.place,
        `[${dcs.join(', ')}] of map ${map.name} for ${name}`,
        'nothing to answer with there',
      );
    return choices[0];
  };
  const auto = (): string | undefined => {
    const located = map.datacenters.filter((dc) => map.locations.has(dc));
    const choices = located.flatMap((dc) => asking.choiceOf(dc) ?? []);
    if (choices.length < 2) return choices[0];
    return serve({ nearest: Object.fromEntries(choices.map((choice) => [choice, 0])) }, `${name}-auto`);
  };
  const ofValue = (value: Value): string | undefined =>
    text(value) === 'auto' ? auto() : ofList(texts(value), value);
  const geo = readTree(draft, map, ofValue);
  const fallback = geo.default ?? (map.locations.size > 0 ? auto() : ofList(map.datacenters, map.value));
  if (fallback === undefined) return undefined;
  const networks = networksOf(draft, map, (net) => ofList(net.datacenters, map.value));
  const { continents, countries } = geo;
  const isPlain = [continents, countries, networks].every((by) => Object.keys(by).length === 0);
  if (isPlain) return fallback;
  return serve({ geo: { default: fallback, continents, countries, networks } }, name);
}

interface Tree {
  readonly default: string | undefined;
  readonly continents: Record<string, string>;
  readonly countries: Record<string, string>;
}

/** The `map` of a map: continents, and countries within; what is deeper is told of. */
function readTree(draft: Draft, map: GeoMap, ofValue: (value: Value) => string | undefined): Tree {
  const continents: Record<string, string> = {};
  const countries: Record<string, string> = {};
  const put = (into: Record<string, string>, key: string, value: Value): void => {
    const choice = ofValue(value);
    if (choice !== undefined) into[key] = choice;
  };
  const root = get(map.value, 'map');
  for (const [continent, value] of root?.kind === 'hash' ? root.entries : []) {
    if (continent === 'default') continue;
    if (!(CONTINENTS as readonly string[]).includes(continent)) {
      draft.lost(value.place, `${continent} of map ${map.name}`, 'it is no continent');
      continue;
    }
    if (value.kind !== 'hash') put(continents, continent, value);
    for (const [country, one] of value.kind === 'hash' ? value.entries : []) {
      if (country === 'default') put(continents, continent, one);
      else if (one.kind !== 'hash') put(countries, country, one);
      for (const [part, inner] of one.kind === 'hash' ? one.entries : [])
        if (part === 'default') put(countries, country, inner);
        else {
          const reason = `parts of countries are not told apart: clients there get what ${country} gets`;
          draft.lost(inner.place, `${country} ${part} of map ${map.name}`, reason);
        }
    }
  }
  const fallback = get(root, 'default');
  return { default: fallback === undefined ? undefined : ofValue(fallback), continents, countries };
}

/**
 * Choices by the labels of networks. Networks of other maps that lie inside one of this map's have its choice
 * too: a client is known by the longest prefix of all.
 */
function networksOf(
  draft: Draft,
  map: GeoMap,
  ofNet: (net: Net) => string | undefined,
): NonNullable<GeoDraft['networks']> {
  const networks: Record<string, string> = {};
  for (const { prefix: label } of draft.networks) {
    const prefix = parsePrefix(label);
    if (typeof prefix === 'string') continue;
    const own = map.nets
      .filter((net) => net.prefix.length <= prefix.length && prefixHolds(net.prefix, prefix.address))
      .toSorted((one, other) => other.prefix.length - one.prefix.length)
      .at(0);
    const choice = own === undefined ? undefined : ofNet(own);
    if (choice !== undefined) networks[label] = choice;
    else if (
      own === undefined &&
      map.value.place !== undefined &&
      parseAddress(label.split('/')[0] ?? '') !== undefined
    )
      draft.changed(
        map.value.place,
        `network ${label}`,
        `map ${map.name} takes it to be where another map has it`,
      );
  }
  return networks;
}
