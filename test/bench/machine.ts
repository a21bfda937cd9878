import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What every benchmark needs of the machine: processes on cores of their own, their CPU time and memory by
 * the kernel's account, a temporary folder, and that nothing stays behind.
 */

/** Where the repository is, with a slash at the end. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** The core that servers run on, and the one that loads them. */
export const SERVER_CORE = '0';
export const LOAD_CORE = '1';

/** Clock ticks a second in /proc/PID/stat, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const STOP_MS = 5000;
/** Load average of a machine that does nothing else. */
const QUIET_LOAD = 0.7;

/** A started program. */
export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it printed to both streams. */
  readonly output: () => string;
  readonly ended: () => boolean;
  /** Ends it and its children: politely, then not. */
  readonly stop: () => Promise<void>;
}

const [loadAtStart = 0] = loadavg();
const started = new Set<Running>();
const folders = new Set<string>();

/** A folder that everyone may read and that is gone when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-bench-'));
  spawnSync('chmod', ['755', folder]);
  folders.add(folder);
  return folder;
}

/** Starts a program on a core; it is ended with this process at the latest. */
export function start(
  command: readonly string[],
  options: { readonly core?: string; readonly log: string; readonly env?: NodeJS.ProcessEnv },
): Running {
  const { core, log, env } = options;
  const words = core === undefined ? command : ['taskset', '-c', core, ...command];
  const file = openSync(log, 'a');
  const child = spawn(words[0] as string, words.slice(1), {
    stdio: ['ignore', file, file],
    env: { ...process.env, ...env },
    cwd: root,
  });
  closeSync(file);
  // A program that is not there shows as one that has ended.
  child.on('error', () => {});
  const running: Running = {
    pid: child.pid ?? 0,
    child,
    output: () => readFileSync(log, 'utf8'),
    ended: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
    stop: () => stop(running),
  };
  started.add(running);
  return running;
}

/** Runs a program to its end and returns its standard output; rejects with its errors if it failed. */
export async function run(
  command: readonly string[],
  options: { readonly core?: string; readonly mayFail?: boolean } = {},
): Promise<string> {
  const words = options.core === undefined ? command : ['taskset', '-c', options.core, ...command];
  const child = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => errors.push(chunk));
  const [code] = await once(child, 'close');
  if (code !== 0 && options.mayFail !== true)
    throw new Error(`${command[0]} ended with ${code}: ${Buffer.concat(errors).toString().slice(0, 2000)}`);
  return Buffer.concat(chunks).toString();
}

async function stop(running: Running): Promise<void> {
  started.delete(running);
  const { child } = running;
  if (running.ended()) return;
  const all = family(running.pid);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => kill(all), STOP_MS);
  await ended;
  clearTimeout(late);
  kill(all.filter((pid) => pid !== running.pid && existsSync(`/proc/${pid}`)));
}

function kill(pids: readonly number[]): void {
  for (const pid of pids)
    try {
      process.kill(pid, 'SIGKILL');
    } catch {} // it has ended by itself
}

/** The process and all its descendants. */
export function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = statFields(Number(entry));
    if (fields !== undefined) parents.set(Number(entry), Number(fields[1]));
  }
  const found = [pid];
  for (const one of found)
    for (const [child, parent] of parents) if (parent === one && !found.includes(child)) found.push(child);
  return found;
}

/** CPU seconds, user and kernel, of the process and its descendants, all threads. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const one of family(pid)) {
    const fields = statFields(one);
    if (fields !== undefined) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Fields of /proc/PID/stat from the third, the state, on; undefined if there is no such process. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Resident and proportional memory of the process and its descendants, MiB. */
export function memoryMib(pid: number): { readonly rss: number; readonly pss: number } {
  const sum = { rss: 0, pss: 0 };
  for (const one of family(pid)) {
    const text = readFileSync(`/proc/${one}/smaps_rollup`, 'utf8');
    const kib = (label: string): number => Number(new RegExp(`^${label}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
    sum.rss += kib('Rss') / 1024;
    sum.pss += kib('Pss') / 1024;
  }
  return sum;
}

/** Whether a program can be started. */
export function hasProgram(name: string): boolean {
  const { PATH = '' } = process.env;
  return [...PATH.split(':'), '/usr/sbin', '/sbin'].some((folder) => existsSync(join(folder, name)));
}

/** Compiles a C file of this folder into `folder`; a text says why it could not. */
export function compile(
  name: 'floor' | 'load' | 'connections' | 'flood',
  folder: string,
): { readonly path: string } | string {
  if (!hasProgram('gcc')) return 'gcc is not there (Debian: apt install gcc libc6-dev)';
  const path = join(folder, name);
  const { status, stderr } = spawnSync('gcc', ['-O2', '-o', path, join(root, `test/bench/${name}.c`)]);
  return status === 0 ? { path } : `gcc cannot compile ${name}.c: ${stderr}`;
}

/** What the figures were taken on. Says so where other programs are busy there. */
export function machineText(): string {
  if (loadAtStart > QUIET_LOAD)
    progress(`other programs were busy here (load ${loadAtStart.toFixed(1)}): the figures mean little`);
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  return `Node ${process.version}, Linux ${kernel}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}`;
}

/** The middle value; of an even number the upper one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A line on standard error, so that standard output has the results alone. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

process.on('exit', () => {
  for (const running of started) if (!running.ended()) kill(family(running.pid));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
