import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { manualClock } from '../src/base/clock.ts';
import { IMAGE_KIND, sealImage } from '../src/base/image-file.ts';
import { popStateWords } from '../src/base/pop-state.ts';
import { startFollow } from '../src/control/follow.ts';
import { imageFromGeography } from '../src/control/made-image.ts';
import { createPopWords } from '../src/control/pop-words.ts';
import { readImage } from '../src/control/read-image.ts';
import { openImage, rowOf, STEERING_VERSION, type SteeringImage, sourceOf } from '../src/steering/image.ts';
import { ROW } from '../src/steering/image-layout.ts';
import { createMaintenance } from '../src/steering/maintenance.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import {
  again,
  answer,
  closeStages,
  decider,
  fleet,
  opened,
  putUnwell,
  stage,
} from './helpers/control-stage.ts';
import { PLACES_DIGEST, START_MS } from './helpers/steering-world.ts';

after(closeStages);

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
    words: createPopWords(fleet, popState),
    maintenance: createMaintenance([]),
    pollMs: 3_600_000,
    onImage: (image) => taken.push(image),
    log: (message) => log.push(message),
  });
  await follow.lookNow();
  assert.equal(taken.at(-1)?.epoch, 1);
  await putUnwell(store, 'PC');
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
  const older = Uint8Array.from(taken.at(-1)?.bytes ?? []);
  const source = sourceOf({ fleetDigest: fleet.digest, placesDigest: PLACES_DIGEST });
  sealImage(older, { kind: IMAGE_KIND.STEERING, version: STEERING_VERSION - 1, source, madeAtMs: START_MS });
  for (const epoch of [901, 902, 903]) {
    await store.publishImage({ epoch, bytes: older });
    await follow.lookNow();
  }
  const version = `refused: format version ${STEERING_VERSION - 1}, this program reads ${STEERING_VERSION}`;
  const said = log.filter((line) => line.includes(version));
  assert.equal(said.length, 1, 'a controller of another version publishes again and again: said once');
  assert.equal(follow.stats().refused, 4);
  await follow.close();
  await on.control.close();
});

test('a table that fails the guard is refused: no POP, no such link, a POP that is out', async () => {
  const store = createMemoryStore({ clock: manualClock(START_MS) });
  const on = await stage(store);
  await store.setOverride('PA', { pop: 'PA', state: 'drain', reason: 'x', sinceMs: START_MS });
  await again(on);
  const good = opened(on.images.at(-1));
  const source = sourceOf({ fleetDigest: fleet.digest, placesDigest: PLACES_DIGEST });
  const spoilt = (spoil: (rows: Int16Array) => void): string => {
    const bytes = new Uint8Array(new SharedArrayBuffer(good.bytes.length));
    bytes.set(good.bytes);
    const image = openImage(bytes, { fleetDigest: fleet.digest, placesDigest: PLACES_DIGEST });
    assert.ok(typeof image !== 'string');
    spoil(image.rows);
    const stamp = { source, madeAtMs: START_MS };
    sealImage(bytes, { kind: IMAGE_KIND.STEERING, version: STEERING_VERSION, ...stamp });
    const read = readImage(bytes, { fleet, placesDigest: PLACES_DIGEST });
    return typeof read === 'string' ? read : 'taken';
  };
  assert.equal(
    spoilt(() => undefined),
    'taken',
  );
  const first = rowOf(good, 0, 2, 0) * ROW.WORDS + ROW.CANDIDATES;
  const linkOf = (pop: string): number =>
    fleet.links.findIndex(({ popIndex }) => fleet.pops[popIndex]?.code === pop);
  const put = (link: number) => spoilt((rows) => void (rows[first] = link));
  assert.match(put(-1), /^the guard says: row \d+ has no POP$/);
  assert.match(put(99), /names link 99, which does not exist/);
  assert.match(put(linkOf('PA')), /answers POP 0, which is out, before POP [12]/);
  await on.control.close();
});
