/**
 * `npm run bench:pop`: cached hits of 1 KiB over HTTPS with keep-alive, a POP beside nginx of Debian in one
 * run, by processor time a request; and good clients while 5,000 slow connections hold on to the POP.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../helpers/redis.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'isochrone-bench-pop-'));
const ADDRESS = '127.96.1.1';
const SECONDS = 5;
const CONNECTIONS = 32;
const SLOW = 5_000;
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

interface Result {
  readonly rps: number;
  readonly cpuMicros: number;
}

async function load(pid: number, port: number): Promise<Result> {
  const url = `https://${ADDRESS}:${port}/object`;
  await ask(port, new Agent({ keepAlive: false }));
  const before = cpuSeconds(pid);
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
  return { rps: count / SECONDS, cpuMicros: ((cpuSeconds(pid) - before) / count) * 1e6 };
}

function ask(port: number, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: ADDRESS, port, path: '/object', headers: { host: 'bench.example' }, agent };
    const asked = request({ ...options, rejectUnauthorized: false, timeout: 10_000 }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in 10 s')));
    asked.on('error', reject);
    asked.end();
  });
}

async function answers(port: number): Promise<void> {
  for (let i = 0; i < 300; i++) {
    try {
      if ((await ask(port, new Agent({ keepAlive: false }))) === 200) return;
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`nothing answers on port ${port}`);
}

async function startPop(origin: number): Promise<{ pid: number; port: number }> {
  const port = await freePort();
  writeFileSync(
    join(folder, 'zone'),
    '$ORIGIN bench.example.\n@ 60 SOA ns hostmaster 1 60 60 60 60\n@ 60 NS ns\n',
  );
  writeFileSync(
    join(folder, 'c.yaml'),
    `state: state
zones: [{origin: bench.example, file: zone}]
pops:
  - {code: FRA, city: F, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 10000,
     links: [{transit: t, capacityMbps: 1000, ipv4: ${ADDRESS}}]}
popTier: {limits: {connectionsMax: 8000, connectionsPerClientMax: 8000}}
origins: {o: {url: 'http://127.0.0.1:${origin}', region: eu}}
distributions: {d: {domains: ['*'], behaviours: [{origin: o, compress: false}]}}
`,
  );
  const args = ['pop', '--config', join(folder, 'c.yaml'), '--store', 'memory', '--port', String(port)];
  const child = start(process.execPath, [join(root, 'src/main.ts'), ...args]);
  await answers(port);
  return { pid: child.pid ?? 0, port };
}

async function startNginx(origin: number): Promise<{ pid: number; port: number }> {
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

/** Half of them never end a request head, half drip a body; each from an address of its own. */
const ATTACK = `
const tls = require('node:tls'), net = require('node:net');
const [address, port, count] = process.argv.slice(1); let open = 0;
for (let i = 0; i < Number(count); i++) setTimeout(() => {
  const from = '127.97.' + (i >> 7) + '.' + ((i & 127) + 1);
  const tcp = net.connect({ host: address, port: Number(port), localAddress: from });
  tcp.on('error', () => {});
  const socket = tls.connect({ socket: tcp, rejectUnauthorized: false });
  socket.on('error', () => {});
  const head = 'Host: bench.example\\r\\n';
  const first = i % 2 ? 'GET /object HTTP/1.1\\r\\n' + head
    : 'POST /object HTTP/1.1\\r\\n' + head + 'Content-Length: 100000\\r\\n\\r\\n';
  socket.once('secureConnect', () => {
    socket.write(first);
    const timer = setInterval(() => socket.write(i % 2 ? 'x-a: b\\r\\n' : 'a'), 1000);
    socket.once('close', () => clearInterval(timer));
  });
}, i * 2);
`;

async function underAttack(port: number): Promise<string> {
  start(process.execPath, ['-e', ATTACK, ADDRESS, String(port), String(SLOW)]);
  const agent = new Agent({ keepAlive: false });
  const times: number[] = [];
  let failed = 0;
  const untilMs = performance.now() + 25_000;
  while (performance.now() < untilMs) {
    const beganMs = performance.now();
    try {
      if ((await ask(port, agent)) !== 200) failed++;
      else times.push(performance.now() - beganMs);
    } catch {
      failed++;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  times.sort((one, other) => one - other);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(0);
  return `${times.length} new connections served, ${failed} failed; median ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

const body = Buffer.alloc(1024, 'a');
const origin = createServer((_request, response) => {
  response.writeHead(200, { 'content-length': '1024', 'cache-control': 'max-age=3600' });
  response.end(body);
});
await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
const { port: originPort } = origin.address() as AddressInfo;
try {
  const pop = await startPop(originPort);
  const nginx = await startNginx(originPort);
  for (const [name, of] of [
    ['warm-up', pop],
    ['isochrone', pop],
    ['nginx', nginx],
    ['isochrone', pop],
    ['nginx', nginx],
  ] as const) {
    const { rps, cpuMicros } = await load(of.pid, of.port);
    const each = `${cpuMicros.toFixed(1)} µs of processor a request`;
    console.log(`${name.padEnd(10)} ${rps.toFixed(0).padStart(7)} requests/s  ${each}`);
  }
  console.log(`while ${SLOW} slow connections come: ${await underAttack(pop.port)}`);
} finally {
  for (const child of children) child.kill();
  origin.close();
  origin.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
}
