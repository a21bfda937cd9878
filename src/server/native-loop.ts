import type { AccessList } from '../base/access-list.ts';
import type { Address } from '../base/address.ts';
import type { ServerCounters } from './counters.ts';
import type { Foreseer, Handler, TransferHandler } from './handler.ts';
import { BATCH_MAX, openArena } from './native-arena.ts';
import {
  closeEpoll,
  control,
  DATA,
  type Epoll,
  eventData,
  openEpoll,
  waitForEvents,
} from './native-epoll.ts';
import { LINUX, type Libc } from './native-libc.ts';
import { readDrops, watchQueue } from './native-overload.ts';
import { createPace, keepPace, type Pace, pause } from './native-pace.ts';
import type { NativeSocket } from './native-sockets.ts';
import { acceptAll, closeAll, createTcp, serveSlot, stopAccepting, sweep, type Tcp } from './native-tcp.ts';
import { createUdp, resumeBatch, serveBatch, type Udp, type UdpSocket } from './native-udp.ts';
import type { TcpLimits } from './tcp-limits.ts';
import { STOP, TURN_MS, WORD } from './worker-memory.ts';

export interface NativeLoopOptions {
  readonly libc: Libc;
  /** They stay open when the loop ends. */
  readonly sockets: readonly NativeSocket[];
  readonly words: Int32Array<SharedArrayBuffer>;
  /** From `workerArena`, with the same `udpResponseMax`. */
  readonly arena: SharedArrayBuffer;
  readonly handle: Handler;
  readonly transferOf?: TransferHandler | undefined;
  readonly foreseer?: Foreseer;
  readonly counters: ServerCounters;
  readonly limits: TcpLimits;
  /** Longest UDP response, octets. */
  readonly udpResponseMax: number;
  /** Where it says the time of each turn, for the handler to read: see `Arena.now`. */
  readonly now?: Float64Array | undefined;
  /** Peers that say for whom they ask. */
  readonly proxies?: AccessList | undefined;
  /** Whether connections from this address are refused. */
  readonly refuses?: ((address: Address) => boolean) | undefined;
  /** The MAIL word changed: called between batches. */
  readonly onMail: () => void;
  /** Drop the query that the thread before had in hand when it died; else it is answered too. */
  readonly skipInHand: boolean;
}

interface Loop {
  readonly options: NativeLoopOptions;
  readonly udp: Udp;
  readonly tcp: Tcp;
  readonly epoll: Epoll;
  readonly pace: Pace;
  mail: number;
  dropsReadMs: number;
}

/** How often the kernel's own drops are counted, ms. */
const DROPS_MS = 1_000;
/** Turns without waiting after which every socket is looked at, however busy some are. */
const TURNS_MAX = 8;

/**
 * Serves the sockets until the STOP word is set, which takes at most `TURN_MS`. It first finishes the batch
 * that a thread before it left. An exception of the handler ends it: the arena and the words then tell a
 * successor where to go on.
 */
export function runNativeLoop(options: NativeLoopOptions): void {
  const { libc, words } = options;
  const arena = openArena(libc, options.arena, options);
  const epoll = openEpoll(libc, arena, words);
  const udp = createUdp({ ...options, arena });
  const listeners = options.sockets.filter(({ kind }) => kind === 'tcp');
  const tcp = createTcp({ ...options, arena, epoll, listeners });
  const loop: Loop = { options, udp, tcp, epoll, pace: createPace(), mail: 0, dropsReadMs: 0 };
  words[WORD.THREAD_ID] = libc.gettid();
  // Sleeps of some tens of microseconds are meant as such: by default the kernel may add 50.
  libc.prctl(LINUX.PR_SET_TIMERSLACK, 1, 0, 0, 0);
  for (const { fd, index } of udp.sockets)
    control(epoll, fd, { operation: LINUX.EPOLL_CTL_ADD, events: LINUX.EPOLLIN, data: index });
  readMail(loop);
  resumeBatch(udp, options.skipInHand);
  let turns = 0;
  while (Atomics.load(words, WORD.STOP) === 0) {
    words[WORD.HEARTBEAT] = (words[WORD.HEARTBEAT] as number) + 1;
    readMail(loop);
    const largest = serveUdp(loop);
    // A full batch: more is waiting. A fast stream: more will be, after a pause.
    const busy = largest === BATCH_MAX || (largest > 0 && pause(loop.pace, udp));
    if (!busy) look(loop, TURN_MS);
    else if (++turns === TURNS_MAX) look(loop, 0);
    if (!busy || turns === TURNS_MAX) turns = 0;
  }
  if (Atomics.load(words, WORD.STOP) === STOP.DRAIN) drain(loop);
  // What clients have asked by now is answered.
  look(loop, 0);
  closeAll(tcp);
  closeEpoll(epoll, words);
}

/** Another process has the sockets: serves the connections that are left until their clients close them. */
function drain(loop: Loop): void {
  const { options, udp, tcp, epoll } = loop;
  const { words } = options;
  const ignored = { operation: LINUX.EPOLL_CTL_DEL, events: 0, data: 0 };
  for (const { fd } of udp.sockets) control(epoll, fd, ignored);
  stopAccepting(tcp);
  while (Atomics.load(words, WORD.STOP) === STOP.DRAIN && tcp.table.open > 0) {
    words[WORD.HEARTBEAT] = (words[WORD.HEARTBEAT] as number) + 1;
    readMail(loop);
    look(loop, TURN_MS);
  }
}

/** Reads each socket that has datagrams once; returns the largest batch. */
function serveUdp({ udp, pace }: Loop): number {
  const { now } = udp.arena;
  let largest = 0;
  let sum = 0;
  for (const socket of udp.sockets) {
    if (!socket.hot) continue;
    const count = serveBatch(udp, socket);
    if (count === 0) socket.hot = false;
    if (count > largest) largest = count;
    sum += count;
    now[0] = performance.now();
    watchQueue(udp, socket.queue, count);
  }
  if (sum > 0) keepPace(pace, sum, now);
  return largest;
}

/**
 * Asks the kernel which sockets have something, waiting for at most this long; serves TCP, and marks the
 * sockets of UDP.
 */
function look(loop: Loop, timeoutMs: number): void {
  const { udp, tcp, epoll } = loop;
  const { arena } = epoll;
  // Who waits for news has read all that there was.
  if (timeoutMs > 0) for (const socket of udp.sockets) socket.hot = false;
  const count = waitForEvents(epoll, timeoutMs);
  const { now } = arena;
  now[0] = performance.now();
  sweep(tcp);
  if ((now[0] as number) - loop.dropsReadMs > DROPS_MS) {
    loop.dropsReadMs = now[0] as number;
    for (const { queue } of udp.sockets) readDrops(udp, queue);
  }
  let accepting = 0;
  for (let i = 0; i < count; i++) {
    const data = eventData(arena, i);
    if (data >= DATA.CONNECTIONS) serveSlot(tcp, data - DATA.CONNECTIONS);
    else if (data >= DATA.LISTENERS) accepting++;
    else (udp.sockets[data] as UdpSocket).hot = true;
  }
  // Last, because it may close connections, and give their slots to others, of which events were told above.
  for (let i = 0; i < count && accepting > 0; i++) {
    const data = eventData(arena, i);
    if (data >= DATA.LISTENERS && data < DATA.CONNECTIONS) acceptAll(tcp, data - DATA.LISTENERS);
  }
}

function readMail(loop: Loop): void {
  const { words, onMail } = loop.options;
  const mail = Atomics.load(words, WORD.MAIL);
  if (mail === loop.mail) return;
  loop.mail = mail;
  onMail();
}
