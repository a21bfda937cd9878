import { z } from 'zod';
import { domainName } from './scalars.ts';
import { whole } from './schema-numbers.ts';
import { wayShape, type ZoneTransfer, zoneTransfer } from './schema-transfer.ts';
import type { ZoneSource } from './zone-sources.ts';

/** A catalog (RFC 9432) whose zones are fetched. */
export interface ConsumedCatalog {
  readonly origin: string;
  readonly membersMax: number;
  /** How zones come and go that are in no group that stands here. */
  readonly transfer: ZoneTransfer;
  readonly groups: Readonly<Record<string, ZoneTransfer>>;
}

/** A zone that a catalog of ours names. */
export interface ProducedMember {
  readonly origin: string;
  readonly group?: string;
  /** The catalog that is to have it in place of this one. */
  readonly movesTo?: string;
}

/** A catalog that is made of zones of the configuration, and given to others. */
export interface ProducedCatalog {
  readonly origin: string;
  readonly members: readonly ProducedMember[];
  /** What its SOA says, s. */
  readonly refreshS: number;
  readonly retryS: number;
  readonly expireS: number;
}

/** Catalogs of a configuration. */
export interface CatalogConfig {
  readonly consumed: readonly ConsumedCatalog[];
  readonly produced: readonly ProducedCatalog[];
}

const DAY_S = 86_400;
const GROUP_MAX = 255;
const GROUPS_MAX = 256;
const MEMBERS_MAX = 100_000;

const way = z.strictObject(wayShape);
const group = z.string().min(1).max(GROUP_MAX);

/** Keys of a zone that make it a catalog, or a member of one. */
export const catalogShape = {
  consume: way
    .extend({
      membersMax: whole(
        { min: 1, max: MEMBERS_MAX, unit: 'zones' },
        'A version of the catalog with more zones is not taken.',
      ).default(10_000),
      groups: z
        .record(group, way)
        .refine((groups) => Object.keys(groups).length <= GROUPS_MAX, { error: `more than ${GROUPS_MAX}` })
        .default({})
        .describe('By group of the catalog: how its zones come and go, in place of what stands beside.'),
    })
    .optional()
    .describe(
      'The zone is a catalog (RFC 9432), and the zones that it names are fetched, as this says; they come ' +
        'from where the catalog comes from, unless `primary` says otherwise.',
    ),
  produce: z
    .strictObject({
      refreshS: whole({ min: 1, max: 30 * DAY_S, unit: 's' }, 'REFRESH of its SOA.').default(3600),
      retryS: whole({ min: 1, max: 30 * DAY_S, unit: 's' }, 'RETRY of its SOA.').default(600),
      expireS: whole({ min: 60, max: 3650 * DAY_S, unit: 's' }, 'EXPIRE of its SOA.').default(28 * DAY_S),
    })
    .optional()
    .describe(
      'In place of `file`: the zone is a catalog (RFC 9432) of the zones whose `catalog` names it. It goes ' +
        'to whom `transfer` permits.',
    ),
  catalog: domainName
    .optional()
    .describe('The catalog of ours that names this zone, or all zones of `dir`: a zone with `produce`.'),
  catalogGroup: group.optional().describe('The group that the catalog says of it (RFC 9432 §4.3.2).'),
  catalogMovesTo: domainName
    .optional()
    .describe(
      'The catalog that takes it over, kept elsewhere: `coo`, change of ownership (RFC 9432 §4.3.1).',
    ),
};

type Said = z.output<z.ZodObject<typeof catalogShape>>;

/** What is said twice, or not at all, of a zone that is a catalog or a member. */
export function catalogProblems(
  zone: Said & Readonly<Partial<Record<'file' | 'dir' | 'primary' | 'dnssec' | 'transfer', unknown>>>,
  report: (path: string, message: string) => void,
): void {
  const { consume, produce, catalog, catalogGroup, catalogMovesTo } = zone;
  if (consume !== undefined && zone.primary === undefined)
    report('consume', 'stands with primary: the catalog comes from elsewhere');
  if (produce !== undefined) {
    for (const key of ['file', 'dir', 'primary', 'dnssec'] as const)
      if (zone[key] !== undefined) report(key, 'stands without produce: the zone is made of others');
    if (zone.transfer === undefined) report('transfer', 'is missing: nobody could fetch the catalog');
  }
  if (catalog !== undefined && (consume ?? produce) !== undefined)
    report('catalog', 'is not for a zone that is a catalog itself');
  if (catalog !== undefined) return;
  if (catalogGroup !== undefined) report('catalogGroup', 'stands with catalog');
  if (catalogMovesTo !== undefined) report('catalogMovesTo', 'stands with catalog');
}

/** The catalogs among zones. `said`: what the configuration says, by position. */
export function catalogsOf(
  said: readonly (Said & { readonly primary?: ZoneTransfer['primary'] | undefined })[],
  zones: readonly ZoneSource[],
): CatalogConfig {
  const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');
  const consumed: ConsumedCatalog[] = [];
  const produced: ProducedCatalog[] = [];
  for (const { origin, entry } of zones) {
    const { consume, produce, primary = [] } = said[entry] ?? {};
    if (consume !== undefined) {
      const { membersMax, groups, ...others } = consume;
      const of = (own: z.output<typeof way>): ZoneTransfer | undefined =>
        zoneTransfer({ ...own, primary: own.primary ?? others.primary ?? [...primary] });
      const transfer = of(others);
      const named = Object.entries(groups).flatMap(([name, own]) => {
        const its = of(own);
        return its === undefined ? [] : [[name, its] as const];
      });
      // There is a primary: `catalogProblems` saw to that.
      if (transfer !== undefined)
        consumed.push({ origin, membersMax, transfer, groups: Object.fromEntries(named) });
    }
    if (produce === undefined) continue;
    const members = zones.flatMap((zone): ProducedMember[] => {
      const { catalog, catalogGroup, catalogMovesTo } = said[zone.entry] ?? {};
      if (catalog === undefined || bare(catalog) !== bare(origin)) return [];
      return [
        {
          origin: zone.origin,
          ...(catalogGroup === undefined ? {} : { group: catalogGroup }),
          ...(catalogMovesTo === undefined ? {} : { movesTo: catalogMovesTo }),
        },
      ];
    });
    produced.push({ origin, members, ...produce });
  }
  return { consumed, produced };
}
