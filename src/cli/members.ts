import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { ConsumedCatalog } from '../config/schema-catalog.ts';
import type { ZoneTransfer } from '../config/schema-transfer.ts';
import { secondaryFile, type ZoneSource } from '../config/zone-sources.ts';
import type { Membership } from '../zone/membership.ts';
import type { Ground } from './ground.ts';
import { readSaved, writeSaved } from './saved-files.ts';

/** A zone that is served because a catalog names it. */
export interface MemberZone {
  readonly membership: Membership;
  readonly zone: ZoneSource;
  readonly transfer: ZoneTransfer;
}

/** Those of a process, as they are now. */
export interface MemberZones {
  list: readonly MemberZone[];
}

/** The zones that were there when the process before ended, as far as their catalogs still are. */
export function readMembers(config: Config): MemberZones {
  if (config.catalogs.consumed.length === 0) return { list: [] };
  const saved = readSaved<readonly Membership[]>(membersPath(config)) ?? [];
  const isTaken = takenBy(config);
  const kept = saved.filter(({ zone }) => !isTaken(zone));
  return { list: kept.flatMap((membership) => memberZone(config, membership) ?? []) };
}

/** Keeps them for the next start. Throws the system's error. */
export function saveMembers(config: Config, memberships: readonly Membership[]): void {
  writeSaved(membersPath(config), JSON.stringify(memberships, undefined, 1));
}

/** How a member comes and goes; undefined where its catalog is none of the configuration. */
export function memberZone(config: Config, membership: Membership): MemberZone | undefined {
  const catalog = config.catalogs.consumed.find(({ origin }) => zoneName(origin) === membership.catalog);
  const source = config.zones.find(({ origin }) => origin === catalog?.origin);
  if (catalog === undefined || source === undefined) return undefined;
  const origin = membership.zone === '.' ? '.' : membership.zone.slice(0, -1);
  const { place, entry } = source;
  const file = secondaryFile(config.state, origin);
  return {
    membership,
    zone: { origin, file, place, entry, isSecondary: true, catalog: 'member' },
    transfer: transferOf(catalog, membership.groups),
  };
}

/** The first of its groups that the configuration knows says how a zone comes and goes. */
function transferOf({ groups, transfer }: ConsumedCatalog, names: readonly string[]): ZoneTransfer {
  const known = names.find((name) => Object.hasOwn(groups, name));
  return known === undefined ? transfer : (groups[known] ?? transfer);
}

/** Zones that no catalog can add: those of the configuration. */
export function takenBy({ zones }: Pick<Config, 'zones'>): (zone: string) => boolean {
  const names = new Set(zones.map(({ origin }) => zoneName(origin)));
  return (zone) => names.has(zone);
}

/** Name of a zone of the configuration as catalogs have it. */
export function zoneName(origin: string): string {
  return `${origin.toLowerCase().replace(/\.$/, '')}.`;
}

/** All zones: those of the configuration, and those that catalogs name. */
export function allZones({ config, members }: Pick<Ground, 'config' | 'members'>): readonly ZoneSource[] {
  return members.list.length === 0
    ? config.zones
    : [...config.zones, ...members.list.map(({ zone }) => zone)];
}

function membersPath({ state }: Pick<Config, 'state'>): string {
  return join(state, 'catalog', 'members.json');
}
