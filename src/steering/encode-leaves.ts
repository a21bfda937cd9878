import { IPV6_KEYS } from '../base/network-key.ts';
import { networkSlot, type SteeringImage } from './image.ts';
import type { ImageParts } from './image-encode.ts';
import { networkStride } from './image-layout.ts';

/** What leaves inherit from, as the image has it. */
export type Inherited = Pick<
  SteeringImage,
  'networks' | 'networkStart' | 'groupCount' | 'placeRow' | 'placeCount'
>;

/** Leaves as the image has them. */
export interface LaidLeaves {
  readonly leafIpv4: Uint32Array;
  readonly leafIpv6: Uint32Array;
  readonly leafIpv6Low: Uint16Array;
  /** By leaf of these, by group. */
  readonly leafRow: Uint32Array;
}

/**
 * The leaves that the image needs, in the order of their keys: those with a decision of their own that in
 * some group differs from what their network gets at their place, or else their place.
 */
export function layLeaves(parts: ImageParts, rowOfUnit: Uint32Array, inherited: Inherited): LaidLeaves {
  const { leafCount, leafKey, leafActive, leafPlace, leafAsn, groupCount, firstLeaf, rows } = parts;
  const kept = new Uint32Array(leafCount);
  let count = 0;
  for (let leaf = 0; leaf < leafCount; leaf++) {
    if (leafActive[leaf] === 0 || (leafKey[leaf] as number) < 0) continue;
    const parent = { placeId: leafPlace[leaf] as number, asn: leafAsn[leaf] as number };
    if (!isMerged({ rowOfUnit, unit: firstLeaf + leaf, cellStride: rows.cellStride }, parent, inherited))
      kept[count++] = leaf;
  }
  const order = sortByKey(kept.subarray(0, count), leafKey);
  const ipv4Count = countBelow(order, leafKey, IPV6_KEYS);
  const leafIpv4 = new Uint32Array(ipv4Count);
  const leafIpv6 = new Uint32Array(count - ipv4Count);
  const leafIpv6Low = new Uint16Array(count - ipv4Count);
  const leafRow = new Uint32Array(count * groupCount);
  for (let i = 0; i < count; i++) {
    const leaf = order[i] as number;
    const key = leafKey[leaf] as number;
    if (i < ipv4Count) leafIpv4[i] = key;
    else {
      leafIpv6[i - ipv4Count] = Math.floor((key - IPV6_KEYS) / 0x10000);
      leafIpv6Low[i - ipv4Count] = (key - IPV6_KEYS) % 0x10000;
    }
    for (let group = 0; group < groupCount; group++)
      leafRow[i * groupCount + group] = rowOfUnit[group * rows.cellStride + firstLeaf + leaf] as number;
  }
  return { leafIpv4, leafIpv6, leafIpv6Low, leafRow };
}

/** Whether a leaf's clients get the same without it, in every group. */
function isMerged(
  own: { readonly rowOfUnit: Uint32Array; readonly unit: number; readonly cellStride: number },
  parent: { readonly placeId: number; readonly asn: number },
  inherited: Inherited,
): boolean {
  const { networks, groupCount, placeRow, placeCount } = inherited;
  const { placeId, asn } = parent;
  const slot = networkSlot(inherited, placeId, asn);
  for (let group = 0; group < groupCount; group++) {
    const row =
      slot < 0
        ? placeRow[group * placeCount + placeId]
        : networks[slot * networkStride(groupCount) + 1 + group];
    if (own.rowOfUnit[group * own.cellStride + own.unit] !== row) return false;
  }
  return true;
}

/** How many of the sorted leaves have a key below this. */
function countBelow(order: Uint32Array, leafKey: Float64Array, end: number): number {
  let from = 0;
  let to = order.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((leafKey[order[middle] as number] as number) < end) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Bits of a key that one pass of sorting looks at, and how many passes there are. */
const DIGIT_BITS = 13;
const PASSES = 4;

/** The leaves by rising key: digit by digit, the last first, as comparing a million takes half a second. */
function sortByKey(leaves: Uint32Array<ArrayBuffer>, leafKey: Float64Array): Uint32Array {
  let from = leaves;
  let to = new Uint32Array(leaves.length);
  for (let pass = 0; pass < PASSES; pass++) {
    const divisor = 2 ** (pass * DIGIT_BITS);
    const digitOf = (leaf: number): number =>
      Math.floor((leafKey[leaf] as number) / divisor) % 2 ** DIGIT_BITS;
    const ends = new Uint32Array(2 ** DIGIT_BITS + 1);
    for (const leaf of from) {
      const next = digitOf(leaf) + 1;
      ends[next] = (ends[next] as number) + 1;
    }
    for (let digit = 1; digit < ends.length; digit++)
      ends[digit] = (ends[digit] as number) + (ends[digit - 1] as number);
    for (const leaf of from) {
      const digit = digitOf(leaf);
      const at = ends[digit] as number;
      to[at] = leaf;
      ends[digit] = at + 1;
    }
    [from, to] = [to, from];
  }
  return from;
}
