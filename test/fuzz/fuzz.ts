import { type ChildProcess, fork } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { seededRandom } from '../../src/base/random.ts';
import { ask } from '../helpers/ask.ts';
import type { EdgeProcessStats } from '../helpers/edge-process.ts';
import { decodeMessage } from '../helpers/message.ts';
import { converse } from './converse.ts';
import { mutate, readSeeds } from './mutate.ts';

export interface FuzzOptions {
  /** Messages to send. */
  readonly count: number;
  /** The same seed sends the same messages. */
  readonly seed: number;
  /** Called now and then. */
  readonly onProgress?: (report: FuzzReport) => void;
}

/** What came of it. It went well if `failures` is empty. */
export interface FuzzReport {
  readonly sent: number;
  readonly answered: number;
  /** Messages that must get no answer: responses, and less than a header. */
  readonly mustBeSilent: number;
  readonly overTcp: number;
  /** Resident memory of the server's process: at the start, after a fifth of the run, and now; octets. */
  readonly rssOctets: { readonly start: number; readonly warm: number; readonly now: number };
  /** What was wrong, first ones only. */
  readonly failures: readonly string[];
}

const WINDOW = 256;
const TCP_SHARE = 8;
const FAILURES_MAX = 20;
const HEADER_OCTETS = 12;
/** More than the heap's own breathing and every memo's bound; a leak of 64 octets a message would show. */
const GROWTH_MAX_OCTETS = 64 << 20;

type State = { -readonly [Key in keyof FuzzReport]: FuzzReport[Key] } & { failures: string[] };

/**
 * Sends mutated messages to a real name server in another process, and checks all that it says and does not
 * say.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { count, seed, onProgress } = options;
  const target = fork(new URL('../helpers/edge-process.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const state = emptyState();
  target.on('exit', (code, signal) => fail(state, `the server ended: code ${code}, signal ${signal}`));
  const first = await stats(target, state);
  state.rssOctets = { start: first.rssOctets, warm: first.rssOctets, now: first.rssOctets };
  const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
  const session: Session = {
    state,
    server: { host: '127.0.0.1', port: first.port },
    talk: sockets[0],
    silent: sockets[1],
    pending: new Map(),
  };
  listen(session);
  const seeds = readSeeds();
  const random = seededRandom(seed);
  let warm = false;
  while (state.sent < count && state.failures.length === 0) {
    const messages = Array.from({ length: Math.min(WINDOW, count - state.sent) }, () =>
      mutate(seeds, random),
    );
    await sendWindow(session, messages, random.next);
    if (state.sent % (WINDOW * 64) !== 0 && state.sent < count) continue;
    const { rssOctets: now } = await stats(target, state);
    if (!warm) state.rssOctets = { ...state.rssOctets, warm: now };
    warm ||= state.sent >= count / 5;
    state.rssOctets = { ...state.rssOctets, now };
    if (now - state.rssOctets.warm > GROWTH_MAX_OCTETS) fail(state, 'memory grows');
    onProgress?.(state);
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const socket of sockets) socket.close();
  target.removeAllListeners('exit');
  if (target.connected) {
    target.disconnect();
    await once(target, 'exit');
  }
  return state;
}

interface Session {
  readonly state: State;
  readonly server: { readonly host: string; readonly port: number };
  /** For messages that may be answered, and for those that must not be. */
  readonly talk: Socket;
  readonly silent: Socket;
  /** Messages of this window and the one before, by id. */
  pending: Map<number, Uint8Array>;
}

function emptyState(): State {
  const rssOctets = { start: 0, warm: 0, now: 0 };
  return { sent: 0, answered: 0, mustBeSilent: 0, overTcp: 0, rssOctets, failures: [] };
}

/** Sends a window over UDP and TCP; returns when all of it was handled, which a good query's answer shows. */
async function sendWindow(
  session: Session,
  messages: readonly Uint8Array[],
  next: () => number,
): Promise<void> {
  const { state, server, talk, silent } = session;
  const overTcp: Uint8Array[] = [];
  const sent = new Map<number, Uint8Array>();
  for (const message of messages) {
    const id = state.sent++ & 0xffff;
    if (message.length >= 2) message.set([id >> 8, id & 0xff]);
    if (next() * TCP_SHARE < 1) {
      overTcp.push(message);
      continue;
    }
    const quiet = mustBeSilent(message);
    if (quiet) state.mustBeSilent++;
    else sent.set(id, message);
    (quiet ? silent : talk).send(message, server.port, server.host);
  }
  session.pending = new Map([...[...session.pending].slice(-WINDOW), ...sent]);
  await checkGood(session);
  state.overTcp += overTcp.length;
  const wrong = await converse({ server, messages: overTcp, next, mustBeSilent });
  for (const line of wrong) fail(state, line);
}

function mustBeSilent(message: Uint8Array): boolean {
  return message.length < HEADER_OCTETS || ((message[2] as number) & 0x80) !== 0;
}

function listen(session: Session): void {
  const { state, talk, silent } = session;
  silent.on('message', (octets) => fail(state, `an answer where none may be: ${octets.toString('hex')}`));
  talk.on('message', (octets) => {
    state.answered++;
    const query = session.pending.get(octets.readUInt16BE(0));
    const cause = query === undefined ? 'no query of that id' : Buffer.from(query).toString('hex');
    try {
      decodeMessage(octets);
    } catch (error) {
      fail(state, `${(error as Error).message}: ${octets.toString('hex')} to ${cause}`);
    }
    if (query === undefined) fail(state, `${cause}: ${octets.toString('hex')}`);
  });
}

/** Overflow of a socket's buffer may cost one query or two, not three. */
async function checkGood({ state, server }: Session): Promise<void> {
  for (let left = 3; left > 0; left--) {
    try {
      const good = { server, name: 'static.edge.test.', type: 'A', timeoutMs: 3_000 };
      const [record] = (await ask(good)).sections[0];
      if (record !== 'static.edge.test. 30 A 192.0.2.1') fail(state, `a good query got ${record}`);
      return;
    } catch {}
  }
  fail(state, 'a good query got no answer');
}

function fail(state: State, what: string): void {
  if (state.failures.length < FAILURES_MAX) state.failures.push(`after ${state.sent} messages: ${what}`);
}

async function stats(target: ChildProcess, state: State): Promise<EdgeProcessStats> {
  if (target.connected && state.sent > 0) target.send('stats');
  const signal = AbortSignal.timeout(20_000);
  const [answer] = await once(target, 'message', { signal });
  return answer as EdgeProcessStats;
}
