/**
 * `npm run bench:pop`: cached hits of 1 KiB over HTTPS with keep-alive, a POP beside nginx of Debian, and
 * beside Varnish with hitch for TLS where they are installed, in one run, by processor time a request; over
 * HTTP/2, where h2load is installed, beside nginx and beside Node's library alone, which is the floor. The
 * servers take turns: no machine is as fast twice.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askFor, startLonePop } from '../helpers/lone-pop.ts';
import { freePort } from '../helpers/redis.ts';
import { cpuSeconds, median } from './machine.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'isochrone-bench-pop-'));
const ADDRESS = '127.96.1.1';
const SECONDS = 3;
const ROUNDS = 5;
/** Requests before, so that the engine has compiled what is hot, in so many runs at most. */
const WARM_UP_REQUESTS = 100_000;
const WARM_UPS_MAX = 12;
const CONNECTIONS = 32;
const children: ChildProcess[] = [];

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
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

type Protocol = 'HTTP/1.1' | 'HTTP/2';

/** What asks, and what of its report is the number of requests. */
const CLIENTS: Readonly<Record<Protocol, { readonly command: string; readonly count: RegExp }>> = {
  'HTTP/1.1': { command: `wrk -t1 -c${CONNECTIONS} -d${SECONDS}s -H`, count: /(\d+) requests in/ },
  'HTTP/2': { command: `h2load -t1 -c8 -m10 -D${SECONDS} -H`, count: /status codes: (\d+) 2xx/ },
};

async function load({ pid, port, others = [] }: Server, protocol: Protocol): Promise<Result> {
  const url = `https://${ADDRESS}:${port}/object`;
  await ask(port);
  const cpu = () => [pid, ...others].reduce((sum, one) => sum + cpuSeconds(one), 0);
  const before = cpu();
  const { command, count: pattern } = CLIENTS[protocol];
  const [program = '', ...args] = command.split(' ');
  const host = protocol === 'HTTP/2' ? ':authority: bench.example' : 'Host: bench.example';
  const text = await new Promise<string>((resolve, reject) => {
    const client = spawn(program, [...args, host, url], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    client.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
    });
    client.on('error', reject);
    client.on('close', () => resolve(out));
  });
  const count = Number(pattern.exec(text)?.[1] ?? 0);
  if (/Non-2xx/.test(text) || count === 0) throw new Error(text);
  return { rps: count / SECONDS, cpuMicros: ((cpu() - before) / count) * 1e6 };
}

function isInstalled(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    console.log(`there is no ${command}`);
    return false;
  }
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
    listen ${ADDRESS}:${port} ssl http2;
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
  if (!isInstalled('varnishd') || !isInstalled('hitch')) return undefined;
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

/** Node's library of HTTP/2 with nothing behind it. */
async function startFloor(): Promise<Server> {
  const port = await freePort();
  const files = ['pop.crt', 'pop.key'].map((name) => join(folder, 'state', name));
  const child = start(process.execPath, ['test/bench/pop-h2-floor.ts', ADDRESS, String(port), ...files]);
  await answers(port);
  return { pid: child.pid ?? 0, port };
}

/** Lets the servers take turns; prints what each took, and how the first compares with the second. */
async function compare(protocol: Protocol, servers: ReadonlyMap<string, Server>): Promise<void> {
  const results = new Map<string, Result[]>(Array.from(servers, ([name]) => [name, []]));
  const [first] = servers.values();
  for (let i = 0, asked = 0; first !== undefined && asked < WARM_UP_REQUESTS && i < WARM_UPS_MAX; i++)
    asked += (await load(first, protocol)).rps * SECONDS;
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, server] of servers) results.get(name)?.push(await load(server, protocol));
  console.log(`\n${protocol}, ${ROUNDS} rounds of ${SECONDS} s, processor a request: median (least to most)`);
  const medians = Array.from(results, ([name, all]) => {
    const micros = all.map(({ cpuMicros }) => cpuMicros);
    const middle = median(micros);
    const spread = `${Math.min(...micros).toFixed(1)} to ${Math.max(...micros).toFixed(1)}`;
    const rps = median(all.map((one) => one.rps)).toFixed(0);
    console.log(`${name.padEnd(10)} ${middle.toFixed(1).padStart(6)} µs (${spread}), ${rps} requests/s`);
    return middle;
  });
  const [own = 1, nginx = 0] = medians;
  console.log(`${(nginx / own).toFixed(2)} of nginx's rate a core`);
}

const pop = await startLonePop(folder, ADDRESS);
try {
  const isochrone = { pid: pop.child.pid ?? 0, port: pop.port };
  const nginx = await startNginx(pop.originPort);
  const varnish = await startVarnish(pop.originPort);
  const two: readonly (readonly [string, Server])[] = [
    ['isochrone', isochrone],
    ['nginx', nginx],
  ];
  await compare('HTTP/1.1', new Map(varnish === undefined ? two : [...two, ['varnish', varnish]]));
  if (isInstalled('h2load')) await compare('HTTP/2', new Map([...two, ['node:http2', await startFloor()]]));
} finally {
  for (const child of children) child.kill();
  await pop.close();
  rmSync(folder, { recursive: true, force: true });
}
