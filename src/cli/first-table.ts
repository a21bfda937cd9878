import { must } from '../base/assert.ts';
import { imageFromGeography } from '../control/made-image.ts';
import { readSnapshot } from '../control/snapshot.ts';
import { createDecider, type Decider } from '../steering/decider.ts';
import type { SteeringImage } from '../steering/image.ts';
import { type Ground, stateFolder } from './ground.ts';

/** The table that a process answers from until it has a better one. */
export interface FirstTable {
  readonly bytes: Uint8Array;
  /** `snapshot` or `geography`. */
  readonly origin: string;
  /** Present if it is the snapshot. */
  readonly snapshot?: SteeringImage;
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
    return { bytes: snapshot.bytes, origin: 'snapshot', snapshot };
  const made = imageFromGeography(deciderOf(ground), options.nowMs);
  if (!('bytes' in made)) throw new Error(`no first table: ${made.join('; ')}`);
  return { bytes: must(made.bytes, 'first table'), origin: 'geography' };
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
