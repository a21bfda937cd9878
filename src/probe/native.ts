import { type Library, loadLibrary } from '../native/library.ts';

/**
 * The few calls of the C library that measuring needs beyond what Node offers: datagrams with the kernel's
 * own receive times, the kernel's figures of TCP connections, and netlink. Linux alone has them.
 */
export interface Native {
  /** Address of the first octet. The memory must be shared: other memory may be moved or freed. */
  readonly addressOf: (octets: Uint8Array<SharedArrayBuffer>) => number;
  /** Name of the error of the call that failed just now: `EACCES`. */
  readonly lastError: () => string;
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly setsockopt: (fd: number, level: number, option: number, value: number, size: number) => number;
  readonly getsockopt: (fd: number, level: number, option: number, value: number, size: number) => number;
  readonly bind: (fd: number, address: number, size: number) => number;
  readonly sendto: (
    fd: number,
    from: number,
    octets: number,
    flags: number,
    to: number,
    toSize: number,
  ) => number;
  readonly recvmsg: (fd: number, header: number, flags: number) => number;
  readonly recv: (fd: number, into: number, octets: number, flags: number) => number;
  readonly close: (fd: number) => number;
  readonly clockGettime: (clock: number, into: number) => number;
}

/** The library, or why it cannot be called from here, for people. */
export type NativeResult = { readonly native: Native } | { readonly reason: string };

/** Numbers of the Linux system-call interface that are the same on x86-64 and on arm64. */
export const LINUX = {
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_NONBLOCK: 0x800,
  SOCK_CLOEXEC: 0x8_0000,
  IPPROTO_ICMP: 1,
  IPPROTO_TCP: 6,
  IPPROTO_ICMPV6: 58,
  NETLINK_SOCK_DIAG: 4,
  SOL_SOCKET: 1,
  SO_RCVBUF: 8,
  SO_TIMESTAMPNS: 35,
  SOL_RAW: 255,
  ICMP_FILTER: 1,
  ICMP6_FILTER: 1,
  TCP_INFO: 11,
  MSG_DONTWAIT: 0x40,
  CLOCK_REALTIME: 0,
} as const;

/** Offsets into `struct tcp_info`, octets; the kernel only ever adds fields at its end. */
export const TCP_INFO = {
  /** Milliseconds since an acknowledgment last came. */
  LAST_ACK_RECV: 56,
  /** Smoothed round-trip time, µs. */
  RTT: 68,
  TOTAL_RETRANS: 100,
  /** Least round-trip time of some minutes, µs; kernels since 4.6. */
  MIN_RTT: 148,
  DATA_SEGS_OUT: 156,
  OCTETS: 160,
} as const;

/** Loads the C library. Never throws. */
export async function loadNative(): Promise<NativeResult> {
  const native = await loadLibrary(declare);
  return typeof native === 'string' ? { reason: native } : { native };
}

function declare({ bind, addressOf, errno, errorName }: Library): Native {
  return {
    addressOf,
    lastError: () => errorName(errno()),
    socket: bind('socket', 'iiii'),
    setsockopt: bind('setsockopt', 'iiiili'),
    getsockopt: bind('getsockopt', 'iiiill'),
    bind: bind('bind', 'iili'),
    sendto: bind('sendto', 'lillili'),
    recvmsg: bind('recvmsg', 'lili'),
    recv: bind('recv', 'lilli'),
    close: bind('close', 'ii'),
    clockGettime: bind('clock_gettime', 'iil'),
  };
}
