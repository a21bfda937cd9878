import { formatProblem, OperatorError } from '../base/errors.ts';
import type { NameServer } from '../server/supervisor.ts';
import { type Secondaries, type SecondaryView, startSecondaries } from '../transfer/secondary.ts';
import { readSecondaryState } from '../transfer/secondary-file.ts';
import { formatName } from '../wire/name.ts';
import type { Terminal } from './command.ts';
import type { ImageNotes } from './image-file.ts';
import { rereadZones, zoneSourceNow } from './reread-zones.ts';
import type { World } from './world.ts';
import { createGiver, type Giver } from './zone-giver.ts';
import type { ZoneFigures } from './zone-metrics.ts';
import type { ZoneOutcome } from './zone-outcome.ts';
import { peersOf, type TransferSettings, transferSettings } from './zone-transfers.ts';
import { watchZones } from './zone-watch.ts';

/** How zones are read again. */
export interface ReloadWish {
  /** Zones, as the configuration spells them; undefined: all that have files. */
  readonly origins: readonly string[] | undefined;
  /** Take a zone although its serial is not newer. */
  readonly force: boolean;
  /** Only say what would change. */
  readonly dry: boolean;
}

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

/** Reloads that wait at most. */
const WAITING_MAX = 64;

/** Starts to look after zones: files that change, zones from primaries, and who is to be told. */
export function startZoneCare(options: ZoneCareOptions): ZoneCare {
  const { world, log } = options;
  const { config } = world;
  const settings = new Map(transferSettings(config).map((one) => [one.zone.origin, one]));
  const giver = createGiver(options, settings);
  const reload = createReload(options, (outcomes) => {
    for (const { origin, kind } of outcomes) {
      const one = settings.get(origin);
      if (kind === 'changed' && one !== undefined && !one.zone.isSecondary) giver.publish(one, false);
    }
  });
  // After a restart secondaries are told again: they may have missed it.
  for (const one of settings.values()) giver.publish(one, true);
  const secondaries = startConfigured(options, { settings, giver, reload });
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

type Reload = ((wish: ReloadWish) => Promise<readonly ZoneOutcome[]>) & {
  /** Does something while no zone is read again. */
  readonly alone: (act: () => Promise<void>) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Reads zones again, one reload after the other. `onTaken` is told once threads have the zones. */
function createReload(options: ZoneCareOptions, onTaken: (outcomes: readonly ZoneOutcome[]) => void): Reload {
  const { world, server, terminal, log } = options;
  const { config } = world;
  const strict = config.transfers.filter(({ zone }) => !zone.isSecondary).map(({ zone }) => zone.origin);
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let running: { readonly cancel: () => Promise<void> } | undefined;
  let isClosed = false;
  const run = async ({ origins, force, dry }: ReloadWish): Promise<readonly ZoneOutcome[]> => {
    if (isClosed) return [];
    const read =
      origins ?? config.zones.filter(({ isSecondary }) => !isSecondary).map(({ origin }) => origin);
    const compiling = rereadZones(world, terminal, {
      base: world.images.zones.bytes,
      read,
      strict,
      force,
      dry,
    });
    running = compiling;
    const { loaded, outcomes } = await compiling.made.finally(() => {
      running = undefined;
    });
    const isNew = outcomes.some(({ kind }) => kind === 'changed' || kind === 'withheld');
    if (dry || isClosed) return outcomes;
    if (isNew) {
      const opened = world.answering.setZones(loaded.bytes);
      if (typeof opened === 'string') throw new Error(opened);
      server.setZones(loaded.bytes);
      world.images.zones = { ...loaded, notes: mergedNotes(world.images.zones.notes, loaded.notes) };
      onTaken(outcomes);
    }
    for (const outcome of outcomes) logOutcome(outcome, log);
    return outcomes;
  };
  const enqueue = <T>(act: () => Promise<T>): Promise<T> => {
    if (waiting >= WAITING_MAX) {
      const message = `${waiting} reloads wait already`;
      return Promise.reject(new OperatorError('bad-usage', [{ file: 'zones', message }]));
    }
    waiting++;
    const done = last.then(act).finally(() => waiting--);
    last = done.catch(() => undefined);
    return done;
  };
  return Object.assign((wish: ReloadWish) => enqueue(() => run(wish)), {
    alone: (act: () => Promise<void>) => enqueue(act),
    close: async () => {
      isClosed = true;
      await running?.cancel();
      await last;
    },
  });
}

/** What is known of zones that stayed, and of those that were read again. */
function mergedNotes(before: ImageNotes, read: ImageNotes): ImageNotes {
  const renewAtMs = Math.min(before.renewAtMs ?? Infinity, read.renewAtMs ?? Infinity);
  const keys = { ...before.keys, ...read.keys };
  const signed = { ...before.signed, ...read.signed };
  return {
    ...before,
    ...(Number.isFinite(renewAtMs) && { renewAtMs }),
    ...(Object.keys(keys).length > 0 && { keys, signed }),
  };
}

function logOutcome(
  { origin, kind, problems, serial, serialBefore, removed, added }: ZoneOutcome,
  log: (text: string) => void,
): void {
  const counts = `${removed?.count ?? 0} records went, ${added?.count ?? 0} came`;
  const serials = serialBefore === undefined ? `serial ${serial}` : `serial ${serialBefore} to ${serial}`;
  if (kind === 'changed') log(`zone ${origin} read again: ${serials}, ${counts}`);
  if (kind === 'broken') log(`zone ${origin} stays as it was: what was read is not fit to serve`);
  for (const problem of problems) log(formatProblem(problem));
}

/** Starts to look after the zones that come from elsewhere, if there are any. */
function startConfigured(
  { world, log }: ZoneCareOptions,
  parts: {
    readonly settings: ReadonlyMap<string, TransferSettings>;
    readonly giver: Giver;
    readonly reload: Reload;
  },
): Secondaries | undefined {
  const { settings, giver, reload } = parts;
  const own = [...settings.values()].filter(({ zone }) => zone.isSecondary);
  if (own.length === 0) return undefined;
  const of = new Map(own.map((one) => [one.zone.file, one]));
  const remake = (origin: string): void => {
    reload({ origins: [origin], force: true, dry: false }).catch((error: Error) => log(error.message));
  };
  return startSecondaries({
    sources: own.map(({ zone, transfer, origin }) => ({
      origin,
      file: zone.file,
      primaries: peersOf(transfer.primary, world.config),
    })),
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
      remake(one.zone.origin);
    },
    onExpiry: ({ file }, isExpired) => {
      const one = of.get(file);
      if (one === undefined) return;
      if (isExpired) log(`zone ${one.zone.origin} expired: no primary confirmed it in time`);
      remake(one.zone.origin);
    },
  });
}
