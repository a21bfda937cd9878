import type { Clock } from '../base/clock.ts';
import type { Terminal } from './command.ts';

/** Prints log lines to standard error, each with its time in UTC. */
export function logTo(terminal: Pick<Terminal, 'err'>, clock: Clock): (message: string) => void {
  return (message) => terminal.err(`${new Date(clock.nowMs()).toISOString()} ${message}`);
}
