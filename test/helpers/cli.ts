import { runCommandLine } from '../../src/cli/run.ts';
import { processTerminal } from '../../src/cli/terminal.ts';

/** Runs a command line in this process, in the folder that the tests run in: that of the repository. */
export async function runCli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return runCliIn({}, ...args);
}

/** The same with environment variables. */
export async function runCliIn(
  env: NodeJS.ProcessEnv,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const stdout = { isTTY: false, write: (text: string) => (printed.out += text) !== '' };
  const stderr = { isTTY: false, write: (text: string) => (printed.err += text) !== '' };
  const stop = new AbortController();
  const { on, off } = process;
  // Of the process a terminal uses what stands here.
  const here = { stdout, stderr, env, on, off } as unknown as NodeJS.Process;
  const code = await runCommandLine(args, processTerminal(here, stop.signal));
  return { code, ...printed };
}
