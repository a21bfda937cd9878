import { type Library, loadLibrary } from '../native/library.ts';
import { noteLoaded } from './native-threads.ts';

/** What serving calls of the C library. */
export interface Libc extends Pick<Library, 'addressOf' | 'errno' | 'errorName'> {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly setsockopt: (fd: number, level: number, option: number, value: number, size: number) => number;
  readonly getsockopt: (fd: number, level: number, option: number, value: number, size: number) => number;
  readonly bind: (fd: number, address: number, size: number) => number;
  readonly listen: (fd: number, backlog: number) => number;
  readonly getsockname: (fd: number, address: number, size: number) => number;
  readonly recvmmsg: (fd: number, headers: number, count: number, flags: number, timeout: number) => number;
  readonly sendmmsg: (fd: number, headers: number, count: number, flags: number) => number;
  readonly accept4: (fd: number, address: number, size: number, flags: number) => number;
  readonly recv: (fd: number, into: number, octets: number, flags: number) => number;
  readonly send: (fd: number, from: number, octets: number, flags: number) => number;
  readonly sendmsg: (fd: number, header: number, flags: number) => number;
  readonly recvmsg: (fd: number, header: number, flags: number) => number;
  readonly shutdown: (fd: number, how: number) => number;
  readonly close: (fd: number) => number;
  readonly dup: (fd: number) => number;
  readonly fcntl: (fd: number, command: number, value: number) => number;
  readonly epollCreate1: (flags: number) => number;
  readonly epollCtl: (epoll: number, operation: number, fd: number, event: number) => number;
  readonly epollWait: (epoll: number, events: number, count: number, timeoutMs: number) => number;
  readonly clockNanosleep: (clock: number, flags: number, request: number, remain: number) => number;
  readonly prctl: (option: number, a: number, b: number, c: number, d: number) => number;
  readonly madvise: (address: number, octets: number, advice: number) => number;
  /** Kernel's id of this thread; -1 where the library cannot tell. */
  readonly gettid: () => number;
}

/** The library, or why it cannot be called from here. */
export type LibcResult = { readonly libc: Libc } | { readonly reason: string };

/** Numbers of the Linux system-call interface that are the same on x86-64 and on arm64. */
export const LINUX = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_NONBLOCK: 0x800,
  SOCK_CLOEXEC: 0x8_0000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_SNDBUF: 7,
  SO_LINGER: 13,
  SO_RCVBUF: 8,
  SO_REUSEPORT: 15,
  SO_RCVBUFFORCE: 33,
  SO_MEMINFO: 55,
  SOL_IP: 0,
  IP_PKTINFO: 8,
  IP_MTU_DISCOVER: 10,
  IP_PMTUDISC_OMIT: 5,
  SOL_IPV6: 41,
  IPV6_MTU_DISCOVER: 23,
  IPV6_V6ONLY: 26,
  IPV6_RECVPKTINFO: 49,
  IPV6_PKTINFO: 50,
  SOL_TCP: 6,
  TCP_NODELAY: 1,
  TCP_DEFER_ACCEPT: 9,
  TCP_FASTOPEN: 23,
  MSG_PEEK: 0x02,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  SHUT_WR: 1,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
  EPOLL_CLOEXEC: 0x8_0000,
  EPOLLIN: 1,
  EPOLLOUT: 4,
  EPOLLERR: 8,
  EPOLLHUP: 0x10,
  EPOLLRDHUP: 0x2000,
  PR_SET_TIMERSLACK: 29,
  CLOCK_MONOTONIC: 1,
  EINTR: 4,
  EAGAIN: 11,
  ENOMEM: 12,
  ENFILE: 23,
  EMFILE: 24,
  ENOBUFS: 105,
} as const;

/** `struct epoll_event` is packed on x86-64 alone: its size in octets, and where its data lies. */
export const EPOLL_EVENT =
  process.arch === 'x64' ? ({ OCTETS: 12, DATA: 4 } as const) : ({ OCTETS: 16, DATA: 8 } as const);

/** Loads the C library. Never throws: where it cannot be had, the reason is for people. */
export async function loadLibc(): Promise<LibcResult> {
  const libc = await loadLibrary(declare);
  noteLoaded();
  return typeof libc === 'string' ? { reason: libc } : { libc };
}

function declare({ bind, addressOf, errno, errorName }: Library): Libc {
  return {
    addressOf,
    errno,
    errorName,
    socket: bind('socket', 'iiii'),
    setsockopt: bind('setsockopt', 'iiiili'),
    getsockopt: bind('getsockopt', 'iiiill'),
    bind: bind('bind', 'iili'),
    listen: bind('listen', 'iii'),
    getsockname: bind('getsockname', 'iill'),
    recvmmsg: bind('recvmmsg', 'iiliil'),
    sendmmsg: bind('sendmmsg', 'iilii'),
    accept4: bind('accept4', 'iilli'),
    recv: bind('recv', 'lilli'),
    send: bind('send', 'lilli'),
    sendmsg: bind('sendmsg', 'lili'),
    recvmsg: bind('recvmsg', 'lili'),
    shutdown: bind('shutdown', 'iii'),
    close: bind('close', 'ii'),
    dup: bind('dup', 'ii'),
    fcntl: bind('fcntl', 'iiil'),
    epollCreate1: bind('epoll_create1', 'ii'),
    epollCtl: bind('epoll_ctl', 'iiiil'),
    epollWait: bind('epoll_wait', 'iilii'),
    clockNanosleep: bind('clock_nanosleep', 'iiill'),
    prctl: bind('prctl', 'iillll'),
    madvise: bind('madvise', 'illi'),
    gettid: optional(() => bind<() => number>('gettid', 'i')) ?? (() => -1),
  };
}

function optional<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
