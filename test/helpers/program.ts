import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lendImage } from './known-images.ts';

/** Runs the program as a user does: in processes of its own. */

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'src/main.ts');
const START_MS = 60_000;
const STOP_MS = 5_000;

/** A running `up`, `serve` or `control`. */
export interface Program {
  /** DNS port on 127.0.0.1, UDP and TCP; 0: it has none. */
  readonly port: number;
  /** `http://127.0.0.1:PORT`. */
  readonly admin: string;
  readonly state: string;
  readonly pid: number;
  /** Everything printed so far, both streams. */
  readonly output: () => string;
  /** Sends a signal and waits for the end; gives the exit code, or the signal that ended it. */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | string>;
}

/** What a finished command left. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Starts `isochrone COMMAND …` on free ports with a state folder of its own; resolves once it says that it
 * answers.
 */
export async function startProgram(
  args: readonly string[],
  options: {
    readonly state?: string;
    /** Whether a state folder of the test's own is lent a client image too, where it has none. */
    readonly borrows?: boolean;
    readonly env?: Record<string, string>;
    /** Flags of Node. */
    readonly nodeFlags?: readonly string[];
    /** DNS port; absent: a free one. */
    readonly port?: number;
    /** How long the start may take, ms. */
    readonly startMs?: number;
  } = {},
): Promise<Program> {
  const state = options.state ?? mkdtempSync(join(tmpdir(), 'isochrone-test-'));
  const lent = options.state === undefined || options.borrows ? lendImage(state, args) : undefined;
  const dnsFlags = args[0] === 'control' ? [] : ['--port', String(options.port ?? 0)];
  const flags = ['--json', ...dnsFlags, '--admin-port', '0', '--state', state];
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), main, ...args, ...flags], {
    cwd: root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  const ready = await readyLine(child, () => printed, options.startMs);
  // Others that start meanwhile are to have it too.
  lent?.giveBack();
  const dns = ready.dns?.[0] ?? '';
  return {
    port: Number(dns.slice(dns.lastIndexOf(':') + 1)),
    admin: ready.admin,
    state,
    pid: child.pid ?? 0,
    output: () => printed,
    end: async (signal = 'SIGTERM') => {
      const ended = endOf(child);
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      const result = await ended;
      clearTimeout(timer);
      lent?.giveBack();
      if (options.state === undefined) rmSync(state, { recursive: true, force: true });
      return result;
    },
  };
}

/** The header that changes of a program need. */
export function permit({ state }: Pick<Program, 'state'>): { readonly authorization: string } {
  return { authorization: `Bearer ${readFileSync(join(state, 'admin.token'), 'utf8').trim()}` };
}

/** Runs `isochrone …` to its end. */
export async function runProgram(...args: string[]): Promise<Ended> {
  return runTool(process.execPath, [main, ...args]);
}

/** Runs any program to its end; a failure is a result, not an exception. */
export async function runTool(file: string, args: readonly string[]): Promise<Ended> {
  try {
    const { stdout, stderr } = await promisify(execFile)(file, args, { cwd: root, maxBuffer: 64 << 20 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    // execFile rejects with the streams and the exit code on the error itself.
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

/** Answer data of `dig +short`, one entry a record. */
export async function dig(port: number, ...args: string[]): Promise<string[]> {
  const { code, out } = await runTool('dig', [
    '+short',
    '+time=2',
    '+tries=1',
    '-p',
    String(port),
    '@127.0.0.1',
    ...args,
  ]);
  if (code !== 0) throw new Error(`dig ${args.join(' ')} ended with ${code}: ${out}`);
  return out.split('\n').filter((line) => line !== '');
}

/** Asks until `holds` says yes, at most `withinMs`; gives the last value and how long it took. */
export async function until<T>(
  ask: () => Promise<T>,
  holds: (value: T) => boolean,
  withinMs: number,
): Promise<{ readonly value: T; readonly ms: number; readonly held: boolean }> {
  const start = performance.now();
  for (;;) {
    const value = await ask();
    const ms = performance.now() - start;
    if (holds(value)) return { value, ms, held: true };
    if (ms > withinMs) return { value, ms, held: false };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function endOf(child: ChildProcess): Promise<number | string> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  if (child.signalCode !== null) return Promise.resolve(child.signalCode);
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')));
}

async function readyLine(
  child: ChildProcess,
  printed: () => string,
  startMs = START_MS,
): Promise<{ dns?: string[]; admin: string }> {
  const deadline = performance.now() + startMs;
  while (performance.now() < deadline && child.exitCode === null) {
    const line = printed()
      .split('\n')
      .find((one) => one.startsWith('{"ready"') && one.endsWith('}'));
    if (line !== undefined) return JSON.parse(line).ready;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  throw new Error(`it did not start: ${printed()}`);
}
