import { ADDRESS, type Arena } from './native-arena.ts';
import { EPOLL_EVENT, LINUX, type Libc } from './native-libc.ts';
import { WORD } from './worker-memory.ts';

/** An epoll instance of one thread. */
export interface Epoll {
  readonly libc: Libc;
  readonly arena: Arena;
  readonly fd: number;
}

/** Events taken from the kernel at once. */
export const EVENTS_MAX = 64;
/**
 * Numbers under which sockets are reported: those of UDP by their index; listeners and connections from these
 * numbers on.
 */
export const DATA = { LISTENERS: 1 << 16, CONNECTIONS: 1 << 20 } as const;

/** A fresh instance, left in the EPOLL word; that of a thread that died is closed. */
export function openEpoll(libc: Libc, arena: Arena, words: Int32Array): Epoll {
  const left = (words[WORD.EPOLL] as number) - 1;
  if (left >= 0) libc.close(left);
  const fd = libc.epollCreate1(LINUX.EPOLL_CLOEXEC);
  if (fd < 0) throw new Error(`epoll_create1: ${libc.errorName(libc.errno())}`);
  words[WORD.EPOLL] = fd + 1;
  return { libc, arena, fd };
}

/** Closes it and clears the EPOLL word. */
export function closeEpoll({ libc, fd }: Epoll, words: Int32Array): void {
  libc.close(fd);
  words[WORD.EPOLL] = 0;
}

/** What to report of a socket. */
export interface Interest {
  /** One of `LINUX.EPOLL_CTL_…`. */
  readonly operation: number;
  readonly events: number;
  /** The number to report it under. */
  readonly data: number;
}

/** Sets what is reported of this socket; false if the kernel refuses. */
export function control(epoll: Epoll, fd: number, interest: Interest): boolean {
  return controlWith(epoll, fd, interest.operation, interest.events, interest.data);
}

/** The same without an object, for what happens often. */
export function controlWith(
  epoll: Epoll,
  fd: number,
  operation: number,
  events: number,
  data: number,
): boolean {
  const { libc, arena } = epoll;
  const at = arena.scratch;
  arena.i32[at >> 2] = events;
  arena.i32[(at + EPOLL_EVENT.DATA) >> 2] = data;
  return libc.epollCtl(epoll.fd, operation, fd, arena.addresses[ADDRESS.SCRATCH] as number) === 0;
}

/** Waits for events for at most this long; returns how many there are. */
export function waitForEvents({ libc, arena, fd }: Epoll, timeoutMs: number): number {
  return libc.epollWait(fd, arena.addresses[ADDRESS.EVENTS] as number, EVENTS_MAX, timeoutMs);
}

/** The number that the socket of this event was given. */
export function eventData({ events, i32 }: Arena, event: number): number {
  return i32[(events + event * EPOLL_EVENT.OCTETS + EPOLL_EVENT.DATA) >> 2] as number;
}
