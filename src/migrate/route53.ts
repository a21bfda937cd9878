import { TYPE } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { createDraft, type Draft, type Place, type ServiceDraft } from './draft.ts';
import {
  absolute,
  allOf,
  type Choosing,
  type Family,
  labelOf,
  popsOf,
  type Resolved,
  resolveSet,
} from './route53-choices.ts';
import { kindOf, onlySet, serviceOf } from './route53-policies.ts';
import { type PlacedSet, readExport, type Texts } from './route53-read.ts';
import { createZoneText, wireName, type ZoneText, zoneName } from './zone-text.ts';

const STEERED: readonly string[] = ['A', 'AAAA', 'CNAME'];

/**
 * Record sets of Route 53: those of one hosted zone or of several, told apart by their SOA. `origin`: the
 * zone's name where there is no SOA.
 */
export function importRoute53(texts: Texts, origin?: string): Draft {
  const draft = createDraft();
  const { sets, checks } = readExport(texts, draft);
  const zones = zonesOf(draft, sets, origin);
  const names = new Map<string, Map<string, PlacedSet[]>>();
  for (const one of sets) {
    const name = keyOf(one.set.Name);
    const types = names.get(name) ?? new Map<string, PlacedSet[]>();
    names.set(name, types);
    types.set(one.set.Type, [...(types.get(one.set.Type) ?? []), one]);
  }
  const choosing = choosingOf({ draft, checks, names, zones });
  for (const types of names.values()) {
    const [first] = [...types.values()].flat();
    if (first === undefined) continue;
    const zone = zoneOf(zones, first.set.Name);
    if (zone === undefined)
      draft.lost(first.place, first.set.Name, 'it is in none of the zones: no SOA above it');
    else putName(choosing, zone, types);
  }
  for (const zone of zones) {
    tellOfServers(draft, zone, sets);
    draft.zones.set(zoneName(zone.origin), zone.finish());
  }
  return draft;
}

/** The name as it is compared: Route 53 writes some characters as escapes. */
function keyOf(name: string): string {
  const wire = wireName(absolute(name));
  return wire === undefined ? name : formatName(wire).toLowerCase();
}

function zonesOf(draft: Draft, sets: readonly PlacedSet[], origin: string | undefined): ZoneText[] {
  const soas = sets.filter(({ set }) => set.Type === 'SOA').map(({ set }) => set.Name);
  const origins = soas.length > 0 || origin === undefined ? soas : [origin];
  const zones = origins.flatMap((name) => {
    const wire = wireName(absolute(name));
    return wire === undefined ? [] : [createZoneText(wire, draft)];
  });
  const [zone] = zones;
  const place: Place = sets[0]?.place ?? { file: 'export' };
  if (zone === undefined) draft.lost(place, 'all record sets', 'no SOA names their zone: say --zone NAME');
  else if (soas.length === 0) {
    const name = formatName(zone.origin);
    zone.add(name, 900, `SOA ns.${name} hostmaster.${name} 1 7200 900 1209600 86400`, place);
    zone.add(name, 172_800, `NS ns.${name}`, place);
    draft.changed(place, `the zone ${name}`, 'the export has no SOA and NS: these are made up');
  }
  return zones;
}

function zoneOf(zones: readonly ZoneText[], name: string): ZoneText | undefined {
  const key = keyOf(name);
  const holds = (zone: ZoneText): boolean => {
    const origin = formatName(zone.origin).toLowerCase();
    return origin === '.' || key === origin || key.endsWith(`.${origin}`);
  };
  return zones
    .filter(holds)
    .toSorted((one, other) => other.origin.length - one.origin.length)
    .at(0);
}

function choosingOf(known: {
  readonly draft: Draft;
  readonly checks: Choosing['checks'];
  readonly names: ReadonlyMap<string, ReadonlyMap<string, readonly PlacedSet[]>>;
  readonly zones: readonly ZoneText[];
}): Choosing {
  const { draft, checks, names, zones } = known;
  const found = new Map<string, Resolved | undefined>();
  const choosing: Choosing = {
    draft,
    checks,
    isOurs: (name) => zoneOf(zones, name) !== undefined,
    mayAlias: (name) => {
      const types = [...(names.get(keyOf(name))?.keys() ?? [])];
      const isApex = zones.some(({ origin }) => formatName(origin).toLowerCase() === keyOf(name));
      return !isApex && types.every((type) => STEERED.includes(type));
    },
    resolve: (name, family) => {
      const key = `${keyOf(name)} ${family}`;
      if (found.has(key)) return found.get(key);
      // While it is looked for, it is nothing: aliases may go round.
      found.set(key, undefined);
      const resolved = resolveName(choosing, names.get(keyOf(name)), { name, family });
      found.set(key, resolved);
      return resolved;
    },
  };
  return choosing;
}

function resolveName(
  choosing: Choosing,
  types: ReadonlyMap<string, readonly PlacedSet[]> | undefined,
  { name, family }: { readonly name: string; readonly family: Family },
): Resolved | undefined {
  const sets = types?.get(family) ?? [];
  const [first] = sets;
  if (first === undefined) {
    // An alias may lead to a name that is one itself.
    const cname = types?.get('CNAME')?.at(0);
    if (cname === undefined || family === 'CNAME') return undefined;
    return choosing.resolve(name, 'CNAME');
  }
  const { set, place } = first;
  if (kindOf(set) === 'simple' && set.MultiValueAnswer !== true && set.HealthCheckId === undefined)
    return resolveSet(choosing, first, family);
  const service = serviceOf(choosing, sets, family);
  const hint = `${labelOf(name)}${family === 'AAAA' ? '-ipv6' : ''}`;
  return service === undefined ? undefined : { kind: 'service', service, hint, place };
}

