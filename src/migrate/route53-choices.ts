import { regionLocation } from './aws-regions.ts';
import type { Draft, Location, Place, ServiceDraft, Target } from './draft.ts';
import { carryCheck } from './route53-health.ts';
import type { Export, PlacedSet } from './route53-read.ts';

/** Types that are steered here. */
export type Family = 'A' | 'AAAA' | 'CNAME';

/** What a name answers with one family of addresses. */
export type Resolved =
  /** Ordinary records. */
  | {
      readonly kind: 'records';
      readonly values: readonly string[];
      readonly ttl: number;
      readonly from: PlacedSet;
    }
  /** An alias of a name that is not ours, absolute. */
  | { readonly kind: 'alias'; readonly cname: string; readonly ttl: number; readonly from: PlacedSet }
  | {
      readonly kind: 'service';
      readonly service: ServiceDraft;
      readonly hint: string;
      readonly place: Place;
    };

/** What choices are made with. */
export interface Choosing {
  readonly draft: Draft;
  readonly checks: Export['checks'];
  /** What another name of these zones answers; undefined where it has nothing, or asks for itself. */
  readonly resolve: (name: string, family: Family) => Resolved | undefined;
  /** Whether a name lies in these zones. */
  readonly isOurs: (name: string) => boolean;
  /** Whether the name may answer with an alias: it is no apex, and has nothing beside. */
  readonly mayAlias: (name: string) => boolean;
}

/** TTL of records that are aliases: Route 53 answers most with this, seconds. */
export const ALIAS_TTL = 60;
/** Addresses that one answer has room for here. */
export const ANSWERS_MAX = 7;

/** What one record set answers, without its policy. */
export function resolveSet(choosing: Choosing, from: PlacedSet, family: Family): Resolved | undefined {
  const { draft, resolve, isOurs, mayAlias } = choosing;
  const { set, place } = from;
  const { AliasTarget: alias, ResourceRecords: records = [], TTL: ttl = ALIAS_TTL } = set;
  if (alias === undefined) {
    const [cname] = records;
    if (family === 'CNAME' && cname !== undefined)
      return { kind: 'alias', cname: absolute(cname.Value), ttl, from };
    if (records.length > 0) return { kind: 'records', values: records.map(({ Value }) => Value), ttl, from };
    draft.lost(place, `${set.Name} ${set.Type}`, 'it has neither records nor an alias target');
    return undefined;
  }
  const target = absolute(alias.DNSName);
  if (isOurs(target)) {
    const found = resolve(target, family);
    if (found === undefined)
      draft.lost(place, `${set.Name} ${set.Type}`, `the alias target ${target} has no ${family}`);
    return found;
  }
  if (mayAlias(set.Name)) return { kind: 'alias', cname: target, ttl: ALIAS_TTL, from };
  const why = 'what it answers only AWS knows, and an alias (CNAME) cannot stand here';
  draft.lost(place, `${set.Name} ${set.Type} alias of ${target}`, why);
  return undefined;
}

/** The choice that one record set of a policy is: the code of a POP, or the name of a service. */
export function choiceOf(choosing: Choosing, from: PlacedSet, family: Family): string | undefined {
  const { draft, checks } = choosing;
  const { set, place } = from;
  const resolved = resolveSet(choosing, from, family);
  if (resolved === undefined) return undefined;
  const hint = set.SetIdentifier ?? labelOf(set.Name);
  const location = locationOf(from, draft);
  if (resolved.kind === 'service') {
    if (set.HealthCheckId !== undefined)
      draft.lost(place, `health check ${set.HealthCheckId}`, 'POPs are checked, not an alias of several');
    return draft.service(resolved.service, resolved.hint);
  }
  if (resolved.kind === 'alias') {
    if (set.AliasTarget !== undefined)
      draft.changed(place, `${set.Name} ${set.Type}`, `answered as an alias (CNAME) of ${resolved.cname}`);
    const code = draft.pop({ cname: resolved.cname }, hint, location);
    carryCheck(draft, checks, from, { code, address: undefined });
    return code;
  }
  const codes = popsOf(draft, resolved.values, { hint, location });
  for (const [i, code] of codes.entries())
    carryCheck(draft, checks, from, { code, address: resolved.values[i] });
  const [first] = codes;
  return codes.length < 2 ? first : draft.service(allOf(draft, codes, { ...resolved, place }), hint);
}

/** POPs of addresses, each one's own. */
export function popsOf(
  draft: Draft,
  addresses: readonly string[],
  as: { readonly hint: string; readonly location?: Location | undefined },
): string[] {
  return addresses.map((address) => {
    const target: Target = address.includes(':') ? { ipv6: address } : { ipv4: address };
    return draft.pop(target, as.hint, as.location);
  });
}

/** A service that answers with all of these POPs that are up. */
export function allOf(
  draft: Draft,
  codes: readonly string[],
  from: { readonly ttl: number; readonly place: Place },
): ServiceDraft {
  const all = [...new Set(codes)];
  if (all.length > ANSWERS_MAX)
    draft.changed(
      from.place,
      `${all.length} addresses`,
      `an answer has the first ${ANSWERS_MAX} that are up`,
    );
  return { policy: { all }, ttl: { min: from.ttl, max: from.ttl } };
}

/** Where a record set says that it is. */
function locationOf({ set, place }: PlacedSet, draft: Draft): Location | undefined {
  const { Region: region, GeoProximityLocation: proximity } = set;
  const name = region ?? proximity?.AWSRegion;
  if (name !== undefined) {
    const found = regionLocation(name);
    if (found === undefined) draft.changed(place, `region ${name}`, 'nobody here knows where it is');
    return found;
  }
  const { Latitude: latitude, Longitude: longitude } = proximity?.Coordinates ?? {};
  if (latitude !== undefined && longitude !== undefined)
    return { city: 'unknown', country: 'ZZ', latitude: Number(latitude), longitude: Number(longitude) };
  if (proximity?.LocalZoneGroup !== undefined)
    draft.changed(place, `local zone ${proximity.LocalZoneGroup}`, 'nobody here knows where it is');
  return undefined;
}

/** With its final dot. */
export function absolute(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}

/** The first label of a name, for people. */
export function labelOf(name: string): string {
  return name.replace(/^(?:\\052|\*)\./, 'any-').split('.')[0] ?? name;
}
