import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { popOf, randomClients } from '../helpers/answers.ts';
import { type Program, runTool, until } from '../helpers/program.ts';
import { freePort, withoutRedis } from '../helpers/redis.ts';
import { clientIn, command, linksOf, metric, opened, statusOf, untilDig } from './steps.ts';

const CLIENTS = 500;
/** Of each of two servers. */
const QUERIES_PER_SECOND = 2500;
const LOAD_SECONDS = 20;
const AWAY_MS = 14_000;
/** Both processes must have found Redis again so soon, ms. */
const RECOVER_MS = 8000;

test('two servers on one Redis agree; its loss under load loses no query; its return is noticed by both', {
  skip: withoutRedis() || (await withoutDnsperf()),
}, async (t) => {
  const open = opened(t);
  const redis = await open.redis();
  const startUp = async () =>
    open.program(['up', '--pop-port', String(await freePort()), '--store', redis.url]);
  const up = await startUp();
  const serve = await open.program(['serve', '--store', redis.url]);
  const both = [up, serve];
  await sleep(4000);
  t.diagnostic(await sameAnswers(both));

  const load = both.map((program) => dnsperf(program.port));
  await sleep(2000);
  const epoch = await metric(up, 'isochrone_table_epoch');
  await redis.kill('SIGKILL');
  await sleep(AWAY_MS);
  for (const program of both) {
    assert.ok((await metric(program, 'isochrone_table_age_seconds')) > AWAY_MS / 1000 - 2, 'the age rises');
    assert.equal(await metric(program, 'isochrone_store_connected'), 0);
  }
  assert.ok((await metric(up, 'isochrone_control_failed_ticks_total')) > 5, 'missed ticks are counted');
  await redis.start();
  const recovered = await Promise.all(both.map((program) => recoveryMs(program, epoch)));
  t.diagnostic(`connected, young table and later epoch after ms ${recovered}`);
  for (let second = 0; second < 4; second++) {
    const downs = await Promise.all(both.map(downPops));
    assert.deepEqual(downs, [0, 0], 'POPs called down because the store was away');
    await sleep(1000);
  }
  for (const report of await Promise.all(load)) {
    t.diagnostic(JSON.stringify(report));
    assert.ok(report.sent > 0.9 * QUERIES_PER_SECOND * LOAD_SECONDS, 'the load was too small');
    assert.deepEqual([report.lost, report.codes], [0, `NOERROR ${report.sent} (100.00%)`]);
  }

  const client = await clientIn(up, 'IT');
  await command(up, 'drain', client.pop);
  const holds = (link: string): boolean => popOf(link) !== client.pop;
  for (const program of both)
    await untilDig(program, { subnet: client.subnet, holds, withinMs: 1000, what: 'a drain afterwards' });
  await command(up, 'restore', client.pop);

  // A controller that knows nothing begins with epoch 1 in a Redis that lost everything.
  await up.end('SIGKILL');
  await redis.kill('SIGKILL');
  await redis.start();
  both[0] = await startUp();
  const { ms, held } = await until(
    () => metric(serve, 'isochrone_table_epoch'),
    (now) => now < epoch,
    RECOVER_MS,
  );
  assert.ok(held, 'serve does not take the tables of a new controller');
  t.diagnostic(`serve follows a controller that begins anew after ${Math.round(ms)} ms`);
  t.diagnostic(await sameAnswers(both));
});

interface LoadReport {
  readonly sent: number;
  readonly lost: number;
  readonly codes: string;
}

async function withoutDnsperf(): Promise<string | false> {
  return (await runTool('dnsperf', ['-h'])).code === 0 ? false : 'no dnsperf on this machine';
}

async function dnsperf(port: number): Promise<LoadReport> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-load-'));
  const questions = join(folder, 'questions');
  writeFileSync(
    questions,
    'www.cdn.example A\nwww.cdn.example AAAA\ncdn.example SOA\nwww.cdn.example HTTPS\n',
  );
  const subnet = '8:00011000c893'; // EDNS client subnet 200.147.0.0/16.
  const args = ['-s', '127.0.0.1', '-p', `${port}`, '-d', questions, '-Q', `${QUERIES_PER_SECOND}`];
  args.push('-l', `${LOAD_SECONDS}`, '-E', subnet, '-b', '4096', '-q', '2000', '-t', '3', '-c', '4');
  const { out } = await runTool('dnsperf', args);
  rmSync(folder, { recursive: true });
  const value = (name: string): string => new RegExp(`${name}:\\s+(.*)`).exec(out)?.[1] ?? out;
  const [sent, lost] = ['Queries sent', 'Queries lost'].map((name) => Number.parseInt(value(name), 10));
  return { sent: sent ?? 0, lost: lost ?? -1, codes: value('Response codes') };
}

/** Asks both while they have the same table; the answers must be the same. */
async function sameAnswers(programs: readonly Program[]): Promise<string> {
  const subnets = randomClients(CLIENTS, 5);
  const epochs = (): Promise<number[]> =>
    Promise.all(programs.map((program) => metric(program, 'isochrone_table_epoch')));
  for (let attempt = 1; attempt <= 40; attempt++) {
    const before = await epochs();
    const [one, other] = await Promise.all(programs.map((program) => linksOf(program, subnets)));
    const all = new Set([...before, ...(await epochs())]);
    if (all.size !== 1) continue;
    assert.deepEqual(one, other);
    assert.ok(!one?.some((link) => link === 'none' || link.startsWith('rcode')));
    return `${CLIENTS} clients get the same from both at epoch ${before[0]} (attempt ${attempt})`;
  }
  throw new Error('the two never had the same table');
}

async function recoveryMs(program: Program, epochBefore: number): Promise<number> {
  const names = ['isochrone_store_connected', 'isochrone_table_age_seconds', 'isochrone_table_epoch'];
  const { value, ms, held } = await until(
    () => Promise.all(names.map((name) => metric(program, name))),
    ([connected = 0, ageSeconds = 99, epoch = 0]) => connected === 1 && ageSeconds < 5 && epoch > epochBefore,
    RECOVER_MS,
  );
  assert.ok(held, `after ${Math.round(ms)} ms: connected, age, epoch ${value}`);
  return Math.round(ms);
}

async function downPops(program: Program): Promise<number> {
  return (await statusOf(program)).pops.filter(({ state }) => state === 'down').length;
}
