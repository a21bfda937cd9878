import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** What a file holds; undefined where it cannot be read. */
export function readOctets(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** What this program saved as JSON; undefined where there is nothing whole. */
export function readSaved<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T; // Of our making: see `writeSaved`.
  } catch {
    return undefined;
  }
}

/** Writes a file beside, synced, then renamed: a crash leaves the old one or the new one. */
export function writeSaved(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const descriptor = openSync(beside, 'w', 0o600);
    try {
      const octets = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      for (let at = 0; at < octets.length; ) at += writeSync(descriptor, octets, at);
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
