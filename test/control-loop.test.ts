import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { manualClock } from '../src/base/clock.ts';
import { POP_DOWN, POP_DRAINED } from '../src/base/pop-state.ts';
import { decodeTerms } from '../src/steering/terms.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import {
  again,
  answer,
  breakable,
  closeStages,
  opened,
  putUnwell,
  stage,
  until,
} from './helpers/control-stage.ts';
import { START_MS } from './helpers/steering-world.ts';

after(closeStages);

test('the first tick publishes a table from geography; samples from the store change it', async () => {
  const on = await stage();
  assert.equal(answer(on.images.at(-1), 2), 'PA');
  assert.equal(await on.store.imageEpoch(), 1);
  for (let i = 0; i < 3; i++) {
    for (const [pop, rttMs] of [
      ['PA', 90],
      ['PB', 25],
    ] as const)
      await on.store.appendSamples({
        pop,
        atMs: on.clock.nowMs(),
        source: 'modelled',
        samples: [
          { network: '10.0.7.0/24', rttMs, sent: 3, lost: 0 },
          { network: 'junk', rttMs: 1, sent: 3, lost: 0 },
        ],
      });
    await again(on);
  }
  assert.equal(answer(on.images.at(-1), 2, 64500), 'PB');
  const stats = on.control.stats();
  assert.deepEqual([stats.samples, stats.refusedSamples], [6, { 'unknown-network': 6 }]);
  assert.equal(stats.networkCells, 1);
  assert.ok((on.control.packed('AS64500/XX/0.0,-1.0')?.length ?? 0) > 0);
  assert.deepEqual(await on.store.estimate('AS64500/XX/0.0,-1.0'), on.control.packed('AS64500/XX/0.0,-1.0'));
  await on.control.close();
});

test('a drain sets its word at once, before any tick; a restore clears it', async () => {
  const on = await stage();
  await on.store.setOverride('PA', { pop: 'PA', state: 'drain', reason: 'x', sinceMs: START_MS });
  await until(() => on.popState[0] === POP_DRAINED);
  await again(on);
  assert.equal(answer(on.images.at(-1), 2), 'PB');
  await on.store.setOverride('PA', undefined);
  await until(() => on.popState[0] === 0);
  await again(on);
  assert.equal(answer(on.images.at(-1), 2), 'PA');
  await on.control.close();
});

test('an unchanged world makes an image every ten seconds, no more', async () => {
  const on = await stage();
  for (let i = 0; i < 9; i++) await again(on);
  assert.equal(on.images.length, 1);
  await again(on);
  assert.deepEqual(
    on.images.map(({ epoch }) => epoch),
    [1, 2],
  );
  await on.control.close();
});

test('with the store away the last table stays, overrides end by the clock; back, it goes on', async () => {
  const memory = createMemoryStore({ clock: manualClock(START_MS) });
  const door = breakable(memory);
  const on = await stage(door.store);
  await memory.setOverride('PA', {
    pop: 'PA',
    state: 'drain',
    reason: 'x',
    sinceMs: START_MS,
    untilMs: START_MS + 30_000,
  });
  await again(on);
  assert.equal(answer(on.images.at(-1), 2), 'PB');
  const made = on.images.length;
  door.broken = true;
  for (let i = 0; i < 4; i++) {
    await again(on, 10);
    assert.equal(on.popState[0], i < 2 ? POP_DRAINED : 0, `${i}`);
  }
  assert.equal(on.images.length, made, 'old inputs make no table');
  const { failedTicks, missedTicks, storeFailures } = on.control.stats();
  assert.deepEqual([failedTicks, missedTicks], [0, 4]);
  assert.ok(storeFailures > 4);
  door.broken = false;
  await again(on);
  await sleep(5);
  assert.equal(answer(on.images.at(-1), 2), 'PA');
  assert.equal(await memory.imageEpoch(), on.images.at(-1)?.epoch);
  assert.equal(on.log.length, 2);
  await on.control.close();
});

test('a loop that starts with the store away takes up what is there when it comes', async () => {
  const first = await stage();
  await putUnwell(first.store, 'PA');
  await again(first);
  await first.control.close();
  const door = breakable(first.store);
  door.broken = true;
  const second = await stage(door.store);
  await again(second);
  assert.deepEqual([second.images.length, second.control.stats().missedTicks], [0, 2]);
  door.broken = false;
  await again(second);
  assert.equal(second.images.length, 1);
  assert.equal(second.images[0]?.epoch, (first.images.at(-1)?.epoch ?? 0) + 1);
  assert.equal(answer(second.images[0], 2), 'PB');
  await second.control.close();
});

test('after the store was away, POPs that did not report again yet are not taken for silent', async () => {
  const on = await stage();
  const report = (pop: string) =>
    on.store.putReport({
      pop,
      atMs: on.clock.nowMs(),
      source: 'modelled',
      loadRps: 0,
      capacityRps: 1000,
      healthy: true,
      links: [],
    });
  for (let i = 0; i < 5; i++) {
    for (const pop of ['PA', 'PB', 'PC']) await report(pop);
    await again(on);
  }
  on.clock.advance(60_000);
  for (let i = 0; i < 3; i++) {
    for (const pop of ['PB', 'PC']) await report(pop);
    await again(on);
  }
  assert.deepEqual([...on.popState], [0, 0, 0]);
  for (let i = 0; i < 3; i++) {
    for (const pop of ['PB', 'PC']) await report(pop);
    await again(on);
  }
  assert.equal(on.popState[0], POP_DOWN, 'now it is silent');
  await on.control.close();
});

