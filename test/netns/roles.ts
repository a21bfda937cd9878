import { fileURLToPath } from 'node:url';
import type { Net } from './net.ts';

/** Starts the program's roles on hosts of a test network, each a process of its own. */

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const START_MS = 60_000;

/** A running role. */
export interface Role {
  /** What it printed of itself when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** The last of what it printed, both streams. */
  readonly output: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** `isochrone …` on a host; resolves once it says that it is ready. */
export async function startRole(net: Net, host: string, args: readonly string[]): Promise<Role> {
  const child = net.start(host, process.execPath, [MAIN, ...args, '--json']);
  let printed = '';
  let isLost: string | undefined;
  const ready = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  const take = (text: string): void => {
    printed = (printed + text).slice(-20_000);
    const line = /^\{"ready":.*\}$/m.exec(printed)?.[0];
    if (line !== undefined) ready.resolve(JSON.parse(line).ready);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', take);
  child.once('exit', (code, signal) => {
    isLost = `${args.join(' ')} on ${host} ended with ${code ?? signal}: ${printed}`;
    ready.reject(new Error(isLost));
  });
  const timer = setTimeout(() => ready.reject(new Error(`it did not start: ${printed}`)), START_MS);
  try {
    return {
      ready: await ready.promise,
      output: () => isLost ?? printed,
      kill: (signal) => child.kill(signal),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Another program on a host; resolves once it printed `sign`. Its output goes nowhere after that. */
export async function startTool(
  net: Net,
  host: string,
  command: string,
  args: readonly string[],
  sign: string,
): Promise<Pick<Role, 'kill'>> {
  const child = net.start(host, command, args);
  const ready = Promise.withResolvers<void>();
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-4_000);
      if (printed.includes(sign)) ready.resolve();
    });
  child.once('exit', (code) =>
    ready.reject(new Error(`${command} on ${host} ended with ${code}: ${printed}`)),
  );
  const timer = setTimeout(() => ready.reject(new Error(`${command} did not start: ${printed}`)), START_MS);
  await ready.promise;
  clearTimeout(timer);
  return { kill: (signal) => child.kill(signal) };
}