/** Puts all that a name has into its zone. */
function putName(choosing: Choosing, zone: ZoneText, types: ReadonlyMap<string, readonly PlacedSet[]>): void {
  const { draft } = choosing;
  for (const [type, sets] of types) {
    if (STEERED.includes(type)) continue;
    const kept = onlySet(draft, sets);
    if (kept === undefined) continue;
    const { set, place } = kept;
    if (set.AliasTarget !== undefined)
      draft.lost(
        place,
        `${set.Name} ${type} alias of ${set.AliasTarget.DNSName}`,
        'only addresses have aliases',
      );
    for (const { Value: value } of set.ResourceRecords ?? [])
      zone.add(owner(set.Name), set.TTL ?? 300, `${type} ${value}`, place);
  }
  const [first] = STEERED.flatMap((type) => types.get(type)?.[0] ?? []);
  if (first === undefined) return;
  const { Name: name } = first.set;
  const resolved = (family: Family): Resolved | undefined =>
    types.has(family) ? choosing.resolve(name, family) : undefined;
  const alias = resolved('CNAME');
  if (alias !== undefined) putAlias(choosing, zone, alias, first);
  else putAddresses(choosing, zone, first, { ipv4: resolved('A'), ipv6: resolved('AAAA') });
}

function putAlias(choosing: Choosing, zone: ZoneText, alias: Resolved, from: PlacedSet): void {
  const { set, place } = from;
  if (alias.kind === 'alias') zone.add(owner(set.Name), alias.ttl, `CNAME ${alias.cname}`, place);
  else if (alias.kind === 'service') steer(choosing, zone, alias, { service: alias.service, from });
}

/** Plain records where both families are; else a service that decides each. */
function putAddresses(
  choosing: Choosing,
  zone: ZoneText,
  from: PlacedSet,
  { ipv4, ipv6 }: { readonly ipv4: Resolved | undefined; readonly ipv6: Resolved | undefined },
): void {
  const { draft } = choosing;
  const { set, place } = from;
  const both = [ipv4, ipv6].filter((one) => one !== undefined);
  if (both.length === 0) return;
  if (both.every(({ kind }) => kind === 'records')) {
    for (const [type, one] of [
      ['A', ipv4],
      ['AAAA', ipv6],
    ] as const)
      if (one?.kind === 'records')
        for (const value of one.values) zone.add(owner(set.Name), one.ttl, `${type} ${value}`, place);
    return;
  }
  const [one, other] = both;
  const isSame =
    other === undefined || (one?.kind === 'alias' && other.kind === 'alias' && one.cname === other.cname);
  if (one?.kind === 'alias' && isSame) {
    zone.add(owner(set.Name), one.ttl, `CNAME ${one.cname}`, place);
    draft.changed(place, `${set.Name} alias of ${one.cname}`, 'answered as an alias (CNAME), for all types');
    return;
  }
  const service = one === undefined ? undefined : asService(draft, one, set.Name, place);
  if (service === undefined || one === undefined) return;
  const second = other === undefined ? undefined : asService(draft, other, `${set.Name}-ipv6`, place);
  const ipv6Name = second === undefined ? undefined : draft.service(second, `${labelOf(set.Name)}-ipv6`);
  steer(choosing, zone, one, {
    service: { ...service, ...(ipv6Name === undefined ? {} : { ipv6: ipv6Name }) },
    from,
  });
}

/** The same as a service. */
function asService(draft: Draft, resolved: Resolved, name: string, place: Place): ServiceDraft {
  if (resolved.kind === 'service') return resolved.service;
  const hint = labelOf(name);
  if (resolved.kind === 'records')
    return allOf(draft, popsOf(draft, resolved.values, { hint }), { ttl: resolved.ttl, place });
  const code = draft.pop({ cname: resolved.cname }, hint);
  return { policy: { failover: [code] }, ttl: { min: resolved.ttl, max: resolved.ttl } };
}

function steer(
  { draft }: Choosing,
  zone: ZoneText,
  resolved: Resolved,
  what: { readonly service: ServiceDraft; readonly from: PlacedSet },
): void {
  const { service, from } = what;
  const { Name: name } = from.set;
  const made = draft.service(service, resolved.kind === 'service' ? resolved.hint : labelOf(name));
  zone.add(owner(name), service.ttl.max, `STEER ${made}`, from.place);
}

/** Owners stand as Route 53 writes them: `\052` is an escape here too. */
function owner(name: string): string {
  return absolute(name).replace(/^\\052\./, '*.');
}

/** The zone names the servers that it is moved away from. */
function tellOfServers(draft: Draft, zone: ZoneText, sets: readonly PlacedSet[]): void {
  const apex = formatName(zone.origin).toLowerCase();
  const own = sets.find(({ set }) => set.Type === 'NS' && keyOf(set.Name) === apex);
  if (own !== undefined && zone.has(zone.origin, TYPE.NS))
    draft.changed(own.place, `NS of ${apex}`, 'it names the name servers of Route 53: put your own there');
}
