import type { Address } from '../base/address.ts';
import type { Located } from '../geo/client-image.ts';
import type { Whereabouts } from '../pop/waf/run.ts';
import type { World } from './world.ts';

/** Country and AS of an address, by the client image in use at the time of each call. */
export function whereaboutsOf({
  locator,
  places,
}: Pick<World, 'locator' | 'places'>): (address: Address) => Whereabouts {
  const into: Located = { placeId: 0, asn: 0, known: false };
  return (address) => {
    locator.locate(address, into);
    return { country: places.country[into.placeId] ?? '', asn: into.asn };
  };
}
