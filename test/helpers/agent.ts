import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const START_MS = 20_000;

/** A running `isochrone agent`. */
export interface AgentProcess {
  /** What the `ready` line says. */
  readonly ready: {
    readonly pop: string;
    readonly connected: boolean;
    readonly targets: number;
    readonly declined: readonly string[];
    /** `http://127.0.0.1:PORT`. */
    readonly admin: string;
  };
  readonly output: () => string;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Ends it with SIGTERM; gives the exit code, or the signal that ended it, and how long that took, ms. */
  readonly end: () => Promise<{ readonly code: number | string; readonly tookMs: number }>;
}

/** Starts `isochrone agent …` as a process of its own; resolves once it says that it is ready. */
export async function startAgentProcess(...args: readonly string[]): Promise<AgentProcess> {
  const metrics = args.includes('--admin-port') ? [] : ['--admin-port', '0'];
  const flags = ['src/main.ts', 'agent', '--json', ...metrics, ...args];
  const child = spawn(process.execPath, flags, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  const ended = new Promise<number | string>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  );
  const deadlineMs = performance.now() + START_MS;
  let line: string | undefined;
  while (line === undefined && performance.now() < deadlineMs && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    line = printed.split('\n').find((one) => one.startsWith('{"ready"') && one.endsWith('}'));
  }
  if (line === undefined) {
    child.kill('SIGKILL');
    throw new Error(`it did not start: ${printed}`);
  }
  return {
    ready: JSON.parse(line).ready,
    output: () => printed,
    signal: (signal) => child.kill(signal),
    end: async () => {
      const begunMs = performance.now();
      child.kill('SIGTERM');
      return { code: await ended, tookMs: performance.now() - begunMs };
    },
  };
}
