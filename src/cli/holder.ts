import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/**
 * Name of this process where others see it: `control:HOST:PID:` and four digits of chance, as containers
 * share hosts' names and numbers of processes.
 */
export function holderName(role: string): string {
  return `${role}:${hostname()}:${process.pid}:${randomBytes(2).toString('hex')}`;
}
