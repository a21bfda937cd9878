/**
 * The dashboards and alerts against a real Prometheus that scrapes a running demo and an agent:
 * `npm run test:dashboards` (3 minutes). Every query of every panel and every variable must find data; a
 * misspelt one must not.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { opened } from '../e2e/steps.ts';
import { startAgentProcess } from '../helpers/agent.ts';
import { strangers } from '../helpers/metric-names.ts';
import { startPopLoad, startPopWorld } from '../helpers/pop-load.ts';
import { dig, type Program, permit, runTool } from '../helpers/program.ts';
import { freePort, startRedis, withoutRedis } from '../helpers/redis.ts';
import { startLoad } from '../helpers/steady-load.ts';

const DASHBOARDS = fileURLToPath(new URL('../../deploy/grafana/dashboards/', import.meta.url));
const RULES = fileURLToPath(new URL('../../deploy/prometheus/alerts.yml', import.meta.url));
const SCRAPE_S = 2;
/** Two programs start beside each other, on whatever else runs here. */
const START_MS = 240_000;
const LOAD_PER_SECOND = 500;
/** As Grafana would put them in for the last minutes. */
const PUT_IN: readonly (readonly [string, string])[] = [
  ['$__rate_interval', '30s'],
  ['$instance', '.*'],
  ['$pop', '.*'],
];

interface Target {
  readonly expr: string;
}
interface DashboardFile {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly Target[] }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query?: unknown }[] };
}

const dashboards = readdirSync(DASHBOARDS).map((name) => {
  const file: DashboardFile = JSON.parse(readFileSync(join(DASHBOARDS, name), 'utf8'));
  return { name, ...file };
});
const panels = dashboards.flatMap(({ name, panels: all }) =>
  all.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ what: `${name}: ${title}`, expr }))),
);

let prometheus = '';
const running: { readonly admin: string; readonly role: 'up' | 'serve' | 'agent' }[] = [];
const closes: (() => unknown)[] = [];

before(async (t) => {
  if (withoutRedis() !== false) return;
  // `before` hands out a context of the suite, which has `after` as that of a test has.
  const open = opened(t as never);
  const redis = await startRedis({
    args: () => ['--maxmemory', '256mb', '--maxmemory-policy', 'noeviction'],
  });
  closes.push(redis.stop);
  const folder = open.folder();
  const world = await startPopWorld(folder);
  closes.push(world.close);
  const popPort = await freePort();
  const up = await open.program(
    [...['up', '--config', world.config, '--pop-port', String(popPort), '--store', redis.url]],
    { startMs: START_MS },
  );
  const serve = await open.program(['serve', '--config', world.config, '--store', redis.url], {
    startMs: START_MS,
  });
  const agent = await startAgent(folder, { world: world.config, store: redis.url, tcpPort: up.port });
  running.push({ ...up, role: 'up' }, { ...serve, role: 'serve' }, { ...agent, role: 'agent' });
  prometheus = await startPrometheus(folder, running);
  for (const { port } of [up, serve]) {
    const load = await startLoad({ port, name: 'www.cdn.example', perSecond: LOAD_PER_SECOND });
    closes.push(load.stop);
  }
  const asking = startPopLoad(popPort);
  closes.push(asking.stop);
  await trouble(up);
  await sleep(40_000);
  assert.ok(asking.answered() > 0, up.output());
});

after(async () => {
  for (const close of closes.reverse()) await close();
});

