import { emptyProxiedClient, readProxyHeader } from '../wire/proxy.ts';
import { type CloseReason, countDrop, countOctets, type ServerCounters } from './counters.ts';
import { countClosed } from './counters-streams.ts';
import { type Handler, TRANSFER, TRANSFER_TURN_OCTETS, type TransferHandler } from './handler.ts';
import { ADDRESS, type Arena, TCP_FRAME_MAX, TCP_READ_MAX } from './native-arena.ts';
import { controlWith, DATA, type Epoll } from './native-epoll.ts';
import { LINUX, type Libc } from './native-libc.ts';
import { freeSlot, grown, type TcpSlot, type TcpTable, touchSlot } from './native-tcp-table.ts';
import type { TcpLimits } from './tcp-limits.ts';
import { WORD } from './worker-memory.ts';

/** What answering on connections needs; one a thread. */
export interface TcpWork {
  readonly libc: Libc;
  readonly arena: Arena;
  readonly words: Int32Array;
  readonly handle: Handler;
  /** Absent where there is nothing to transfer. */
  readonly transferOf?: TransferHandler | undefined;
  readonly counters: ServerCounters;
  readonly limits: TcpLimits;
  readonly epoll: Epoll;
  readonly table: TcpTable;
  /** One message, and the answer to it. */
  readonly query: Uint8Array;
  readonly response: Uint8Array;
}

/** Octets of a message's length field. */
const LENGTH_OCTETS = 2;
// What other modules export is loaded and checked at each use.
const TRANSFER_ANSWER = TRANSFER;
/** Octets that are copied one by one; for more, a call pays. */
const COPY_LOOP_MAX = 96;

/** The connection has input, or is at its end: reads once, and answers every whole message. */
export function readSlot(work: TcpWork, slot: TcpSlot): void {
  const { libc, arena } = work;
  const { heldLength } = slot;
  if (heldLength > 0) arena.u8.set(slot.held.subarray(0, heldLength), arena.tcpIn);
  // Mostly nothing is held, and the address lies boxed.
  const first = arena.addresses[ADDRESS.TCP_IN] as number;
  const into = heldLength === 0 ? first : first + heldLength;
  const count = libc.recv(slot.fd, into, TCP_READ_MAX - heldLength, LINUX.MSG_DONTWAIT);
  if (count < 0) {
    const errno = libc.errno();
    if (errno === LINUX.EAGAIN || errno === LINUX.EINTR) setInterest(work, slot, LINUX.EPOLLIN);
    else closeSlot(work, slot, 'error');
    return;
  }
  if (slot.lingerSinceMs > 0) {
    // What comes after the last answer is not looked at.
    if (count === 0) closeSlot(work, slot, 'client');
    return;
  }
  if (count === 0) slot.ended = true;
  else answerInput(work, slot, heldLength + count);
  settle(work, slot);
}

/** The kernel takes output again: sends what waited, then answers what was held back meanwhile. */
export function flushSlot(work: TcpWork, slot: TcpSlot): void {
  const { arena } = work;
  const left = slot.pendingLength;
  arena.u8.set(slot.pending.subarray(0, left), arena.tcpOut);
  slot.pendingLength = 0;
  if (left > 0) write(work, slot, left);
  if (slot.pendingLength === 0) slot.stalledSinceMs = 0;
  if (slot.pendingLength === 0 && slot.transfer !== undefined) send(work, slot);
  if (slot.pendingLength === 0 && slot.transfer === undefined) {
    const length = slot.heldLength;
    if (slot.closing === undefined && length > 0) {
      arena.u8.set(slot.held.subarray(0, length), arena.tcpIn);
      answerInput(work, slot, length);
    }
  }
  settle(work, slot);
}

/** Ends the connection now. */
export function closeSlot({ libc, arena, counters, table }: TcpWork, slot: TcpSlot, why: CloseReason): void {
  countClosed(counters, slot.closing ?? why);
  // Should this thread die in between, a successor must not close a descriptor that is another's by then.
  arena.i32[(arena.tcpFds >> 2) + slot.index] = 0;
  if (slot.pendingLength > 0) forgetOutput(libc, arena, slot.fd);
  libc.close(slot.fd);
  freeSlot(table, slot);
}

