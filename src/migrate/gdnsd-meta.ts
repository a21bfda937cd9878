import type { Location } from './draft.ts';
import { type GeoMaps, geoChoice } from './gdnsd-geoip.ts';
import { choiceOfAddresses, type Plugins, type Wish } from './gdnsd-plugins.ts';
import { get, type Hash, inherit, text, texts, type Value } from './vscf.ts';

/** Keys of a metafo or geoip resource that are not handed down to its datacenters. */
const OWN_KEYS: readonly string[] = ['datacenters', 'dcmap', 'map', 'skip_first', 'resources', 'maps'];

/** A resource of metafo or geoip. */
interface Meta {
  readonly plugin: 'metafo' | 'geoip';
  readonly name: string;
  readonly value: Value;
  /** What its datacenters inherit, the nearest first. */
  readonly defaults: readonly Hash[];
}

/** The choice of `resource` or `resource/datacenter` of a meta plugin. */
export function metaChoice(
  plugins: Plugins,
  maps: GeoMaps,
  which: { readonly plugin: 'metafo' | 'geoip'; readonly resource: string },
  wish: Wish,
): string | undefined {
  const { draft, config } = plugins;
  const { plugin } = which;
  const [name = '', datacenter] = which.resource.split('/');
  const top = get(config, 'plugins', plugin);
  const value = get(top, 'resources', name);
  if (value === undefined) return undefined;
  const meta: Meta = { plugin, name, value, defaults: [handedDown(value), handedDown(top)] };
  const map = plugin === 'geoip' ? maps.get(text(get(value, 'map')) ?? '') : undefined;
  const known = new Map<string, string | undefined>();
  const choiceOf = (dc: string): string | undefined => {
    if (!known.has(dc))
      known.set(dc, ofDatacenter(plugins, meta, dc, { ...wish, location: map?.locations.get(dc) }));
    return known.get(dc);
  };
  if (datacenter !== undefined) return choiceOf(datacenter);
  const skips = text(get(value, 'skip_first'))?.toLowerCase() === 'true' ? 1 : 0;
  if (plugin === 'geoip') {
    if (map !== undefined) return geoChoice(plugins, { map, name, skips, choiceOf }, wish);
    draft.lost(value.place, `geoip ${name}`, 'its map is not defined');
    return undefined;
  }
  const inOrder = texts(get(value, 'datacenters'));
  const choices = (inOrder.length > 1 ? inOrder.slice(skips) : inOrder).flatMap((dc) => choiceOf(dc) ?? []);
  const distinct = [...new Set(choices)];
  if (distinct.length < 2) return distinct[0];
  return draft.service({ policy: { failover: distinct }, ttl: wish.ttl }, named(name, wish));
}

/** A name for what is of a resource and a family. */
export function named(name: string, { family }: Wish): string {
  return family === 6 ? `${name}-ipv6` : name;
}

function handedDown(value: Value | undefined): Hash {
  const entries = value?.kind === 'hash' ? [...value.entries].filter(([key]) => !OWN_KEYS.includes(key)) : [];
  return { kind: 'hash', entries: new Map(entries), place: value?.place ?? { file: '' } };
}

function ofDatacenter(
  plugins: Plugins,
  meta: Meta,
  dc: string,
  wish: Wish & { readonly location: Location | undefined },
): string | undefined {
  const { name, plugin, value, defaults } = meta;
  const at = get(value, 'dcmap', dc);
  if (at === undefined) return undefined;
  const under = text(defaults.map((one) => get(one, 'plugin')).find((one) => one !== undefined)) ?? 'multifo';
  const resource = `${name}-${dc}`;
  if (at.kind === 'text') {
    const direct = /^%?([^!]*)!(.*)$/.exec(at.text);
    if (direct !== null)
      return plugins.resolve(direct[1] === '' ? under : (direct[1] ?? ''), direct[2] ?? '', wish);
    const entries = new Map<string, Value>([[dc, at]]);
    const hash = inherit({ kind: 'hash', entries, place: at.place }, ...defaults);
    return choiceOfAddresses(plugins, { plugin: 'multifo', name: resource, value: hash }, wish);
  }
  const items: [string, Value][] =
    at.kind === 'list' ? at.items.map((item, i) => [`${dc}${i + 1}`, item]) : [...at.entries];
  const hash = inherit({ kind: 'hash', entries: new Map(items), place: at.place }, ...defaults);
  const used = at.kind === 'list' ? 'multifo' : (text(get(hash, 'plugin')) ?? 'multifo');
  if (used === 'metafo' && plugin === 'geoip') {
    plugins.draft.lost(at.place, `${name}/${dc}`, 'a metafo written inside geoip: give it a name of its own');
    return undefined;
  }
  return choiceOfAddresses(plugins, { plugin: used, name: resource, value: hash }, wish);
}
