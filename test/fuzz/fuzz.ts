import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { join } from 'node:path';
import { seededRandom } from '../../src/base/random.ts';
import { type DataServer, startDataServer } from '../bench/data-client.ts';
import { root, temporaryFolder } from '../bench/machine.ts';
import { ask } from '../helpers/ask.ts';
import { decodeMessage } from '../helpers/message.ts';
import { converse } from './converse.ts';
import { mutate, readSeeds } from './mutate.ts';

export interface FuzzOptions {
  /** Messages to send. */
  readonly count: number;
  /** The same seed sends the same messages. */
  readonly seed: number;
  /** Listen on all addresses, and ask several of them. Only where no network is in reach: see packets.ts. */
  readonly wildcard?: boolean;
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
  /** How the server reads and writes. */
  readonly io: string;
  /** Addresses that were asked. */
  readonly hosts: readonly string[];
  /** Resident memory of the server's process: at the start, after a fifth of the run, and now; octets. */
  readonly rssOctets: { readonly start: number; readonly warm: number; readonly now: number };
  /** What was wrong, first ones only. */
  readonly failures: readonly string[];
}

const WINDOW = 256;
/** Windows between two looks at the server's memory and threads. */
const LOOK_EVERY = 256;
const TCP_SHARE = 8;
const FAILURES_MAX = 20;
const HEADER_OCTETS = 12;
/** More than the heap's own breathing and every memo's bound; a leak of 64 octets a message would show. */
const GROWTH_MAX_OCTETS = 64 << 20;
/** Free in a network of our own, and the same for every address. */
const OWN_PORT = 5353;
/** Addresses of a machine that has none but its loopback interface's. */
const ALL_HOSTS = ['127.0.0.1', '127.0.0.2', '127.99.3.1', '::1'];

type State = { -readonly [Key in keyof FuzzReport]: FuzzReport[Key] } & { failures: string[] };

/**
 * Sends mutated messages to a real name server in another process, and checks all that it says and does not
 * say.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { count, seed, wildcard = false, onProgress } = options;
  const target = await startDataServer(
    {
      config: join(root, 'test/fuzz/fuzz.yaml'),
      state: join(temporaryFolder(), 'state'),
      port: wildcard ? OWN_PORT : 0,
      workers: 1,
      hosts: wildcard ? ['0.0.0.0', '::'] : ['127.0.0.1'],
    },
    {},
  );
  const { rss } = await target.order({ kind: 'stats' }, 'stats');
  const state: State = {
    sent: 0,
    answered: 0,
    mustBeSilent: 0,
    overTcp: 0,
    io: target.io,
    hosts: wildcard ? ALL_HOSTS : ['127.0.0.1'],
    rssOctets: { start: rss, warm: rss, now: rss },
    failures: [],
  };
  const session = openSession(state, target.port);
  const seeds = readSeeds();
  const random = seededRandom(seed);
  for (let window = 1; state.sent < count && state.failures.length === 0; window++) {
    const messages = Array.from({ length: Math.min(WINDOW, count - state.sent) }, () =>
      mutate(seeds, random),
    );
    await sendWindow(session, messages, random.next);
    if (window % LOOK_EVERY !== 0 && state.sent < count) continue;
    await look(state, target, state.sent >= count / 5);
    onProgress?.(state);
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const socket of session.sockets) socket.close();
  await target.stop();
  return state;
}

/**
 * Takes the server's memory, and whether it came to harm. The first look that is `warm` is what later ones
 * are held to.
 */
async function look(state: State, target: DataServer, warm: boolean): Promise<void> {
  if (target.ended()) return fail(state, 'the server ended');
  const { rss: now, events } = await target.order({ kind: 'stats' }, 'stats');
  for (const event of events) fail(state, event);
  const { rssOctets } = state;
  const isFirst = rssOctets.warm === rssOctets.start;
  state.rssOctets = { ...rssOctets, now, warm: warm && isFirst ? now : rssOctets.warm };
  if (warm && now - state.rssOctets.warm > GROWTH_MAX_OCTETS) fail(state, 'memory grows');
}

interface Session {
  readonly state: State;
  readonly port: number;
  readonly sockets: readonly Socket[];
  /** By family: for messages that may be answered, and for those that must not be. */
  readonly talk: Readonly<Record<4 | 6, Socket>>;
  readonly silent: Readonly<Record<4 | 6, Socket>>;
  /** Messages of this window and the one before, by id, and which address was asked. */
  pending: Map<number, { readonly message: Uint8Array; readonly host: string }>;
}

function openSession(state: State, port: number): Session {
  const open = () => ({ 4: createSocket('udp4'), 6: createSocket('udp6') });
  const [talk, silent] = [open(), open()];
  const sockets = [talk[4], talk[6], silent[4], silent[6]];
  const session: Session = { state, port, sockets, talk, silent, pending: new Map() };
  for (const socket of [silent[4], silent[6]])
    socket.on('message', (octets) => fail(state, `an answer where none may be: ${octets.toString('hex')}`));
  for (const socket of [talk[4], talk[6]])
    socket.on('message', (octets, from) => checkAnswer(session, octets, from));
  return session;
}

/** Sends a window over UDP and TCP; returns when all of it was handled, which a good query's answer shows. */
async function sendWindow(
  session: Session,
  messages: readonly Uint8Array[],
  next: () => number,
): Promise<void> {
  const { state, port, talk, silent } = session;
  const overTcp: Uint8Array[] = [];
  const sent: Session['pending'] = new Map();
  for (const message of messages) {
    const id = state.sent++ & 0xffff;
    if (message.length >= 2) message.set([id >> 8, id & 0xff]);
    if (next() * TCP_SHARE < 1) {
      overTcp.push(message);
      continue;
    }
    const quiet = mustBeSilent(message);
    const host = state.hosts[state.sent % state.hosts.length] ?? '';
    if (quiet) state.mustBeSilent++;
    else sent.set(id, { message, host });
    (quiet ? silent : talk)[host.includes(':') ? 6 : 4].send(message, port, host);
  }
  session.pending = new Map([...[...session.pending].slice(-WINDOW), ...sent]);
  // Each in turn, window by window.
  const host = state.hosts[Math.floor(state.sent / WINDOW) % state.hosts.length] ?? '';
  const server = { host, port };
  await checkGood(state, server);
  state.overTcp += overTcp.length;
  const wrong = await converse({ server, messages: overTcp, next, mustBeSilent });
  for (const line of wrong) fail(state, line);
}

function mustBeSilent(message: Uint8Array): boolean {
  return message.length < HEADER_OCTETS || ((message[2] as number) & 0x80) !== 0;
}

/** It must be well-formed, for a query that waits, and from the address that was asked. */
function checkAnswer({ state, port, pending }: Session, octets: Buffer, from: RemoteInfo): void {
  state.answered++;
  const query = pending.get(octets.readUInt16BE(0));
  const cause = query === undefined ? 'no query of that id' : Buffer.from(query.message).toString('hex');
  try {
    decodeMessage(octets);
  } catch (error) {
    fail(state, `${(error as Error).message}: ${octets.toString('hex')} to ${cause}`);
  }
  if (query === undefined) fail(state, `${cause}: ${octets.toString('hex')}`);
  else if (from.address !== query.host || from.port !== port)
    fail(state, `${query.host} was asked, ${from.address} port ${from.port} answers: ${cause}`);
}

/** Overflow of a socket's buffer may cost one query or two, not three. */
async function checkGood(state: State, server: { host: string; port: number }): Promise<void> {
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
