import type { AccessList } from '../base/access-list.ts';
import { emptyAddress } from '../base/address.ts';
import {
  countBatch,
  countDrop,
  countHandling,
  countOctets,
  type DropReason,
  type ServerCounters,
} from './counters.ts';
import type { Foreseer, Handler } from './handler.ts';
import {
  type Addresses,
  type Arena,
  BATCH_MAX,
  headerAddresses,
  MMSGHDR,
  NAME_OCTETS,
  type Shape,
  UDP_QUERY_MAX,
} from './native-arena.ts';
import { LINUX, type Libc } from './native-libc.ts';
import { moveName, readClient, readyToAnswer } from './native-names.ts';
import { isError, newQueue, type Queue } from './native-overload.ts';
import { sleepNs } from './native-pace.ts';
import { readProxied, unwrapBatch } from './native-proxied.ts';
import { isIpv6, isWildcard, type NativeSocket } from './native-sockets.ts';
import { createTrial, noteTrial, type Trial } from './native-trial.ts';
import { WORD } from './worker-memory.ts';

/** One UDP socket of the thread. */
export interface UdpSocket {
  readonly fd: number;
  /** Position among the thread's UDP sockets. */
  readonly index: number;
  readonly shape: Shape;
  readonly access: AccessList | undefined;
  readonly queue: Queue;
  /** Addresses of the headers to receive and to send with, from each slot on. */
  readonly receiveFrom: Addresses;
  readonly sendFrom: Addresses;
  /** Whether datagrams may be waiting. */
  hot: boolean;
}

/** What answering datagrams in batches needs; one a thread. */
export interface Udp {
  readonly libc: Libc;
  readonly arena: Arena;
  readonly words: Int32Array;
  readonly handle: Handler;
  readonly foreseer?: Foreseer | undefined;
  readonly counters: ServerCounters;
  readonly sockets: readonly UdpSocket[];
  readonly client: {
    readonly address: ReturnType<typeof emptyAddress>;
    port: number;
    access: AccessList | undefined;
    readonly transport: 'udp';
  };
  /** The client's address as words, for copying. */
  readonly clientWords: Int32Array;
  /** Peers that say for whom they ask. Absent: none does. */
  readonly proxies: AccessList | undefined;
  readonly trial: Trial;
  untilTimed: number;
}

/** Smaller batches are answered at once: too few queries would wait together. */
const FORESEEN_MIN = 4;
/** One batch in this many is timed. */
const TIMED_EVERY = 64;
/** Waits for the kernel to take a response, of one batch at most, and how long each is. */
const SEND_WAITS_MAX = 4;
const SEND_WAIT_NS = 250_000;
const HEADER_WORDS = MMSGHDR.OCTETS / 4;
const LENGTH_WORD = MMSGHDR.LENGTH / 4;
export const IOV_WORDS = 4;
export const IOV_LENGTH_WORD = 2;

type UdpParts = Pick<Udp, 'libc' | 'arena' | 'words' | 'handle' | 'foreseer' | 'counters'> & {
  readonly proxies?: AccessList | undefined;
  readonly sockets: readonly NativeSocket[];
};

/** Work on these sockets. */
export function createUdp(parts: UdpParts): Udp {
  const { libc, arena, words, handle, foreseer, counters, sockets } = parts;
  const address = emptyAddress();
  const { shapes } = arena;
  const shapeOf = ({ address: { host } }: NativeSocket): Shape => {
    const [v6, wildcard] = [isIpv6(host), isWildcard(host)];
    return shapes.find((shape) => shape.v6 === v6 && shape.wildcard === wildcard) as Shape;
  };
  // Field by field: compiled code is for one layout of objects.
  return {
    libc,
    arena,
    words,
    handle,
    foreseer,
    counters,
    sockets: sockets
      .filter(({ kind }) => kind === 'udp')
      .map((socket, index) => {
        const { fd } = socket;
        const shape = shapeOf(socket);
        const receiveFrom = headerAddresses(arena, shape.receive);
        const sendFrom = headerAddresses(arena, shape.send);
        const queue = newQueue({ fd, index, receiveFrom });
        const { access } = socket.address;
        return { fd, index, shape, access, queue, receiveFrom, sendFrom, hot: true };
      }),
    client: { address, port: 0, access: undefined, transport: 'udp' },
    clientWords: new Int32Array(address.octets.buffer),
    proxies: parts.proxies,
    trial: createTrial(),
    untilTimed: TIMED_EVERY,
  };
}

