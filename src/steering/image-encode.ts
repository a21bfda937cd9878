import { IMAGE_KIND, sealImage } from '../base/image-file.ts';
import { layLeaves } from './encode-leaves.ts';
import { haveSameNetworks, type LaidNetworks, layNetworks, updateNetworks } from './encode-networks.ts';
import { type ImageSource, rowOf, STEERING_VERSION, type SteeringImage, sourceOf } from './image.ts';
import { type ImageCounts, imageLayout, ROW, STEERING_HEADER } from './image-layout.ts';
import { distinctRows, type RowTable } from './intern-rows.ts';
import { adoptNumbers, numberRows, type RowNumbers, rowNumbers, UNKNOWN } from './row-numbers.ts';

/** Everything that goes into an image. */
export interface ImageParts extends ImageSource {
  readonly epoch: number;
  readonly madeAtMs: number;
  readonly groupCount: number;
  readonly placeCount: number;
  /** By network cell (cell index - placeCount): ASN (0 = slot not in use) and place. */
  readonly networkAsn: Uint32Array;
  readonly networkPlace: Uint32Array;
  readonly networkCount: number;
  /** Networks with decisions of their own; leaf i is cell `firstLeaf + i`. */
  readonly firstLeaf: number;
  readonly leafCount: number;
  /** By leaf: `networkKey` of base/network-key.ts; -1: free. */
  readonly leafKey: Float64Array;
  /** By leaf: where the network lies; what it inherits without a row of its own. */
  readonly leafPlace: Uint32Array;
  readonly leafAsn: Uint32Array;
  /** By leaf: 1 where it has a decision of its own. */
  readonly leafActive: Uint8Array;
  readonly rows: RowTable;
  /** UTF-8 JSON (terms.ts). */
  readonly termsText: Uint8Array;
}

/** The leaves of parts that have none. */
export const NO_LEAVES = {
  firstLeaf: 0,
  leafCount: 0,
  leafKey: new Float64Array(0),
  leafPlace: new Uint32Array(0),
  leafAsn: new Uint32Array(0),
  leafActive: new Uint8Array(0),
} as const;

/** Packs one image after the other into shared memory: what did not change is not worked out again. */
export interface ImageEncoder {
  /** Goes on from an image of another controller with these groups: what stays as it is keeps its numbers. */
  readonly adopt: (image: SteeringImage, parts: ImageParts) => void;
  readonly encode: (parts: ImageParts) => Uint8Array<SharedArrayBuffer>;
}

/** An encoder for the images of one decider, whose tables keep their form. */
export function createImageEncoder(): ImageEncoder {
  let numbers: RowNumbers | undefined;
  let networks: LaidNetworks | undefined;
  return {
    adopt: (image, parts) => {
      if (image.groupCount !== parts.groupCount || image.placeCount !== parts.placeCount) return;
      numbers = rowNumbers(parts.rows, parts.groupCount);
      adoptNumbers(numbers, image.rows, rowsIn(image, parts));
      // Laid for the numbers before.
      networks = undefined;
    },
    encode: (parts) => {
      const { rows, groupCount } = parts;
      if (numbers?.rowOfUnit.length !== groupCount * rows.cellStride) numbers = rowNumbers(rows, groupCount);
      const cells = { first: 0, count: parts.placeCount + parts.networkCount };
      const leaves = { first: parts.firstLeaf, count: parts.leafCount };
      const changed = numberRows(numbers, rows, leaves.count === 0 ? [cells] : [cells, leaves]);
      if (networks === undefined || changed === undefined || !haveSameNetworks(networks, parts))
        networks = layNetworks(parts, numbers.rowOfUnit);
      else updateNetworks(networks, parts, { rowOfUnit: numbers.rowOfUnit, changed });
      return pack(parts, numbers, networks);
    },
  };
}

