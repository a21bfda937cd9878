import type { GeoDraft, Place, PolicyDraft, ServiceDraft } from './draft.ts';
import {
  ALIAS_TTL,
  ANSWERS_MAX,
  allOf,
  type Choosing,
  choiceOf,
  type Family,
  resolveSet,
} from './route53-choices.ts';
import type { PlacedSet, RecordSet } from './route53-read.ts';

/** A record set, and the choice that it became. */
interface Chosen extends PlacedSet {
  readonly choice: string;
}

/** The service that the record sets of one name and type are together; undefined where nothing is left. */
export function serviceOf(
  choosing: Choosing,
  sets: readonly PlacedSet[],
  family: Family,
): ServiceDraft | undefined {
  const { draft } = choosing;
  const [first] = sets;
  if (first === undefined) return undefined;
  const ttls = sets.flatMap(({ set }) => set.TTL ?? []);
  const ttl = ttls[0] ?? ALIAS_TTL;
  const bounds = { min: ttl, max: ttl };
  const { place, set } = first;
  if (set.MultiValueAnswer === true) return multivalue(choosing, sets, { family, ttl });
  const chosen = sets.flatMap((one): Chosen[] => {
    const choice = choiceOf(choosing, one, family);
    return choice === undefined ? [] : [{ ...one, choice }];
  });
  if (chosen.length === 0) return undefined;
  const services = chosen.filter(({ choice }) => !isPop(choice));
  const withTtl = (policy: PolicyDraft): ServiceDraft => ({ policy, ttl: bounds });
  switch (kindOf(set)) {
    case 'weighted':
      if (services.some((name) => isTogether(draft, name.choice)))
        draft.changed(
          place,
          `${set.Name} ${set.Type}`,
          'weighted sets of several addresses: one is answered',
        );
      return { policy: weightedOf(choosing, chosen), ttl: bounds };
    case 'latency':
      if (services.length === 0)
        return { pops: [...new Set(chosen.map(({ choice }) => choice))], ttl: bounds };
      draft.changed(
        place,
        `${set.Name} ${set.Type}`,
        'latency among groups of POPs: the nearest region counts',
      );
      return withTtl({ nearest: Object.fromEntries(chosen.map(({ choice }) => [choice, 0])) });
    case 'failover':
      return withTtl({ failover: failoverOf(chosen) });
    case 'geolocation':
      return withTtl({ geo: geoOf(choosing, chosen) });
    case 'geoproximity':
      return withTtl({
        nearest: Object.fromEntries(
          chosen.map((one) => [one.choice, one.set.GeoProximityLocation?.Bias ?? 0]),
        ),
      });
    case 'cidr':
      return withTtl({ failover: cidrOf(choosing, chosen) });
    case 'simple':
      return withTtl({ failover: [chosen[0]?.choice ?? ''] });
  }
}

/** The kind of a record set's routing policy. */
export function kindOf(set: RecordSet) {
  if (set.Weight !== undefined) return 'weighted';
  if (set.Region !== undefined) return 'latency';
  if (set.Failover !== undefined) return 'failover';
  if (set.GeoLocation !== undefined) return 'geolocation';
  if (set.GeoProximityLocation !== undefined) return 'geoproximity';
  if (set.CidrRoutingConfig !== undefined) return 'cidr';
  return 'simple';
}

function isTogether({ services }: Choosing['draft'], name: string): boolean {
  const policy = services.get(name)?.policy;
  return policy !== undefined && 'all' in policy;
}

const isPop = (choice: string): boolean => /^[A-Z]/.test(choice);

function multivalue(
  choosing: Choosing,
  sets: readonly PlacedSet[],
  how: { readonly family: Family; readonly ttl: number },
): ServiceDraft | undefined {
  const [first] = sets;
  // Each is checked by itself: choices that are POPs.
  const codes = sets.flatMap((one) => {
    const resolved = resolveSet(choosing, one, how.family);
    const choice = resolved === undefined ? undefined : choiceOf(choosing, one, how.family);
    return choice === undefined || !isPop(choice) ? [] : [choice];
  });
  if (first === undefined || codes.length === 0) return undefined;
  return allOf(choosing.draft, codes, { ttl: how.ttl, place: first.place });
}

