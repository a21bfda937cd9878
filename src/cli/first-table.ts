import { must } from '../base/assert.ts';
import { imageFromGeography } from '../control/made-image.ts';
import { readSnapshot } from '../control/snapshot.ts';
import { createDecider, type Decider } from '../steering/decider.ts';
import type { SteeringImage } from '../steering/image.ts';
import { stateFolder, type World } from './world.ts';

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
  world: World,
  options: { readonly nowMs: number; readonly log: (message: string) => void },
): Promise<FirstTable> {
  const expected = { fleetDigest: world.config.fleet.digest, placesDigest: world.places.digest };
  const snapshot = await readSnapshot(stateFolder(world.config), expected);
  if (typeof snapshot === 'string') options.log(`the snapshot is not used, geography is: ${snapshot}`);
  else if (snapshot !== undefined && snapshot.groupCount === world.groups.length)
    return { bytes: snapshot.bytes, origin: 'snapshot', snapshot };
  const made = imageFromGeography(deciderOf(world), options.nowMs);
  if (!('bytes' in made)) throw new Error(`no first table: ${made.join('; ')}`);
  return { bytes: must(made.bytes, 'first table'), origin: 'geography' };
}

/** A decider that knows nothing yet but where everything is. */
export function deciderOf(world: World): Decider {
  return createDecider({
    fleet: world.config.fleet,
    geometry: world.places,
    placesDigest: world.places.digest,
    groups: world.groups,
    params: world.config.steering,
  });
}
