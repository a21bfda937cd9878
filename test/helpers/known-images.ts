import { constants, copyFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The client image of the packaged databases: made by the first program that a test starts, and lent to the
 * others, which start from it as a second start does. Its own digests say whether it is of use. Programs with
 * a configuration of their own, or a state folder of the test's, make theirs.
 */

const NAME = 'clients.image';
const folder = fileURLToPath(new URL('../../node_modules/.cache/isochrone-test/', import.meta.url));
const kept = join(folder, NAME);

/** A state folder that has been lent an image, or none yet. */
export interface Lent {
  /** Keeps the image that the program made, for the next. */
  readonly giveBack: () => void;
}

/** Puts the image into a new state folder. */
export function lendImage(state: string, args: readonly string[]): Lent {
  if (args.includes('--config')) return { giveBack: () => undefined };
  const own = join(state, NAME);
  if (existsSync(kept)) copyFileSync(kept, own, constants.COPYFILE_FICLONE);
  const lentMs = madeMs(own);
  return {
    giveBack: () => {
      const nowMs = madeMs(own);
      if (nowMs === undefined || nowMs === lentMs) return;
      mkdirSync(folder, { recursive: true });
      const beside = `${kept}.${process.pid}`;
      copyFileSync(own, beside);
      renameSync(beside, kept);
    },
  };
}

function madeMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
