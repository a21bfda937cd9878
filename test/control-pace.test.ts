import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPace } from '../src/control/pace.ts';
import { again, closeStages, opened, stage, until } from './helpers/control-stage.ts';

after(closeStages);

test('ticks come one after the other; a nudge brings the next sooner, but not too close', async () => {
  const begunMs: number[] = [];
  let running = 0;
  const tick = async (): Promise<void> => {
    assert.equal(running++, 0, 'one at a time');
    begunMs.push(performance.now());
    await sleep(60);
    running--;
  };
  const pace = createPace(tick, () => 3_600_000);
  pace.nudge(0);
  await sleep(50);
  assert.equal(begunMs.length, 0, 'not started');
  pace.start();
  pace.nudge(20);
  await until(() => begunMs.length === 1);
  pace.nudge(0);
  pace.nudge(0, 300);
  await until(() => begunMs.length === 2);
  const [first = 0, second = 0] = begunMs;
  assert.ok(second - first >= 55, 'after the tick that ran');
  await until(() => running === 0);
  pace.nudge(0, 200);
  pace.nudge(400);
  await until(() => begunMs.length === 3);
  assert.ok((begunMs[2] ?? 0) - second >= 195, `${(begunMs[2] ?? 0) - second} ms apart`);
  pace.stop();
  await until(() => running === 0);
  pace.nudge(0);
  await sleep(50);
  assert.equal(begunMs.length, 3, 'stopped');
});

test("an agent's news brings a tick at once, also when one is under way", async () => {
  const on = await stage();
  const tell = (isNews: boolean) =>
    on.store.appendSamples(
      {
        pop: 'PA',
        atMs: on.clock.nowMs(),
        source: 'modelled',
        samples: [{ network: '10.0.7.0/24', rttMs: 9, sent: 3, lost: 0 }],
      },
      isNews,
    );
  await tell(false);
  await sleep(500);
  assert.equal(on.control.stats().samples, 0, 'what is no news waits for the next tick');
  await tell(true);
  await until(() => on.control.stats().samples === 2);
  await sleep(400);
  const ticking = on.control.tickNow();
  await tell(true);
  await ticking;
  await until(() => on.control.stats().samples === 3);
  await on.control.close();
});

test('of two reports on one POP the last before a tick counts; news bring a tick of their own', async () => {
  const on = await stage();
  const says = (atMs: number, isNews = false) =>
    on.store.putReport(
      { pop: 'PA', atMs, source: 'measured', loadRps: 0, capacityRps: 1, healthy: true, links: [] },
      isNews,
    );
  const heard = (): number | undefined => on.control.stats().reportedAtMs['PA'];
  const [fed, agents, news] = [1, 2, 3];
  // An agent that shares the ticks' clock speaks just before each of them: the other is not heard.
  for (let second = 0; second < 5; second++) {
    await says(fed);
    await says(agents);
    await again(on);
    assert.equal(heard(), agents);
  }
  await says(news, true);
  await until(() => heard() === news);
  await on.control.close();
});

test('moves for their gain alone are published every two seconds, others at once', async () => {
  const on = await stage();
  const measure = async (rttMs: Record<string, number>) => {
    for (const [pop, ms] of Object.entries(rttMs))
      await on.store.appendSamples({
        pop,
        atMs: on.clock.nowMs(),
        source: 'modelled',
        samples: [{ network: '10.0.7.0/24', rttMs: ms, sent: 3, lost: 0 }],
      });
    await again(on);
  };
  const before = on.images.length;
  await measure({ PA: 27, PB: 21 });
  for (let i = 0; i < 20 && on.images.length === before; i++) await measure({ PA: 27, PB: 21 });
  const moves = on.control.stats().movesByReason;
  assert.ok((moves['gain'] ?? 0) + (moves['learned'] ?? 0) > 0, JSON.stringify(moves));
  const gaps = on.images.slice(1).map((image, i) => {
    return (opened(image).madeAtMs - opened(on.images[i]).madeAtMs) / 1000;
  });
  assert.ok(
    gaps.every((gapS) => gapS >= 2),
    `${gaps} s`,
  );
  const count = on.images.length;
  const report = {
    atMs: on.clock.nowMs(),
    source: 'modelled',
    loadRps: 0,
    capacityRps: 1000,
    links: [],
  } as const;
  await on.store.putReport({ ...report, pop: 'PB', healthy: false });
  await again(on);
  assert.equal(on.images.length, count + 1, 'a POP that is out');
  await on.control.close();
});
