import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { manualClock } from '../src/base/clock.ts';
import { createElection, LEASE_MS } from '../src/control/election.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { FencedError, type Store, StoreError } from '../src/store/store.ts';
import { again, answer, closeStages, opened, type Stage, stage, until } from './helpers/control-stage.ts';
import { START_MS } from './helpers/steering-world.ts';

after(closeStages);

const PLACES = [1, 2, 3, 4];

/** What an image gives every place and the one network cell, and where its stand-ins are. */
function answers(image: { bytes: Uint8Array } | undefined): string[] {
  return PLACES.flatMap((place) => [answer(image, place), answer(image, place, 64_500)]);
}

/** A store that refuses some calls while `broken` names them. */
function doorTo(inner: Store): { readonly store: Store; broken: readonly string[] } {
  const state = { store: inner, broken: [] as readonly string[] };
  state.store = new Proxy(inner, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...parameters: unknown[]) =>
        state.broken.includes(String(name))
          ? Promise.reject(new StoreError('away'))
          : value.apply(target, parameters);
    },
  });
  return state;
}

/** Bursts that say PB is nearer to a network than PA, which geography does not say. */
async function measure(store: Store, on: Stage): Promise<void> {
  for (const [pop, rttMs] of [
    ['PA', 90],
    ['PB', 25],
  ] as const)
    await store.appendSamples({
      pop,
      atMs: on.clock.nowMs(),
      source: 'modelled',
      samples: [{ network: '10.0.7.0/24', rttMs, sent: 3, lost: 0 }],
    });
}

test('one leads, the other goes along; a clean end hands over at once, and nobody moves', async () => {
  const store = createMemoryStore({ clock: manualClock(START_MS) });
  const first = await stage(store);
  const second = await stage(store);
  assert.deepEqual(
    [first, second].map(({ control }) => control.election().standing),
    ['leading', 'standing-by'],
  );
  for (let i = 0; i < 4; i++) {
    await measure(store, first);
    await again(first);
    await again(second);
  }
  assert.equal(answer(first.images.at(-1), 2, 64_500), 'PB');
  const epoch = await store.imageEpoch();
  assert.deepEqual(answers(second.images.at(-1)), answers(first.images.at(-1)));
  assert.deepEqual(second.images.at(-1)?.epoch, epoch, 'it follows');
  assert.equal(Object.keys(second.control.stats().movesByReason).length, 0, 'its own moves count for nobody');
  assert.equal(second.control.stats().samples, 8, 'it learns as well');
  await first.control.close();
  await until(() => second.control.election().standing === 'leading');
  await again(second);
  assert.equal(await store.imageEpoch(), epoch + 1);
  assert.equal(opened(second.images.at(-1)).epoch, epoch + 1);
  assert.deepEqual(answers(second.images.at(-1)), answers(first.images.at(-1)));
  assert.equal(second.control.stats().takeovers, 1);
  await second.control.close();
});

test('a leader that did not hear of its fall writes nothing: no image, no list, no estimate', async () => {
  const clock = manualClock(START_MS);
  const store = createMemoryStore({ clock });
  const door = doorTo(store);
  const old = await stage(door.store);
  const next = await stage(store);
  await measure(store, old);
  await again(old);
  const epoch = await store.imageEpoch();
  // It cannot renew, and by its own clock the lease holds yet; by the store's it ended.
  door.broken = ['takeLease'];
  clock.advance(LEASE_MS + 1);
  await again(next);
  assert.equal(next.control.election().standing, 'leading');
  assert.equal(await store.imageEpoch(), epoch + 1);
  assert.equal(old.control.election().standing, 'leading', 'it does not know');
  await store.setOverride('PB', { pop: 'PB', state: 'drain', reason: 'x', sinceMs: 0 });
  await store.putDemand('PA', [{ network: '10.0.9.0/24', rps: 5 }]);
  await measure(store, old);
  await again(old);
  await until(() => old.control.election().fenced > 0);
  assert.equal(await store.imageEpoch(), epoch + 1);
  assert.equal(old.control.election().standing, 'cut-off');
  assert.ok(old.log.some((line) => line.startsWith('fenced off')));
  assert.deepEqual(await store.takeTargets('PA'), [], 'nor gave it work');
  // Back, it goes along again, from the other's table.
  door.broken = [];
  await again(next);
  await again(old);
  assert.equal(old.control.election().standing, 'standing-by');
  assert.equal(old.images.at(-1)?.epoch, next.images.at(-1)?.epoch);
  assert.deepEqual(answers(old.images.at(-1)), answers(next.images.at(-1)));
  await old.control.close();
  await next.control.close();
});

test('who cannot renew stops by its own clock; who is back leads with another token', async () => {
  const store = createMemoryStore({ clock: { nowMs: () => performance.now() } });
  const door = doorTo(store);
  const log: string[] = [];
  const election = createElection({ store: door.store, holder: 'a', log: (line) => log.push(line) });
  assert.equal(election.fence(), undefined, 'it takes no part before it asks');
  await election.ask();
  const token = election.fence();
  assert.ok(token !== undefined);
  await sleep(2 * LEASE_MS);
  assert.equal(election.fence(), token, 'it renews by itself');
  door.broken = ['takeLease'];
  const cutAtMs = performance.now();
  await until(() => election.fence() === undefined);
  assert.ok(performance.now() - cutAtMs < LEASE_MS + 200);
  await until(() => election.view().standing === 'cut-off');
  await until(() => log.length > 0);
  const other = createElection({ store, holder: 'b', log: () => undefined });
  await other.ask();
  await until(() => other.fence() !== undefined);
  door.broken = [];
  await until(() => election.view().standing === 'standing-by');
  const { leader, changes } = election.view();
  assert.deepEqual([leader, changes], ['b', 1]);
  const releasedAtMs = performance.now();
  await other.close();
  await until(() => election.fence() !== undefined);
  assert.ok(performance.now() - releasedAtMs < 300, 'given up, it need not run out');
  assert.ok((election.fence() ?? 0) > token + 1);
  election.noteFailure(new FencedError('no'));
  assert.deepEqual([election.fence(), election.view().fenced], [undefined, 1]);
  await election.close();
  assert.deepEqual(
    log.map((line) => line.split(/[,: ]/)[0]),
    ['cut', 'standing', 'leading', 'the'],
  );
});
