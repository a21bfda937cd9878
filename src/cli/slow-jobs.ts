import { schedule } from 'node-cron';
import { writeSnapshot } from '../control/snapshot.ts';
import type { NameServer } from '../server/supervisor.ts';
import { fingerprint, readGeoFiles } from './geo-files.ts';
import type { TableInUse } from './table-in-use.ts';
import { stateFolder, type World } from './world.ts';

/** What the slow jobs work on. */
export interface SlowJobsOptions {
  readonly world: World;
  readonly table: TableInUse;
  readonly nameServer: Pick<NameServer, 'setGeo'>;
  readonly log: (message: string) => void;
}

/** Twice a minute: a cold start is at most so far behind. */
const SNAPSHOT_CRON = '*/30 * * * * *';
/** Each minute a look at two files' times; they are read again only if these changed. */
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
    schedule(GEO_CRON, refresh, { noOverlap: true, name: 'geo refresh' }),
  ];
  return async () => {
    for (const job of jobs) await job.destroy();
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

function createRefresh({ world, nameServer, log }: SlowJobsOptions): () => void {
  let seen = world.geoFingerprint;
  return () => {
    const now = fingerprint(world.config);
    if (now === seen) return;
    seen = now;
    try {
      const { city4, city6, asn4, asn6 } = readGeoFiles(world.config);
      const geo = { city4, city6, asn4, asn6, overrides: world.config.networks };
      world.answering.setGeo(geo);
      nameServer.setGeo(geo);
      log(`geo databases read again: ${world.locator.databases.map(({ file }) => file).join(', ')}`);
    } catch (error) {
      log(`the geo databases changed but are not used: ${(error as Error).message}`);
    }
  };
}
