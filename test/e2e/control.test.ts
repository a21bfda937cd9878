import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Program, until } from '../helpers/program.ts';
import { withoutRedis } from '../helpers/redis.ts';
import { startTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.ts';
import { type ImageHistory, movedCells, watchImages } from './image-history.ts';
import { startSteadyAgents } from './steady-agents.ts';
import { command, metric, opened } from './steps.ts';

/** A new leader's first table must be there so soon after the old one's end or stall, ms. */
const LEAD_WITHIN_MS = 3000;
/** After a clean end, ms. */
const HANDOVER_WITHIN_MS = 1000;
/** The agents always say the same: by then nothing moves any more, ms. */
const SETTLE_MS = 12_000;

interface Controller {
  readonly program: Program;
  readonly proxy: TcpProxy;
}

async function standingOf({ program }: Controller): Promise<string> {
  const status = JSON.parse(await command(program, 'status', '--json'));
  return status.controller?.here ?? 'unknown';
}

async function untilStands(controller: Controller, standing: string): Promise<void> {
  const { held } = await until(
    async () => (await metric(controller.program, `isochrone_control_${standing}`)) === 1,
    (is) => is,
    20_000,
  );
  assert.ok(held, `not ${standing}: ${controller.program.output()}`);
}

/** The first table of another leader than the one before; who moved by it. */
async function takeover(history: ImageHistory, sinceMs: number, what: string) {
  const before = history.last();
  const { held } = await until(
    async () => history.last(),
    (now) => now.epoch > before.epoch && now.token !== before.token,
    2 * LEAD_WITHIN_MS,
  );
  assert.ok(held, `${what}: nobody leads`);
  const all = history.all();
  const first = all.findIndex((one) => one.token !== before.token && one.epoch > before.epoch);
  const [old, next] = [all[first - 1], all[first]];
  assert.ok(old !== undefined && next !== undefined);
  const ms = Math.round(next.atMs - sinceMs);
  return { ms, epochs: `${old.epoch} -> ${next.epoch}`, ...movedCells(old.image, next.image) };
}

test('two controllers: death, stall, cut and clean end of the one that leads', {
  skip: withoutRedis(),
  timeout: 240_000,
}, async (t) => {
  const open = opened(t);
  const redis = await open.redis();
  const state = open.folder();
  const start = async (): Promise<Controller> => {
    const proxy = await startTcpProxy(redis.port);
    open.closeLater(proxy.close);
    const url = `redis://127.0.0.1:${proxy.port}/0`;
    const program = await open.program(['control', '--store', url], { state, borrows: true });
    return { proxy, program };
  };
  open.closeLater(await startSteadyAgents(redis.url));
  const history = await watchImages(redis.url);
  open.closeLater(history.stop);
  let leader = await start();
  let standby = await start();
  assert.equal(await standingOf(leader), 'leading');
  assert.equal(await standingOf(standby), 'standing-by');
  await sleep(SETTLE_MS);
  const judge = async (what: string, sinceMs: number, withinMs = LEAD_WITHIN_MS): Promise<void> => {
    const { ms, epochs, moved, cells } = await takeover(history, sinceMs, what);
    t.diagnostic(`${what}: another leads after ${ms} ms, epochs ${epochs}, ${moved} of ${cells} cells moved`);
    assert.ok(ms <= withinMs, `${what}: ${ms} ms`);
    assert.equal(moved, 0, `${what}: cells moved by the change`);
    await untilStands(standby, 'leading');
    [leader, standby] = [standby, leader];
  };

  let sinceMs = performance.now();
  await leader.program.end('SIGKILL');
  await judge('killed', sinceMs);
  standby = await start();
  assert.equal(await standingOf(standby), 'standing-by');

  for (const stalledMs of [2_500, 4_000, 6_000]) {
    await sleep(3_000);
    sinceMs = performance.now();
    process.kill(leader.program.pid, 'SIGSTOP');
    const stalled = leader;
    try {
      await judge(`stalled for ${stalledMs} ms`, sinceMs);
      await sleep(Math.max(0, sinceMs + stalledMs - performance.now()));
    } finally {
      process.kill(stalled.program.pid, 'SIGCONT');
    }
    await sleep(1_500);
    assert.equal(await standingOf(stalled), 'standing-by', stalled.program.output());
    assert.equal(await metric(leader.program, 'isochrone_control_leading'), 1, leader.program.output());
  }

  sinceMs = performance.now();
  leader.proxy.cut();
  await judge('cut off from Redis', sinceMs);
  await untilStands(standby, 'cut_off');
  const ready = await fetch(`${standby.program.admin}/readyz`);
  assert.equal(ready.status, 503, await ready.text());
  standby.proxy.mend();
  const { ms, held } = await until(
    () => standingOf(standby),
    (now) => now === 'standing-by',
    8_000,
  );
  assert.ok(held, standby.program.output());
  t.diagnostic(`back, it stands by after ${Math.round(ms)} ms`);
  await sleep(2_000);

  sinceMs = performance.now();
  const ended = leader.program.end('SIGTERM').then((code) => [code, performance.now() - sinceMs] as const);
  await judge('ended by SIGTERM', sinceMs, HANDOVER_WITHIN_MS);
  const [code, endedMs] = await ended;
  t.diagnostic(`SIGTERM ended it in ${Math.round(endedMs)} ms`);
  assert.equal(code, 0);

  const epochs = history.all().map(({ epoch }) => epoch);
  assert.deepEqual(
    epochs,
    [...new Set(epochs)].toSorted((one, other) => one - other),
    'each epoch once, rising',
  );
});
