import { IMAGE_KIND, sealImage } from '../base/image-file.ts';
import { layLeaves } from './encode-leaves.ts';
import { type ImageSource, STEERING_VERSION, sourceOf } from './image.ts';
import {
  firstSlot,
  type ImageCounts,
  imageLayout,
  networkStride,
  ROW,
  STEERING_HEADER,
} from './image-layout.ts';
import { distinctRows, internRows, type RowTable, rowSet } from './intern-rows.ts';

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

/** Packs an image into shared memory. Equal rows are stored once. */
export function encodeImage(parts: ImageParts): Uint8Array<SharedArrayBuffer> {
  const { groupCount, placeCount, termsText } = parts;
  const { rows, rowOfUnit, rowOfLeaf } = findRows(parts);
  const { networkStart, networkCells } = layNetworks(parts);
  const networks = new Uint32Array((networkStart[placeCount] as number) * networkStride(groupCount));
  writeNetworks(networks, { parts, networkStart, rowOfUnit });
  const placeRow = placeRows(parts, rowOfUnit);
  const leaves = layLeaves(parts, rowOfLeaf, { networks, networkStart, groupCount, placeRow, placeCount });
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

/** The distinct rows, and which one each cell has. */
interface FoundRows {
  readonly rows: Int16Array;
  /** By group, by place and network cell; those of cells not in use mean nothing. */
  readonly rowOfUnit: Uint32Array;
  /** By group, by leaf. */
  readonly rowOfLeaf: Uint32Array;
}

function findRows(parts: ImageParts): FoundRows {
  const { groupCount, placeCount, networkCount, firstLeaf, leafCount } = parts;
  const cells = placeCount + networkCount;
  const rowOfUnit = new Uint32Array(groupCount * cells);
  const rowOfLeaf = new Uint32Array(groupCount * leafCount);
  const set = rowSet(parts.rows);
  for (let group = 0; group < groupCount; group++) {
    const first = group * parts.rows.cellStride;
    internRows(set, first, rowOfUnit.subarray(group * cells, (group + 1) * cells));
    internRows(set, first + firstLeaf, rowOfLeaf.subarray(group * leafCount, (group + 1) * leafCount));
  }
  return { rows: distinctRows(set), rowOfUnit, rowOfLeaf };
}

/** By group, by place. */
function placeRows(
  { groupCount, placeCount, networkCount }: ImageParts,
  rowOfUnit: Uint32Array,
): Uint32Array {
  const rows = new Uint32Array(groupCount * placeCount);
  for (let group = 0; group < groupCount; group++) {
    const from = group * (placeCount + networkCount);
    rows.set(rowOfUnit.subarray(from, from + placeCount), group * placeCount);
  }
  return rows;
}

/** First slot of each place's networks. They fill two thirds at most, so that probing stays short. */
function layNetworks(parts: ImageParts): { networkStart: Uint32Array; networkCells: number } {
  const { placeCount, networkCount, networkAsn, networkPlace } = parts;
  const counts = new Uint32Array(placeCount);
  for (let i = 0; i < networkCount; i++) {
    const place = networkPlace[i] as number;
    if (networkAsn[i] !== 0) counts[place] = (counts[place] as number) + 1;
  }
  const networkStart = new Uint32Array(placeCount + 1);
  let networkCells = 0;
  for (let place = 0; place < placeCount; place++) {
    const count = counts[place] as number;
    const slots = count === 0 ? 0 : count + (count >> 1) + 1;
    networkStart[place + 1] = (networkStart[place] as number) + slots;
    networkCells += count;
  }
  return { networkStart, networkCells };
}

/**
 * Networks written together: their slots are touched for all of them before the first is written, so that the
 * waits for memory overlap.
 */
const BATCH = 64;
const firstSlots = new Int32Array(BATCH);
const touched = new Int32Array(BATCH);

function writeNetworks(
  networks: Uint32Array,
  from: { parts: ImageParts; networkStart: Uint32Array; rowOfUnit: Uint32Array },
): void {
  const { parts, networkStart } = from;
  const { networkCount, networkAsn, networkPlace } = parts;
  const stride = networkStride(parts.groupCount);
  for (let done = 0; done < networkCount; done += BATCH) {
    const count = Math.min(BATCH, networkCount - done);
    for (let i = 0; i < count; i++) {
      const place = networkPlace[done + i] as number;
      const start = networkStart[place] as number;
      const slots = (networkStart[place + 1] as number) - start;
      firstSlots[i] = start + firstSlot(networkAsn[done + i] as number, slots);
    }
    for (let i = 0; i < count; i++) touched[i] = networks[(firstSlots[i] as number) * stride] as number;
    for (let i = 0; i < count; i++)
      if (networkAsn[done + i] !== 0) writeNetwork(networks, from, done + i, firstSlots[i] as number);
  }
}

function writeNetwork(
  networks: Uint32Array,
  from: { parts: ImageParts; networkStart: Uint32Array; rowOfUnit: Uint32Array },
  index: number,
  firstSlot: number,
): void {
  const { parts, networkStart, rowOfUnit } = from;
  const { groupCount, placeCount, networkCount, networkAsn, networkPlace } = parts;
  const stride = networkStride(groupCount);
  const cells = placeCount + networkCount;
  const place = networkPlace[index] as number;
  let slot = firstSlot;
  while (networks[slot * stride] !== 0)
    if (++slot === networkStart[place + 1]) slot = networkStart[place] as number;
  networks[slot * stride] = networkAsn[index] as number;
  for (let group = 0; group < groupCount; group++)
    networks[slot * stride + 1 + group] = rowOfUnit[group * cells + placeCount + index] as number;
}