/**
 * Receives what waits on the socket, a batch at most, and answers it. Returns how many datagrams came: 0 if
 * none waited.
 */
export function serveBatch(udp: Udp, socket: UdpSocket): number {
  const { libc, words, counters } = udp;
  const count = libc.recvmmsg(socket.fd, socket.receiveFrom[0] as number, BATCH_MAX, LINUX.MSG_DONTWAIT, 0);
  if (count <= 0) {
    const errno = libc.errno();
    if (count < 0 && errno !== LINUX.EAGAIN && errno !== LINUX.EINTR)
      countDrop(counters, 'udp', 'receive-error');
    return 0;
  }
  words[WORD.BATCH_SOCKET] = socket.index;
  words[WORD.BATCH_SENT] = 0;
  words[WORD.BATCH_READY] = 0;
  words[WORD.BATCH_HANDLED] = 0;
  if (udp.proxies !== undefined) unwrapBatch(udp, udp.proxies, socket.shape, count);
  // Last: from here on a successor would answer it.
  words[WORD.BATCH_COUNT] = count;
  countBatch(counters, count);
  if (--udp.untilTimed === 0) {
    udp.untilTimed = TIMED_EVERY;
    serveTimed(udp, socket, count);
  } else {
    if (count >= FORESEEN_MIN && udp.trial.pays && udp.foreseer?.wanted())
      foresee(udp, udp.foreseer, socket, count);
    sendReady(udp, socket, answerFrom(udp, socket, 0));
  }
  return count;
}

/** Answers a batch by the clock. */
function serveTimed(udp: Udp, socket: UdpSocket, count: number): void {
  const { foreseer, trial, counters } = udp;
  const isTrial = count >= FORESEEN_MIN && foreseer?.wanted() === true;
  const startMs = performance.now();
  if (isTrial && trial.isWith) foresee(udp, foreseer, socket, count);
  const ready = answerFrom(udp, socket, 0);
  if (isTrial) noteTrial(trial, (performance.now() - startMs) / count);
  sendReady(udp, socket, ready);
  countHandling(counters, (performance.now() - startMs) / 1000 / count);
}

/** Not for what a thread before left, as `resumeBatch` answers it: the telling may be what ended it. */
function foresee(udp: Udp, foreseer: Foreseer, { shape }: UdpSocket, count: number): void {
  const { i32, queryViews } = udp.arena;
  udp.client.address.family = shape.v6 ? 6 : 4;
  for (let i = 0; i < count; i++) {
    const length = i32[(shape.receive >> 2) + i * HEADER_WORDS + LENGTH_WORD] as number;
    if (length > UDP_QUERY_MAX) continue;
    if (udp.proxies === undefined) readClient(i32, udp.clientWords, shape, i);
    else if (!readProxied(udp, shape, i)) continue;
    foreseer.expect(queryViews[i] as Uint8Array, length, udp.client);
  }
  foreseer.fetch();
}

/**
 * Goes on with the batch that a thread left behind when it died. With `skipInHand`, the query that it was
 * working on is dropped.
 */
export function resumeBatch(udp: Udp, skipInHand: boolean): void {
  const { words, counters } = udp;
  const count = words[WORD.BATCH_COUNT] as number;
  const socket = udp.sockets[words[WORD.BATCH_SOCKET] as number];
  const inHand = (words[WORD.IN_HAND_LENGTH] as number) > 0;
  words[WORD.IN_HAND_LENGTH] = 0;
  if (count === 0 || socket === undefined) return;
  let from = words[WORD.BATCH_HANDLED] as number;
  if (inHand && skipInHand) {
    from++;
    countDrop(counters, 'udp', 'query-of-death');
  }
  sendReady(udp, socket, answerFrom(udp, socket, from));
}