/** The kernel would go on for minutes to offer answers to a client that does not read them. */
function forgetOutput(libc: Libc, { base, scratch, i32 }: Arena, fd: number): void {
  // `struct linger`: at once.
  i32[scratch >> 2] = 1;
  i32[(scratch >> 2) + 1] = 0;
  libc.setsockopt(fd, LINUX.SOL_SOCKET, LINUX.SO_LINGER, base + scratch, 8);
}

/** Answers the whole messages among the first octets of `tcpIn`, and holds the rest. */
function answerInput(work: TcpWork, slot: TcpSlot, length: number): void {
  const { arena, words, handle, counters, limits, query, response } = work;
  const { u8, tcpIn, tcpOut } = arena;
  const writeFrom = Math.min(limits.pendingOctetsMax, TCP_FRAME_MAX);
  let at = 0;
  let written = 0;
  let asked = 0;
  let answeredOctets = 0;
  let askedOctets = 0;
  if (slot.awaitsProxy) {
    at = readProxy(work, slot, length);
    if (slot.awaitsProxy) {
      hold(work, slot, 0, length);
      return;
    }
  }
  words[WORD.IN_HAND_AT] = arena.tcpQuery;
  while (length - at >= LENGTH_OCTETS && slot.pendingLength === 0 && slot.transfer === undefined) {
    const size = ((u8[tcpIn + at] as number) << 8) | (u8[tcpIn + at + 1] as number);
    const end = at + LENGTH_OCTETS + size;
    if (end > length) break;
    copy(u8, tcpIn + at + LENGTH_OCTETS, arena.tcpQuery, size);
    at = end;
    words[WORD.IN_HAND_LENGTH] = size;
    // An empty message, or one that deserves no answer: what follows from such a client is not worth reading.
    const answered = size === 0 ? 0 : handle(query, size, slot.client, response);
    askedOctets += size;
    if (answered === TRANSFER_ANSWER) {
      if (written > 0) write(work, slot, written);
      written = 0;
      if (begin(work, slot, size)) continue;
    }
    if (answered <= 0) {
      slot.closing = 'malformed';
      break;
    }
    answeredOctets += answered;
    u8[tcpOut + written] = answered >> 8;
    u8[tcpOut + written + 1] = answered;
    copy(u8, arena.tcpResponse, tcpOut + written + LENGTH_OCTETS, answered);
    written += LENGTH_OCTETS + answered;
    asked++;
    if (slot.queries + asked >= limits.queriesPerConnectionMax) {
      slot.closing = 'queries-max';
      break;
    }
    if (written >= writeFrom) {
      write(work, slot, written);
      written = 0;
    }
  }
  words[WORD.IN_HAND_LENGTH] = 0;
  countOctets(counters, 'tcp', askedOctets, answeredOctets);
  if (asked > 0) {
    slot.queries += asked;
    slot.partialSinceMs = 0;
    touchSlot(work.table, slot, arena.now);
  }
  hold(work, slot, at, length);
  if (written > 0) write(work, slot, written);
}

/** Begins the transfer that the query in hand asks for; false if there is none. */
function begin(work: TcpWork, slot: TcpSlot, size: number): boolean {
  const transfer = work.transferOf?.(work.query, size, slot.client);
  if (transfer === undefined) return false;
  slot.transfer = transfer;
  slot.queries++;
  slot.partialSinceMs = 0;
  if (slot.pendingLength === 0) send(work, slot);
  return true;
}

/**
 * Sends what the kernel takes of the transfer, up to a bound: then others are served first, and epoll tells
 * when to go on.
 */
function send(work: TcpWork, slot: TcpSlot): void {
  const { arena, counters, response, table } = work;
  const { transfer } = slot;
  const { u8, tcpOut } = arena;
  touchSlot(table, slot, arena.now);
  let octets = 0;
  while (transfer !== undefined && octets < TRANSFER_TURN_OCTETS && slot.pendingLength === 0) {
    const length = slot.closing === undefined ? transfer.next(response) : 0;
    if (length === 0) {
      transfer.close();
      slot.transfer = undefined;
      break;
    }
    u8[tcpOut] = length >> 8;
    u8[tcpOut + 1] = length;
    copy(u8, arena.tcpResponse, tcpOut + LENGTH_OCTETS, length);
    octets += LENGTH_OCTETS + length;
    write(work, slot, LENGTH_OCTETS + length);
  }
  countOctets(counters, 'tcp', 0, octets);
  // The kernel may have taken all, and yet not be writable before the client reads.
  if (slot.transfer !== undefined && slot.stalledSinceMs === 0) slot.stalledSinceMs = arena.now[0] as number;
}

