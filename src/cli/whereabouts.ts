import type { Address } from '../base/address.ts';
import { type ClientImage, type Located, locate } from '../geo/client-image.ts';
import type { Whereabouts } from '../pop/waf/run.ts';

/** Country and AS of an address, by the client image in use at the time of each call. */
export function whereaboutsOf(
  image: () => ClientImage,
  /** Country of each place. */
  country: readonly string[],
): (address: Address) => Whereabouts {
  const into: Located = { placeId: 0, asn: 0, known: false };
  return (address) => {
    locate(image(), address, into);
    return { country: country[into.placeId] ?? '', asn: into.asn };
  };
}
