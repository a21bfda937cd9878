import assert from 'node:assert/strict';
import { HEALTH_VIEWS_MAX } from '../../src/store/bounds.ts';
import type { HealthView } from '../../src/store/store.ts';
import { type Check, heard, type StoreHarness, until } from './harness.ts';

/** What a prober sees, told apart by its time. */
export function viewOf(prober: string, atMs: number): HealthView {
  return {
    prober,
    atMs,
    views: [
      { pop: 'FRA', state: 'up', why: '', rttMs: 12.5 },
      { pop: 'AMS', state: 'down', why: 'connection refused' },
      { pop: 'JFK', state: 'down', why: 'HTTP 503', rttMs: 80 },
    ],
  };
}

/** What the views of the probers keep. */
export function healthContract(check: Check, harness: StoreHarness): void {
  check("each prober's last view is there, of agents and of name servers", async (first, second) => {
    await first.putHealth(viewOf('agent:FRA', 1), false);
    await first.putHealth(viewOf('agent:AMS', 2), false);
    await first.putHealth(viewOf('ns:host-1:77', 3), false);
    await first.putHealth(viewOf('ns:host-2:77', 4), false);
    await first.putHealth(viewOf('agent:FRA', 5), false);
    await first.putHealth(viewOf('ns:host-1:77', 6), false);
    const views = new Map((await second.healthViews()).map((view) => [view.prober, view]));
    assert.deepEqual(
      views,
      new Map([
        ['agent:FRA', viewOf('agent:FRA', 5)],
        ['agent:AMS', viewOf('agent:AMS', 2)],
        ['ns:host-1:77', viewOf('ns:host-1:77', 6)],
        ['ns:host-2:77', viewOf('ns:host-2:77', 4)],
      ]),
    );
  });

  check('a change nudges, what stays as it was does not', async (first, second) => {
    const topics = heard(second);
    await first.setOverride('AMS', undefined);
    await until(() => topics.has('overrides'), 'what came before is heard');
    topics.clear();
    for (const prober of ['agent:FRA', 'ns:host:1']) {
      await first.putHealth(viewOf(prober, 1), false);
      await first.setOverride('AMS', undefined);
      await until(() => topics.has('overrides'), 'what comes after is heard');
      assert.equal(topics.has('health'), false);
      await first.putHealth(viewOf(prober, 2), true);
      await until(() => topics.has('health'), 'the change is heard');
      assert.equal((await second.healthViews()).find((view) => view.prober === prober)?.atMs, 2);
      topics.clear();
    }
  });

  check(
    'views expire one by one',
    async (first, second) => {
      await first.putHealth(viewOf('agent:FRA', 1), false);
      await first.putHealth(viewOf('ns:host:1', 2), false);
      await harness.passMs(350);
      await first.putHealth(viewOf('agent:AMS', 3), false);
      await first.putHealth(viewOf('ns:host:2', 4), false);
      await harness.passMs(350);
      const left = (await second.healthViews()).map(({ prober }) => prober);
      assert.deepEqual(new Set(left), new Set(['agent:AMS', 'ns:host:2']));
      await harness.passMs(600);
      assert.deepEqual(await second.healthViews(), []);
    },
    { healthExpiryMs: 600 },
  );

  check("a view past the bound is a programmer's error", async (first) => {
    const view = { pop: 'FRA', state: 'up', why: '' } as const;
    const views = new Array(HEALTH_VIEWS_MAX + 1).fill(view);
    await assert.rejects(first.putHealth({ prober: 'agent:FRA', atMs: 1, views }, false), /at most/);
  });
}
