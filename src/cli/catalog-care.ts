import { formatProblem } from '../base/errors.ts';
import type { CatalogMember } from '../zone/catalog.ts';
import { readCatalog } from '../zone/catalog.ts';
import { applyCatalogs, type Membership, type MembershipChange } from '../zone/membership.ts';
import { type PackedZone, unpack } from '../zone/packed.ts';
import type { Ground } from './ground.ts';
import { memberZone, saveMembers, takenBy, zoneName } from './members.ts';
import { apexOf } from './zone-transfers.ts';

/** Catalogs whose zones are fetched. */
export interface CatalogCare {
  /** A version of a zone came: where it is a catalog, its zones follow. Other zones are ignored. */
  readonly take: (origin: string, version: PackedZone) => void;
}

/** `onChange` is told of zones that come, change and go, once `ground.members` has those of now. */
export function createCatalogCare(
  ground: Pick<Ground, 'config' | 'members'>,
  options: {
    readonly onChange: (change: MembershipChange) => void;
    readonly log: (message: string) => void;
  },
): CatalogCare {
  const { config, members } = ground;
  const { onChange, log } = options;
  const isTaken = takenBy(config);
  const read = new Map<string, readonly CatalogMember[]>();
  let ignored: ReadonlySet<string> = new Set();
  const apply = (): void => {
    const before = members.list.map(({ membership }) => membership);
    // In the order of the configuration: of two catalogs with one zone the first has it.
    const inOrder = config.catalogs.consumed.flatMap(({ origin }) => {
      const list = read.get(zoneName(origin));
      return list === undefined ? [] : [[zoneName(origin), list] as const];
    });
    const change = applyCatalogs(before, new Map(inOrder), isTaken);
    for (const text of change.ignored) if (!ignored.has(text)) log(text);
    ignored = new Set(change.ignored);
    if (JSON.stringify(before) === JSON.stringify(change.members)) return;
    members.list = change.members.flatMap((membership) => memberZone(config, membership) ?? []);
    keep(change.members);
    logChange(change, log);
    onChange(change);
  };
  const keep = (memberships: readonly Membership[]): void => {
    try {
      saveMembers(config, memberships);
    } catch (error) {
      log(`the zones of catalogs cannot be saved: ${(error as Error).message}`);
    }
  };
  return {
    take: (origin, version) => {
      const catalog = config.catalogs.consumed.find((one) => one.origin === origin);
      if (catalog === undefined) return;
      const apex = apexOf(catalog);
      const said = readCatalog(apex, unpack(apex, version.records), catalog.membersMax);
      if (typeof said === 'string') {
        const message = `the catalog changes nothing, serial ${version.serial}: ${said}`;
        log(formatProblem({ file: origin, message }));
        return;
      }
      read.set(zoneName(origin), said);
      apply();
    },
  };
}

function logChange({ added, removed, reset, changed }: MembershipChange, log: (text: string) => void): void {
  for (const [what, list] of [
    ['comes', added],
    ['goes', removed],
    ['begins anew', reset],
    ['changes', changed],
  ] as const) {
    for (const { zone, catalog, groups } of list.slice(0, TOLD_MAX))
      log(
        `zone ${zone} ${what} by the catalog ${catalog}${groups.length > 0 ? `, ${groups.join(' ')}` : ''}`,
      );
    if (list.length > TOLD_MAX) log(`and ${list.length - TOLD_MAX} more zones: ${what}`);
  }
}

/** Zones named in the log of one change, each way. */
const TOLD_MAX = 20;
