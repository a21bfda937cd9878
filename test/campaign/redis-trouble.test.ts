/**
 * What Redis can do to a cluster, one trouble after another: `npm run test:redis-trouble` (4 minutes). Each
 * time real servers from the distribution, a controller, a name server under 10,000 queries a second, and
 * three real agents.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRedisStore } from '../../src/store/redis.ts';
import { metric, opened } from '../e2e/steps.ts';
import { type AgentProcess, startAgentProcess } from '../helpers/agent.ts';
import { type Program, runTool } from '../helpers/program.ts';
import { startRedis, withoutRedis } from '../helpers/redis.ts';
import { ask, startClusterSet, startSentinelSet } from '../helpers/redis-sets.ts';
import { startSlowProxy } from '../helpers/slow-proxy.ts';

const skip = withoutRedis();
const POPS = ['PA', 'PB', 'PC'];
const NETWORKS = 20;
const NAME = 'www.trouble.example';
/** A table that nothing changed is 10 s old at most. */
const STALE_AFTER_MS = 15_000;
const QUERIES_PER_SECOND = 10_000;
/** Load before the trouble begins, while it lasts, and afterwards, s. */
const [BEFORE_S, TROUBLE_S, AFTER_S] = [4, 20, 16];
/** Each agent measures all networks so often, whether or not a controller wants it, s. */
const CAMPAIGN_S = 2;
/** What lies between two batches of an agent at most, ms. */
const GAP_MAX_MS = 1_000 * CAMPAIGN_S + 1_500;
/** The agents' buffers have room for all of the trouble. */
const DROPPED = /^isochrone_agent_dropped_batches_total (\d+)$/m;

/** One kind of trouble. */
interface Trouble {
  readonly url: string;
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
  /** What was written before may be gone afterwards. */
  readonly forgets?: boolean;
}

test('killed and restarted', { skip }, async (t) => {
  const redis = await startRedis();
  t.after(redis.stop);
  const begin = (): Promise<void> => redis.kill('SIGKILL');
  await suffer(t, { url: redis.url, begin, end: redis.start, forgets: true });
});

test('the primary dies, and Sentinel fails over', { skip }, async (t) => {
  const set = await startSentinelSet();
  t.after(set.stop);
  await suffer(t, { url: set.url, begin: () => set.servers[0].kill('SIGKILL'), end: async () => undefined });
});

test('a node of a Cluster of three that has none of the keys dies', { skip }, async (t) => {
  const set = await startClusterSet();
  t.after(set.stop);
  const { others } = await set.ownerOf('trouble');
  const [other] = others;
  assert.ok(other !== undefined);
  await suffer(t, { url: set.url, begin: () => other.kill('SIGKILL'), end: other.start });
});

test('the node of a Cluster of three that has the keys dies and is restarted', { skip }, async (t) => {
  const set = await startClusterSet();
  t.after(set.stop);
  const { owner } = await set.ownerOf('trouble');
  const begin = (): Promise<void> => owner.kill('SIGKILL');
  await suffer(t, { url: set.url, begin, end: owner.start, forgets: true });
});