test('epochs go on after those of the store and of the snapshot; a restart moves nobody', async () => {
  const first = await stage();
  await putUnwell(first.store, 'PA');
  await again(first);
  assert.equal(answer(first.images.at(-1), 2), 'PB');
  await first.control.close();
  const second = await stage(first.store);
  assert.equal(second.images[0]?.epoch, (first.images.at(-1)?.epoch ?? 0) + 1);
  assert.equal(answer(second.images[0], 2), 'PB');
  await second.control.close();
  const snapshot = { ...opened(second.images[0]), epoch: 500 };
  const third = await stage(createMemoryStore({ clock: manualClock(START_MS) }), snapshot);
  assert.equal(third.images[0]?.epoch, 501);
  await third.control.close();
});

test('each tick gives the agents what to measure: networks with demand, none twice', async () => {
  const on = await stage();
  const networks = Array.from({ length: 40 }, (_, i) => `10.1.${i}.0/24`);
  await on.store.putDemand('PA', [
    ...networks.map((network) => ({ network, rps: 5 })),
    { network: '10.0.0.0/16', rps: 100 },
  ]);
  const measured = new Map<string, number>();
  const takeAll = async () => {
    const lists = await Promise.all(['PA', 'PB', 'PC'].map((pop) => on.store.takeTargets(pop)));
    for (const [i, list] of lists.entries())
      for (const { network } of list) {
        const key = `${network} from ${['PA', 'PB', 'PC'][i]}`;
        measured.set(key, (measured.get(key) ?? 0) + 1);
      }
    return lists;
  };
  await again(on);
  const lists = await takeAll();
  assert.deepEqual(new Set(lists.flat().map(({ network }) => network)), new Set(networks));
  assert.equal(lists.flat().length, 40, 'one burst a network until its answer is there');
  await again(on);
  assert.deepEqual((await takeAll()).flat(), [], 'all are under way');
  for (let i = 0; i < 20; i++) {
    for (const [k, pop] of ['PA', 'PB', 'PC'].entries()) {
      const samples = (lists[k] ?? []).map(({ network }) => ({
        network,
        rttMs: 10 + 20 * k,
        sent: 3,
        lost: 0,
      }));
      await on.store.appendSamples({ pop, atMs: on.clock.nowMs(), source: 'modelled', samples });
    }
    await again(on);
    lists.splice(0, 3, ...(await takeAll()));
  }
  const perNetwork = networks.map(
    (one) => [...measured.keys()].filter((key) => key.startsWith(`${one} `)).length,
  );
  assert.ok(
    perNetwork.every((count) => count >= 2),
    'each was measured from a second POP',
  );
  const { plannedBursts, lostBursts, totalPlanMs } = on.control.stats();
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, one) => total + one, 0);
  assert.equal(sum(Object.values(plannedBursts)), sum(measured.values()));
  assert.equal(lostBursts, 0);
  assert.ok(totalPlanMs > 0);
  await on.control.close();
});

test('the budget is of bursts a second, and a tick soon after another has its part of it', async () => {
  const on = await stage();
  const demand = Array.from({ length: 3_000 }, (_, i) => ({
    network: `10.${1 + (i >> 8)}.${i & 255}.0/24`,
    rps: 1,
  }));
  await on.store.putDemand('PA', demand);
  const count = async () => {
    const lists = await Promise.all(['PA', 'PB', 'PC'].map((pop) => on.store.takeTargets(pop)));
    return lists.flat().length;
  };
  await again(on, 0.1);
  const few = await count();
  assert.ok(few > 0 && few <= 100, `${few} of 1,000 a second in a tenth`);
  await on.control.close();
});

test('where a POP expects much more than when demand was read, the next tick reads it', async () => {
  const on = await stage();
  const report = { pop: 'PA', source: 'modelled', loadRps: 600, capacityRps: 1_000, healthy: true } as const;
  const tell = async (totalRps: number, expectedRps?: number) => {
    const networks = Array.from({ length: 20 }, (_, i) => ({
      network: `10.0.${i}.0/24`,
      rps: totalRps / 20,
    }));
    await on.store.putDemand('PA', networks);
    const expected = expectedRps === undefined ? {} : { expectedRps };
    await on.store.putReport({ ...report, ...expected, steeredRps: 600, atMs: on.clock.nowMs(), links: [] });
    await again(on);
    return decodeTerms(opened(on.images.at(-1)).termsText).pops[0]?.priceMs ?? 0;
  };
  assert.equal(await tell(600), 0);
  assert.equal(await tell(1_300), 0, 'its time has not come');
  assert.ok((await tell(1_300, 1_300)) > 0);
  await on.control.close();
});
