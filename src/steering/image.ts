/**
 * Room `steering`: which POP suits which clients, decided from samples, reports, demand and operators'
 * words, and the packed table ("steering image") that name servers answer from. Pure: time comes in as
 * `nowMs`. May import `base`.
 *
 * The image: one buffer, little-endian, checksummed, read in place. A header of 64 octets, then sections:
 *   candidates  Int16  [rows x 8]         link indexes in order of preference, -1 ends
 *   ttl         Uint16 [rows]             seconds
 *   ttlReason   Uint8  [rows]             see ttl.ts
 *   placeRow    Uint32 [groups x places]  row of each place
 *   networkAsn, networkPlace Uint32 [slots], networkRow Uint32 [groups x slots]   open addressing; ASN 0 =
 * empty
 *   terms       UTF-8 JSON                what `explain` and metrics need of the decision (terms.ts)
 */
import { mix32 } from '../base/random.ts';
import { crc32 } from './crc32.ts';

/** Candidates in a row, at most. */
export const ROW_CANDIDATES = 8;

/** Position of each header word, in octets. The checksum covers everything from `EPOCH` on. */
export const IMAGE_HEADER = {
  MAGIC: 0,
  VERSION: 4,
  LENGTH: 8,
  CRC: 12,
  EPOCH: 16,
  FLEET_DIGEST: 20,
  PLACES_DIGEST: 24,
  GROUPS: 28,
  PLACES: 32,
  SLOTS: 36,
  NETWORK_CELLS: 40,
  ROWS: 44,
  MADE_AT: 48,
  TERMS_LENGTH: 56,
  OCTETS: 64,
} as const;

/** `ISOI` in memory order. */
export const IMAGE_MAGIC = 0x494f5349;
/** Raised whenever the layout changes: readers refuse other versions. */
export const IMAGE_VERSION = 1;

/** An opened image: views into `bytes`, nothing copied. Immutable. */
export interface SteeringImage {
  readonly bytes: Uint8Array;
  /** Rises with every published image of a cluster. */
  readonly epoch: number;
  /** When the decision was made, ms since 1970 UTC. */
  readonly madeAtMs: number;
  readonly groupCount: number;
  readonly placeCount: number;
  readonly networkCellCount: number;
  readonly rowCount: number;
  readonly candidates: Int16Array;
  readonly ttlSeconds: Uint16Array;
  readonly ttlReason: Uint8Array;
  readonly placeRow: Uint32Array;
  readonly slotCount: number;
  readonly networkAsn: Uint32Array;
  readonly networkPlace: Uint32Array;
  readonly networkRow: Uint32Array;
  /** UTF-8 JSON of `SteeringTerms`. */
  readonly termsText: Uint8Array;
}

/** Counts that fix where each section lies. */
export interface ImageCounts {
  readonly groups: number;
  readonly places: number;
  readonly slots: number;
  readonly rows: number;
  readonly termsLength: number;
}

/** Octet offset of each section, and the total length. */
interface ImageLayout {
  readonly candidates: number;
  readonly ttl: number;
  readonly ttlReason: number;
  readonly placeRow: number;
  readonly networkAsn: number;
  readonly networkPlace: number;
  readonly networkRow: number;
  readonly terms: number;
  readonly end: number;
}

/** Lays the sections out for these counts. */
export function imageLayout(counts: ImageCounts): ImageLayout {
  const { groups, places, slots, rows, termsLength } = counts;
  const candidates = IMAGE_HEADER.OCTETS;
  const ttl = candidates + rows * ROW_CANDIDATES * 2;
  const ttlReason = ttl + align4(rows * 2);
  const placeRow = ttlReason + align4(rows);
  const networkAsn = placeRow + groups * places * 4;
  const networkPlace = networkAsn + slots * 4;
  const networkRow = networkPlace + slots * 4;
  const terms = networkRow + groups * slots * 4;
  return {
    candidates,
    ttl,
    ttlReason,
    placeRow,
    networkAsn,
    networkPlace,
    networkRow,
    terms,
    end: terms + termsLength,
  };
}

/**
 * Opens an image in place, after checking magic, version, length, checksum, and that it was made for this
 * fleet and these places. Returns what is wrong otherwise. Copies only if `bytes` is not aligned to 4
 * octets.
 */
