import type { ClientImage } from '../geo/client-image.ts';
import { networkSlot, type SteeringImage } from '../steering/image.ts';
import { networkStride } from '../steering/image-layout.ts';

/** Row of every site of a client image: halves where these suffice. */
export type RowOfSite = Uint32Array | Uint16Array;

/**
 * A function that looks up the rows of all sites of a client image, in each group. Where a site stands in a
 * steering image's table of networks is remembered: it changes only when networks come or go.
 */
export function siteRows(
  clients: ClientImage,
): (steering: SteeringImage, shortRows: boolean) => readonly RowOfSite[] {
  const { siteCount, sitePlace, siteAsn } = clients;
  const slots = new Int32Array(siteCount);
  let known: SteeringImage | undefined;
  return (steering, shortRows) => {
    if (known === undefined || !haveSameNetworks(known, steering))
      for (let site = 0; site < siteCount; site++)
        slots[site] = networkSlot(steering, sitePlace[site] as number, siteAsn[site] as number);
    known = steering;
    return Array.from({ length: steering.groupCount }, (_, group) => {
      const rows = shortRows ? new Uint16Array(siteCount) : new Uint32Array(siteCount);
      fillRows(rows, { steering, slots, sitePlace }, group);
      return rows;
    });
  };
}

function fillRows(
  rows: RowOfSite,
  from: { readonly steering: SteeringImage; readonly slots: Int32Array; readonly sitePlace: Uint32Array },
  group: number,
): void {
  const { steering, slots, sitePlace } = from;
  const { networks, placeRow, placeCount, groupCount } = steering;
  const stride = networkStride(groupCount);
  const firstRow = group * placeCount;
  for (let site = 0; site < rows.length; site++) {
    const slot = slots[site] as number;
    rows[site] = (
      slot < 0 ? placeRow[firstRow + (sitePlace[site] as number)] : networks[slot * stride + 1 + group]
    ) as number;
  }
}

/** Whether the same networks stand in the same slots. */
function haveSameNetworks(one: SteeringImage, other: SteeringImage): boolean {
  if (one.groupCount !== other.groupCount || one.networks.length !== other.networks.length) return false;
  for (let i = 0; i < one.networkStart.length; i++)
    if (one.networkStart[i] !== other.networkStart[i]) return false;
  const stride = networkStride(one.groupCount);
  for (let at = 0; at < one.networks.length; at += stride)
    if (one.networks[at] !== other.networks[at]) return false;
  return one.networkStart.length === other.networkStart.length;
}
