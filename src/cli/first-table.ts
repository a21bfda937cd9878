import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../base/assert.ts';
import { imageFromGeography } from '../control/made-image.ts';
import { intoShared, readSnapshot } from '../control/snapshot.ts';
import { createDecider, type Decider } from '../steering/decider.ts';
import { openImage, type SteeringImage } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import { type Ground, stateFolder } from './ground.ts';

/** The store is waited for so long, ms: answering must not wait for it. */
const STORE_MS = 500;

/** The table that a process answers from until it has a better one. */
export interface FirstTable {
  readonly bytes: Uint8Array;
  /** `store`, `snapshot` or `geography`. */
  readonly origin: string;
  /** The same opened, if a controller made it. */
  readonly image?: SteeringImage;
}

/** The snapshot in the state folder; without a usable one a table made of geography alone. */
export async function firstTable(
  ground: Ground,
  options: { readonly nowMs: number; readonly log: (message: string) => void },
): Promise<FirstTable> {
  const expected = { fleetDigest: ground.config.fleet.digest, placesDigest: ground.places.digest };
  const snapshot = await readSnapshot(stateFolder(ground.config), expected);
  if (typeof snapshot === 'string') options.log(`the snapshot is not used, geography is: ${snapshot}`);
  else if (snapshot !== undefined && snapshot.groupCount === ground.groups.length)
    return { bytes: snapshot.bytes, origin: 'snapshot', image: snapshot };
  const made = imageFromGeography(deciderOf(ground), options.nowMs);
  if (!('bytes' in made)) throw new Error(`no first table: ${made.join('; ')}`);
  return { bytes: must(made.bytes, 'first table'), origin: 'geography' };
}

/**
 * The table that others answer from, if the store soon says that there is one, newer than this and of use
 * here; else this.
 */
export async function newestTable(first: FirstTable, store: Store, ground: Ground): Promise<FirstTable> {
  const late = sleep(STORE_MS, undefined, { ref: false });
  const published = await Promise.race([store.image(), late]).catch(() => undefined);
  if (published === undefined || published.epoch <= (first.image?.epoch ?? 0)) return first;
  const { config, places, groups } = ground;
  const expected = { fleetDigest: config.fleet.digest, placesDigest: places.digest };
  const image = openImage(intoShared(published.bytes), expected);
  if (typeof image === 'string' || image.groupCount !== groups.length) return first;
  return { bytes: image.bytes, origin: 'store', image };
}

/** A decider that knows nothing yet but where everything is. */
export function deciderOf(ground: Ground): Decider {
  return createDecider({
    fleet: ground.config.fleet,
    geometry: ground.places,
    placesDigest: ground.places.digest,
    groups: ground.groups,
    params: ground.config.steering,
  });
}
