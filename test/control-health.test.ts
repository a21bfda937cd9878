import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { manualClock } from '../src/base/clock.ts';
import { POP_DOWN, popStateWords } from '../src/base/pop-state.ts';
import { type HealthWatch, startHealthWatch } from '../src/control/health-watch.ts';
import { createPopWords, toldBy } from '../src/control/pop-words.ts';
import { VIEW_STALE_MS } from '../src/steering/quorum.ts';
import { decodeTerms } from '../src/steering/terms.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import type { HealthView, Store } from '../src/store/store.ts';
import {
  again,
  answer,
  breakable,
  closeStages,
  fleet,
  opened,
  stage,
  until,
} from './helpers/control-stage.ts';
import { START_MS } from './helpers/steering-world.ts';

const watches: HealthWatch[] = [];
after(async () => {
  for (const watch of watches) await watch.close();
  await closeStages();
});

const PARAMS = { quorum: 0.6, viewsMin: 1 };
/** Place that PA is nearest to. */
const NEAR_PA = 2;

/** A watch that looks only when told or nudged, and what it writes. */
function watchOf(store: Store, clock = manualClock(START_MS), params = PARAMS) {
  const popState = popStateWords(3);
  const words = createPopWords(fleet, popState);
  const log: string[] = [];
  const watch = startHealthWatch({
    store,
    fleet,
    params,
    clock,
    words,
    pollMs: 3_600_000,
    log: (message) => log.push(message),
  });
  watches.push(watch);
  return { watch, words, popState, log, clock };
}

let atMs = 0;
/** A view by letters: `u` up, `d` down, one a POP. */
function view(prober: string, letters: string): HealthView {
  atMs++;
  const views = fleet.pops.map(({ code }, i) => {
    const isUp = letters[i] === 'u';
    return { pop: code, state: isUp ? ('up' as const) : ('down' as const), why: isUp ? '' : 'refused' };
  });
  return { prober, atMs, views };
}

test('the controller decides by the same verdicts, and a table made before does not undo them', async () => {
  const store = createMemoryStore({ clock: manualClock(START_MS) });
  const { popState, words, log, watch } = watchOf(store);
  await store.putHealth(view('ns:a:1', 'duu'), true);
  await until(() => popState[0] === POP_DOWN);
  await store.putHealth(view('agent:PB', 'uuu'), true);
  await until(() => popState[0] === 0);
  await store.putHealth(view('agent:PC', 'duu'), true);
  await until(() => popState[0] === POP_DOWN);
  assert.equal(words.whyOut(0), '2 of 3 views: agent:PC refused, ns:a:1 refused');
  assert.equal(words.whyOut(1), undefined);
  assert.deepEqual(log, [
    'PA is down: 1 of 1 views: ns:a:1 refused',
    'PA is up again: 1 of 2 views see it',
    'PA is down: 2 of 3 views: agent:PC refused, ns:a:1 refused',
  ]);
  assert.deepEqual([watch.stats().views, watch.stats().verdictChanges], [3, 3]);
});

test('the controller decides by the same verdicts, at once, and its table does not undo them', async () => {
  const clock = manualClock(START_MS);
  const store = createMemoryStore({ clock });
  const { watch, words: elsewhere, popState } = watchOf(store, clock);
  const on = await stage(store, undefined, { health: watch, clock });
  assert.equal(answer(on.images.at(-1), NEAR_PA), 'PA');
  const made = on.images.length;
  await store.putHealth(view('ns:a:1', 'duu'), true);
  await until(() => on.images.length > made);
  assert.equal(answer(on.images.at(-1), NEAR_PA), 'PB', 'a nudged tick');
  const terms = decodeTerms(opened(on.images.at(-1)).termsText);
  assert.deepEqual([terms.pops[0]?.state, terms.pops[0]?.downBy], ['down', 'views']);
  assert.match(terms.pops[0]?.why ?? '', /1 of 1 views: ns:a:1 refused/);
  // The views change back; the table that says down by views is still in use.
  await store.putHealth(view('ns:a:1', 'uuu'), false);
  await watch.lookNow();
  elsewhere.setTold(toldBy(terms.pops));
  assert.equal(popState[0], 0, 'the views are newer than the table');
  await again(on);
  assert.equal(answer(on.images.at(-1), NEAR_PA), 'PA');
});

test('a POP that is silent and reached stays; one that calls itself unhealthy goes', async () => {
  const clock = manualClock(START_MS);
  const store = createMemoryStore({ clock, reportExpiryMs: 1e9 });
  const { watch } = watchOf(store, clock);
  const on = await stage(store, undefined, { health: watch, clock });
  const report = (pop: string, healthy: boolean) =>
    store.putReport({
      pop,
      atMs: clock.nowMs(),
      source: 'measured',
      loadRps: 0,
      capacityRps: 1000,
      healthy,
      links: [],
    });
  for (let i = 0; i < 12; i++) {
    if (i < 4) await report('PA', true);
    await report('PB', true);
    await report('PC', true);
    await store.putHealth(view('ns:a:1', 'uuu'), false);
    await watch.lookNow();
    await again(on);
  }
  assert.deepEqual([...on.popState], [0, 0, 0], 'its agent died, and it serves');
  await report('PC', false);
  await again(on);
  assert.deepEqual([...on.popState], [0, 0, POP_DOWN], 'its agent knows better than who reaches it');
});

test('without the store: what was said holds, then this process goes by its own checks', async () => {
  const clock = manualClock(START_MS);
  const inner = createMemoryStore({ clock });
  const at = breakable(inner);
  let connected = true;
  const store = new Proxy(at.store, {
    get: (target, name) =>
      name === 'state' ? () => ({ ...inner.state(), connected }) : Reflect.get(target, name),
  });
  const { watch, popState } = watchOf(store, clock, { quorum: 0.6, viewsMin: 2 });
  await store.putHealth(view('ns:other:1', 'duu'), false);
  await watch.lookNow();
  watch.takeOwn(view('ns:me:1', 'duu'));
  assert.deepEqual([...popState], [POP_DOWN, 0, 0]);
  at.broken = true;
  connected = false;
  clock.advance(VIEW_STALE_MS + 1);
  await watch.lookNow();
  assert.deepEqual([...popState], [POP_DOWN, 0, 0], 'what was said last');
  assert.equal(watch.stats().storeFailures, 1);
  watch.takeOwn(view('ns:me:1', 'udu'));
  assert.deepEqual([...popState], [0, POP_DOWN, 0]);
  watch.takeOwn(view('ns:me:1', 'ddu'));
  assert.deepEqual([...popState], [0, POP_DOWN, 0], 'two of three is rather its own network: as before');
  watch.takeOwn(view('ns:me:1', 'uuu'));
  assert.deepEqual([...popState], [0, 0, 0]);
});
