import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type DemoOrigin, startDemoOrigin } from '../../src/pop/demo-origin.ts';
import { followInvalidations, type InvalidationFollower } from '../../src/pop/invalidations.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { until } from '../contract/harness.ts';
import { get, type PopStage, startPopStage } from '../helpers/pop-stage.ts';

/** Invalidations from one process to the caches of others, through the store. */

const clock = { nowMs: Date.now };
const shared = createMemoryStore({ clock, invalidationsKept: 3 });
const lines: string[] = [];
let origin: DemoOrigin;
/** POPs of two processes: FRA of one, JFK of the other. */
let stages: readonly PopStage[];
let isAway = false;
let followers: readonly InvalidationFollower[];

/** The second process is cut off from the store when it is away, and hears nothing. */
function cutOff(store: Store): Store {
  return {
    ...store,
    state: () => ({ ...store.state(), connected: !isAway }),
    readInvalidations: async (cursor) => {
      if (isAway) throw new StoreError('not connected');
      return store.readInvalidations(cursor);
    },
    onChange: (listener) =>
      store.onChange((topic) => {
        if (!isAway) listener(topic);
      }),
  };
}

before(async () => {
  origin = await startDemoOrigin(clock);
  stages = [
    await startPopStage({ net: 95, origin: origin.url }),
    await startPopStage({ net: 96, origin: origin.url }),
  ];
  followers = stages.map((stage, i) =>
    followInvalidations({
      store: i === 0 ? shared : cutOff(shared),
      invalidate: async (wanted) => stage.pops.tier.invalidate(wanted),
      log: (line) => lines.push(line),
    }),
  );
});
after(async () => {
  for (const { stop } of followers) stop();
  for (const stage of stages) await stage.close();
  await origin.close();
});

/** Whether the caches of a process have the object; asking puts it there. */
async function isCached(i: number, path: string): Promise<boolean> {
  const { headers } = await get(stages[i] as PopStage, i === 0 ? 'FRA' : 'JFK', path);
  return headers['x-cache'] === 'Hit from isochrone';
}

async function fill(...paths: string[]): Promise<void> {
  for (const path of paths) for (const i of [0, 1]) await isCached(i, path);
  for (const path of paths) for (const i of [0, 1]) assert.ok(await isCached(i, path), path);
}

const everyone = () => Promise.all(followers.map(({ catchUp }) => catchUp()));

test('what one process is told, all do: a path, what begins so, of the distribution named', async () => {
  await fill('/static/a', '/static/b', '/static/c/1', '/static/c/2');
  const before = await everyone();
  await shared.addInvalidation({ pattern: '/static/a' });
  await shared.addInvalidation({ pattern: '/static/c/*', distribution: 'test' });
  await shared.addInvalidation({ pattern: '/static/b', distribution: 'another' });
  // By the nudge, with nobody asking.
  await until(async () => !(await isCached(1, '/static/a')), 'the other process dropped it');
  const dropped = (await everyone()).map((now, i) => now - (before[i] ?? 0));
  // Each object was in L2 and in the regional cache.
  assert.ok(
    dropped.every((count) => count >= 6),
    `${dropped}`,
  );
  for (const i of [0, 1]) {
    assert.equal(await isCached(i, '/static/c/1'), false);
    assert.equal(await isCached(i, '/static/c/2'), false);
    assert.equal(await isCached(i, '/static/b'), true);
  }
});

test('a process that was cut off catches up; one that missed some empties its caches', async () => {
  await fill('/static/d', '/static/e', '/static/f');
  await everyone();
  isAway = true;
  await shared.addInvalidation({ pattern: '/static/d' });
  await followers[0]?.catchUp();
  await assert.rejects(followers[1]?.catchUp() ?? assert.fail(), StoreError);
  assert.deepEqual([await isCached(0, '/static/d'), await isCached(1, '/static/d')], [false, true]);
  isAway = false;
  await everyone();
  assert.deepEqual([await isCached(1, '/static/d'), await isCached(1, '/static/e')], [false, true]);
  assert.deepEqual(lines, []);
  isAway = true;
  for (let i = 0; i < 4; i++) await shared.addInvalidation({ pattern: `/other/${i}` });
  await followers[0]?.catchUp();
  isAway = false;
  await everyone();
  assert.equal(await isCached(1, '/static/f'), false);
  assert.ok(lines.length > 0 && lines.every((line) => /all caches are emptied/.test(line)), lines.join());
});

test('who reaches the store for the first time empties its caches; what fails is done again', async () => {
  const store = createMemoryStore({ clock });
  let isGone = true;
  const done: string[] = [];
  let fails = 0;
  const follower = followInvalidations({
    store: {
      ...store,
      state: () => store.state(),
      onChange: store.onChange.bind(store),
      readInvalidations: async (cursor) => {
        if (isGone) throw new StoreError('not connected');
        return store.readInvalidations(cursor);
      },
    },
    invalidate: async ({ pattern }) => {
      if (fails-- > 0) throw new Error('a thread ended');
      done.push(pattern);
      return 1;
    },
    log: () => undefined,
  });
  // The first try, at the start, is over when this one is.
  await assert.rejects(follower.catchUp(), StoreError);
  isGone = false;
  await follower.catchUp();
  assert.deepEqual(done.splice(0), ['/*']);
  fails = 1;
  await store.addInvalidation({ pattern: '/once' });
  await until(async () => {
    await follower.catchUp().catch(() => undefined);
    return done.length > 0;
  }, 'it is done again');
  assert.deepEqual(done, ['/once']);
  follower.stop();
});
