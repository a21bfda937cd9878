import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { OperatorError } from '../base/errors.ts';
import type { Terminal } from './command.ts';

/**
 * The terminal of a process: its standard streams, its environment, its files. `stop` is the caller's to
 * abort.
 */
export function processTerminal(
  process: Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr' | 'env' | 'on' | 'off'>,
  stop: AbortSignal,
): Terminal {
  const { stdout, stderr, env } = process;
  const noColour = env['NO_COLOR'];
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${stderr.isTTY === true ? CLEAR_LINE : ''}${text}\n`),
    passing: (text) => {
      if (stderr.isTTY === true) stderr.write(CLEAR_LINE + text);
    },
    colour: stdout.isTTY === true && (noColour === undefined || noColour === '') && env['TERM'] !== 'dumb',
    size: () => {
      const { columns, rows } = stdout;
      return stdout.isTTY === true && columns > 0 && rows > 0 ? { columns, rows } : undefined;
    },
    onKey: (then) => onKey(process.stdin, then),
    environment: env,
    readText: (path) => explained(() => readFileSync(path, 'utf8'), path),
    listFolder: (path) => explained(() => readdirSync(path), path),
    writeText: (path, text) => explained(() => writeFileSync(path, text), path),
    makeFolder: (path) => void explained(() => mkdirSync(path, { recursive: true }), path),
    exists: existsSync,
    stop,
    onHangup: (then) => {
      process.on('SIGHUP', then);
      return () => void process.off('SIGHUP', then);
    },
  };
}

/** Node gives a terminal back at each end of the process that it sees; here also before it. */
function onKey(stdin: NodeJS.ReadStream, then: (key: string) => void): (() => void) | undefined {
  if (stdin?.isTTY !== true) return undefined;
  const hear = (octets: Buffer): void => {
    // Arrows and the like come as sequences of octets: no keys of ours.
    for (const key of stripVTControlCharacters(octets.toString('utf8'))) then(key);
  };
  stdin.setRawMode(true);
  stdin.on('data', hear);
  stdin.resume();
  return () => {
    stdin.off('data', hear);
    stdin.pause();
    stdin.setRawMode(false);
  };
}

/** What `read` gives; an `OperatorError` in words where it cannot. */
function explained<T>(read: () => T, path: string): T {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new OperatorError('not-found', [{ file: path, message: REASONS[code ?? ''] ?? message }]);
  }
}

/** To the start of the line, and what stands there goes. */
const CLEAR_LINE = '\r\u001b[K';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'this is not permitted',
  EEXIST: 'there is a file of this name',
  EISDIR: 'this is a folder',
  ENOTDIR: 'this is no folder',
};
