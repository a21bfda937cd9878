import { formatProblem, OperatorError } from '../base/errors.ts';
import type { ImageNotes } from './image-file.ts';
import { rereadZones } from './reread-zones.ts';
import type { ZoneCareOptions } from './zone-care.ts';
import type { ZoneOutcome } from './zone-outcome.ts';

/** How zones are read again. */
export interface ReloadWish {
  /** Zones, as the configuration spells them; undefined: all that have files. */
  readonly origins: readonly string[] | undefined;
  /** Take a zone although its serial is not newer. */
  readonly force: boolean;
  /** Only say what would change. */
  readonly dry: boolean;
  /** Zones came or went, whatever the others say. */
  readonly listChanged?: boolean;
}

/** Reloads that wait at most. */
const WAITING_MAX = 64;

/** Reads zones again. Rejects with `OperatorError` where too many wait for that already. */
export type Reload = ((wish: ReloadWish | (() => ReloadWish)) => Promise<readonly ZoneOutcome[]>) & {
  /** Does something while no zone is read again. */
  readonly alone: (act: () => Promise<void>) => Promise<void>;
  readonly close: () => Promise<void>;
};

/**
 * Reads zones again, one reload after the other; a wish that is a function is made when its turn comes.
 * `onTaken` is told once threads have the zones.
 */
export function createReload(
  options: Pick<ZoneCareOptions, 'world' | 'server' | 'terminal' | 'log'>,
  onTaken: (outcomes: readonly ZoneOutcome[]) => void,
): Reload {
  const { world, server, terminal, log } = options;
  const { config } = world;
  const strict = config.transfers.filter(({ zone }) => !zone.isSecondary).map(({ zone }) => zone.origin);
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let running: { readonly cancel: () => Promise<void> } | undefined;
  let isClosed = false;
  const run = async (wish: ReloadWish): Promise<readonly ZoneOutcome[]> => {
    const { origins, force, dry, listChanged = false } = wish;
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
    const isNew = listChanged || outcomes.some(({ kind }) => kind === 'changed' || kind === 'withheld');
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
  return Object.assign(
    (wish: ReloadWish | (() => ReloadWish)) => enqueue(() => run(typeof wish === 'function' ? wish() : wish)),
    {
      alone: (act: () => Promise<void>) => enqueue(act),
      close: async () => {
        isClosed = true;
        await running?.cancel();
        await last;
      },
    },
  );
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
