import type { Fleet } from '../base/fleet.ts';
import { guardImage } from '../steering/guard.ts';
import { openImage, type SteeringImage } from '../steering/image.ts';
import { decodeTerms } from '../steering/terms.ts';
import { intoShared } from './snapshot.ts';

/** An opened image whose octets are in memory that threads can share. */
export type SharedImage = SteeringImage & { readonly bytes: Uint8Array<SharedArrayBuffer> };

/**
 * A published image in memory that threads can share, if it is whole, made for this fleet and these places,
 * and passes the guard; else what is wrong with it.
 */
export function readImage(
  published: Uint8Array,
  { fleet, placesDigest }: { readonly fleet: Fleet; readonly placesDigest: number },
): SharedImage | string {
  const bytes = intoShared(published);
  const image = openImage(bytes, { fleetDigest: fleet.digest, placesDigest });
  if (typeof image === 'string') return image;
  const reasons = guardImage(image, {
    linkPop: fleet.links.map(({ popIndex }) => popIndex),
    isOut: decodeTerms(image.termsText).pops.map(({ state }) => state !== 'up'),
  });
  return reasons.length === 0 ? { ...image, bytes } : `the guard says: ${reasons.join('; ')}`;
}