/**
 * Reads the header that a proxy's connection begins with; returns its length, or 0 if it is not there yet.
 */
function readProxy({ arena, counters }: TcpWork, slot: TcpSlot, length: number): number {
  const { address } = slot.client;
  const proxied = emptyProxiedClient();
  const size = readProxyHeader(proxied, arena.u8.subarray(arena.tcpIn, arena.tcpIn + length), length);
  if (size < 0) {
    countDrop(counters, 'tcp', 'proxy-header');
    slot.closing = 'malformed';
  }
  if (size <= 0) return 0;
  slot.awaitsProxy = false;
  if (!proxied.known) return size;
  address.family = proxied.address.family;
  address.octets.set(proxied.address.octets);
  if (proxied.port !== 0) slot.client.port = proxied.port;
  return size;
}

/** Sends the first octets of `tcpOut`; what the kernel does not take is kept for later. */
function write(work: TcpWork, slot: TcpSlot, length: number): void {
  const { libc, arena } = work;
  if (slot.closing === 'error') return;
  const flags = LINUX.MSG_NOSIGNAL | LINUX.MSG_DONTWAIT;
  const sent = libc.send(slot.fd, arena.addresses[ADDRESS.TCP_OUT] as number, length, flags);
  if (sent === length) return;
  if (sent < 0) {
    const errno = libc.errno();
    if (errno !== LINUX.EAGAIN && errno !== LINUX.EINTR && errno !== LINUX.ENOBUFS) {
      slot.closing = 'error';
      return;
    }
  }
  const done = Math.max(0, sent);
  slot.pending = grown(slot.pending, 0, length - done);
  slot.pending.set(arena.u8.subarray(arena.tcpOut + done, arena.tcpOut + length));
  slot.pendingLength = length - done;
  if (slot.stalledSinceMs === 0) slot.stalledSinceMs = arena.now[0] as number;
}

/** Keeps what is left of the input. */
function hold({ arena }: TcpWork, slot: TcpSlot, at: number, length: number): void {
  slot.heldLength = 0;
  if (at === length || slot.closing !== undefined) {
    slot.partialSinceMs = 0;
    return;
  }
  slot.held = grown(slot.held, 0, length - at);
  slot.held.set(arena.u8.subarray(arena.tcpIn + at, arena.tcpIn + length));
  slot.heldLength = length - at;
  if (slot.transfer === undefined && slot.partialSinceMs === 0) slot.partialSinceMs = arena.now[0] as number;
}

/** After input or output: what to wait for next, or the end. */
function settle(work: TcpWork, slot: TcpSlot): void {
  const hasOutput = slot.pendingLength > 0 || slot.transfer !== undefined;
  if (slot.closing === 'error' || (slot.ended && !hasOutput)) {
    closeSlot(work, slot, 'client');
    return;
  }
  if (hasOutput) {
    setInterest(work, slot, LINUX.EPOLLOUT);
    return;
  }
  if (slot.closing !== undefined) {
    // Closing with input unread would make the kernel reset the connection, and the client might lose answers
    // that it has not read: our FIN goes first, and the client's is waited for.
    work.libc.shutdown(slot.fd, LINUX.SHUT_WR);
    slot.lingerSinceMs = work.arena.now[0] as number;
  }
  setInterest(work, slot, LINUX.EPOLLIN);
}

/** What epoll reports of the connection from now on. */
function setInterest({ epoll }: TcpWork, slot: TcpSlot, events: number): void {
  if (slot.interest === events) return;
  const operation = slot.interest === 0 ? LINUX.EPOLL_CTL_ADD : LINUX.EPOLL_CTL_MOD;
  slot.interest = events;
  const data = DATA.CONNECTIONS + slot.index;
  // What epoll does not report is closed by the sweep.
  if (!controlWith(epoll, slot.fd, operation, events, data)) slot.closing ??= 'error';
}

function copy(u8: Uint8Array, from: number, to: number, octets: number): void {
  if (octets > COPY_LOOP_MAX) u8.copyWithin(to, from, from + octets);
  else for (let i = 0; i < octets; i++) u8[to + i] = u8[from + i] as number;
}
