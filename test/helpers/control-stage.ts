import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../src/base/address.ts';
import { manualClock } from '../../src/base/clock.ts';
import { popStateWords } from '../../src/base/pop-state.ts';
import type { TargetBook } from '../../src/config/targets-csv.ts';
import type { HealthWatch } from '../../src/control/health-watch.ts';
import { type Control, startControl } from '../../src/control/loop.ts';
import type { MadeImage } from '../../src/control/made-image.ts';
import { createPopWords } from '../../src/control/pop-words.ts';
import type { Located } from '../../src/geo/client-image.ts';
import { createDecider } from '../../src/steering/decider.ts';
import { serviceGroups } from '../../src/steering/groups.ts';
import { candidate, openImage, rowOf, type SteeringImage } from '../../src/steering/image.ts';
import { createMaintenance } from '../../src/steering/maintenance.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { steeringParams } from './steering-params.ts';
import { PLACES_DIGEST, rowFleet, rowPlaces, START_MS } from './steering-world.ts';

export const fleet = rowFleet([0, 8, 30]);
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

/** A decider for that world. */
export function decider() {
  const { groups } = serviceGroups(3, [{ name: 'web', popIndexes: [0, 1, 2], biasMs: [] }]);
  return createDecider({ fleet, geometry, placesDigest: PLACES_DIGEST, groups, params: steeringParams() });
}

/** A loop, what it is connected to, and what it made. */
export interface Stage {
  readonly control: Control;
  readonly store: Store;
  readonly clock: ReturnType<typeof manualClock>;
  readonly popState: Int32Array;
  readonly images: MadeImage[];
  readonly log: string[];
}

const started: Control[] = [];
let stages = 0;

/** Closes every loop that `stage` started: else one that a failed test left would keep the process. */
export async function closeStages(): Promise<void> {
  await Promise.all(started.map((control) => control.close()));
}

/** Waits for what a nudge does; fails after 5 s. */
export async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isTrue(); i++) await sleep(10);
  assert.ok(isTrue());
}

/** A loop that ticks only when told, or nudged. */
export async function stage(
  store?: Store,
  initial?: SteeringImage,
  more: {
    readonly health?: HealthWatch;
    readonly clock?: Stage['clock'];
    readonly targetBook?: TargetBook;
  } = {},
): Promise<Stage> {
  const { health, targetBook, clock = manualClock(START_MS) } = more;
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
    words: createPopWords(fleet, popState),
    health,
    maintenance: createMaintenance([]),
    tickMs: 3_600_000,
    samplesPerTickMax: 10_000,
    burstsPerSecond: 1_000,
    groupOfService: new Map(),
    targetBook,
    initial,
    holder: `stage:${++stages}`,
    onImage: (image) => images.push(image),
    log: (message) => log.push(message),
  });
  started.push(control);
  return { control, store: used, clock, popState, images, log };
}

/** An image, opened. */
export function opened(image: { bytes: Uint8Array } | undefined): SteeringImage {
  const read = openImage(image?.bytes ?? new Uint8Array(), EXPECTED);
  assert.ok(typeof read !== 'string', String(read));
  return read;
}

/** POP code that an image gives a place or network. */
export function answer(image: { bytes: Uint8Array } | undefined, placeId: number, asn = 0): string {
  const read = opened(image);
  const link = fleet.links[candidate(read, rowOf(read, 0, placeId, asn), 0)];
  return fleet.pops[link?.popIndex ?? -1]?.code ?? 'nobody';
}

/** The store as it is, or with every call refused. */
export function breakable(inner: Store): { store: Store; broken: boolean } {
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

/** One more tick, after so many seconds. */
export async function again(on: Stage, seconds = 1): Promise<void> {
  on.clock.advance(seconds * 1000);
  await on.control.tickNow();
}

/** A POP says of itself that it is not well. */
export function putUnwell(store: Store, pop: string): Promise<void> {
  const load = { loadRps: 0, capacityRps: 1, links: [] };
  return store.putReport({ pop, atMs: 1, source: 'modelled', healthy: false, ...load });
}
