import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real Redis server of this test, on a free port, in a folder of its own that goes with it. */
export interface TestRedis {
  readonly port: number;
  /** `redis://127.0.0.1:port/0`. */
  readonly url: string;
  readonly folder: string;
  /** The server's process id while it runs. */
  readonly pid: () => number | undefined;
  /** Starts it again on the same port and folder after `kill`; resolves when it accepts connections. */
  readonly start: () => Promise<void>;
  /** Sends a signal; after SIGKILL or SIGTERM resolves when the process is gone. */
  readonly kill: (signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT') => Promise<void>;
  /** Ends it for good and removes the folder. */
  readonly stop: () => Promise<void>;
}

/** Reason to skip a test that needs Redis, or false: a machine may have none. */
export function withoutRedis(): string | false {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'no redis-server on this machine';
  }
}

/** How a server is started. */
export interface RedisServerOptions {
  /** Come after `--port … --bind 127.0.0.1 --dir …` without persistence. */
  readonly args?: (folder: string, port: number) => string[];
  /** Of a sentinel: what its file says besides its port. */
  readonly sentinel?: string | ((folder: string, port: number) => string);
  /** A configuration file, which the arguments beat. */
  readonly conf?: (folder: string) => string;
}

/** Starts a Redis server, or a sentinel. */
export async function startRedis(options: RedisServerOptions = {}): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-redis-'));
  const port = await freePort();
  const args = argumentsOf(folder, port, options);
  let child: ChildProcess | undefined;
  const killAtExit = () => child?.kill('SIGKILL');
  process.on('exit', killAtExit);

  async function start(): Promise<void> {
    const started = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child = started;
    let output = '';
    started.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    for (let waitedMs = 0; !/Ready to accept connections|Sentinel ID is/.test(output); waitedMs += 10) {
      if (started.exitCode !== null || waitedMs > 10_000)
        throw new Error(`redis-server did not start: ${output}`);
      await sleep(10);
    }
  }

  async function kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const target = child;
    if (target === undefined || target.exitCode !== null || target.signalCode !== null) return;
    const gone = new Promise((resolve) => target.once('exit', resolve));
    target.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await gone;
  }

  async function stop(): Promise<void> {
    await kill('SIGKILL');
    process.off('exit', killAtExit);
    rmSync(folder, { recursive: true, force: true });
  }

  await start();
  return { port, url: `redis://127.0.0.1:${port}/0`, folder, pid: () => child?.pid, start, kill, stop };
}

function argumentsOf(folder: string, port: number, { args, sentinel, conf }: RedisServerOptions): string[] {
  if (sentinel !== undefined) {
    const file = join(folder, 'sentinel.conf');
    const told = typeof sentinel === 'string' ? sentinel : sentinel(folder, port);
    writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\n${told}\n`);
    return [file, '--sentinel'];
  }
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const first = conf === undefined ? [] : [join(folder, 'redis.conf')];
  if (conf !== undefined) writeFileSync(join(folder, 'redis.conf'), conf(folder));
  return [...first, ...fixed, '--save', '', '--appendonly', 'no', ...(args?.(folder, port) ?? [])];
}

/** A TCP port of 127.0.0.1 that was free just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
