import type { Stats } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';

/** A file that is appended to, and put aside when it is long: `x.1` is the last one put aside. */
export interface RotatingFile {
  /** Octets to append, whole or not at all. `done` is told once whether they are in the file. */
  readonly put: (octets: Uint8Array, done: (isWritten: boolean) => void) => void;
  /** Resolves when all that was put is written, or is lost. */
  readonly close: () => Promise<void>;
}

/** What to open, and how. */
interface RotatingFileOptions {
  readonly path: string;
  /** undefined: another program puts it aside, or nobody. */
  readonly rotateOctets?: number;
  /** Files put aside that are kept. */
  readonly keep?: number;
  /** Begins each file. Unless shared it is a stream of one writer, and nobody else's is gone on with. */
  readonly head?: Uint8Array;
  /** Others add lines to it too. */
  readonly isShared?: boolean;
  /** Ends each file. */
  readonly tail?: Uint8Array;
  readonly log: (message: string) => void;
}

/** Octets that wait to be written, at most: more are refused. */
const WAITING_MAX = 4 << 20;
const LINE_END = Buffer.from('\n');

/**
 * Appends in the background. A file that another program took away (as logrotate does) is made anew at the
 * next write. What cannot be written is told of once until it can be again, and leaves no part behind.
 */
export function openRotatingFile(options: RotatingFileOptions): RotatingFile {
  const { path, log } = options;
  const file = createFile(options);
  let waiting: { readonly octets: Uint8Array; readonly done: (isWritten: boolean) => void }[] = [];
  let waitingOctets = 0;
  let running: Promise<void> | undefined;
  let isBroken = false;
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      waitingOctets = 0;
      try {
        await file.append(Buffer.concat(batch.map(({ octets }) => octets)));
        if (isBroken) log(`${path} is written again`);
        isBroken = false;
      } catch (error) {
        if (!isBroken) log(`${path} cannot be written, and its lines are lost: ${(error as Error).message}`);
        isBroken = true;
      }
      for (const { done } of batch) done(!isBroken);
    }
    running = undefined;
  };
  return {
    put: (octets, done) => {
      if (waitingOctets + octets.length > WAITING_MAX) {
        done(false);
        return;
      }
      waiting.push({ octets, done });
      waitingOctets += octets.length;
      running ??= run();
    },
    close: async () => {
      await running;
      await file.end();
    },
  };
}

/** The file itself: one call at a time. */
function createFile(options: RotatingFileOptions) {
  const { path, rotateOctets = Number.POSITIVE_INFINITY, keep = 1, head, tail, isShared = false } = options;
  const isStream = head !== undefined && !isShared;
  let handle: FileHandle | undefined;
  /** Of a line that was shared there may be a part only: it gets an end. */
  let isTorn = false;
  const end = async (): Promise<void> => {
    const ended = handle;
    handle = undefined;
    if (ended === undefined) return;
    // Readers do without the tail, if there is no room for it.
    if (tail !== undefined && (await ended.stat()).size > 0) await whole(ended, tail).catch(() => undefined);
    await ended.close();
  };
  /** Whether `path` still names the file that is open; or else another's stream, which is left alone. */
  const isOpen = async (): Promise<'here' | 'elsewhere' | 'no'> => {
    if (handle === undefined) return 'no';
    const [own, there] = await Promise.all([handle.stat(), found(path)]);
    if (there?.ino === own.ino && there.dev === own.dev) return 'here';
    return isStream && there !== undefined && there.size > 0 ? 'elsewhere' : 'no';
  };
  const opened = async (octets: number): Promise<FileHandle> => {
    const where = await isOpen();
    if (handle !== undefined && where !== 'no') {
      const { size } = await handle.stat();
      if (where === 'elsewhere' || size === 0 || size + octets <= rotateOctets) return handle;
    }
    await end();
    const size = (await found(path))?.size ?? 0;
    if (size > 0 && (isStream || size + octets > rotateOctets)) await putAside(path, keep);
    handle = await open(path, 'a', 0o640);
    return handle;
  };
  return {
    end,
    append: async (octets: Uint8Array): Promise<void> => {
      const into = await opened(octets.length);
      const isNew = head !== undefined && (await into.stat()).size === 0;
      const all = isNew ? Buffer.concat([head, octets]) : octets;
      if (!isShared) return whole(into, all);
      // To take a part back could take lines of others.
      const part = isTorn && !isNew ? Buffer.concat([LINE_END, all]) : all;
      isTorn = true;
      await into.appendFile(part);
      isTorn = false;
    },
  };
}

/** Appends all, or takes back what part of it there was room for. */
async function whole(handle: FileHandle, octets: Uint8Array): Promise<void> {
  const { size } = await handle.stat();
  try {
    await handle.appendFile(octets);
  } catch (error) {
    await handle.truncate(size).catch(() => undefined);
    throw error;
  }
}

/** undefined: there is no such file. */
async function found(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** `x` becomes `x.1`, that `x.2`, and so on; the last one goes. */
async function putAside(path: string, keep: number): Promise<void> {
  await rm(`${path}.${keep}`, { force: true });
  for (let i = keep - 1; i >= 1; i--) await rename(`${path}.${i}`, `${path}.${i + 1}`).catch(() => undefined);
  await rename(path, `${path}.1`);
}
