import { mix32 } from '../base/random.ts';
import { crc32 } from './crc32.ts';
import {
  IMAGE_HEADER,
  IMAGE_MAGIC,
  IMAGE_VERSION,
  type ImageCounts,
  imageLayout,
  networkHash,
  ROW_CANDIDATES,
} from './image.ts';

/**
 * Rows by (service group, cell): unit = group x cellStride + cell; cells are the places, then the network
 * cells.
 */
export interface RowTable {
  /** Units of one group. */
  readonly cellStride: number;
  /** Int16 [units x ROW_CANDIDATES]: link indexes, -1 ends. */
  readonly candidates: Int16Array;
  /** Seconds, by unit. */
  readonly ttlSeconds: Uint16Array;
  /** Reason code (ttl.ts), by unit. */
  readonly ttlReason: Uint8Array;
}

/** Everything that goes into an image. */
export interface ImageParts {
  readonly epoch: number;
  readonly madeAtMs: number;
  readonly fleetDigest: number;
  readonly placesDigest: number;
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
  const { groupCount, placeCount, networkCount } = parts;
  const interned = internRows(parts);
  let live = 0;
  for (let i = 0; i < networkCount; i++) if (parts.networkAsn[i] !== 0) live++;
  const counts: ImageCounts = {
    groups: groupCount,
    places: placeCount,
    slots: slotsFor(live),
    rows: interned.units.length,
    termsLength: parts.termsText.length,
  };
  const at = imageLayout(counts);
  const bytes = new Uint8Array(new SharedArrayBuffer(at.end));
  const { buffer } = bytes;
  writeHeader(new DataView(buffer), { parts, counts, live, length: at.end });
  writeRows(buffer, { parts, at, units: interned.units });
  const placeRow = new Uint32Array(buffer, at.placeRow, groupCount * placeCount);
  for (let group = 0; group < groupCount; group++) {
    const from = group * (placeCount + networkCount);
    placeRow.set(interned.rowOfUnit.subarray(from, from + placeCount), group * placeCount);
  }
  writeNetworks(buffer, { parts, at, slots: counts.slots, rowOfUnit: interned.rowOfUnit });
  bytes.set(parts.termsText, at.terms);
  new DataView(buffer).setUint32(IMAGE_HEADER.CRC, crc32(bytes, IMAGE_HEADER.EPOCH), true);
  return bytes;
}

/** A power of two at most half full, so that probing stays short. */
function slotsFor(cells: number): number {
  let slots = 8;
  while (slots < cells * 2) slots *= 2;
  return cells === 0 ? 0 : slots;
}

/** One representative unit per distinct row, and the row of every (group, cell). */
function internRows(parts: ImageParts): { units: Uint32Array; rowOfUnit: Uint32Array } {
  const { groupCount, placeCount, networkCount, rows } = parts;
  const cells = placeCount + networkCount;
  const rowOfUnit = new Uint32Array(groupCount * cells);
  const units = new Uint32Array(groupCount * cells);
  let size = 16;
  while (size < groupCount * cells * 2) size *= 2;
  const table = new Int32Array(size).fill(-1);
  let count = 0;
  for (let group = 0; group < groupCount; group++)
    for (let cell = 0; cell < cells; cell++) {
      const unit = group * rows.cellStride + cell;
      if (cell >= placeCount && parts.networkAsn[cell - placeCount] === 0) continue;
      let slot = rowHash(rows, unit) & (size - 1);
      let row = table[slot] as number;
      while (row >= 0 && !sameRow(rows, unit, units[row] as number)) {
        slot = (slot + 1) & (size - 1);
        row = table[slot] as number;
      }
      if (row < 0) {
        row = count++;
        units[row] = unit;
        table[slot] = row;
      }
      rowOfUnit[group * cells + cell] = row;
    }
  return { units: units.subarray(0, count), rowOfUnit };
}