/** By unit: its row in an image. */
function rowsIn(image: SteeringImage, parts: ImageParts): Uint32Array {
  const { groupCount, placeCount, networkCount, networkAsn, networkPlace } = parts;
  const { firstLeaf, leafCount, leafKey, leafPlace, leafAsn, rows } = parts;
  const rowOfUnit = new Uint32Array(groupCount * rows.cellStride).fill(UNKNOWN);
  for (let group = 0; group < groupCount; group++) {
    const first = group * rows.cellStride;
    for (let place = 0; place < placeCount; place++) rowOfUnit[first + place] = rowOf(image, group, place, 0);
    for (let i = 0; i < networkCount; i++)
      rowOfUnit[first + placeCount + i] = rowOf(
        image,
        group,
        networkPlace[i] as number,
        networkAsn[i] as number,
      );
    for (let i = 0; i < leafCount; i++) {
      const key = leafKey[i] as number;
      const at = [leafPlace[i] as number, leafAsn[i] as number] as const;
      if (key >= 0) rowOfUnit[first + firstLeaf + i] = rowOf(image, group, ...at, key);
    }
  }
  return rowOfUnit;
}

/** Packs an image into shared memory. Equal rows are stored once. */
export function encodeImage(parts: ImageParts): Uint8Array<SharedArrayBuffer> {
  return createImageEncoder().encode(parts);
}

function pack(
  parts: ImageParts,
  { set, rowOfUnit }: RowNumbers,
  { networkStart, networks, networkCells }: LaidNetworks,
): Uint8Array<SharedArrayBuffer> {
  const { groupCount, placeCount, termsText } = parts;
  const rows = distinctRows(set);
  const placeRow = placeRows(parts, rowOfUnit);
  const leaves = layLeaves(parts, rowOfUnit, { networks, networkStart, groupCount, placeRow, placeCount });
  const counts: ImageCounts = {
    groups: groupCount,
    places: placeCount,
    slots: networkStart[placeCount] as number,
    leavesIpv4: leaves.leafIpv4.length,
    leavesIpv6: leaves.leafIpv6.length,
    rows: rows.length / ROW.WORDS,
    termsLength: termsText.length,
  };
  const layout = imageLayout(counts);
  const bytes = new Uint8Array(new SharedArrayBuffer(layout.end));
  const { buffer } = bytes;
  const putWords = (at: number, words: Uint32Array) => new Uint32Array(buffer, at, words.length).set(words);
  new Int16Array(buffer, layout.rows, rows.length).set(rows);
  putWords(layout.placeRow, placeRow);
  putWords(layout.networkStart, networkStart);
  putWords(layout.networks, networks);
  putWords(layout.leafIpv4, leaves.leafIpv4);
  putWords(layout.leafIpv6, leaves.leafIpv6);
  putWords(layout.leafRow, leaves.leafRow);
  new Uint16Array(buffer, layout.leafIpv6Low, counts.leavesIpv6).set(leaves.leafIpv6Low);
  bytes.set(termsText, layout.terms);
  writeCounts(bytes, counts, { epoch: parts.epoch, networkCells });
  sealImage(bytes, {
    kind: IMAGE_KIND.STEERING,
    version: STEERING_VERSION,
    source: sourceOf(parts),
    madeAtMs: parts.madeAtMs,
  });
  return bytes;
}

function writeCounts(
  bytes: Uint8Array<SharedArrayBuffer>,
  counts: ImageCounts,
  more: { readonly epoch: number; readonly networkCells: number },
): void {
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number) => view.setUint32(at, value, true);
  put(STEERING_HEADER.EPOCH, more.epoch);
  put(STEERING_HEADER.GROUPS, counts.groups);
  put(STEERING_HEADER.PLACES, counts.places);
  put(STEERING_HEADER.SLOTS, counts.slots);
  put(STEERING_HEADER.NETWORK_CELLS, more.networkCells);
  put(STEERING_HEADER.ROWS, counts.rows);
  put(STEERING_HEADER.TERMS_LENGTH, counts.termsLength);
  put(STEERING_HEADER.LEAVES_IPV4, counts.leavesIpv4);
  put(STEERING_HEADER.LEAVES_IPV6, counts.leavesIpv6);
}

/** By group, by place. */
function placeRows({ groupCount, placeCount, rows }: ImageParts, rowOfUnit: Uint32Array): Uint32Array {
  const placeRow = new Uint32Array(groupCount * placeCount);
  for (let group = 0; group < groupCount; group++) {
    const from = group * rows.cellStride;
    placeRow.set(rowOfUnit.subarray(from, from + placeCount), group * placeCount);
  }
  return placeRow;
}
