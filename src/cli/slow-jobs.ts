import { schedule } from 'node-cron';
import { writeSnapshot } from '../control/snapshot.ts';
import type { NameServer } from '../server/supervisor.ts';
import type { Terminal } from './command.ts';
import { stateFolder } from './ground.ts';
import { clientSourceNow, remakeClients } from './images.ts';
import type { TableInUse } from './table-in-use.ts';
import type { World } from './world.ts';

/** What the slow jobs work on. */
export interface SlowJobsOptions {
  readonly world: World;
  readonly table: TableInUse;
  readonly nameServer: Pick<NameServer, 'setClients'>;
  readonly terminal: Terminal;
  readonly log: (message: string) => void;
}

/** Twice a minute: a cold start is at most so far behind. */
const SNAPSHOT_CRON = '*/30 * * * * *';
/** Each minute a look at a few files' times; the client image is made anew only if these changed. */
const GEO_CRON = '20 * * * * *';

/**
 * Schedules what is slow and regular: snapshots of the table, geo databases that changed. Returns how to
 * stop; saves once more then.
 */
export function startSlowJobs(options: SlowJobsOptions): () => Promise<void> {
  const saveNow = createSave(options);
  const refresh = createRefresh(options);
  const jobs = [
    schedule(SNAPSHOT_CRON, saveNow, { noOverlap: true, name: 'snapshot' }),
    schedule(GEO_CRON, refresh.now, { noOverlap: true, name: 'geo refresh' }),
  ];
  return async () => {
    for (const job of jobs) await job.destroy();
    await refresh.cancel();
    await saveNow();
  };
}

function createSave({ world, table, log }: SlowJobsOptions): () => Promise<void> {
  const folder = stateFolder(world.config);
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
  const { world, nameServer, terminal, log } = options;
  let seen = world.images.clients.source;
  let making: ReturnType<typeof remakeClients> | undefined;
  return {
    now: async () => {
      const source = clientSourceNow(world, terminal);
      if (source === seen) return;
      seen = source;
      try {
        making = remakeClients(world, terminal);
        const made = await making.made;
        const opened = world.answering.setClients(made.bytes);
        if (typeof opened === 'string') throw new Error(opened);
        nameServer.setClients(made.bytes);
        world.images.clients = made;
        world.describer.reopen();
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
