/**
 * Room `native`: the C library of a Linux system, called through koffi. Addresses of memory are plain
 * numbers: those of user space have 47 or 48 bits, and a number is the cheapest argument that koffi takes.
 * Each shell declares the functions that it calls.
 */
export interface Library {
  /**
   * A function of the library. `types`: one letter for what it returns, then one an argument; `i`: int,
   * `l`: a pointer, size or long, all 8 octets. `F` says what that means. Throws where there is none.
   */
  readonly bind: <F>(name: string, types: string) => F;
  /** Address of the first octet. The memory must be shared: other memory may be moved or freed. */
  readonly addressOf: (octets: Uint8Array<SharedArrayBuffer>) => number;
  /** `errno` of this thread: valid directly after a call that failed. */
  readonly errno: () => number;
  /** The code's name, `EADDRINUSE`; the number as text where it has none. */
  readonly errorName: (errno: number) => string;
}

/** Architectures whose structures (LP64, little-endian) are laid out by hand. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64'];
const TYPES = { i: 'int', l: 'intptr_t' } as const;

/**
 * Loads koffi and the C library, and gives what `declare` makes of it. Never throws: where a part cannot be
 * had, a text says why, for people.
 */
export async function loadLibrary<T extends object>(declare: (library: Library) => T): Promise<T | string> {
  if (process.platform !== 'linux') return `this is ${process.platform}, not Linux`;
  if (!ARCHITECTURES.includes(process.arch)) return `not built for ${process.arch}`;
  try {
    const koffi = await import('koffi');
    // The program's own symbols: whichever C library it is linked with, glibc or musl.
    const library = koffi.load(null);
    const names = new Map(Object.entries(koffi.os.errno).map(([name, code]) => [code, name]));
    const typeOf = (letter: string): string => TYPES[letter as keyof typeof TYPES];
    return declare({
      bind: <F>(name: string, [result = '', ...args]: string): F =>
        // koffi types every function as taking and giving anything; who binds it says what it does.
        library.func(name, typeOf(result), args.map(typeOf)) as F,
      addressOf: (octets) => Number(koffi.address(octets)),
      errno: () => koffi.errno(),
      errorName: (errno) => names.get(errno) ?? String(errno),
    });
  } catch (error) {
    return `koffi cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}
