import { noteLoaded } from './native-threads.ts';

/**
 * The C library of a Linux system, called through koffi. Addresses of memory are plain numbers: those of user
 * space have 47 or 48 bits, and a number is the cheapest argument that koffi takes.
 */
export interface Libc {
  /** Address of the first octet. The memory must be shared: other memory may be moved or freed. */
  readonly addressOf: (octets: Uint8Array<SharedArrayBuffer>) => number;
  /** `errno` of this thread: valid directly after a call that failed. */
  readonly errno: () => number;
  /** The code's name, `EADDRINUSE`; the number as text where it has none. */
  readonly errorName: (errno: number) => string;
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

/** Architectures whose structures (LP64, little-endian) this room lays out by hand. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64'];

/** Loads koffi and the C library. Never throws: where they cannot be had, the reason is for people. */
export async function loadLibc(): Promise<LibcResult> {
  if (process.platform !== 'linux') return { reason: `this is ${process.platform}, not Linux` };
  if (!ARCHITECTURES.includes(process.arch)) return { reason: `not built for ${process.arch}` };
  try {
    const koffi = await import('koffi');
    // The program's own symbols: whichever C library it is linked with, glibc or musl.
    const library = koffi.load(null);
    const names = new Map(Object.entries(koffi.os.errno).map(([name, code]) => [code, name]));
    return { libc: declare(koffi, library, names) };
  } catch (error) {
    return { reason: `koffi cannot be used: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    noteLoaded();
  }
}

type Koffi = typeof import('koffi');

function declare(koffi: Koffi, library: ReturnType<Koffi['load']>, names: ReadonlyMap<number, string>): Libc {
  // `i`: int, `l`: a pointer, size or long, all 8 octets; the first letter is what the function returns.
  const types = { i: 'int', l: 'intptr_t' } as const;
  const typeOf = (letter: string): string => types[letter as 'i' | 'l'];
  const bind = <F>(name: string, [result = '', ...args]: string): F =>
    // koffi types every function as taking and giving anything; the interface above says what they are.
    library.func(name, typeOf(result), args.map(typeOf)) as F;
  return {
    addressOf: (octets) => Number(koffi.address(octets)),
    errno: () => koffi.errno(),
    errorName: (errno) => names.get(errno) ?? String(errno),
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