/** The agent of a POP, which measures this machine again and again: by two ways, and who wants none. */
async function startAgent(
  folder: string,
  { world, store, tcpPort }: { world: string; store: string; tcpPort: number },
): Promise<{ readonly admin: string }> {
  const rows = ['network,address,method,port', `127.0.0.0/24,127.0.0.1,tcp,${tcpPort}`];
  for (let i = 2; i < 6; i++) rows.push(`127.0.${i}.0/24,127.0.${i}.1,icmp,`);
  writeFileSync(join(folder, 'targets.csv'), `${rows.join('\n')}\n`);
  writeFileSync(join(folder, 'optout.txt'), '127.0.5.0/24\n');
  const config = join(folder, 'agent.yaml');
  const measure = [
    'measure:',
    '  targets: targets.csv',
    '  optOut: optout.txt',
    "  campaigns: [{ cron: '*/3 * * * * *' }]",
  ];
  writeFileSync(config, `${readFileSync(world, 'utf8')}${measure.join('\n')}\n`);
  const agent = await startAgentProcess('--pop', 'GRU', '--config', config, '--store', store);
  closes.push(agent.end);
  return { admin: agent.ready.admin };
}

/** Something to see in every picture: TCP, clients with subnets, a POP that is out. */
async function trouble(up: Program): Promise<void> {
  for (let i = 0; i < 20; i++) await dig(up.port, 'www.cdn.example', '+tcp', `+subnet=5.9.${i}.0/24`);
  await fetch(`${up.admin}/api/model`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...permit(up) },
    body: JSON.stringify({ pop: 'FRA', outage: true }),
  });
}

async function startPrometheus(
  folder: string,
  programs: readonly { readonly admin: string }[],
): Promise<string> {
  const targets = programs.map(({ admin }) => JSON.stringify(admin.slice('http://'.length)));
  const port = await freePort();
  writeFileSync(
    join(folder, 'prometheus.yml'),
    [
      `global: { scrape_interval: ${SCRAPE_S}s, evaluation_interval: ${SCRAPE_S}s }`,
      `rule_files: [${JSON.stringify(RULES)}]`,
      `scrape_configs: [{ job_name: isochrone, static_configs: [{ targets: [${targets}] }] }]`,
    ].join('\n'),
  );
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
  ];
  args.push(`--web.listen-address=127.0.0.1:${port}`);
  const child: ChildProcess = spawn('prometheus', args, { stdio: 'ignore' });
  closes.push(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 100) {
    const ready = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (ready?.ok === true) return url;
    await sleep(100);
  }
  throw new Error('prometheus did not start');
}

