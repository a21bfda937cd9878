import { formatPrefix } from '../base/address.ts';
import { networkOfKey } from '../base/network-key.ts';
import { type CellName, cellKey, describeCell } from './cells.ts';
import { leafSlot, networkSlot, type SteeringImage } from './image.ts';
import type { CellGeometry } from './prior.ts';

/** A client as an image tells its clients apart. */
export interface CellClient {
  readonly placeId: number;
  /** 0: not known. */
  readonly asn: number;
  /** `networkKey` of its address; absent: clients of the place and AS at large are meant. */
  readonly key?: number | undefined;
}

/** Which cells an image has for a client, from the widest to the closest. */
export interface ClientCells {
  readonly hasNetwork: boolean;
  readonly hasLeaf: boolean;
}

/** Keys of a client's cells: what to ask the store for. Undefined: the image has no such cell. */
export interface CellKeys {
  readonly place: string;
  readonly network: string | undefined;
  readonly leaf: string | undefined;
}

/** A cell in words, and what its clients would get if it had no row of its own. */
export interface ExplainedCell extends CellName {
  readonly inherits?: CellName;
}

/** The cells of a client. */
export function cellsOfClient(image: SteeringImage, { placeId, asn, key = -1 }: CellClient): ClientCells {
  return {
    hasNetwork: networkSlot(image, placeId, asn) >= 0,
    hasLeaf: key >= 0 && leafSlot(image, key) >= 0,
  };
}

/** Their keys. */
export function cellKeysOf(geometry: CellGeometry, image: SteeringImage, client: CellClient): CellKeys {
  const { hasNetwork, hasLeaf } = cellsOfClient(image, client);
  const place = geometry.key[client.placeId] as string;
  return {
    place,
    network: hasNetwork ? cellKey(place, client.asn) : undefined,
    leaf: hasLeaf ? leafKeyText(client.key) : undefined,
  };
}

/** Names the closest of them, whose row counts. */
export function describeClientCell(
  geometry: CellGeometry,
  client: CellClient,
  { hasNetwork, hasLeaf }: ClientCells,
): ExplainedCell {
  const { placeId, asn } = client;
  const inherits = describeCell(geometry, placeId, hasNetwork ? asn : 0);
  if (!hasLeaf) return inherits;
  const { label } = describeCell(geometry, placeId, asn);
  const words = asn === 0 ? `network in ${label}` : `network of ${label}`;
  return { key: leafKeyText(client.key), level: 'leaf', label: words, inherits };
}

/** `203.0.113.0/24`. */
function leafKeyText(key = -1): string {
  return formatPrefix(networkOfKey(key));
}
