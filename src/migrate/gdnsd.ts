import { createDraft, type Draft, type ServiceDraft } from './draft.ts';
import { type Files, namesIn, textOf } from './files.ts';
import { type GeoMaps, readMaps } from './gdnsd-geoip.ts';
import { metaChoice } from './gdnsd-meta.ts';
import { choiceOfAddresses, type Family, type Plugins, pluginsOf, type Wish } from './gdnsd-plugins.ts';
import { type Dynamic, zoneText } from './gdnsd-zones.ts';
import { get, type Hash, readVscf, text } from './vscf.ts';
import { wireName, zoneName } from './zone-text.ts';

const DEFAULT_TTL = 86_400;
/** Resources that refer to each other. */
const DEPTH_MAX = 20;

/** A configuration directory of gdnsd: `config`, `zones/` and what they include. */
export function importGdnsd(folder: string, files: Files): Draft {
  const draft = createDraft();
  const root = folder.replace(/\/*$/, '/');
  const config = readConfig(`${root}config`, files, draft);
  const plugins = pluginsFor(config, files, draft);
  tellOfOptions(config, draft);
  const defaultTtl = Number(text(get(config, 'options', 'zones_default_ttl')) ?? DEFAULT_TTL);
  const names = namesIn(`${root}zones`, files);
  if (names.length === 0) draft.lost({ file: `${root}zones` }, 'zones', 'there are none');
  for (const name of names) {
    const file = `${root}zones/${name}`;
    const content = textOf(file, files);
    // Folders hold what zones include; files with a dot in front are none.
    if (content === undefined || name.startsWith('.')) continue;
    const origin = wireName(`${name.replaceAll('@', '/').replace(/\.$/, '')}.`);
    if (origin === undefined)
      draft.lost({ file }, `zone ${name}`, 'the name of the file is not that of a zone');
    else
      draft.zones.set(
        zoneName(origin),
        zoneText(draft, {
          origin,
          file,
          text: content,
          defaultTtl,
          files,
          carry: (record) => carryDynamic(plugins, record),
        }),
      );
  }
  return draft;
}

function readConfig(file: string, files: Files, draft: Draft): Hash {
  if (files.exists(file)) return readVscf(file, files, draft);
  draft.changed({ file }, 'the configuration', 'there is none: all is as gdnsd has it by default');
  return { kind: 'hash', entries: new Map(), place: { file, line: 1 } };
}

function tellOfOptions(config: Hash, draft: Draft): void {
  const options = get(config, 'options');
  for (const [key, value] of options?.kind === 'hash' ? options.entries : [])
    if (key !== 'zones_default_ttl')
      draft.lost(value.place, `option ${key}`, OPTIONS[key] ?? 'there is no such setting, or nothing to set');
}

const OPTIONS: Readonly<Record<string, string>> = {
  listen: 'set `listen.dns`',
  dns_port: 'set `listen.dns`',
  max_edns_response: 'set `dns.udpSizeMax`',
  tcp_timeout: 'set `dns.tcp.idleMs`',
  tcp_clients_per_thread: 'set `dns.tcp.connectionsMax`',
  nsid: 'set what the server says of itself under `dns`',
  nsid_ascii: 'set what the server says of itself under `dns`',
  chaos_response: 'set what the server says of itself under `dns`',
};

function pluginsFor(config: Hash, files: Files, draft: Draft): Plugins {
  const maps = readMaps(config, files, draft);
  let depth = 0;
  const plugins = pluginsOf(config, draft, (plugin, resource, wish) => {
    if (depth >= DEPTH_MAX) {
      draft.lost(config.place, `${plugin}!${resource}`, 'resources refer to each other in a circle');
      return undefined;
    }
    depth++;
    const choice = choiceOf(plugins, maps, { plugin, resource }, wish);
    depth--;
    return choice;
  });
  return plugins;
}

function choiceOf(
  plugins: Plugins,
  maps: GeoMaps,
  which: { readonly plugin: string; readonly resource: string },
  wish: Wish,
): string | undefined {
  const { config, draft } = plugins;
  const { plugin, resource } = which;
  if (plugin === 'metafo' || plugin === 'geoip') return metaChoice(plugins, maps, { plugin, resource }, wish);
  const top = get(config, 'plugins', plugin);
  const value = get(top, resource);
  if (plugin === 'static') {
    const address = text(value);
    if (address === undefined) return undefined;
    const isIpv6 = address.includes(':');
    if (address.endsWith('.')) return draft.pop({ cname: address }, resource);
    if (isIpv6 !== (wish.family === 6)) return undefined;
    return draft.pop(isIpv6 ? { ipv6: address } : { ipv4: address }, resource);
  }
  if (value === undefined || !['simplefo', 'multifo', 'weighted'].includes(plugin)) return undefined;
  const inherited = ['service_types', 'up_thresh', 'ignore_health', 'multi'].flatMap((key) => {
    const one = get(top, key);
    return one === undefined ? [] : [[key, one] as const];
  });
  const list = value.kind === 'list' ? value.items.map((item, i) => [String(i + 1), item] as const) : [];
  const own = value.kind === 'hash' ? [...value.entries] : list;
  const whole: Hash = { kind: 'hash', entries: new Map([...inherited, ...own]), place: value.place };
  return choiceOfAddresses(plugins, { plugin, name: resource, value: whole }, wish);
}

/** What stands in place of a dynamic record: a service, or what never changes as it is. */
function carryDynamic(plugins: Plugins, record: Dynamic): string | undefined {
  const { draft, config } = plugins;
  const { plugin, resource, ttl, place, type } = record;
  const what = `${type} ${plugin}${resource === '' ? '' : `!${resource}`}`;
  if (plugin === 'null') {
    draft.changed(place, what, 'it answers 0.0.0.0, and no IPv6 address');
    return 'A 0.0.0.0';
  }
  if (plugin === 'reflect') {
    draft.lost(
      place,
      what,
      'addresses of clients are not answered: `isochrone explain` shows what is known of them',
    );
    return undefined;
  }
  if (plugin === 'static') {
    const address = text(get(config, 'plugins', 'static', resource));
    if (address !== undefined)
      return address.endsWith('.')
        ? `CNAME ${address}`
        : `${address.includes(':') ? 'AAAA' : 'A'} ${address}`;
  }
  const choices = ([4, 6] as Family[]).map((family) => plugins.resolve(plugin, resource, { family, ttl }));
  const [ipv4, ipv6] = choices;
  const first = ipv4 ?? ipv6;
  if (first === undefined) {
    draft.lost(place, what, 'there is no such resource, or it has no address');
    return undefined;
  }
  const hint = resource.replaceAll('/', '-');
  const second = ipv4 === undefined || ipv6 === undefined || ipv6 === ipv4 ? undefined : ipv6;
  const own = serviceOf(draft, first, ttl);
  const other =
    second === undefined ? undefined : draft.service(serviceOf(draft, second, ttl), `${hint}-ipv6`);
  const service = other === undefined ? own : { ...own, ipv6: other };
  return `STEER ${draft.service(service, hint)}`;
}

/** A choice as a service of its own. */
function serviceOf(draft: Draft, choice: string, ttl: ServiceDraft['ttl']): ServiceDraft {
  const { policy = { failover: [choice] } } = draft.services.get(choice) ?? {};
  return { policy, ttl };
}
