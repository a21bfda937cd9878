import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { encodeQuery, type QueryOptions } from '../helpers/message.ts';
import { LOAD_CORE, run, sleep } from './machine.ts';

/** What came of one load. */
export interface LoadFigures {
  readonly seconds: number;
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  /** Answers whose rcode is NOERROR. */
  readonly good: number;
}

/** In microseconds. */
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What `load.c` prints. */
export interface OfferedFigures extends LoadFigures {
  readonly latencyUs: Quantiles;
  /** How late the generator itself was. */
  readonly lagUs: Quantiles;
  /** Answers from another address or port than was asked. */
  readonly wrongSource: number;
  /** Answers to no query, or a second answer to one. */
  readonly unmatched: number;
  /** NOERROR without an answer record. */
  readonly empty: number;
  readonly rcodes: readonly number[];
  readonly startedWallMs: number;
  readonly watched: { readonly count: number; readonly lastWallMs: number };
  /**
   * By 100 ms of when queries were due: the slowest answer's latency in microseconds, and how many were
   * lost.
   */
  readonly slices: readonly (readonly [number, number])[];
}

/** How to offer queries with `load.c`. */
export interface Offer {
  /** The compiled program. */
  readonly program: string;
  readonly port: number;
  readonly host?: string;
  /** File of `name TYPE` lines. */
  readonly names: string;
  /** Queries a second; 0: as fast as `window` unanswered ones allow. */
  readonly rate: number;
  readonly seconds: number;
  readonly window?: number;
  readonly sources?: number;
  /** Client subnets: `4` random IPv4 networks, or a file of addresses. */
  readonly clients?: string;
  /** IPv4 addresses to watch for in answers, with commas between them. */
  readonly watch?: string;
  readonly seed?: number;
  readonly core?: string;
}

/** One load that goes on beside other work. */
export interface Offering {
  /** Queries are going out. */
  readonly started: Promise<void>;
  readonly figures: Promise<OfferedFigures>;
  /** Ends it before its time. */
  readonly stop: () => void;
}

/** Offers queries; the figures come when it is over. */
export function offer(options: Offer): Offering {
  const { program, port, host, names, rate, seconds, window, sources, clients, watch, seed } = options;
  const words = ['-p', `${port}`, '-n', names, '-r', `${rate}`, '-t', `${seconds}`];
  const optional = { s: host, w: window, c: sources, e: clients, b: watch, x: seed };
  for (const [letter, value] of Object.entries(optional))
    if (value !== undefined) words.push(`-${letter}`, `${value}`);
  const child = spawn('taskset', ['-c', options.core ?? LOAD_CORE, program, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const started = once(child.stdout, 'data').then(() => undefined);
  const figures = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`load ended with ${code}`);
    const printed = JSON.parse(Buffer.concat(chunks).toString().split('\n')[1] ?? '') as Omit<
      OfferedFigures,
      'good'
    >;
    return { ...printed, good: printed.rcodes[0] ?? 0 };
  });
  return { started, figures, stop: () => void child.kill('SIGTERM') };
}

/** How to load a server with dnsperf. */
export interface DnsperfOptions {
  readonly transport: 'udp' | 'tcp';
  readonly port: number;
  /** File of `name TYPE` lines. */
  readonly names: string;
  readonly seconds: number;
  /** A client-subnet option in hexadecimal digits. */
  readonly subnet?: string;
}

const DNSPERF_CLIENTS = '16';
const DNSPERF_OUTSTANDING = '500';

/** Loads a server with dnsperf as fast as it answers. */
export async function dnsperf(options: DnsperfOptions): Promise<LoadFigures> {
  const { transport, port, names, seconds, subnet } = options;
  const words = ['dnsperf', '-m', transport, '-s', '127.0.0.1', '-p', `${port}`, '-d', names];
  words.push('-l', `${seconds}`, '-c', DNSPERF_CLIENTS, '-T', '1', '-q', DNSPERF_OUTSTANDING, '-t', '2');
  words.push(...(subnet === undefined ? ['-e'] : ['-E', `8:${subnet}`]));
  const text = await run(words, { core: LOAD_CORE, mayFail: true });
  const figure = (label: string): number =>
    Number(new RegExp(`${label}:?\\s+([\\d.]+)`).exec(text)?.[1] ?? 0);
  return {
    seconds: figure('Run time \\(s\\)'),
    sent: figure('Queries sent'),
    answered: figure('Queries completed'),
    lost: figure('Queries lost'),
    good: figure('NOERROR'),
  };
}

/** Asks over TCP with `connections.c`, each query on a connection of its own. */
export async function oneAConnection(
  program: string,
  options: { readonly port: number; readonly name: string; readonly seconds: number },
): Promise<LoadFigures> {
  const { port, name, seconds } = options;
  return JSON.parse(await run([program, `${port}`, name, `${seconds}`], { core: LOAD_CORE })) as LoadFigures;
}

const ASK_EVERY_MS = 5;

/**
 * Asks over UDP until each question was answered by a record; how long that took, ms, or undefined after
 * `withinMs`.
 */
export async function firstAnswer(
  port: number,
  questions: readonly QueryOptions[],
  options: { readonly withinMs: number; readonly sinceMs?: number; readonly gaveUp?: () => boolean },
): Promise<number | undefined> {
  const { withinMs, sinceMs = performance.now(), gaveUp } = options;
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  const waiting = new Map(questions.map((question, id) => [id, encodeQuery({ ...question, id })]));
  let answeredMs: number | undefined;
  socket.on('message', (octets) => {
    if (octets.length < 12 || octets.readUInt16BE(6) === 0) return;
    waiting.delete(octets.readUInt16BE(0));
    if (waiting.size === 0) answeredMs ??= performance.now() - sinceMs;
  });
  const endMs = performance.now() + withinMs;
  while (answeredMs === undefined && performance.now() < endMs && gaveUp?.() !== true) {
    for (const query of waiting.values()) socket.send(query, port, '127.0.0.1');
    await sleep(ASK_EVERY_MS);
  }
  socket.close();
  return answeredMs;
}
