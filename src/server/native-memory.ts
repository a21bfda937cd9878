import { getPriority, setPriority } from 'node:os';
import { type Allocate, plainMemory } from '../base/image-file.ts';
import { type Libc, loadLibc } from './native-libc.ts';

/** What a thread may ask of the kernel for itself. Where the kernel cannot be asked, it does nothing. */
export interface ThreadSystem {
  /** Shared memory that large tables are read from at random. */
  readonly allocate: Allocate;
  /** Lets threads that answer go before this one, from now on. */
  readonly stepBack: () => void;
}

/** A page, and a huge one, on x86-64 and on most arm64 systems, octets. */
const PAGE = 4096;
const HUGE_PAGE = 1 << 21;
const MADV_HUGEPAGE = 14;
/**
 * Leaves a third of a core that an answering thread wants all of. Twice as far back, no query was answered
 * sooner, and an overloaded machine would steer by old images for longer.
 */
const STEP = 3;

/** For the thread that calls it. Never fails. */
export async function loadThreadSystem(): Promise<ThreadSystem> {
  const loaded = await loadLibc();
  if (!('libc' in loaded)) return { allocate: plainMemory, stepBack: () => {} };
  const { libc } = loaded;
  return {
    allocate: (octets) => inHugePages(libc, octets),
    // On Linux the priority is the thread's own, although POSIX says the process's.
    stepBack: () => {
      try {
        setPriority(0, Math.min(19, getPriority(0) + STEP));
      } catch {} // A sandbox may forbid the call; the thread works as well without it.
    },
  };
}

/**
 * Memory in pages of 2 MiB where the system has them: a read anywhere in a large table then rarely waits for
 * the page tables as well. They must be asked for before the memory is first written.
 */
function inHugePages(libc: Libc, octets: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(octets);
  if (octets < 2 * HUGE_PAGE) return buffer;
  const start = libc.addressOf(new Uint8Array(buffer));
  const from = Math.ceil(start / PAGE) * PAGE;
  // What this returns does not matter: pages of the usual size hold as much.
  libc.madvise(from, start + octets - from, MADV_HUGEPAGE);
  return buffer;
}
