import { createHash } from 'node:crypto';
import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/**
 * Client images of the packaged databases, which take most of a first start: made by the first program that a
 * test starts with some networks of its own, or none, and lent to the others that have the same, which start
 * from it as a second start does. An image's own digests say whether it is of use: one that is not is made
 * anew, as anywhere. Programs with databases or a list of networks in a file of their own make theirs.
 */

const NAME = 'clients.image';
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'node_modules/.cache/isochrone-test');
/** More are not kept: each is as large as the databases. */
const KEPT_MAX = 12;

/** A state folder that has been lent an image, or none yet. */
export interface Lent {
  /** Keeps the image that the program made, for the next. */
  readonly giveBack: () => void;
}

/** Puts the image into a state folder that has none. */
export function lendImage(state: string, args: readonly string[]): Lent {
  const own = join(state, NAME);
  const name = keptName(args);
  if (name === undefined || !isFolder(state) || existsSync(own)) return { giveBack: () => undefined };
  const kept = join(folder, name);
  if (existsSync(kept)) copyFileSync(kept, own, constants.COPYFILE_FICLONE);
  let keptMs = madeMs(own);
  return {
    giveBack: () => {
      const nowMs = madeMs(own);
      if (nowMs === undefined || nowMs === keptMs) return;
      keptMs = nowMs;
      mkdirSync(folder, { recursive: true });
      const beside = `${kept}.${process.pid}`;
      copyFileSync(own, beside);
      renameSync(beside, kept);
      forgetOldest();
    },
  };
}

/** The file of what such a program makes; undefined where it is the program's alone. */
function keptName(args: readonly string[]): string | undefined {
  const at = args.indexOf('--config');
  if (at < 0) return NAME;
  const read = parse(readFileSync(resolve(root, args[at + 1] ?? ''), 'utf8')) as {
    geo?: object | null;
    networks?: unknown;
  };
  const { geo, networks } = read;
  const isOwn = Object.keys(geo ?? {}).length > 0 || (networks !== undefined && !Array.isArray(networks));
  if (isOwn) return undefined;
  const digest = createHash('sha256').update(JSON.stringify(networks ?? []));
  return `${digest.digest('hex').slice(0, 16)}.image`;
}

function forgetOldest(): void {
  const all = readdirSync(folder)
    .filter((name) => name.endsWith('.image'))
    .map((name) => ({ path: join(folder, name), ms: madeMs(join(folder, name)) ?? 0 }))
    .toSorted((one, other) => other.ms - one.ms);
  for (const { path } of all.slice(KEPT_MAX)) rmSync(path, { force: true });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function madeMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
