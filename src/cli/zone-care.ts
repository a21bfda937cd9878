import type { NameServer } from '../server/supervisor.ts';
import type { SecondaryView } from '../transfer/secondary.ts';
import { formatName } from '../wire/name.ts';
import type { Terminal } from './command.ts';
import { produceCatalogs } from './produce-catalogs.ts';
import { zoneSourceNow } from './reread-zones.ts';
import type { World } from './world.ts';
import { startFetching } from './zone-fetching.ts';
import { createGiver, type Giver } from './zone-giver.ts';
import type { ZoneFigures } from './zone-metrics.ts';
import type { ZoneOutcome } from './zone-outcome.ts';
import { createReload, type ReloadWish } from './zone-reloading.ts';
import { type TransferSettings, transferSettings } from './zone-transfers.ts';
import { watchZones } from './zone-watch.ts';

/** Zones on their way from and to elsewhere while the program runs. */
export interface ZoneCare {
  /** Reads zones again. Throws `OperatorError` where too many wait for that already. */
  readonly reload: (wish: ReloadWish) => Promise<readonly ZoneOutcome[]>;
  /** Reads all files again, and asks for all zones that come from elsewhere, at once. */
  readonly refresh: () => Promise<void>;
  /** Has others make all zones anew, while none is read again, and gives what came of it to secondaries. */
  readonly renew: (make: () => Promise<void>) => Promise<void>;
  /** How the zones stand that come from elsewhere. */
  readonly secondaries: () => readonly SecondaryView[];
  /** Figures of fetching and telling. */
  readonly figures: () => Omit<ZoneFigures, 'keys'>;
  /** Somebody said that a zone changed: its key in the book of transfers. */
  readonly notified: (zone: string) => void;
  readonly close: () => Promise<void>;
}

export interface ZoneCareOptions {
  readonly world: World;
  readonly server: NameServer;
  readonly terminal: Terminal;
  readonly log: (message: string) => void;
}

/** Starts to look after zones: files that change, zones from primaries, and who is to be told. */
export function startZoneCare(options: ZoneCareOptions): ZoneCare {
  const { world, log } = options;
  const { config } = world;
  const settings = new Map(transferSettings(world).map((one) => [one.zone.origin, one]));
  const giver = createGiver(options, settings);
  const reload = createReload(options, (outcomes) => {
    for (const { origin, kind } of outcomes) {
      const one = settings.get(origin);
      if (kind === 'changed' && one !== undefined && !one.zone.isSecondary) giver.publish(one, false);
    }
  });
  giveCatalogs(options, settings, giver);
  // After a restart secondaries are told again: they may have missed it.
  for (const one of settings.values()) giver.publish(one, true);
  const secondaries = startFetching({ world, log, settings, giver, reload });
  const watch = watchZones(config, world.images.zones.notes.included, (origins) => {
    void reload({ origins, force: false, dry: false }).then(watch.note, (error: Error) => log(error.message));
  });
  // A file may have changed between its reading and now.
  if (zoneSourceNow(world, options.terminal) !== world.images.zones.source)
    void reload({ origins: undefined, force: false, dry: false }).then(watch.note, (error: Error) =>
      log(error.message),
    );
  return {
    reload: async (wish) => {
      const outcomes = await reload(wish);
      watch.note(outcomes);
      return outcomes;
    },
    refresh: async () => {
      secondaries?.lookAll();
      watch.note(await reload({ origins: undefined, force: false, dry: false }));
    },
    renew: async (make) => {
      await reload.alone(make);
      for (const one of settings.values()) if (!one.zone.isSecondary) giver.publish(one, false);
    },
    secondaries: () => secondaries?.views() ?? [],
    figures: () => ({
      secondaries: secondaries?.views() ?? [],
      fetched: secondaries?.counts(),
      notified: giver.notified(),
    }),
    notified: (key) => {
      for (const { origin, zone } of settings.values())
        if (zone.isSecondary && Buffer.from(origin).toString('latin1') === key)
          secondaries?.look(formatName(origin));
    },
    close: async () => {
      watch.close();
      secondaries?.close();
      giver.close();
      await reload.close();
    },
  };
}

/** Catalogs of ours go out whole, though queries see their apex alone. */
function giveCatalogs(
  { world, log }: ZoneCareOptions,
  settings: ReadonlyMap<string, TransferSettings>,
  giver: Giver,
): void {
  try {
    for (const [origin, version] of produceCatalogs(world.config)) {
      const one = settings.get(origin);
      if (one !== undefined) giver.give(one, version, false);
    }
  } catch (error) {
    log(`a catalog cannot be written: ${(error as Error).message}`);
  }
}
