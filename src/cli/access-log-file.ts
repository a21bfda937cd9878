import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CounterSnapshot } from '../base/counters.ts';
import { OperatorError } from '../base/errors.ts';
import { ACCESS_LOG_HEAD } from '../pop/access-log.ts';
import { openRotatingFile } from './rotating-file.ts';

/** The access log of the POPs of a thread; other threads may add to the same file. */
export interface AccessLogFile {
  /** Adds a line of a request; it goes out with the others of this turn. */
  readonly write: (line: string) => void;
  /** Lines that are in no file: it could not be written, or did not keep up. */
  readonly lost: () => number;
  readonly close: () => Promise<void>;
}

/**
 * Begins the file with its two head lines where it is new, and goes on with it where it is not. Who puts old
 * lines aside is logrotate or the like: the next line is in a new file then, without a signal. A disk that is
 * full loses lines, which are counted, until there is room. Throws `OperatorError`.
 */
export async function openAccessLog(path: string, log: (message: string) => void): Promise<AccessLogFile> {
  const file = resolve(path);
  await begin(file);
  const head = new TextEncoder().encode(ACCESS_LOG_HEAD);
  const into = openRotatingFile({ path: file, head, isShared: true, log });
  let lost = 0;
  let lines: string[] = [];
  const flush = (): void => {
    const { length: count } = lines;
    const octets = Buffer.from(lines.join(''));
    lines = [];
    if (count > 0)
      into.put(octets, (isWritten) => {
        if (!isWritten) lost += count;
      });
  };
  return {
    write: (line) => {
      if (lines.push(`${line}\n`) === 1) setImmediate(flush);
    },
    lost: () => lost,
    close: async () => {
      flush();
      await into.close();
    },
  };
}

/** Resolves when the file is there with its head, and may be written. */
async function begin(file: string): Promise<void> {
  try {
    const handle = await open(file, 'a', 0o640);
    try {
      if ((await handle.stat()).size === 0) await handle.appendFile(ACCESS_LOG_HEAD);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const message = `the access log cannot be written: ${(error as Error).message}`;
    throw new OperatorError('not-permitted', [{ file, message }]);
  }
}

/** What was lost, as a metric. */
export function accessLogCounters(lost: number): CounterSnapshot {
  const name = 'isochrone_pop_access_log_lost_total';
  const help = "Lines of the POPs' access log that are in no file: it could not be written.";
  return {
    families: [{ name, help, kind: 'counter', labels: [], samples: [{ values: [], value: lost }] }],
    histograms: [],
  };
}
