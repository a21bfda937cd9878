/**
 * `npm run bench:pop`: cached hits of 1 KiB over HTTPS with keep-alive, a POP beside nginx of Debian, and
 * beside Varnish with hitch for TLS where they are installed, in one run, by processor time a request.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askFor, startLonePop } from '../helpers/lone-pop.ts';
import { freePort } from '../helpers/redis.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'isochrone-bench-pop-'));
const ADDRESS = '127.96.1.1';
const SECONDS = 5;
const CONNECTIONS = 32;
const children: ChildProcess[] = [];

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

/** Processor time of a process and its children, s. */
function cpuSeconds(pid: number): number {
  const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const pids = execFileSync('sh', ['-c', `echo ${pid}; pgrep -P ${pid} || true`], { encoding: 'utf8' });
  let sum = 0;
  for (const one of pids.trim().split(/\s+/)) {
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    sum += Number(fields[11]) + Number(fields[12]);
  }
  return sum / ticks;
}

/** What serves, and what else works for it. */
interface Server {
  readonly pid: number;
  readonly port: number;
  readonly others?: readonly number[];
}

interface Result {
  readonly rps: number;
  readonly cpuMicros: number;
}

async function load({ pid, port, others = [] }: Server): Promise<Result> {
  const url = `https://${ADDRESS}:${port}/object`;
  await ask(port);
  const cpu = () => [pid, ...others].reduce((sum, one) => sum + cpuSeconds(one), 0);
  const before = cpu();
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`, '-H', 'Host: bench.example', url];
  const text = await new Promise<string>((resolve, reject) => {
    const wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    wrk.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
    });
    wrk.on('error', reject);
    wrk.on('close', () => resolve(out));
  });
  const count = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  if (/Non-2xx/.test(text) || count === 0) throw new Error(text);
  return { rps: count / SECONDS, cpuMicros: ((cpu() - before) / count) * 1e6 };
}

function ask(port: number): Promise<number> {
  return askFor({ host: ADDRESS, port, agent: new Agent({ keepAlive: false }) });
}

async function answers(port: number): Promise<void> {
  for (let i = 0; i < 300; i++) {
    try {
      if ((await ask(port)) === 200) return;
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`nothing answers on port ${port}`);
}

async function startNginx(origin: number): Promise<Server> {
  const port = await freePort();
  mkdirSync(join(folder, 'nginx'));
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `user root; pid ${folder}/nginx.pid; error_log stderr crit; daemon off; worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000;
  proxy_cache_path ${folder}/nginx levels=1:2 keys_zone=c:10m;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server {
    listen ${ADDRESS}:${port} ssl;
    ssl_certificate ${folder}/state/pop.crt; ssl_certificate_key ${folder}/state/pop.key;
    location / { proxy_pass http://127.0.0.1:${origin}; proxy_cache c; add_header Age 0; }
  }
}
`,
  );
  const child = start('nginx', ['-c', file, '-p', folder]);
  await answers(port);
  return { pid: child.pid ?? 0, port };
}

/** Varnish behind hitch, as it speaks no TLS; undefined where one is not installed. */
async function startVarnish(origin: number): Promise<Server | undefined> {
  for (const command of ['varnishd', 'hitch'])
    try {
      execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    } catch {
      console.log(`varnish is left out: there is no ${command}`);
      return undefined;
    }
  const [port, plain] = [await freePort(), await freePort()];
  const own = ['-a', `127.0.0.1:${plain}`, '-b', `127.0.0.1:${origin}`, '-n', join(folder, 'varnish')];
  const varnish = start('varnishd', ['-F', ...own, '-s', 'malloc,64m', '-j', 'none']);
  const parts = ['pop.crt', 'pop.key'].map((name) => readFileSync(join(folder, 'state', name), 'utf8'));
  writeFileSync(join(folder, 'hitch.pem'), parts.join('\n'), { mode: 0o600 });
  const ends = [`--frontend=[${ADDRESS}]:${port}`, `--backend=[127.0.0.1]:${plain}`];
  // As root it wants to serve as somebody else.
  const user = process.getuid?.() === 0 ? ['--user=nobody'] : [];
  const hitch = start('hitch', [...ends, ...user, '--workers=1', '--quiet', join(folder, 'hitch.pem')]);
  await answers(port);
  return { pid: varnish.pid ?? 0, port, others: [hitch.pid ?? 0] };
}

const pop = await startLonePop(folder, ADDRESS);
try {
  const isochrone = { pid: pop.child.pid ?? 0, port: pop.port };
  const nginx = await startNginx(pop.originPort);
  const varnish = await startVarnish(pop.originPort);
  for (const [name, of] of [
    ['warm-up', isochrone],
    ['isochrone', isochrone],
    ['nginx', nginx],
    ['varnish', varnish],
    ['isochrone', isochrone],
    ['nginx', nginx],
    ['varnish', varnish],
  ] as const) {
    if (of === undefined) continue;
    const { rps, cpuMicros } = await load(of);
    const each = `${cpuMicros.toFixed(1)} µs of processor a request`;
    console.log(`${name.padEnd(10)} ${rps.toFixed(0).padStart(7)} requests/s  ${each}`);
  }
} finally {
  for (const child of children) child.kill();
  await pop.close();
  rmSync(folder, { recursive: true, force: true });
}
