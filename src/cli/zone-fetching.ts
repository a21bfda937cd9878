import { type Secondaries, type SecondarySource, startSecondaries } from '../transfer/secondary.ts';
import { forgetSecondary, readSecondaryState } from '../transfer/secondary-file.ts';
import type { MembershipChange } from '../zone/membership.ts';
import { createCatalogCare } from './catalog-care.ts';
import { memberZone } from './members.ts';
import type { World } from './world.ts';
import type { Giver } from './zone-giver.ts';
import type { Reload } from './zone-reloading.ts';
import { peersOf, settingsOf, type TransferSettings } from './zone-transfers.ts';

/** What fetching zones works with. */
interface FetchingParts {
  readonly world: World;
  readonly log: (message: string) => void;
  /** By origin: zones of catalogs come here and go. */
  readonly settings: Map<string, TransferSettings>;
  readonly giver: Giver;
  readonly reload: Reload;
}

/** Starts to look after zones that come from elsewhere, and those that catalogs name, if there are any. */
export function startFetching(parts: FetchingParts): Secondaries | undefined {
  const { world, log, settings, giver } = parts;
  const own = [...settings.values()].filter(isFetched);
  if (own.length === 0) return undefined;
  const of = new Map(own.map((one) => [one.zone.file, one]));
  const remake = createRemake(parts);
  const sourceOf = ({ zone, transfer, origin }: TransferSettings): SecondarySource => ({
    origin,
    file: zone.file,
    primaries: peersOf(transfer.primary, world.config),
  });
  const catalogs = createCatalogCare(world, {
    log,
    onChange: (change) => follow(change, { ...parts, of, secondaries, sourceOf, remake }),
  });
  const secondaries = startSecondaries({
    sources: own.map(sourceOf),
    known: ({ file }) => {
      const journal = giver.journals.get(of.get(file)?.zone.origin ?? '');
      // The copy that is served, and none that was lost with a crash in between.
      return journal?.version.serial === readSecondaryState(file)?.serial ? journal?.version : undefined;
    },
    nowMs: Date.now,
    random: Math.random,
    log,
    onZone: ({ file }, zone, how) => {
      const one = of.get(file);
      if (one === undefined) return;
      log(`zone ${one.zone.origin} came by ${how}: serial ${zone.serial}`);
      giver.give(one, zone, false);
      remake.zone(one.zone.origin);
      catalogs.take(one.zone.origin, zone);
    },
    onExpiry: ({ file }, isExpired) => {
      const one = of.get(file);
      if (one === undefined) return;
      if (isExpired) log(`zone ${one.zone.origin} expired: no primary confirmed it in time`);
      remake.zone(one.zone.origin);
    },
  });
  // What they said last, should what followed from it be lost, or groups mean other things now.
  for (const { zone } of own) {
    const version = giver.journals.get(zone.origin)?.version;
    if (version !== undefined) catalogs.take(zone.origin, version);
  }
  return secondaries;
}

/** Whether it comes from elsewhere: a catalog of ours is made here. */
function isFetched({ zone }: TransferSettings): boolean {
  return zone.isSecondary && zone.catalog !== 'produced';
}

interface Following extends FetchingParts {
  readonly of: Map<string, TransferSettings>;
  readonly secondaries: Secondaries;
  readonly sourceOf: (one: TransferSettings) => SecondarySource;
  readonly remake: Remake;
}

/** Zones come and go as catalogs say; who goes takes all that was kept of it along. */
function follow({ added, removed, reset, changed }: MembershipChange, parts: Following): void {
  const { world, settings, giver, of, secondaries, sourceOf, remake, log } = parts;
  const { config } = world;
  for (const [list, isForgotten] of [
    [removed, true],
    [reset, true],
    [changed, false],
  ] as const)
    for (const membership of list) {
      const { zone } = memberZone(config, membership) ?? {};
      const one = settings.get(zone?.origin ?? '');
      if (one === undefined) continue;
      secondaries.remove(one.zone.file);
      settings.delete(one.zone.origin);
      of.delete(one.zone.file);
      giver.forget(one);
      if (isForgotten) forgetSecondary(config.state, one.zone, log);
    }
  for (const membership of [...added, ...reset, ...changed]) {
    const member = memberZone(config, membership);
    if (member === undefined) continue;
    const one = settingsOf(member);
    settings.set(one.zone.origin, one);
    of.set(one.zone.file, one);
    giver.adopt(one);
    secondaries.add(sourceOf(one));
  }
  remake.list(reset.flatMap((membership) => memberZone(config, membership)?.zone.origin ?? []));
}

interface Remake {
  /** A zone has another copy, or none to serve. */
  readonly zone: (origin: string) => void;
  /** Zones came and went; these are to be read again besides. */
  readonly list: (origins: readonly string[]) => void;
}

/** Has zones read again: those that come while others are being read are read together after them. */
function createRemake({ reload, log }: FetchingParts): Remake {
  const due = new Set<string>();
  let listChanged = false;
  let isWaiting = false;
  const begin = (): void => {
    if (isWaiting) return;
    isWaiting = true;
    reload(() => {
      isWaiting = false;
      const wish = { origins: [...due], force: true, dry: false, listChanged };
      due.clear();
      listChanged = false;
      return wish;
    }).catch((error: Error) => {
      isWaiting = false;
      log(error.message);
    });
  };
  return {
    zone: (origin) => {
      due.add(origin);
      begin();
    },
    list: (origins) => {
      for (const origin of origins) due.add(origin);
      listChanged = true;
      begin();
    },
  };
}
