import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../src/base/address.ts';
import { manualClock } from '../src/base/clock.ts';
import { POP_DOWN, POP_DRAINED, popStateWords } from '../src/base/pop-state.ts';
import { startFollow } from '../src/control/follow.ts';
import { type Control, startControl } from '../src/control/loop.ts';
import { imageFromGeography, type MadeImage } from '../src/control/made-image.ts';
import type { Located } from '../src/geo/locator.ts';
import { createDecider } from '../src/steering/decider.ts';
import { serviceGroups } from '../src/steering/groups.ts';
import { candidate, openImage, rowOf, type SteeringImage } from '../src/steering/image.ts';
import { steeringParams } from '../src/steering/params.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { type Store, StoreError } from '../src/store/store.ts';
import { PLACES_DIGEST, rowFleet, rowPlaces, START_MS } from './helpers/steering-world.ts';

const fleet = rowFleet([0, 8, 30]);
const geometry = rowPlaces([-1, 6, 20]);
const EXPECTED = { fleetDigest: fleet.digest, placesDigest: PLACES_DIGEST };

/** 10.N.0.0/16 is AS 64500 at tile N; everything else nowhere. */
const locator = {
  databases: [],
  locate: (address: Address, into: Located): void => {
    const tile = address.octets[0] === 10 ? (address.octets[1] as number) : -1;
    into.placeId = tile < 0 ? 0 : tile + 2;
    into.asn = tile < 0 ? 0 : 64500;
  },
};

function decider() {
  const { groups } = serviceGroups(3, [{ name: 'web', popIndexes: [0, 1, 2], biasMs: [] }]);
  return createDecider({ fleet, geometry, placesDigest: PLACES_DIGEST, groups, params: steeringParams() });
}

interface Stage {
  readonly control: Control;
  readonly store: Store;
  readonly clock: ReturnType<typeof manualClock>;
  readonly popState: Int32Array;
  readonly images: MadeImage[];
  readonly log: string[];
}

/** A loop that ticks only when told. */
async function stage(store?: Store, initial?: SteeringImage): Promise<Stage> {
  const clock = manualClock(START_MS);
  const images: MadeImage[] = [];
  const log: string[] = [];
  const popState = popStateWords(3);
  const used = store ?? createMemoryStore({ clock });
  const control = await startControl({
    store: used,
    decider: decider(),
    locator,
    fleet,
    placesDigest: PLACES_DIGEST,
    clock,
    popState,
    tickMs: 3_600_000,
    samplesPerTickMax: 10_000,
    initial,
    onImage: (image) => images.push(image),
    log: (message) => log.push(message),
  });
  return { control, store: used, clock, popState, images, log };
}

function opened(image: { bytes: Uint8Array } | undefined): SteeringImage {
  const read = openImage(image?.bytes ?? new Uint8Array(), EXPECTED);
  assert.ok(typeof read !== 'string', String(read));
  return read;
}

function answer(image: { bytes: Uint8Array } | undefined, placeId: number, asn = 0): string {
  const read = opened(image);
  const link = fleet.links[candidate(read, rowOf(read, 0, placeId, asn), 0)];
  return fleet.pops[link?.popIndex ?? -1]?.code ?? 'nobody';
}

/** The store as it is, or with every call refused. */
function breakable(inner: Store): { store: Store; broken: boolean } {
  const state = { store: inner, broken: false };
  state.store = new Proxy(inner, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name === 'onChange' || name === 'close' || name === 'state') return value.bind(target);
      return (...parameters: unknown[]) =>
        state.broken ? Promise.reject(new StoreError('away')) : value.apply(target, parameters);
    },
  });
  return state;
}

async function again(on: Stage, seconds = 1): Promise<void> {
  on.clock.advance(seconds * 1000);
  await on.control.tickNow();
}

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
  await sleep(20);
  assert.equal(on.popState[0], POP_DRAINED);
  await again(on);
  assert.equal(answer(on.images.at(-1), 2), 'PB');
  await on.store.setOverride('PA', undefined);
  await sleep(20);
  assert.equal(on.popState[0], 0);
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

test('with the store away the last table stays, overrides end by the clock, and it goes on when it is back', async () => {
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
  await first.store.putReport({
    pop: 'PA',
    atMs: 1,
    source: 'modelled',
    loadRps: 0,
    capacityRps: 1,
    healthy: false,
    links: [],
  });
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
  await first.store.putReport({
    pop: 'PA',
    atMs: 1,
    source: 'modelled',
    loadRps: 0,
    capacityRps: 1,
    healthy: false,
    links: [],
  });
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

test('a name server follows the table and the drains; older and damaged ones are refused', async () => {
  const store = createMemoryStore({ clock: manualClock(START_MS) });
  const on = await stage(store);
  const taken: SteeringImage[] = [];
  const popState = popStateWords(3);
  const log: string[] = [];
  const follow = startFollow({
    store,
    fleet,
    placesDigest: PLACES_DIGEST,
    clock: on.clock,
    popState,
    pollMs: 3_600_000,
    onImage: (image) => taken.push(image),
    log: (message) => log.push(message),
  });
  await follow.lookNow();
  assert.equal(taken.at(-1)?.epoch, 1);
  await store.putReport({
    pop: 'PC',
    atMs: 1,
    source: 'modelled',
    loadRps: 0,
    capacityRps: 1,
    healthy: false,
    links: [],
  });
  await store.setOverride('PA', { pop: 'PA', state: 'drain', reason: 'x', sinceMs: START_MS });
  await again(on);
  await follow.lookNow();
  assert.deepEqual([...popState], [2, 0, 1]);
  assert.equal(answer(taken.at(-1), 2), 'PB');
  const damaged = Uint8Array.from(taken.at(-1)?.bytes ?? []);
  damaged[80] = (damaged[80] as number) ^ 1;
  await store.publishImage({ epoch: 900, bytes: damaged });
  await follow.lookNow();
  const geography = imageFromGeography(decider(), START_MS - 5000);
  assert.ok('bytes' in geography);
  assert.equal(geography.epoch, 0);
  const { taken: count, refused } = follow.stats();
  assert.deepEqual([count, refused], [taken.length, 1]);
  assert.match(log.join(' '), /table 900 is refused: damaged/);
  await follow.close();
  await on.control.close();
});