async function ask(path: string, query: Record<string, string>): Promise<readonly unknown[]> {
  const reply = await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams(query)}`);
  const body = (await reply.json()) as { status: string; error?: string; data: unknown };
  assert.equal(body.status, 'success', `${path} ${JSON.stringify(query)}: ${body.error}`);
  return (Array.isArray(body.data) ? body.data : (body.data as { result: unknown[] }).result) ?? [];
}

function filledIn(expr: string): string {
  return PUT_IN.reduce((text, [name, value]) => text.replaceAll(name, value), expr);
}

/** Numbers that a query gives now: what is no number shows nothing in a panel. */
async function numbersOf(expr: string): Promise<readonly number[]> {
  const result = (await ask('query', { query: filledIn(expr) })) as { value: [number, string] }[];
  return result.map(({ value }) => Number(value[1])).filter((value) => !Number.isNaN(value));
}

test('every query of every panel finds data', { skip: withoutRedis() }, async (t) => {
  const empty: string[] = [];
  for (const { what, expr } of panels)
    if ((await numbersOf(expr)).length === 0) empty.push(`${what}: ${filledIn(expr)}`);
  t.diagnostic(`${panels.length} queries of ${dashboards.length} dashboards`);
  for (const expr of [
    'sum by (reason) (isochrone_regret_seconds)',
    'sum by (scope) (isochrone_dns_ecs_answers_total)',
  ])
    t.diagnostic(`${expr}: ${JSON.stringify(await numbersOf(expr))}`);
  assert.deepEqual(empty, []);
});

/** The first name of a metric of ours, with a letter too many. */
function misspelt(expr: string): string {
  return expr.replace(/\bisochrone_[a-z_]+/, (name) => name.replace(/_(?=[a-z]+$)/, '_x'));
}

test('each query finds nothing once its first metric is misspelt', { skip: withoutRedis() }, async (t) => {
  // `or vector(0)` and counts of nothing give nought: their names are held against what there is, below.
  const strict = panels.filter(({ expr }) => expr.includes('isochrone_') && !expr.includes('vector(0)'));
  t.diagnostic(`${strict.length} queries`);
  const blind: string[] = [];
  for (const { what, expr } of strict)
    if ((await numbersOf(misspelt(expr))).length > 0) blind.push(`${what}: ${misspelt(expr)}`);
  assert.deepEqual(blind, []);
});

test('every metric that panels and alerts name is one that Prometheus has heard of', {
  skip: withoutRedis(),
}, async () => {
  const heard = await fetch(`${prometheus}/api/v1/metadata`).then((reply) => reply.json());
  const known = new Set(Object.keys((heard as { data: object }).data));
  const texts = [...panels.map(({ expr }) => expr), readFileSync(RULES, 'utf8').replace(/#.*/g, '')];
  const unknown = texts
    .flatMap((text) => [...text.matchAll(/\bisochrone_[a-z_]+/g)].map(([name]) => name))
    .filter((name) => !known.has(name) && !known.has(name.replace(/_(?:bucket|sum|count)$/, '')));
  // Of signed zones, zones from elsewhere and certificates this demo has none.
  const absent = unknown.filter((name) => !/^isochrone_(?:zone_|tls_certificate_)/.test(name));
  assert.deepEqual([...new Set(absent)], []);
});

test('a misspelt metric, and a misspelt label, find none', { skip: withoutRedis() }, async () => {
  const [{ expr } = { expr: '' }] = panels;
  assert.equal((await numbersOf('sum(rate(isochrone_dns_querys_total[30s]))')).length, 0);
  assert.equal((await numbersOf('isochrone_pop_state{state="upp"}')).length, 0);
  await assert.rejects(numbersOf(`${expr} )`), /parse error/);
});

test('processes have the metrics that docs/metrics.md has, and no others', {
  skip: withoutRedis(),
}, async () => {
  for (const { admin, role } of running) {
    const page = await (await fetch(`${admin}/metrics`)).text();
    assert.deepEqual(strangers(page, role), [], role);
  }
});

test('every variable has values', { skip: withoutRedis() }, async () => {
  for (const { name, templating } of dashboards)
    for (const variable of templating.list) {
      const query = (variable.query as { query?: string } | string | undefined) ?? '';
      const text = typeof query === 'string' ? query : (query.query ?? '');
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(text) ?? [];
      if (variable.name === 'datasource') continue;
      assert.ok(metric !== undefined && label !== undefined, `${name}: ${variable.name}: ${text}`);
      const values = await ask(`label/${label}/values`, { 'match[]': metric });
      assert.ok(values.length > 0, `${name}: ${variable.name}`);
    }
});

test('a well demo raises no alert but for the POP that is out', { skip: withoutRedis() }, async (t) => {
  const alerts = (await fetch(`${prometheus}/api/v1/alerts`).then((reply) => reply.json())) as {
    data: { alerts: { labels: { alertname: string; pop?: string }; state: string }[] };
  };
  const firing = alerts.data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels);
  t.diagnostic(JSON.stringify(firing));
  assert.deepEqual(
    firing.filter(({ alertname, pop }) => !(alertname === 'IsochroneAgentSilent' && pop === 'FRA')),
    [],
  );
});

test('amtool and promtool accept the files', async () => {
  const file = (path: string): string => fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url));
  for (const [tool, ...args] of [
    ['amtool', 'check-config', file('alertmanager/alertmanager.yml')],
    ['promtool', 'check', 'config', file('prometheus/prometheus.yml')],
    ['promtool', 'test', 'rules', file('prometheus/alerts.test.yml')],
  ] as const) {
    const { code, out, err } = await runTool(tool, args);
    assert.equal(code, 0, `${tool}: ${out}${err}`);
  }
});
