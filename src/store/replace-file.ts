import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Puts a file in place of another: beside, synced, renamed, so that a crash leaves the old or the new one.
 * `mode`: of the new file, less the umask, whatever that of the old. Makes the folder. Throws the system's
 * error.
 */
export function replaceFile(path: string, chunks: Iterable<string | Uint8Array>, mode: number): void {
  mkdirSync(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const descriptor = openSync(beside, 'w', mode);
    try {
      for (const chunk of chunks) {
        const octets = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
        for (let at = 0; at < octets.length; ) at += writeSync(descriptor, octets, at);
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}
