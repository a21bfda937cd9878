import { parsePrefix } from '../base/address.ts';
import { NETWORK_BITS, networkKey } from '../base/network-key.ts';
import { emptyLocated, type Located } from '../geo/client-image.ts';
import type { Locator } from '../geo/locator.ts';

/** Where a network is; -1 as place: the text is no prefix. */
export interface NetworkPlace {
  readonly placeId: number;
  readonly asn: number;
  /** `networkKey`; -1 where the prefix is wider than one network, or none. */
  readonly network: number;
}

/** Networks remembered at most; then all are forgotten and looked up anew. */
const REMEMBERED_MAX = 200_000;
const NOWHERE: NetworkPlace = { placeId: -1, asn: 0, network: -1 };

/**
 * A function from a network's text (`203.0.113.0/24`) to where it is; remembers, bounded, until the
 * databases change.
 */
export function networkFinder(
  locator: Pick<Locator, 'locate' | 'databases'>,
): (network: string) => NetworkPlace {
  const known = new Map<string, NetworkPlace>();
  const located = emptyLocated();
  let { databases } = locator;
  return (network) => {
    if (known.size >= REMEMBERED_MAX || databases !== locator.databases) known.clear();
    databases = locator.databases;
    const remembered = known.get(network);
    if (remembered !== undefined) return remembered;
    const place = locateNetwork(locator, network, located);
    known.set(network, place);
    return place;
  };
}

/** Where a network is; `located` is for its use. */
export function locateNetwork(
  locator: Pick<Locator, 'locate'>,
  network: string,
  located: Located,
): NetworkPlace {
  const prefix = parsePrefix(network);
  if (typeof prefix === 'string') return NOWHERE;
  locator.locate(prefix.address, located);
  const isSingle = prefix.length >= NETWORK_BITS[prefix.address.family];
  return { placeId: located.placeId, asn: located.asn, network: isSingle ? networkKey(prefix) : -1 };
}
