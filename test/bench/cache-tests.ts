/**
 * The public HTTP cache tests (npm http-cache-tests) against a POP and, where it is installed, nginx and
 * Varnish in the same run: `npm run test:http-cache`. Prints how many of each kind passed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ALL_METHODS } from '../../src/pop/policies.ts';
import { startPopStage } from '../helpers/pop-stage.ts';
import { freePort } from '../helpers/redis.ts';

const suite = dirname(createRequire(import.meta.url).resolve('http-cache-tests/package.json'));
const folder = mkdtempSync(join(tmpdir(), 'isochrone-cache-tests-'));
const [wanted = ''] = process.argv.slice(2);
const children: ChildProcess[] = [];

interface Test {
  readonly id: string;
  readonly kind?: 'required' | 'optimal' | 'check';
  readonly browser_only?: boolean;
}

async function testsOf(): Promise<readonly Test[]> {
  const suites = (await import(join(suite, 'tests/index.mjs'))).default as { tests: Test[] }[];
  const surrogate = (await import(join(suite, 'tests/surrogate-control.mjs'))).default as { tests: Test[] };
  return [...suites, surrogate].flatMap(({ tests }) => tests).filter((test) => test.browser_only !== true);
}

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(command, args, {
    cwd: suite,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  return child;
}

async function answers(url: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    try {
      await fetch(url);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`${url} does not answer`);
}

/** Runs the suite's own program against a server. */
function results(base: string, extra: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      npm_config_base: base,
      npm_config_id: wanted,
      npm_package_config_id: '',
      ...extra,
    };
    const child = spawn(process.execPath, ['--no-warnings', 'cli.mjs'], {
      cwd: suite,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', () => {
      if (wanted !== '') console.log(text);
      resolve(wanted === '' ? JSON.parse(text) : {});
    });
  });
}

async function score(name: string, base: string, extra: NodeJS.ProcessEnv = {}): Promise<void> {
  const found = await results(base, extra);
  if (wanted !== '') return;
  const tests = await testsOf();
  const parts = (['required', 'optimal', 'check'] as const).map((kind) => {
    const own = tests.filter((test) => (test.kind ?? 'required') === kind);
    const passed = own.filter(({ id }) => found[id] === true);
    return `${kind} ${passed.length}/${own.length} (${((100 * passed.length) / own.length).toFixed(1)} %)`;
  });
  console.log(`${name.padEnd(10)} ${parts.join('   ')}`);
  if (name !== 'isochrone') return;
  for (const { id, kind = 'required' } of tests)
    if (kind !== 'check' && found[id] !== true) console.log(`  ${kind} ${id}: ${JSON.stringify(found[id])}`);
}

function has(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function nginx(origin: number): Promise<void> {
  const port = await freePort();
  mkdirSync(join(folder, 'nginx'), { recursive: true });
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `user root; pid ${folder}/nginx.pid; error_log stderr crit; daemon off; worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  proxy_cache_path ${folder}/nginx levels=1:2 keys_zone=c:10m;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${origin}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache c; proxy_cache_revalidate on; proxy_cache_methods GET HEAD;
      add_header Age $upstream_http_age;
    }
  }
}
`,
  );
  start('nginx', ['-c', file, '-p', folder]);
  await answers(`http://127.0.0.1:${port}/`);
  await score('nginx', `http://127.0.0.1:${port}`);
}

async function varnish(origin: number): Promise<void> {
  const port = await freePort();
  const args = [
    '-F',
    '-a',
    `127.0.0.1:${port}`,
    '-b',
    `127.0.0.1:${origin}`,
    '-n',
    join(folder, 'varnish'),
    '-s',
    'malloc,64m',
  ];
  start('varnishd', [...args, '-j', 'none']);
  await answers(`http://127.0.0.1:${port}/`);
  await score('varnish', `http://127.0.0.1:${port}`);
}

const origin = await freePort();
start(process.execPath, ['server/server.mjs'], {
  npm_config_protocol: 'http',
  npm_config_port: String(origin),
  npm_config_pidfile: join(folder, 'origin.pid'),
});
try {
  await answers(`http://127.0.0.1:${origin}/`);
  const url = new URL(`http://127.0.0.1:${origin}`);
  // The suite has methods that CloudFront does not know.
  const allowedMethods = new Set([...ALL_METHODS, 'M-SEARCH']);
  const stage = await startPopStage({
    net: 90,
    origin: url,
    originRegion: 'eu-central',
    behaviour: { allowedMethods },
  });
  const base = `https://${stage.addressOf('FRA')}:${stage.port}`;
  await score('isochrone', base, { NODE_EXTRA_CA_CERTS: stage.certificate.caFile });
  for (const line of stage.lines.slice(0, 20)) console.log(line);
  await stage.close();
  if (wanted === '' && has('nginx')) await nginx(origin);
  if (wanted === '' && has('varnishd')) await varnish(origin);
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