/** Answers the batch from this datagram on; returns how many responses are ready. */
function answerFrom(udp: Udp, socket: UdpSocket, from: number): number {
  const { arena, words, client, clientWords, proxies, counters, handle } = udp;
  const { u8, i32, queryViews, responseViews } = arena;
  const { shape } = socket;
  const { v6, wildcard } = shape;
  const count = words[WORD.BATCH_COUNT] as number;
  client.address.family = v6 ? 6 : 4;
  client.access = socket.access;
  if (!v6) clientWords.fill(0);
  let ready = words[WORD.BATCH_READY] as number;
  let octetsIn = 0;
  let octetsOut = 0;
  for (let i = from; i < count; i++) {
    words[WORD.BATCH_HANDLED] = i;
    const length = i32[(shape.receive >> 2) + i * HEADER_WORDS + LENGTH_WORD] as number;
    const name = shape.names + i * NAME_OCTETS;
    client.port = ((u8[name + 2] as number) << 8) | (u8[name + 3] as number);
    // Nobody can answer from port 0.
    const refused =
      client.port === 0 ? 'source-port-0' : length > UDP_QUERY_MAX ? 'truncated-query' : undefined;
    if (refused !== undefined || (wildcard && !readyToAnswer(arena, shape, i))) {
      countDrop(counters, 'udp', refused ?? 'receive-error');
      continue;
    }
    if (proxies === undefined) readClient(i32, clientWords, shape, i);
    else if (!readProxied(udp, shape, i)) {
      countDrop(counters, 'udp', 'proxy-header');
      continue;
    }
    words[WORD.IN_HAND_AT] = arena.queries + i * arena.queryStride;
    words[WORD.IN_HAND_LENGTH] = length;
    const out = responseViews[ready] as Uint8Array;
    const written = handle(queryViews[i] as Uint8Array, length, client, out);
    octetsIn += length;
    if (written <= 0) {
      if (written === 0) countDrop(counters, 'udp', 'unanswerable');
      continue;
    }
    if (socket.queue.overloaded && isError(out)) {
      countDrop(counters, 'udp', 'overload-error');
      continue;
    }
    octetsOut += written;
    i32[(arena.responseIovs >> 2) + ready * IOV_WORDS + IOV_LENGTH_WORD] = written;
    if (ready !== i) moveName(i32, shape, { from: i, to: ready });
    words[WORD.BATCH_READY] = ++ready;
  }
  words[WORD.BATCH_HANDLED] = count;
  words[WORD.IN_HAND_LENGTH] = 0;
  countOctets(counters, 'udp', octetsIn, octetsOut);
  return ready;
}

/** Sends the responses that were not sent yet: the batch is done. One that cannot be sent keeps no others. */
function sendReady(udp: Udp, socket: UdpSocket, ready: number): void {
  const { libc, words, counters } = udp;
  let sent = words[WORD.BATCH_SENT] as number;
  let waits = 0;
  while (sent < ready) {
    const taken = libc.sendmmsg(socket.fd, socket.sendFrom[sent] as number, ready - sent, 0);
    if (taken > 0) {
      sent += taken;
      words[WORD.BATCH_SENT] = sent;
      continue;
    }
    // What failed is the first of them.
    const errno = libc.errno();
    const full = errno === LINUX.EAGAIN || errno === LINUX.ENOBUFS || errno === LINUX.ENOMEM;
    if ((full || errno === LINUX.EINTR) && waits < SEND_WAITS_MAX) {
      waits++;
      sleepNs(udp, SEND_WAIT_NS);
      continue;
    }
    const reason: DropReason = full ? 'send-queue-full' : 'send-error';
    countDrop(counters, 'udp', reason);
    words[WORD.BATCH_SENT] = ++sent;
  }
  words[WORD.BATCH_COUNT] = 0;
}
