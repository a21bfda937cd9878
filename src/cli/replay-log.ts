import { createReadStream, statSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { OperatorError } from '../base/errors.ts';
import { createLogReader, formatOf, isGzip, LOG_FORMATS, type LogFormat } from '../replay/log-format.ts';
import { BrokenLog, type LoggedQuestion, type Questions } from '../replay/questions.ts';
import type { Terminal } from './command.ts';
import { formatCount, formatShare } from './format.ts';

/** What was read of a log. */
export interface ReadLog {
  readonly format: LogFormat;
  readonly queries: number;
  /** Records that hold no query to answer, by why. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly damaged: number;
  /** The first of the damaged records: places and what is wrong. */
  readonly faults: readonly string[];
}

/** Damaged records that are named. */
const FAULTS_MAX = 10;
/** A log is refused when more than this share of its records is damaged. */
const DAMAGED_SHARE_MAX = 0.1;
const CHUNK_OCTETS = 1 << 20;
const LOOK_EVERY_MS = 200;

/**
 * Reads a log from its file, of gzip or not, chunk by chunk, and says how far it is. Throws `OperatorError`:
 * `not-found`, `bad-data` for what is no log and for one that is damaged beyond use.
 */
export async function readLog(
  path: string,
  to: {
    readonly questions: Questions;
    readonly onQuery: (question: LoggedQuestion, atMs: number) => void;
    readonly port: number;
    readonly terminal: Pick<Terminal, 'passing' | 'stop'>;
  },
): Promise<ReadLog> {
  const { questions, terminal, port } = to;
  const skipped = new Map<string, number>();
  const faults: string[] = [];
  const sums = { queries: 0, damaged: 0 };
  const events = {
    port,
    onQuery: (question: LoggedQuestion, atMs: number) => {
      sums.queries++;
      to.onQuery(question, atMs);
    },
    onSkipped: (why: string) => void skipped.set(why, (skipped.get(why) ?? 0) + 1),
    onDamaged: (place: string, why: string) => {
      sums.damaged++;
      if (faults.length < FAULTS_MAX) faults.push(`${path}: ${place}: ${why}`);
    },
  };
  let reader: ReturnType<typeof createLogReader> | undefined;
  let format: LogFormat = 'json';
  let lookedAtMs = performance.now();
  try {
    for await (const { chunk, share } of chunksOf(path)) {
      if (reader === undefined) {
        format = knownFormat(path, chunk);
        reader = createLogReader(format, questions, events);
      }
      reader.push(chunk);
      if (performance.now() - lookedAtMs < LOOK_EVERY_MS) continue;
      terminal.passing(`reading ${path}: ${formatShare(share)}, ${formatCount(sums.queries)} queries`);
      await nextTurn();
      terminal.stop.throwIfAborted();
      lookedAtMs = performance.now();
    }
    reader?.end();
  } catch (error) {
    throw readFault(path, error, sums.queries);
  } finally {
    terminal.passing('');
  }
  const { queries, damaged } = sums;
  if (damaged > DAMAGED_SHARE_MAX * (queries + damaged))
    throw badLog([...faults, `${path}: ${damaged} damaged records beside ${queries} queries: refused`]);
  if (queries === 0) throw badLog([`${path}: no query in ${LOG_FORMATS[format]}`]);
  return { format, queries, skipped, damaged, faults };
}

/** What of a log was read, in words. */
export function logWords({ format, queries, damaged, skipped }: ReadLog): string {
  const left = [...skipped].map(([why, count]) => `${formatCount(count)} ${why}`);
  const parts = [...left, ...(damaged === 0 ? [] : [`${formatCount(damaged)} damaged`])];
  const passed = parts.length === 0 ? '' : `; passed over: ${parts.join(', ')}`;
  return `${formatCount(queries)} queries in ${LOG_FORMATS[format]}${passed}`;
}

/** Chunks of the file, unpacked, each with how much of the file it takes to have come so far. */
async function* chunksOf(path: string): AsyncGenerator<{ chunk: Uint8Array; share: number }> {
  const { size } = statSync(path);
  const file = createReadStream(path, { highWaterMark: CHUNK_OCTETS });
  const [first] = (await file.take(1).toArray()) as Buffer[];
  file.destroy();
  const whole = createReadStream(path, { highWaterMark: CHUNK_OCTETS });
  const isPacked = first !== undefined && isGzip(first);
  const unpacked = isPacked ? whole.pipe(createGunzip({ chunkSize: CHUNK_OCTETS })) : whole;
  whole.on('error', (error) => unpacked.destroy(error));
  try {
    // Streams of octets: nothing set an encoding.
    for await (const chunk of unpacked as AsyncIterable<Buffer>)
      yield { chunk, share: size === 0 ? 1 : whole.bytesRead / size };
  } finally {
    whole.destroy();
  }
}

function knownFormat(path: string, chunk: Uint8Array): LogFormat {
  const format = formatOf(chunk);
  if (format !== undefined) return format;
  const known = Object.values(LOG_FORMATS).join(', ');
  throw badLog([`${path}: is none of these: ${known}; packed with gzip or not`]);
}

function readFault(path: string, error: unknown, queries: number): unknown {
  if (error instanceof BrokenLog)
    return badLog([
      `${path}: ${error.place}: ${error.message}; nothing after it can be read`,
      `${path}: refused: ${queries} queries come before`,
    ]);
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || error instanceof OperatorError) return error;
  const isMissing = code === 'ENOENT';
  const said = isMissing ? 'no such file' : `cannot be read: ${message}`;
  return new OperatorError(isMissing ? 'not-found' : 'bad-data', [{ file: path, message: said }]);
}

function badLog(lines: readonly string[]): OperatorError {
  const problems = lines.map((line) => {
    const at = line.indexOf(': ');
    return { file: line.slice(0, at), message: line.slice(at + 2) };
  });
  return new OperatorError('bad-data', problems);
}
