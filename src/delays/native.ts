import { type Library, loadLibrary } from '../native/library.ts';

/** The few calls of the C library that the queue needs. Linux alone has them. */
export interface Native {
  /** Address of the first octet. The memory must be shared: other memory may be moved or freed. */
  readonly addressOf: (octets: Uint8Array<SharedArrayBuffer>) => number;
  /** Number of the error of the call that failed just now. */
  readonly errno: () => number;
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly setsockopt: (fd: number, level: number, option: number, value: number, size: number) => number;
  readonly bind: (fd: number, address: number, size: number) => number;
  readonly send: (fd: number, from: number, octets: number, flags: number) => number;
  readonly recv: (fd: number, into: number, octets: number, flags: number) => number;
  /** Waits for events at `count` descriptors, at most as long as the `timespec` says. */
  readonly ppoll: (fds: number, count: number, timespec: number, mask: number) => number;
  readonly close: (fd: number) => number;
}

/** Loads the C library, or says why not. Never throws. */
export function loadNative(): Promise<Native | string> {
  return loadLibrary(declare);
}

function declare({ bind, addressOf, errno }: Library): Native {
  return {
    addressOf,
    errno,
    socket: bind('socket', 'iiii'),
    setsockopt: bind('setsockopt', 'iiiili'),
    bind: bind('bind', 'iili'),
    send: bind('send', 'lilli'),
    recv: bind('recv', 'lilli'),
    ppoll: bind('ppoll', 'illll'),
    close: bind('close', 'ii'),
  };
}