function weightedOf({ draft }: Choosing, chosen: readonly Chosen[]): PolicyDraft {
  const weights = new Map<string, number>();
  for (const { choice, set } of chosen) weights.set(choice, (weights.get(choice) ?? 0) + (set.Weight ?? 0));
  const heaviest = [...weights].sort(([, one], [, other]) => other - one);
  const kept = heaviest.filter(([, weight], i) => i < ANSWERS_MAX || weight === 0);
  const [first] = chosen;
  if (first !== undefined && kept.length < heaviest.length)
    draft.lost(
      first.place,
      `${heaviest.length - kept.length} of ${heaviest.length} weights of ${first.set.Name}`,
      `clients are divided among ${ANSWERS_MAX} choices at most: the heaviest stay`,
    );
  return { weighted: Object.fromEntries(kept) };
}

function failoverOf(chosen: readonly Chosen[]): string[] {
  const rank = ({ set }: Chosen): number => (set.Failover === 'PRIMARY' ? 0 : 1);
  const inOrder = chosen.toSorted((one, other) => rank(one) - rank(other));
  return [...new Set(inOrder.map(({ choice }) => choice))];
}

function geoOf({ draft }: Choosing, chosen: readonly Chosen[]): GeoDraft {
  const continents: Record<string, string> = {};
  const countries: Record<string, string> = {};
  let fallback: string | undefined;
  for (const { choice, set, place } of chosen) {
    const {
      ContinentCode: continent,
      CountryCode: country,
      SubdivisionCode: subdivision,
    } = set.GeoLocation ?? {};
    if (subdivision !== undefined && subdivision !== '*') {
      const reason = `parts of countries are not told apart: clients there get what ${country} gets`;
      draft.lost(place, `${set.Name} for ${country}-${subdivision}`, reason);
    } else if (continent !== undefined) continents[continent] = choice;
    else if (country === '*' || country === undefined) fallback = choice;
    else countries[country] = choice;
  }
  return { default: fallback ?? withoutDefault(draft, chosen), continents, countries };
}

function withoutDefault(draft: Choosing['draft'], chosen: readonly Chosen[]): string {
  const [first] = chosen;
  if (first === undefined) return '';
  const reason = `clients elsewhere get no answer from Route 53; here they get ${first.choice}`;
  draft.changed(first.place, `${first.set.Name} without a default location`, reason);
  return first.choice;
}

function cidrOf({ draft }: Choosing, chosen: readonly Chosen[]): string[] {
  const where = ({ set }: Chosen): string => set.CidrRoutingConfig?.LocationName ?? '*';
  for (const one of chosen)
    if (where(one) !== '*') {
      const reason =
        'an export does not have the blocks of CIDR collections: use a `geo` policy with networks';
      draft.lost(one.place, `${one.set.Name} for ${where(one)}`, reason);
    }
  const fallback = chosen.filter((one) => where(one) === '*');
  return (fallback.length > 0 ? fallback : chosen.slice(0, 1)).map(({ choice }) => choice);
}

/** Tells of a policy on types that are not steered, and gives the set that stands for all. */
export function onlySet(
  draft: Choosing['draft'],
  sets: readonly PlacedSet[],
): { readonly set: RecordSet; readonly place: Place } | undefined {
  const rank = ({ set }: PlacedSet): number => {
    if (set.Failover === 'SECONDARY' || set.Weight === 0) return 2;
    return set.GeoLocation === undefined || set.GeoLocation.CountryCode === '*' ? 0 : 1;
  };
  const [kept, ...others] = sets.toSorted((one, other) => rank(one) - rank(other));
  for (const { set, place } of others)
    draft.lost(
      place,
      `${set.Name} ${set.Type} ${set.SetIdentifier ?? ''}`.trim(),
      'only addresses are steered',
    );
  return kept;
}
