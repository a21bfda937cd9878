import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openImage, type SteeringImage } from '../steering/image.ts';

const FILE = 'steering.image';
/** A longer file is no image of ours: refused unread. */
const SNAPSHOT_OCTETS_MAX = 1 << 30;

/**
 * Saves an image in the state directory, so that a cold start without the store still answers. Atomic:
 * written beside, synced, renamed; a crash leaves the old file or the new one. Rejects with the system's
 * error.
 */
export async function writeSnapshot(directory: string, bytes: Uint8Array): Promise<void> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, FILE);
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(beside, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** The saved image; undefined if there is none; or what is wrong with it, in words. Never rejects. */
export async function readSnapshot(
  directory: string,
  expected: { fleetDigest: number; placesDigest: number },
): Promise<SteeringImage | string | undefined> {
  const path = join(directory, FILE);
  try {
    const file = await open(path, 'r');
    const { size } = await file.stat().finally(() => file.close());
    if (size > SNAPSHOT_OCTETS_MAX) return `${path}: ${size} octets are too many for an image`;
    const image = openImage(intoShared(await readFile(path)), expected);
    return typeof image === 'string' ? `${path}: ${image}` : image;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return `${path}: ${(error as Error).message}`;
  }
}

/** A copy in memory that threads can share. */
export function intoShared(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** The rename itself must reach the disk; systems that cannot sync a directory do without. */
async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    return;
  }
}
