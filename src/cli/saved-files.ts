import { readFileSync } from 'node:fs';
import { replaceFile } from '../store/replace-file.ts';

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

/** Keeps something for the next start, for the owner alone. */
export function writeSaved(path: string, content: string | Uint8Array): void {
  replaceFile(path, [content], 0o600);
}
