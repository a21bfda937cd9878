import { writeSnapshot } from '../control/snapshot.ts';
import type { ClientImage } from '../geo/client-image.ts';
import type { Terminal } from './command.ts';
import { startCron } from './cron.ts';
import { type Ground, stateFolder } from './ground.ts';
import { clientSourceNow, type LoadedImage, remakeClients } from './images.ts';
import type { TableInUse } from './table-in-use.ts';

/** What the slow jobs work on. */
export interface SlowJobsOptions {
  readonly ground: Ground;
  readonly table: Pick<TableInUse, 'image' | 'origin'>;
  /** The client image in use. */
  readonly clients: () => LoadedImage;
  /** Takes another into use, or says what is wrong with it. */
  readonly setClients: (made: LoadedImage) => ClientImage | string;
  readonly terminal: Terminal;
  readonly log: (message: string) => void;
}

/** Twice a minute: a cold start is at most so far behind. */
const SNAPSHOT_CRON = '*/30 * * * * *';
/** Each minute a look at a few files' times; the client image is made anew only if these changed. */
const GEO_CRON = '20 * * * * *';

/**
 * Schedules what is slow and regular: snapshots of the table, geo databases that changed. `close` saves once
 * more.
 */
export function startSlowJobs(options: SlowJobsOptions): {
  /** Looks at once whether the geo databases changed. */
  readonly lookAtGeo: () => Promise<void>;
  readonly close: () => Promise<void>;
} {
  const saveNow = createSave(options);
  const refresh = createRefresh(options);
  const ends = [
    startCron({ name: 'snapshot', cron: SNAPSHOT_CRON, run: saveNow }, options),
    startCron({ name: 'geo refresh', cron: GEO_CRON, run: refresh.now }, options),
  ];
  return {
    lookAtGeo: refresh.now,
    close: async () => {
      for (const end of ends) await end();
      await refresh.cancel();
      await saveNow();
    },
  };
}

function createSave({ ground, table, log }: SlowJobsOptions): () => Promise<void> {
  const folder = stateFolder(ground.config);
  let savedEpoch = -1;
  return async () => {
    const image = table.image();
    // A table that came from the disk, or from geography alone, need not be saved.
    if (
      image === undefined ||
      image.epoch === savedEpoch ||
      table.origin() === 'snapshot' ||
      image.epoch === 0
    )
      return;
    try {
      await writeSnapshot(folder, image.bytes);
      savedEpoch = image.epoch;
    } catch (error) {
      log(`the table cannot be saved: ${(error as Error).message}`);
    }
  };
}

function createRefresh(options: SlowJobsOptions): { now: () => Promise<void>; cancel: () => Promise<void> } {
  const { ground, terminal, log } = options;
  let seen = options.clients().source;
  let making: ReturnType<typeof remakeClients> | undefined;
  return {
    now: async () => {
      const source = clientSourceNow(ground, terminal);
      if (source === seen || making !== undefined) return;
      seen = source;
      try {
        making = remakeClients(ground, terminal);
        const opened = options.setClients(await making.made);
        if (typeof opened === 'string') throw new Error(opened);
        log(`geo databases read again: ${opened.databases.map(({ file }) => file).join(', ')}`);
      } catch (error) {
        if ((error as Error).name !== 'AbortError')
          log(`the geo databases changed but are not used: ${(error as Error).message}`);
      } finally {
        making = undefined;
      }
    },
    cancel: async () => making?.cancel(),
  };
}
