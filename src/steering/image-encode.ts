import { IMAGE_KIND, sealImage } from '../base/image-file.ts';
import {
  firstSlot,
  type ImageCounts,
  type ImageSource,
  imageLayout,
  networkStride,
  ROW,
  STEERING_HEADER,
  STEERING_VERSION,
  sourceOf,
} from './image.ts';
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
  readonly rows: RowTable;
  /** UTF-8 JSON (terms.ts). */
  readonly termsText: Uint8Array;
}

/** Packs an image into shared memory. Equal rows are stored once. */
export function encodeImage(parts: ImageParts): Uint8Array<SharedArrayBuffer> {
  const { epoch, madeAtMs, groupCount, placeCount, networkCount, termsText } = parts;
  const { rows, rowOfUnit } = findRows(parts);
  const { networkStart, networkCells } = layNetworks(parts);
  const counts: ImageCounts = {
    groups: groupCount,
    places: placeCount,
    slots: networkStart[placeCount] as number,
    rows: rows.length / ROW.WORDS,
    termsLength: termsText.length,
  };
  const layout = imageLayout(counts);
  const bytes = new Uint8Array(new SharedArrayBuffer(layout.end));
  const { buffer } = bytes;
  new Int16Array(buffer, layout.rows, rows.length).set(rows);
  const placeRow = new Uint32Array(buffer, layout.placeRow, groupCount * placeCount);
  for (let group = 0; group < groupCount; group++) {
    const from = group * (placeCount + networkCount);
    placeRow.set(rowOfUnit.subarray(from, from + placeCount), group * placeCount);
  }
  new Uint32Array(buffer, layout.networkStart, networkStart.length).set(networkStart);
  const slotWords = counts.slots * networkStride(groupCount);
  const networks = new Uint32Array(buffer, layout.networks, slotWords);
  writeNetworks(networks, { parts, networkStart, rowOfUnit });
  bytes.set(termsText, layout.terms);
  const view = new DataView(buffer);
  const put = (at: number, value: number) => view.setUint32(at, value, true);
  put(STEERING_HEADER.EPOCH, epoch);
  put(STEERING_HEADER.GROUPS, counts.groups);
  put(STEERING_HEADER.PLACES, counts.places);
  put(STEERING_HEADER.SLOTS, counts.slots);
  put(STEERING_HEADER.NETWORK_CELLS, networkCells);
  put(STEERING_HEADER.ROWS, counts.rows);
  put(STEERING_HEADER.TERMS_LENGTH, counts.termsLength);
  sealImage(bytes, {
    kind: IMAGE_KIND.STEERING,
    version: STEERING_VERSION,
    source: sourceOf(parts),
    madeAtMs,
  });
  return bytes;
}

/** The distinct rows, and the row of every (group, cell); those of cells not in use mean nothing. */
function findRows(parts: ImageParts): { rows: Int16Array; rowOfUnit: Uint32Array } {
  const { groupCount, placeCount, networkCount } = parts;
  const cells = placeCount + networkCount;
  const rowOfUnit = new Uint32Array(groupCount * cells);
  const set = rowSet(parts.rows);
  for (let group = 0; group < groupCount; group++)
    internRows(set, group * parts.rows.cellStride, rowOfUnit.subarray(group * cells, (group + 1) * cells));
  return { rows: distinctRows(set), rowOfUnit };
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
