import { createReadStream, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { OperatorError } from '../base/errors.ts';
import { createLogReader, formatOf, isGzip, LOG_FORMATS, type LogFormat } from '../replay/log-format.ts';
import { BrokenLog, type LoggedQuestion, type Questions } from '../replay/questions.ts';
import type { Terminal } from './command.ts';
import { formatCount, formatShare } from './format.ts';

/** Where the octets of a log come from. */
export interface LogSource {
  /** For people: the path. */
  readonly name: string;
  /** As they come, packed or not. */
  readonly octets: number;
  /** From the beginning, each time that it is called; what it throws is told as a fault of the log. */
  readonly open: () => AsyncIterable<Uint8Array>;
  /** Octets that it may unpack to; absent: as many as there are. */
  readonly unpackedMax?: number;
}

/** A log in a file. Throws `OperatorError('not-found')`. */
export function fileLog(path: string): LogSource {
  try {
    const { size } = statSync(path);
    return { name: path, octets: size, open: () => createReadStream(path, { highWaterMark: CHUNK_OCTETS }) };
  } catch (error) {
    throw readFault(path, error, 0);
  }
}

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
/** A log's kind is told from so many octets. */
const HEAD_OCTETS = 4;
const LOOK_EVERY_MS = 200;

/**
 * Reads a log, of gzip or not, chunk by chunk, and says how far it is. Throws `OperatorError`:
 * `not-found`, `bad-data` for what is no log and for one that is damaged beyond use.
 */
export async function readLog(
  source: LogSource,
  to: {
    readonly questions: Questions;
    readonly onQuery: (question: LoggedQuestion, atMs: number) => void;
    readonly port: number;
    readonly terminal: Pick<Terminal, 'passing' | 'stop'>;
  },
): Promise<ReadLog> {
  const { questions, terminal, port } = to;
  const { name: path } = source;
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
    let head = new Uint8Array(0);
    for await (const { chunk, share } of chunksOf(source)) {
      if (reader === undefined) {
        head = Buffer.concat([head, chunk]);
        if (head.length < HEAD_OCTETS) continue;
        format = knownFormat(path, head);
        reader = createLogReader(format, questions, events);
        reader.push(head);
      } else reader.push(chunk);
      if (performance.now() - lookedAtMs < LOOK_EVERY_MS) continue;
      terminal.passing(`reading ${path}: ${formatShare(share)}, ${formatCount(sums.queries)} queries`);
      await nextTurn();
      terminal.stop.throwIfAborted();
      lookedAtMs = performance.now();
    }
    if (reader === undefined && head.length > 0) knownFormat(path, head);
    reader?.end();
  } catch (error) {
    throw readFault(path, error, sums.queries);
  } finally {
    terminal.passing('');
  }
  const { queries, damaged } = sums;
  if (damaged > DAMAGED_SHARE_MAX * (queries + damaged))
    throw badLog([...faults, `${path}: ${damaged} damaged records beside ${queries} queries: refused`]);
  if (reader === undefined) throw badLog([`${path}: is empty`]);
  // Any text could be a log of text: without a single query it is none.
  if (queries === 0 && format === 'text') throw unknownFormat(path);
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

/** Chunks of a log, unpacked, each with how much of the log it takes to have come so far. */
async function* chunksOf(source: LogSource): AsyncGenerator<{ chunk: Uint8Array; share: number }> {
  const { name, octets, open, unpackedMax = Number.POSITIVE_INFINITY } = source;
  const raw = open()[Symbol.asyncIterator]();
  let taken = 0;
  const next = async (): Promise<Uint8Array | undefined> => {
    const { value, done } = await raw.next();
    taken += done === true ? 0 : value.length;
    return done === true ? undefined : value;
  };
  const head: Uint8Array[] = [];
  while (head.reduce((sum, { length }) => sum + length, 0) < 2) {
    const chunk = await next();
    if (chunk === undefined) break;
    head.push(chunk);
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield Buffer.concat(head);
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
  }
  let unpacked = 0;
  try {
    for await (const chunk of isGzip(Buffer.concat(head)) ? gunzipped(whole()) : whole()) {
      unpacked += chunk.length;
      if (unpacked > unpackedMax) throw badLog([`${name}: unpacks to more than ${unpackedMax} octets`]);
      yield { chunk, share: octets === 0 ? 1 : Math.min(1, taken / octets) };
    }
  } finally {
    await raw.return?.();
  }
}

/** Errors of either stream end the iteration. */
async function* gunzipped(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const from = Readable.from(packed, { objectMode: false, highWaterMark: CHUNK_OCTETS });
  const gunzip = createGunzip({ chunkSize: CHUNK_OCTETS });
  from.on('error', (error) => gunzip.destroy(error));
  try {
    // Streams of octets: nothing set an encoding.
    yield* from.pipe(gunzip) as AsyncIterable<Buffer>;
  } finally {
    from.destroy();
  }
}

function knownFormat(path: string, chunk: Uint8Array): LogFormat {
  const format = formatOf(chunk);
  if (format !== undefined) return format;
  throw unknownFormat(path);
}

function unknownFormat(path: string): OperatorError {
  const known = Object.values(LOG_FORMATS).join(', ');
  return badLog([`${path}: is none of these: ${known}; packed with gzip or not`]);
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
  const broken = code.startsWith('Z_') ? 'is cut off or damaged, as gzip' : 'cannot be read';
  const said = isMissing ? 'no such file' : `${broken}: ${message}`;
  return new OperatorError(isMissing ? 'not-found' : 'bad-data', [{ file: path, message: said }]);
}

function badLog(lines: readonly string[]): OperatorError {
  const problems = lines.map((line) => {
    const at = line.indexOf(': ');
    return { file: line.slice(0, at), message: line.slice(at + 2) };
  });
  return new OperatorError('bad-data', problems);
}
