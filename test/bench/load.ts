import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EdgeProcessStats } from '../helpers/edge-process.ts';

export interface LoadRow {
  readonly what: string;
  /** Medians over the rounds. */
  readonly queriesPerSecond: number;
  readonly cpuUs: number;
  readonly lost: number;
}

/** A name server of test/bench/edge.yaml in a process of its own, which ends with this one. */
export interface EdgeProcess {
  readonly process: ChildProcess;
  readonly port: number;
  readonly close: () => Promise<void>;
}

const ROUNDS = 3;
const SECONDS = 2;
/** Client subnet 10.1.2.0/24 as an EDNS option (RFC 7871 §6). */
const SUBNET_OPTION = '8:000118000a0102';
/** Clock ticks a second in /proc/PID/stat, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Starts the name server on the first core, where there are several. */
export async function startEdgeProcess(): Promise<EdgeProcess> {
  const child = fork(new URL('../helpers/edge-process.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [stats] = await once(child, 'message');
  pin(child.pid as number);
  return {
    process: child,
    port: (stats as EdgeProcessStats).port,
    close: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/** Whether there is what loads and what tells CPU time. */
export function canLoad(): boolean {
  return process.platform === 'linux' && spawnSync('dnsperf', ['-h']).error === undefined;
}

/** Loads the server with dnsperf, kind by kind in turn, and takes its CPU time from the kernel's account. */
export async function measureLoad(server: EdgeProcess): Promise<LoadRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-bench-'));
  const kinds = (['udp', 'tcp'] as const).flatMap((transport) =>
    (['www', 'static'] as const).map((name) => ({ transport, name })),
  );
  const rounds = kinds.map(() => [] as Omit<LoadRow, 'what'>[]);
  try {
    for (let round = 0; round < ROUNDS; round++)
      for (const [index, kind] of kinds.entries())
        rounds[index]?.push(await loadOnce(server, { ...kind, folder }));
  } finally {
    rmSync(folder, { recursive: true });
  }
  return kinds.map(({ transport, name }, index) => {
    const all = rounds[index] ?? [];
    const what = `${transport.toUpperCase()}, ${name === 'www' ? 'steered' : 'static'}, ECS in the query`;
    return {
      what,
      queriesPerSecond: median(all.map((row) => row.queriesPerSecond)),
      cpuUs: median(all.map((row) => row.cpuUs)),
      lost: all.reduce((sum, row) => sum + row.lost, 0),
    };
  });
}

async function loadOnce(
  server: EdgeProcess,
  options: { transport: 'udp' | 'tcp'; name: string; folder: string },
): Promise<Omit<LoadRow, 'what'>> {
  const { transport, name, folder } = options;
  const file = join(folder, name);
  writeFileSync(file, `${name}.edge.test A\n`);
  const pid = server.process.pid as number;
  const before = cpuSeconds(pid);
  const args = [
    '-m',
    transport,
    '-s',
    '127.0.0.1',
    '-p',
    String(server.port),
    '-d',
    file,
    '-l',
    String(SECONDS),
  ];
  const text = await output('dnsperf', [...args, '-c', '16', '-T', '1', '-q', '500', '-E', SUBNET_OPTION]);
  const cpu = cpuSeconds(pid) - before;
  const figure = (label: string): number =>
    Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(text)?.[1] ?? Number.NaN);
  const completed = figure('Queries completed');
  return {
    queriesPerSecond: figure('Queries per second'),
    cpuUs: (cpu * 1e6) / completed,
    lost: figure('Queries lost'),
  };
}

/** Runs to its end and returns standard output. */
async function output(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  pin(child.pid as number, '1');
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  await once(child, 'close');
  return Buffer.concat(chunks).toString();
}

/**
 * Server and load on cores of their own, or each would measure the other. Where that cannot be, it is not.
 */
function pin(pid: number, core = '0'): void {
  spawnSync('taskset', ['-apc', core, String(pid)]);
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
