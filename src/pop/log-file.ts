import { createWriteStream, existsSync, statSync } from 'node:fs';
import { OperatorError } from '../base/errors.ts';
import { ACCESS_LOG_HEAD } from './access-log.ts';

/** A file that lines are added to. */
export interface LogFile {
  readonly write: (line: string) => void;
  /** Lines that were left out because the disk did not keep up. */
  readonly lost: () => number;
  readonly close: () => Promise<void>;
}

/** Octets that wait for the disk at most; lines beyond are left out. */
const WAITING_OCTETS_MAX = 8 << 20;

/** Opens the file, and begins it with its two head lines where it is new. Throws `OperatorError`. */
export async function openLogFile(path: string, log: (message: string) => void): Promise<LogFile> {
  const isNew = !existsSync(path) || statSync(path).size === 0;
  const stream = createWriteStream(path, { flags: 'a', mode: 0o640 });
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', (error) => {
      const message = `the access log cannot be written: ${error.message}`;
      reject(new OperatorError('not-permitted', [{ file: path, message }]));
    });
  });
  let lost = 0;
  let isTold = false;
  stream.on('error', (error) => {
    if (!isTold) log(`${path}: ${error.message}; lines are lost`);
    isTold = true;
  });
  if (isNew) stream.write(ACCESS_LOG_HEAD);
  return {
    write: (line) => {
      if (stream.writableLength > WAITING_OCTETS_MAX || stream.destroyed) lost++;
      else stream.write(`${line}\n`);
    },
    lost: () => lost,
    close: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}
