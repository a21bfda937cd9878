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

/** Architectures whose structures (LP64, little-endian) are laid out by hand here. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64'];

/** Loads koffi and the C library, or says why not. Never throws. */
export async function loadNative(): Promise<Native | string> {
  if (process.platform !== 'linux') return `this is ${process.platform}, not Linux`;
  if (!ARCHITECTURES.includes(process.arch)) return `not built for ${process.arch}`;
  try {
    const koffi = await import('koffi');
    // The program's own symbols: whichever C library it is linked with, glibc or musl.
    return declare(koffi, koffi.load(null));
  } catch (error) {
    return `koffi cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

type Koffi = typeof import('koffi');

function declare(koffi: Koffi, library: ReturnType<Koffi['load']>): Native {
  // `i`: int, `l`: a pointer, size or long, all 8 octets; the first letter is what the function returns.
  const types = { i: 'int', l: 'intptr_t' } as const;
  const typeOf = (letter: string): string => types[letter as 'i' | 'l'];
  const bind = <F>(name: string, [result = '', ...args]: string): F =>
    // koffi types every function as taking and giving anything; the interface above says what they are.
    library.func(name, typeOf(result), args.map(typeOf)) as F;
  return {
    addressOf: (octets) => Number(koffi.address(octets)),
    errno: () => koffi.errno(),
    socket: bind('socket', 'iiii'),
    setsockopt: bind('setsockopt', 'iiiili'),
    bind: bind('bind', 'iili'),
    send: bind('send', 'lilli'),
    recv: bind('recv', 'lilli'),
    ppoll: bind('ppoll', 'illll'),
    close: bind('close', 'ii'),
  };
}
