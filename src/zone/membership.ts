import type { CatalogMember } from './catalog.ts';

/** A zone that is served because a catalog names it. */
export interface Membership extends CatalogMember {
  /** The catalog, named as `CatalogMember.zone` is. */
  readonly catalog: string;
}

/** What catalogs change among the zones that are served because of them. */
export interface MembershipChange {
  readonly members: readonly Membership[];
  readonly added: readonly Membership[];
  /** What is known of these goes too (RFC 9432 §5.2). */
  readonly removed: readonly Membership[];
  /** They stay, but all that is known of them goes (§5.3, §5.4). */
  readonly reset: readonly Membership[];
  /** In other groups, or by another catalog, with all that is known of them. */
  readonly changed: readonly Membership[];
  /** Why zones of a catalog are not served, for people. */
  readonly ignored: readonly string[];
}

/**
 * What follows from the newest versions of catalogs that could be used, in the order in which they stand in
 * the configuration. A catalog that was not read yet changes nothing. A zone stays with its catalog until
 * this lets it go, or says by `coo` who may take it (RFC 9432 §4.3.1, §5.1).
 */
export function applyCatalogs(
  before: readonly Membership[],
  catalogs: ReadonlyMap<string, readonly CatalogMember[]>,
  /** Zones of the configuration, and catalogs: these no catalog can add. */
  isTaken: (zone: string) => boolean,
): MembershipChange {
  const index = new Map([...catalogs].map(([name, list]) => [name, byZone(list)] as const));
  const members = new Map<string, Membership>();
  const change = { added: [], removed: [], reset: [], changed: [], ignored: [] } as Changes;
  for (const member of before) {
    const next = nextOf(member, index);
    if (next === undefined || isTaken(member.zone)) {
      change.removed.push(member);
      continue;
    }
    members.set(next.zone, next);
    if (next.label !== member.label) change.reset.push(next);
    else if (next.catalog !== member.catalog || next.groups.join('\n') !== member.groups.join('\n'))
      change.changed.push(next);
  }
  for (const [catalog, list] of catalogs)
    for (const listed of list) {
      const holder = members.get(listed.zone);
      if (holder?.catalog === catalog) continue;
      if (holder !== undefined)
        change.ignored.push(`${listed.zone} of ${catalog} is ignored: it is a zone of ${holder.catalog}`);
      else if (isTaken(listed.zone))
        change.ignored.push(`${listed.zone} of ${catalog} is ignored: it stands in the configuration`);
      else {
        const added = { ...listed, catalog };
        members.set(added.zone, added);
        change.added.push(added);
      }
    }
  return { members: [...members.values()], ...change };
}

interface Changes {
  readonly added: Membership[];
  readonly removed: Membership[];
  readonly reset: Membership[];
  readonly changed: Membership[];
  readonly ignored: string[];
}

function byZone(list: readonly CatalogMember[]): ReadonlyMap<string, CatalogMember> {
  return new Map(list.map((member) => [member.zone, member]));
}

/** The zone as its catalog has it now, or the one that it lets take the zone; undefined: it is let go. */
function nextOf(
  member: Membership,
  index: ReadonlyMap<string, ReadonlyMap<string, CatalogMember>>,
): Membership | undefined {
  const { zone, catalog } = member;
  const own = index.get(catalog);
  if (own === undefined) return member;
  const listed = own.get(zone);
  if (listed === undefined) return undefined;
  const { movesTo } = listed;
  const other = movesTo === undefined || movesTo === catalog ? undefined : index.get(movesTo)?.get(zone);
  if (other !== undefined && movesTo !== undefined) return { ...other, catalog: movesTo };
  return { ...listed, catalog };
}
