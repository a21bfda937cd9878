import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { OperatorError } from '../base/errors.ts';
import type { Terminal } from './command.ts';

/**
 * The terminal of a process: its standard streams, its environment, its files. `stop` is the caller's to
 * abort.
 */
export function processTerminal(
  process: Pick<NodeJS.Process, 'stdout' | 'stderr' | 'env'>,
  stop: AbortSignal,
): Terminal {
  const { stdout, stderr, env } = process;
  const noColour = env['NO_COLOR'];
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${text}\n`),
    colour: stdout.isTTY === true && (noColour === undefined || noColour === '') && env['TERM'] !== 'dumb',
    environment: env,
    readText,
    writeText: (path, text) => writeFileSync(path, text),
    exists: existsSync,
    stop,
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new OperatorError('not-found', [
      { file: path, message: REASONS[code ?? ''] ?? (error as Error).message },
    ]);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'reading it is not permitted',
  EISDIR: 'this is a folder',
};
