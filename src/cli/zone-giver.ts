import type { NameServer } from '../server/supervisor.ts';
import { extendJournal, type Journal, readJournal, writeJournal } from '../transfer/journal.ts';
import { createNotifier } from '../transfer/notify.ts';
import { journalPath } from '../transfer/secondary-file.ts';
import type { PackedZone } from '../zone/packed.ts';
import { stateFolder } from './ground.ts';
import type { World } from './world.ts';
import { peersOf, type TransferSettings, transferZone, versionToGive } from './zone-transfers.ts';

/** Gives zones to those who transfer them. */
export interface Giver {
  readonly journals: ReadonlyMap<string, Journal>;
  /** Gives a version from now on, and tells who is to be told: if it is new, or always. */
  readonly give: (one: TransferSettings, version: PackedZone, tell: boolean) => void;
  /** Gives what is served now; later, where that is not known yet. */
  readonly publish: (one: TransferSettings, tell: boolean) => void;
  /** Gives a zone that was not there before, as far as its journal is kept. */
  readonly adopt: (one: TransferSettings) => void;
  /** Gives a zone to nobody any more; its journal stays on disk. */
  readonly forget: (one: TransferSettings) => void;
  /** Peers that were told, by whether they answered. */
  readonly notified: () => Readonly<Record<'answered' | 'failed', number>>;
  readonly close: () => void;
}

interface GiverOptions {
  readonly world: World;
  readonly server: NameServer;
  readonly log: (message: string) => void;
}

/** How often zones are tried again whose steered names had no answers yet, ms. */
const PUBLISH_AGAIN_MS = 1000;

/** Starts with the versions and differences that were kept on disk. */
export function createGiver(options: GiverOptions, settings: ReadonlyMap<string, TransferSettings>): Giver {
  const { world, server, log } = options;
  const { config } = world;
  const folder = stateFolder(config);
  const journals = readJournals(options, settings);
  const notifier = createNotifier(log);
  const late = new Set<TransferSettings>();
  const give = (one: TransferSettings, version: PackedZone, tell: boolean): void => {
    const { origin } = one.zone;
    const before = journals.get(origin);
    const journal = before?.version === version ? before : extendJournal(before, version);
    if (journal !== before) {
      journals.set(origin, journal);
      try {
        writeJournal(journalPath(folder, origin), journal);
      } catch (error) {
        log(`the journal of ${origin} cannot be written: ${(error as Error).message}`);
      }
    }
    server.setTransferZone(transferZone(one, journal));
    if (tell || journal !== before)
      notifier.tell(one.origin, journal.version.soa, peersOf(one.transfer.notify, config));
  };
  const publish = (one: TransferSettings, tell: boolean): void => {
    const before = journals.get(one.zone.origin)?.version;
    // What came from elsewhere goes on as it came.
    const version = one.zone.isSecondary ? before : versionToGive(world, one, before);
    if (version !== undefined) {
      late.delete(one);
      give(one, version, tell);
    } else if (!one.zone.isSecondary) late.add(one);
  };
  const retry = setInterval(() => {
    for (const one of late) publish(one, false);
  }, PUBLISH_AGAIN_MS);
  retry.unref();
  return {
    journals,
    give,
    publish,
    adopt: (one) => {
      const journal = readOne(options, one);
      if (journal !== undefined) journals.set(one.zone.origin, journal);
      server.setTransferZone(transferZone(one, journal));
    },
    forget: (one) => {
      journals.delete(one.zone.origin);
      server.dropTransferZone(one.origin);
    },
    notified: notifier.counts,
    close: () => {
      clearInterval(retry);
      notifier.close();
    },
  };
}

function readJournals(
  options: GiverOptions,
  settings: ReadonlyMap<string, TransferSettings>,
): Map<string, Journal> {
  const journals = new Map<string, Journal>();
  for (const one of settings.values()) {
    const read = readOne(options, one);
    if (read !== undefined) journals.set(one.zone.origin, read);
  }
  return journals;
}

function readOne({ world, log }: GiverOptions, { zone }: TransferSettings): Journal | undefined {
  const read = readJournal(journalPath(stateFolder(world.config), zone.origin));
  if (typeof read !== 'string') return read;
  log(`the journal of ${zone.origin} is not used: ${read}`);
  return undefined;
}
