import { fileURLToPath } from 'node:url';
import type { Terminal } from './command.ts';

/** The version that package.json states. */
export function programVersion(terminal: Pick<Terminal, 'readText'>): string {
  const path = fileURLToPath(new URL('../../package.json', import.meta.url));
  return (JSON.parse(terminal.readText(path)) as { version: string }).version;
}