export function openImage(
  bytes: Uint8Array,
  expected: { fleetDigest: number; placesDigest: number },
): SteeringImage | string {
  if (bytes.byteOffset % 4 !== 0) return openImage(Uint8Array.from(bytes), expected);
  if (bytes.length < IMAGE_HEADER.OCTETS) return `only ${bytes.length} octets long`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number) => view.getUint32(at, true);
  if (word(IMAGE_HEADER.MAGIC) !== IMAGE_MAGIC) return 'not a steering image';
  const version = word(IMAGE_HEADER.VERSION);
  if (version !== IMAGE_VERSION) return `format version ${version}, this program reads ${IMAGE_VERSION}`;
  const length = word(IMAGE_HEADER.LENGTH);
  if (length !== bytes.length) return `${bytes.length} octets long, its header says ${length}`;
  if (crc32(bytes, IMAGE_HEADER.EPOCH) !== word(IMAGE_HEADER.CRC)) return 'damaged: the checksum differs';
  if (word(IMAGE_HEADER.FLEET_DIGEST) !== expected.fleetDigest >>> 0) return 'made for another list of POPs';
  if (word(IMAGE_HEADER.PLACES_DIGEST) !== expected.placesDigest >>> 0)
    return 'made for another list of places';
  const counts: ImageCounts = {
    groups: word(IMAGE_HEADER.GROUPS),
    places: word(IMAGE_HEADER.PLACES),
    slots: word(IMAGE_HEADER.SLOTS),
    rows: word(IMAGE_HEADER.ROWS),
    termsLength: word(IMAGE_HEADER.TERMS_LENGTH),
  };
  if (imageLayout(counts).end !== length) return 'its counts do not match its length';
  if ((counts.slots & (counts.slots - 1)) !== 0) return 'its hash table is no power of two';
  const fixed = {
    epoch: word(IMAGE_HEADER.EPOCH),
    madeAtMs: view.getFloat64(IMAGE_HEADER.MADE_AT, true),
    networkCellCount: word(IMAGE_HEADER.NETWORK_CELLS),
  };
  return { ...fixed, ...openSections(bytes, counts) };
}

function openSections(bytes: Uint8Array, counts: ImageCounts) {
  const { groups, places, slots, rows, termsLength } = counts;
  const at = imageLayout(counts);
  const { buffer, byteOffset } = bytes;
  const words = (offset: number, count: number) => new Uint32Array(buffer, byteOffset + offset, count);
  return {
    bytes,
    groupCount: groups,
    placeCount: places,
    rowCount: rows,
    slotCount: slots,
    candidates: new Int16Array(buffer, byteOffset + at.candidates, rows * ROW_CANDIDATES),
    ttlSeconds: new Uint16Array(buffer, byteOffset + at.ttl, rows),
    ttlReason: new Uint8Array(buffer, byteOffset + at.ttlReason, rows),
    placeRow: words(at.placeRow, groups * places),
    networkAsn: words(at.networkAsn, slots),
    networkPlace: words(at.networkPlace, slots),
    networkRow: words(at.networkRow, groups * slots),
    termsText: bytes.subarray(at.terms, at.terms + termsLength),
  };
}

/**
 * Row of a client in a service group: its network's if the network (ASN at that place) has a cell, else its
 * place's.
 */
export function rowOf(image: SteeringImage, groupIndex: number, placeId: number, asn: number): number {
  const slot = networkSlot(image, placeId, asn);
  if (slot >= 0) return image.networkRow[groupIndex * image.slotCount + slot] as number;
  return image.placeRow[groupIndex * image.placeCount + placeId] as number;
}

/**
 * Slot of the network cell (ASN at that place) in the image's hash table; -1 where the place's row counts.
 */
export function networkSlot(image: SteeringImage, placeId: number, asn: number): number {
  if (asn === 0 || image.slotCount === 0) return -1;
  const { networkAsn, networkPlace } = image;
  const mask = image.slotCount - 1;
  let slot = networkHash(placeId, asn) & mask;
  for (let probes = 0; probes <= mask; probes++) {
    const at = networkAsn[slot] as number;
    if (at === 0) return -1;
    if (at === asn && networkPlace[slot] === placeId) return slot;
    slot = (slot + 1) & mask;
  }
  return -1;
}

/** Link index of the row's k-th candidate, 0 the best; -1 when there is none. */
export function candidate(image: SteeringImage, row: number, k: number): number {
  return k < ROW_CANDIDATES ? (image.candidates[row * ROW_CANDIDATES + k] as number) : -1;
}

/** TTL in seconds that the decision earned, before the service's own bounds. */
export function rowTtl(image: SteeringImage, row: number): number {
  return image.ttlSeconds[row] as number;
}

/**
 * Link index to answer with: the first candidate whose POP's state word is 0. When all are set, the first
 * candidate (fail open: some answer is better than none). `linkPop` maps link index to POP index.
 */
export function choose(image: SteeringImage, row: number, popState: Int32Array, linkPop: Int32Array): number {
  const first = row * ROW_CANDIDATES;
  for (let k = 0; k < ROW_CANDIDATES; k++) {
    const link = image.candidates[first + k] as number;
    if (link < 0) break;
    if (Atomics.load(popState, linkPop[link] as number) === 0) return link;
  }
  return image.candidates[first] as number;
}

/** Hash of a network cell, the same in every process. */
export function networkHash(placeId: number, asn: number): number {
  return mix32(Math.imul(asn, 0x9e3779b1) ^ placeId);
}

function align4(octets: number): number {
  return (octets + 3) & ~3;
}
