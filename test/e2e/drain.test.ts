import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAsker, popOf, randomClients } from '../helpers/answers.ts';
import { type Program, runProgram, until } from '../helpers/program.ts';
import { freePort, withoutRedis } from '../helpers/redis.ts';
import {
  type Client,
  clientIn,
  command,
  digLink,
  explain,
  opened,
  termsOf,
  untilDig,
  watch,
} from './steps.ts';

/** A drain must be seen so soon, ms. */
const DRAIN_MS = 1000;
/** The operator's reason must be told so soon, ms: with the next table. */
const REASON_MS = 2000;
/** A restored POP must have its clients again so soon, ms. */
const RESTORE_MS = 3000;
/** Most of the demo's networks are explored after so long, ms. */
const EXPLORING_MS = 25_000;
/** Share of clients that a restart of the controller may move: those whom it would have moved anyway. */
const MOVED_MAX = 0.02;

test('with the state in memory: drain, its end by itself, restore', async (t) => {
  const up = await opened(t).program(['up', '--pop-port', String(await freePort())]);
  await sleep(5000);
  const client = await clientIn(up, 'IT');
  await command(up, 'drain', client.pop, '--reason', 'router upgrade');
  const drainMs = await leaves(up, client);
  // The next table brings the reason; until then explain says that the drain is younger than its table.
  const { value: out } = await until(
    async () => termsOf(await explain(up, client.subnet), client.pop)?.out ?? '',
    (text) => text.includes('router upgrade'),
    REASON_MS,
  );
  assert.match(out, /drained.*router upgrade/);
  await command(up, 'restore', client.pop);
  const restoreMs = await returns(up, client, RESTORE_MS);
  const askedMs = performance.now();
  await command(up, 'drain', client.pop, '--for', '3s');
  await leaves(up, client);
  await returns(up, client, 3000 + RESTORE_MS);
  const heldMs = Math.round(performance.now() - askedMs);
  assert.ok(heldMs > 2900, `the drain of 3 s ended after ${heldMs} ms`);
  t.diagnostic(
    `drained after ${drainMs} ms, restored after ${restoreMs} ms, drained for 3 s back after ${heldMs} ms`,
  );
});

test('with Redis: every name server sees a drain, which outlives the controller', {
  skip: withoutRedis(),
}, async (t) => {
  const open = opened(t);
  const redis = await open.redis();
  const state = open.folder();
  const popPort = String(await freePort());
  const startUp = () =>
    open.program(['up', '--pop-port', popPort, '--store', redis.url], { state, borrows: true });
  let up = await startUp();
  const serves = await Promise.all([1, 2].map(() => open.program(['serve', '--store', redis.url])));
  // Those that are not explored yet move anyway, and would count as moved by the restart.
  await sleep(EXPLORING_MS);
  const client = await clientIn(up, 'IT');
  const all = (): Program[] => [up, ...serves];

  await command(up, 'drain', client.pop);
  const drainMs = await Promise.all(all().map((program) => leaves(program, client)));
  t.diagnostic(`up and two serves drained after ${drainMs} ms`);
  await sleep(1500);

  const before = await popsOf(serves[0] as Program, randomClients(300, 7));
  await up.end('SIGKILL');
  for (const serve of serves) assert.notEqual(popOf(await digLink(serve, client.subnet)), client.pop);
  up = await startUp();
  assert.notEqual(popOf(await digLink(up, client.subnet)), client.pop, 'the first answer after a restart');
  await sleep(2000);
  const after = await popsOf(up, randomClients(300, 7));
  const moved = after.filter((pop, i) => pop !== before[i]).length;
  t.diagnostic(`the controller's restart moved ${moved} of ${before.length} clients`);
  assert.ok(moved <= MOVED_MAX * before.length, `${moved} clients moved`);
  for (const program of all()) assert.notEqual(popOf(await digLink(program, client.subnet)), client.pop);

  await command(serves[1] as Program, 'restore', client.pop);
  const restoreMs = await Promise.all(all().map((program) => returns(program, client, RESTORE_MS)));
  t.diagnostic(`restored through a serve; back after ${restoreMs} ms`);

  await straightInRedis('drain', client.pop, redis.url);
  const straightMs = await Promise.all(all().map((program) => leaves(program, client)));
  t.diagnostic(`drained straight in Redis after ${straightMs} ms`);
  await up.end();
  await straightInRedis('restore', client.pop, redis.url);
  await straightInRedis('drain', client.pop, redis.url);
  up = await startUp();
  assert.notEqual(popOf(await digLink(up, client.subnet)), client.pop, 'drained while nobody ran');
  await straightInRedis('restore', client.pop, redis.url);
  await returns(up, client, RESTORE_MS);
});

/** Milliseconds from now until no answer for the client names its POP; then none does any more. */
async function leaves(program: Program, client: Client): Promise<number> {
  const holds = (link: string): boolean => popOf(link) !== client.pop;
  const what = `the drain of ${client.pop}`;
  const ms = await untilDig(program, { subnet: client.subnet, holds, withinMs: DRAIN_MS, what });
  const asker = createAsker(program.port);
  const [seen = []] = await watch(asker, [client.subnet], 500);
  asker.close();
  assert.ok(!seen.some((link) => popOf(link) === client.pop), seen.join(' '));
  return ms;
}

function returns(program: Program, client: Client, withinMs: number): Promise<number> {
  const holds = (link: string): boolean => popOf(link) === client.pop;
  const what = `the return to ${client.pop}`;
  return untilDig(program, { subnet: client.subnet, holds, withinMs, what });
}

async function popsOf(program: Program, subnets: readonly string[]): Promise<string[]> {
  const asker = createAsker(program.port);
  const { value } = await until(
    () => asker.pops(subnets),
    (pops) => !pops.includes('none'),
    5000,
  );
  asker.close();
  return value;
}

async function straightInRedis(what: 'drain' | 'restore', pop: string, url: string): Promise<void> {
  const { code, err } = await runProgram(what, pop, '--store', url);
  assert.equal(code, 0, err);
}
