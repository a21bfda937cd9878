import type { ImageParts } from './image-encode.ts';
import { firstSlot, networkStride } from './image-layout.ts';

/** Network cells as the image has them, and what they were laid out for. */
export interface LaidNetworks {
  readonly networkStart: Uint32Array;
  /** The hash table: see image-layout.ts. */
  readonly networks: Uint32Array;
  readonly networkCells: number;
  /** By network cell: its ASN, its place and its slot. */
  readonly asn: Uint32Array;
  readonly place: Uint32Array;
  readonly slot: Uint32Array;
}

/** Lays the network cells out, with their rows. */
export function layNetworks(parts: ImageParts, rowOfUnit: Uint32Array): LaidNetworks {
  const { networkCount, placeCount, groupCount } = parts;
  const asn = parts.networkAsn.slice(0, networkCount);
  const place = parts.networkPlace.slice(0, networkCount);
  const { networkStart, networkCells } = startsOf({ asn, place, placeCount });
  const networks = new Uint32Array((networkStart[placeCount] as number) * networkStride(groupCount));
  const slot = new Uint32Array(networkCount);
  const laid = { networkStart, networks, networkCells, asn, place, slot };
  findSlots(laid, networkStride(groupCount));
  const { cellStride } = parts.rows;
  for (let group = 0; group < groupCount; group++) {
    const first = group * cellStride + placeCount;
    for (let i = 0; i < networkCount; i++)
      if (asn[i] !== 0)
        networks[(slot[i] as number) * networkStride(groupCount) + 1 + group] = rowOfUnit[
          first + i
        ] as number;
  }
  return laid;
}

/** Whether the same network cells are in the same places. */
export function haveSameNetworks(laid: LaidNetworks, parts: ImageParts): boolean {
  const { networkAsn, networkPlace, networkCount } = parts;
  const { asn, place } = laid;
  if (asn.length !== networkCount || laid.networkStart.length !== parts.placeCount + 1) return false;
  for (let i = 0; i < networkCount; i++)
    if (asn[i] !== networkAsn[i] || place[i] !== networkPlace[i]) return false;
  return true;
}

/** Takes over the rows of the units that changed. */
export function updateNetworks(
  { networks, asn, slot }: LaidNetworks,
  { groupCount, placeCount, networkCount, rows }: ImageParts,
  by: { readonly rowOfUnit: Uint32Array; readonly changed: Uint32Array },
): void {
  for (const unit of by.changed) {
    const group = Math.floor(unit / rows.cellStride);
    const i = (unit % rows.cellStride) - placeCount;
    if (i < 0 || i >= networkCount || asn[i] === 0) continue;
    networks[(slot[i] as number) * networkStride(groupCount) + 1 + group] = by.rowOfUnit[unit] as number;
  }
}

/** First slot of each place's networks. They fill two thirds at most, so that probing stays short. */
function startsOf(of: { asn: Uint32Array; place: Uint32Array; placeCount: number }): {
  networkStart: Uint32Array;
  networkCells: number;
} {
  const { asn, place, placeCount } = of;
  const counts = new Uint32Array(placeCount);
  for (let i = 0; i < asn.length; i++) {
    const at = place[i] as number;
    if (asn[i] !== 0) counts[at] = (counts[at] as number) + 1;
  }
  const networkStart = new Uint32Array(placeCount + 1);
  let networkCells = 0;
  for (let at = 0; at < placeCount; at++) {
    const count = counts[at] as number;
    const slots = count === 0 ? 0 : count + (count >> 1) + 1;
    networkStart[at + 1] = (networkStart[at] as number) + slots;
    networkCells += count;
  }
  return { networkStart, networkCells };
}

/**
 * Networks laid out together: their slots are touched for all of them before the first is written, so that
 * the waits for memory overlap.
 */
const BATCH = 64;
const touched = new Int32Array(BATCH);

function findSlots({ networkStart, networks, asn, place, slot }: LaidNetworks, stride: number): void {
  for (let done = 0; done < asn.length; done += BATCH) {
    const end = Math.min(asn.length, done + BATCH);
    for (let i = done; i < end; i++) {
      const start = networkStart[place[i] as number] as number;
      const slots = (networkStart[(place[i] as number) + 1] as number) - start;
      slot[i] = start + firstSlot(asn[i] as number, slots);
    }
    for (let i = done; i < end; i++) touched[i - done] = networks[(slot[i] as number) * stride] as number;
    for (let i = done; i < end; i++) {
      if (asn[i] === 0) continue;
      let at = slot[i] as number;
      const from = place[i] as number;
      while (networks[at * stride] !== 0)
        if (++at === networkStart[from + 1]) at = networkStart[from] as number;
      networks[at * stride] = asn[i] as number;
      slot[i] = at;
    }
  }
}
