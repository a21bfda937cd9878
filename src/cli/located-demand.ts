import { networkOfKey } from '../base/network-key.ts';
import type { Located } from '../geo/client-image.ts';
import type { Locator } from '../geo/locator.ts';
import type { DemandCell } from '../server/demand.ts';
import type { LocatedNetwork } from '../steering/cells.ts';

/** Where the clients of a counted cell are; `located` is room to work in. */
export function locateDemand(
  locator: Pick<Locator, 'locate'>,
  { leafKey, placeId, asn }: Pick<DemandCell, 'leafKey' | 'placeId' | 'asn'>,
  located: Located,
): LocatedNetwork {
  if (leafKey < 0) return { network: -1, placeId, asn };
  locator.locate(networkOfKey(leafKey).address, located);
  return { network: leafKey, placeId: located.placeId, asn: located.asn };
}