function rowHash(rows: RowTable, unit: number): number {
  let hash = ((rows.ttlSeconds[unit] as number) << 8) | (rows.ttlReason[unit] as number);
  const first = unit * ROW_CANDIDATES;
  for (let k = 0; k < ROW_CANDIDATES; k++)
    hash = Math.imul(hash, 0x01000193) ^ (rows.candidates[first + k] as number);
  return mix32(hash);
}

function sameRow(rows: RowTable, one: number, other: number): boolean {
  if (rows.ttlSeconds[one] !== rows.ttlSeconds[other] || rows.ttlReason[one] !== rows.ttlReason[other])
    return false;
  for (let k = 0; k < ROW_CANDIDATES; k++)
    if (rows.candidates[one * ROW_CANDIDATES + k] !== rows.candidates[other * ROW_CANDIDATES + k])
      return false;
  return true;
}

function writeHeader(
  view: DataView,
  what: { parts: ImageParts; counts: ImageCounts; live: number; length: number },
): void {
  const { parts, counts, live, length } = what;
  const put = (at: number, value: number) => view.setUint32(at, value, true);
  put(IMAGE_HEADER.MAGIC, IMAGE_MAGIC);
  put(IMAGE_HEADER.VERSION, IMAGE_VERSION);
  put(IMAGE_HEADER.LENGTH, length);
  put(IMAGE_HEADER.EPOCH, parts.epoch);
  put(IMAGE_HEADER.FLEET_DIGEST, parts.fleetDigest);
  put(IMAGE_HEADER.PLACES_DIGEST, parts.placesDigest);
  put(IMAGE_HEADER.GROUPS, counts.groups);
  put(IMAGE_HEADER.PLACES, counts.places);
  put(IMAGE_HEADER.SLOTS, counts.slots);
  put(IMAGE_HEADER.NETWORK_CELLS, live);
  put(IMAGE_HEADER.ROWS, counts.rows);
  put(IMAGE_HEADER.TERMS_LENGTH, counts.termsLength);
  view.setFloat64(IMAGE_HEADER.MADE_AT, parts.madeAtMs, true);
}

function writeRows(
  buffer: SharedArrayBuffer,
  what: { parts: ImageParts; at: ReturnType<typeof imageLayout>; units: Uint32Array },
): void {
  const { parts, at, units } = what;
  const { rows } = parts;
  const candidates = new Int16Array(buffer, at.candidates, units.length * ROW_CANDIDATES);
  const ttl = new Uint16Array(buffer, at.ttl, units.length);
  const reason = new Uint8Array(buffer, at.ttlReason, units.length);
  for (let row = 0; row < units.length; row++) {
    const unit = units[row] as number;
    for (let k = 0; k < ROW_CANDIDATES; k++)
      candidates[row * ROW_CANDIDATES + k] = rows.candidates[unit * ROW_CANDIDATES + k] as number;
    ttl[row] = rows.ttlSeconds[unit] as number;
    reason[row] = rows.ttlReason[unit] as number;
  }
}

function writeNetworks(
  buffer: SharedArrayBuffer,
  what: {
    parts: ImageParts;
    at: ReturnType<typeof imageLayout>;
    slots: number;
    rowOfUnit: Uint32Array;
  },
): void {
  const { parts, at, slots, rowOfUnit } = what;
  const { groupCount, placeCount, networkCount, networkAsn, networkPlace } = parts;
  const asns = new Uint32Array(buffer, at.networkAsn, slots);
  const places = new Uint32Array(buffer, at.networkPlace, slots);
  const rows = new Uint32Array(buffer, at.networkRow, groupCount * slots);
  for (let i = 0; i < networkCount; i++) {
    const asn = networkAsn[i] as number;
    const place = networkPlace[i] as number;
    if (asn === 0) continue;
    let slot = networkHash(place, asn) & (slots - 1);
    while (asns[slot] !== 0) slot = (slot + 1) & (slots - 1);
    asns[slot] = asn;
    places[slot] = place;
    for (let group = 0; group < groupCount; group++)
      rows[group * slots + slot] = rowOfUnit[group * (placeCount + networkCount) + placeCount + i] as number;
  }
}