test('full', { skip }, async (t) => {
  const redis = await startRedis({ args: () => ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction'] });
  t.after(redis.stop);
  const begin = async (): Promise<void> => {
    await ask(redis.port, 'SET', 'ballast', 'x'.repeat(4_000_000));
    await ask(redis.port, 'CONFIG', 'SET', 'maxmemory', '3mb');
  };
  const end = async (): Promise<void> => void (await ask(redis.port, 'DEL', 'ballast'));
  await suffer(t, { url: redis.url, begin, end });
});

test('slow: 400 ms a reply', { skip }, async (t) => {
  const redis = await startRedis();
  t.after(redis.stop);
  const proxy = await startSlowProxy(redis.port);
  t.after(proxy.stop);
  const begin = async (): Promise<void> => proxy.setDelayMs(400);
  const end = async (): Promise<void> => proxy.setDelayMs(0);
  await suffer(t, { url: `redis://127.0.0.1:${proxy.port}/0`, begin, end });
});

/** Puts a cluster under load through a trouble, and judges what came of it. */
async function suffer(t: TestContext, trouble: Trouble): Promise<void> {
  const open = opened(t);
  const folder = open.folder();
  const config = writeCluster(folder);
  const flags = ['--config', config, '--store', trouble.url];
  await open.program(['control', ...flags]);
  const serve = await open.program(['serve', ...flags]);
  const agents: AgentProcess[] = [];
  for (const pop of POPS) {
    const agent = await startAgentProcess('--pop', pop, ...flags);
    open.closeLater(agent.end);
    agents.push(agent);
  }
  await sleep(6_000);
  const load = dnsperf(serve.port, BEFORE_S + TROUBLE_S + AFTER_S);
  const watch = watchTable(serve);
  await sleep(1_000 * BEFORE_S);
  const begunMs = Date.now();
  await trouble.begin();
  await sleep(1_000 * TROUBLE_S);
  const stale = await extendedErrors(serve.port);
  const ageThenMs = 1_000 * (await metric(serve, 'isochrone_table_age_seconds'));
  await trouble.end();
  const endedMs = Date.now();
  await sleep(1_000 * (AFTER_S - 2));
  const report = await load;
  const ages = await watch.stop();
  t.diagnostic(`${report.sent} queries sent, ${report.lost} lost, ${report.codes}`);
  const [oldestMs, lastMs] = [Math.max(...ages), ageThenMs].map(Math.round);
  t.diagnostic(`oldest table ${oldestMs} ms, ${lastMs} ms as it ended: ${stale || 'no EDE'}`);
  assert.ok(report.sent > 0.9 * QUERIES_PER_SECOND * (BEFORE_S + TROUBLE_S + AFTER_S), 'too small a load');
  assert.deepEqual([report.lost, report.codes], [0, `NOERROR ${report.sent} (100.00%)`]);
  // A table that is about as old as the bound may be either.
  if (ageThenMs > STALE_AFTER_MS + 1_500) assert.match(stale, /Stale Answer/);
  if (ageThenMs < STALE_AFTER_MS - 1_000) assert.equal(stale, '');
  assert.equal(await extendedErrors(serve.port), '', 'stale for good');
  assert.equal(await metric(serve, 'isochrone_store_connected'), 1);
  await judgeBuffers(t, trouble, { begunMs, endedMs, agents });
}

/** Nothing was dropped, and each campaign of each agent is in Redis, also those of the trouble. */
async function judgeBuffers(
  t: TestContext,
  { url, forgets = false }: Trouble,
  { begunMs, endedMs, agents }: { begunMs: number; endedMs: number; agents: AgentProcess[] },
): Promise<void> {
  const store = await openRedisStore({ url, cluster: 'trouble', pops: POPS });
  const times = new Map<string, number[]>(POPS.map((pop) => [pop, []]));
  for (let cursor = ''; ; ) {
    const read = await store.readSamples(cursor, 5_000);
    if (read.batches.length === 0) break;
    for (const { pop, atMs } of read.batches) times.get(pop)?.push(atMs);
    cursor = read.cursor;
  }
  await store.close();
  const fromMs = forgets ? begunMs : begunMs - 2_000;
  for (const agent of agents) {
    const all = times.get(agent.ready.pop) ?? [];
    const { pop, admin } = agent.ready;
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    const within = all.filter((atMs) => atMs >= fromMs && atMs <= endedMs + 4_000).sort((a, b) => a - b);
    const edges = [fromMs, ...within, endedMs + 4_000];
    const gaps = within.length === 0 ? [Infinity] : edges.slice(1).map((at, i) => at - (edges[i] as number));
    const late = all.filter((atMs) => atMs >= begunMs && atMs <= endedMs).length;
    t.diagnostic(`${pop}: ${late} batches made in the trouble arrived; longest gap ${Math.max(...gaps)} ms`);
    assert.equal(DROPPED.exec(metrics)?.[1], '0', `${pop}: dropped batches`);
    assert.ok(Math.max(...gaps) <= GAP_MAX_MS, `${pop}: batches are missing: gaps ${gaps.join(' ')}`);
  }
}

/** Three POPs in one city, whose agents ask this machine in place of its networks. */
function writeCluster(folder: string): string {
  const pops = POPS.map((code, i) => {
    const links = `[{ transit: t, capacityMbps: 1000, ipv4: 192.0.2.${i + 1} }]`;
    const where = 'country: DE, region: r, latitude: 50.1, longitude: 8.7';
    return `  - { code: ${code}, city: ${code}, ${where}, capacityRps: 1000, links: ${links} }`;
  });
  const networks = Array.from({ length: NETWORKS }, (_, i) => `127.1.${i}.0/24`);
  const places = networks.map(
    (prefix) => `  - { prefix: ${prefix}, country: DE, latitude: 50.1, longitude: 8.7 }`,
  );
  const aims = networks.map((network, i) => `${network},127.1.${i}.1,tcp,9`);
  writeFileSync(join(folder, 'targets.csv'), `network,address,method,port\n${aims.join('\n')}\n`);
  writeFileSync(
    join(folder, 'zone'),
    '@ 300 SOA ns hostmaster 1 3600 600 86400 60\n@ 300 NS ns\nns 300 A 192.0.2.53\nwww 60 STEER web\n',
  );
  const path = join(folder, 'trouble.yaml');
  writeFileSync(
    path,
    [
      'cluster: trouble',
      'zones: [{ origin: trouble.example, file: zone }]',
      'services: { web: {} }',
      `dns: { staleAfterMs: ${STALE_AFTER_MS} }`,
      `measure: { targets: targets.csv, campaigns: [{ cron: '*/${CAMPAIGN_S} * * * * *' }] }`,
      `networks:\n${places.join('\n')}`,
      `pops:\n${pops.join('\n')}\n`,
    ].join('\n'),
  );
  return path;
}

interface LoadReport {
  readonly sent: number;
  readonly lost: number;
  readonly codes: string;
}

async function dnsperf(port: number, seconds: number): Promise<LoadReport> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-load-'));
  const questions = join(folder, 'questions');
  writeFileSync(questions, `${NAME} A\n${NAME} AAAA\ntrouble.example SOA\n`);
  const subnet = '8:000118007f0103'; // EDNS client subnet 127.1.3.0/24.
  const args = ['-s', '127.0.0.1', '-p', `${port}`, '-d', questions, '-Q', `${QUERIES_PER_SECOND}`];
  args.push('-l', `${seconds}`, '-E', subnet, '-b', '4096', '-q', '5000', '-t', '3', '-c', '4');
  const { out } = await runTool('dnsperf', args);
  rmSync(folder, { recursive: true });
  const value = (name: string): string => new RegExp(`${name}:\\s+(.*)`).exec(out)?.[1] ?? out;
  const [sent = 0, lost = -1] = ['Queries sent', 'Queries lost'].map((name) =>
    Number.parseInt(value(name), 10),
  );
  return { sent, lost, codes: value('Response codes') };
}

/** Looks at the table's age each half second. */
function watchTable(serve: Program): { readonly stop: () => Promise<readonly number[]> } {
  const ages: number[] = [];
  let isStopped = false;
  const running = (async () => {
    while (!isStopped) {
      ages.push(1_000 * (await metric(serve, 'isochrone_table_age_seconds')));
      await sleep(500);
    }
  })();
  return {
    stop: async () => {
      isStopped = true;
      await running;
      return ages;
    },
  };
}

/** What `dig` shows of extended errors; '' where there are none. */
async function extendedErrors(port: number): Promise<string> {
  const args = ['-p', `${port}`, '@127.0.0.1', '+subnet=127.1.3.0/24', '+tries=1', NAME];
  const { out } = await runTool('dig', args);
  return /EDE: .*/.exec(out)?.[0] ?? '';
}
