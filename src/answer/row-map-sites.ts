import type { ClientImage } from '../geo/client-image.ts';
import { haveSameNetworks, networkSlot, type SteeringImage, slotRow } from '../steering/image.ts';

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
  const { placeRow, placeCount } = steering;
  const firstRow = group * placeCount;
  for (let site = 0; site < rows.length; site++) {
    const slot = slots[site] as number;
    rows[site] =
      slot < 0
        ? (placeRow[firstRow + (sitePlace[site] as number)] as number)
        : slotRow(steering, slot, group);
  }
}
