import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PathChange, RouterHost } from './router.ts';

/**
 * A small real network: hosts in network namespaces of their own, joined by a router in user space that
 * delays and drops packets by path. Everything in it is named after this process: two runs do not meet.
 */

/** A host and its one address. */
export interface NetHost {
  readonly name: string;
  /** `198.18.1.10`; its network is the /24 around it, and the whole of it is routed to the host. */
  readonly address: string;
}

/** The path between two hosts, both ways. */
export interface NetPath {
  readonly between: readonly [string, string];
  readonly rttMs: number;
  /** Fraction 0..1 of packets lost each way; absent: none. */
  readonly lossRate?: number;
}

/** What a program in the network printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Net {
  /** Starts a program on a host; it is killed with the network. */
  readonly start: (
    host: string,
    command: string,
    args: readonly string[],
    environment?: Readonly<Record<string, string>>,
  ) => ChildProcessWithoutNullStreams;
  /** Runs a program on a host to its end, at most `limitMs`. */
  readonly run: (host: string, command: string, args: readonly string[], limitMs?: number) => Promise<Ran>;
  /** Changes paths; resolves when packets that come from now on go so. */
  readonly setPaths: (paths: readonly NetPath[]) => Promise<void>;
  /** Kills what runs in it and takes it away. */
  readonly close: () => void;
}

const ROUTER = fileURLToPath(new URL('router.ts', import.meta.url));
const PREFIX = 'isonet';
const RUN_LIMIT_MS = 20_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Why there can be no such network here; undefined: there can. */
export function netnsMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux alone';
  if (process.getuid?.() !== 0) return 'making network namespaces needs root';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  try {
    const probe = `${PREFIX}${process.pid}-probe`;
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
  } catch (error) {
    return `ip netns does not work here: ${(error as Error).message.split('\n').at(-1)}`;
  }
  return undefined;
}

/** Makes the network. Every path has 0 ms until `setPaths`. */
export async function makeNet(hosts: readonly NetHost[]): Promise<Net> {
  removeStale();
  const children = new Set<ChildProcessWithoutNullStreams>();
  const namespaceOf = (name: string): string => `${PREFIX}${process.pid}-${name}`;
  const namespaces: string[] = [];
  const close = (): void => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
    for (const namespace of namespaces.splice(0)) removeNamespace(namespace);
    process.off('exit', close);
    for (const signal of SIGNALS) process.off(signal, stopped);
  };
  const stopped = (signal: NodeJS.Signals): void => {
    close();
    process.kill(process.pid, signal);
  };
  // Whatever ends this process short of SIGKILL; after that the next run clears up.
  process.on('exit', close);
  for (const signal of SIGNALS) process.on(signal, stopped);
  const add = (name: string): string => {
    ip('netns', 'add', namespaceOf(name));
    namespaces.push(namespaceOf(name));
    return namespaceOf(name);
  };
  const start: Net['start'] = (host, command, args, environment = {}) => {
    const child = spawn('ip', ['netns', 'exec', namespaceOf(host), command, ...args], {
      env: { ...process.env, ...environment },
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    child.stdin.on('error', () => undefined);
    return child;
  };
  try {
    add('router');
    const routed = hosts.map(({ name, address }, i): RouterHost => {
      return { name, device: `tun${i}`, network: address.split('.').slice(0, 3).join('.') };
    });
    const router = await startRouter(start, routed);
    for (const [i, host] of hosts.entries()) plug(namespaceOf('router'), add(host.name), `tun${i}`, host);
    return { start, run: (...args) => runIn(start, ...args), setPaths: router, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Moves a device of the router's into a host's namespace and sends everything of the host there. */
function plug(router: string, namespace: string, device: string, { address }: NetHost): void {
  const network = address.split('.').slice(0, 3).join('.');
  ip('-n', router, 'link', 'set', device, 'netns', namespace);
  ip('-n', namespace, 'link', 'set', 'lo', 'up');
  ip('-n', namespace, 'addr', 'add', `${address}/32`, 'dev', device);
  ip('-n', namespace, 'link', 'set', device, 'up');
  ip('-n', namespace, 'route', 'add', 'default', 'dev', device, 'src', address);
  // Any address of the network is the host's: a client network is more than one client.
  ip('-n', namespace, 'route', 'add', 'local', `${network}.0/24`, 'dev', 'lo');
}

async function startRouter(start: Net['start'], hosts: readonly RouterHost[]): Promise<Net['setPaths']> {
  // Before all others: a router that waits for a processor adds to every round trip.
  const args = ['-n', '-15', process.execPath, ROUTER, JSON.stringify(hosts)];
  const child = start('router', 'nice', args);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const answer = () => new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
  createInterface({ input: child.stdout }).on('line', () => waiting.shift()?.resolve());
  child.once('exit', (code) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`the router ended with ${code}: ${errors}`));
  });
  await answer();
  return async (paths) => {
    const changes = paths.flatMap(({ between: [a, b], rttMs, lossRate = 0 }): PathChange[] => {
      const half = { oneWayMs: rttMs / 2, lossRate };
      return [
        { from: a, to: b, ...half },
        { from: b, to: a, ...half },
      ];
    });
    child.stdin.write(`${JSON.stringify(changes)}\n`);
    await answer();
  };
}

function runIn(
  start: Net['start'],
  host: string,
  command: string,
  args: readonly string[],
  limitMs = RUN_LIMIT_MS,
): Promise<Ran> {
  const child = start(host, command, args);
  const printed = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.err += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, ...printed });
    });
  });
}

/** Networks of runs that were killed: named after a process that is no more. */
function removeStale(): void {
  for (const name of listNamespaces()) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1] ?? 0);
    if (pid > 0 && !existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}

function listNamespaces(): string[] {
  return ip('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(PREFIX));
}

/** Kills what runs inside (nothing but what this file's users started can) and removes the namespace. */
function removeNamespace(namespace: string): void {
  try {
    for (const pid of ip('netns', 'pids', namespace).split('\n').filter(Boolean))
      process.kill(Number(pid), 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
  try {
    ip('netns', 'del', namespace);
  } catch {
    // Another run's sweep was faster.
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
