import { appendFile, rename, rm, stat } from 'node:fs/promises';

/** A file that is appended to, and put aside when it is long: `x.1` is the last one put aside. */
export interface RotatingFile {
  /** Octets to append; refused while too many wait. */
  readonly put: (octets: Uint8Array) => boolean;
  /** Resolves when all that was put is written. */
  readonly close: () => Promise<void>;
}

/** Octets that wait to be written, at most. */
const WAITING_MAX = 4 << 20;

/**
 * Appends in the background. `head` begins each file, `tail` ends it. What cannot be written is told of once
 * until it can be again.
 */
export function openRotatingFile(options: {
  readonly path: string;
  readonly rotateOctets: number;
  readonly keep: number;
  readonly head?: Uint8Array;
  readonly tail?: Uint8Array;
  readonly log: (message: string) => void;
}): RotatingFile {
  const { path, rotateOctets, keep, head, tail, log } = options;
  let waiting: Uint8Array[] = [];
  let waitingOctets = 0;
  let size: number | undefined;
  let running: Promise<void> | undefined;
  let isBroken = false;
  const write = async (octets: Uint8Array): Promise<void> => {
    // A file that another process left ends as it was left: streams begin anew in one of their own.
    if (size === undefined && head !== undefined && (await sizeOf(path)) > 0) await putAside(path, keep);
    size ??= await sizeOf(path);
    if (size > 0 && size + octets.length > rotateOctets) {
      if (tail !== undefined) await appendFile(path, tail);
      await putAside(path, keep);
      size = 0;
    }
    const whole = size === 0 && head !== undefined ? Buffer.concat([head, octets]) : octets;
    await appendFile(path, whole, { mode: 0o640 });
    size += whole.length;
  };
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const octets = Buffer.concat(waiting);
      waiting = [];
      waitingOctets = 0;
      try {
        await write(octets);
        if (isBroken) log(`${path} is written again`);
        isBroken = false;
      } catch (error) {
        if (!isBroken) log(`${path} cannot be written, and its lines are lost: ${(error as Error).message}`);
        isBroken = true;
      }
    }
    running = undefined;
  };
  return {
    put: (octets) => {
      if (waitingOctets + octets.length > WAITING_MAX) return false;
      waiting.push(octets);
      waitingOctets += octets.length;
      running ??= run();
      return true;
    },
    close: async () => {
      await running;
      if (tail !== undefined && (size ?? 0) > 0) await appendFile(path, tail).catch(() => undefined);
    },
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

/** `x` becomes `x.1`, that `x.2`, and so on; the last one goes. */
async function putAside(path: string, keep: number): Promise<void> {
  await rm(`${path}.${keep}`, { force: true });
  for (let i = keep - 1; i >= 1; i--) await rename(`${path}.${i}`, `${path}.${i + 1}`).catch(() => undefined);
  await rename(path, `${path}.1`);
}
