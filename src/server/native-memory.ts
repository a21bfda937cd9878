import { type Allocate, plainMemory } from '../base/image-file.ts';
import { type Libc, loadLibc } from './native-libc.ts';

/** A page, and a huge one, on x86-64 and on most arm64 systems, octets. */
const PAGE = 4096;
const HUGE_PAGE = 1 << 21;
const MADV_HUGEPAGE = 14;
/**
 * Gives shared memory that large tables are read from at random; plain where the kernel cannot be asked for
 * better. Never fails.
 */
export async function loadAllocate(): Promise<Allocate> {
  const loaded = await loadLibc();
  if (!('libc' in loaded)) return plainMemory;
  const { libc } = loaded;
  return (octets) => inHugePages(libc, octets);
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
