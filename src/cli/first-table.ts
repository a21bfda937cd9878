import { setTimeout as sleep } from 'node:timers/promises';
import { imageFromGeography } from '../control/made-image.ts';
import { intoShared, readSnapshot } from '../control/snapshot.ts';
import { createDecider, type Decider } from '../steering/decider.ts';
import { type ImageSource, openImage, type SteeringImage } from '../steering/image.ts';
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

/** The table to begin with: the newest of the snapshot and the published one; else one of geography. */
export async function firstTable(
  ground: Ground,
  store: Store,
  options: { readonly nowMs: number; readonly log: (message: string) => void },
): Promise<FirstTable> {
  const saved = await savedTable(ground);
  const own = typeof saved === 'string' ? undefined : saved;
  const published = await publishedTable(ground, store, own?.image?.epoch ?? 0);
  const first = published ?? own ?? tableOfGeography(ground, options.nowMs);
  if (typeof saved === 'string') options.log(`the snapshot is not used, ${first.origin} is: ${saved}`);
  return first;
}

/** The snapshot in the state folder, or why it is not used; undefined: none, or for other groups. */
export async function savedTable(ground: Ground): Promise<FirstTable | string | undefined> {
  const image = await readSnapshot(stateFolder(ground.config), expectedOf(ground));
  if (image === undefined || typeof image === 'string') return image;
  if (image.groupCount !== ground.groups.length) return undefined;
  return { bytes: image.bytes, origin: 'snapshot', image };
}

/**
 * The table that others answer from, if the store soon says that there is one, newer than the epoch and of
 * use here.
 */
async function publishedTable(ground: Ground, store: Store, epoch: number): Promise<FirstTable | undefined> {
  const late = sleep(STORE_MS, undefined, { ref: false });
  const published = await Promise.race([store.image(), late]).catch(() => undefined);
  if (published === undefined || published.epoch <= epoch) return undefined;
  const image = openImage(intoShared(published.bytes), expectedOf(ground));
  if (typeof image === 'string' || image.groupCount !== ground.groups.length) return undefined;
  return { bytes: image.bytes, origin: 'store', image };
}

/** A table made of geography alone. */
export function tableOfGeography(ground: Ground, nowMs: number): FirstTable {
  const made = imageFromGeography(deciderOf(ground), nowMs);
  if (!('bytes' in made)) throw new Error(`no first table: ${made.join('; ')}`);
  return { bytes: made.bytes, origin: 'geography' };
}

/** What a table must have been made for to be of use here. */
export function expectedOf({ config, places }: Ground): ImageSource {
  return { fleetDigest: config.fleet.digest, placesDigest: places.digest };
}

/** A decider that knows nothing yet but where everything is. */
export function deciderOf(ground: Ground): Decider {
  return createDecider({
    fleet: ground.config.fleet,
    geometry: ground.places,
    placesDigest: ground.places.digest,
    groups: ground.groups,
    params: ground.config.steering,
    networks: ground.policyNetworks,
  });
}
