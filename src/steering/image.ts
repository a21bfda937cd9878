/**
 * Room `steering`: which POP suits which clients, decided from samples, reports, demand and operators'
 * words, and the packed table ("steering image") that name servers answer from. Pure: time comes in as
 * `nowMs`. May import `base`.
 *
 * The image: one buffer, little-endian, read in place. The header of base/image-file.ts, whose source is the
 * digests of the fleet and of the places, then sections:
 *   rows        Int16  [rows x 16]        candidates x 8: link indexes in order of preference, -1 ends;
 *                                         TTL in seconds; its reason, see ttl.ts; shares x 6, see `choose`
 *   placeRow    Uint32 [groups x places]  row of each place
 *   networkStart Uint32 [places + 1]      first slot of each place's networks; they end where the next begin
 *   networks    Uint32 [slots x (1 + groups)]  ASN, row in each group; open addressing among the slots of the
 *                                         place, ASN 0 = empty
 *   terms       UTF-8 JSON                what `explain` and metrics need of the decision (terms.ts)
 */
import { IMAGE_HEADER, IMAGE_KIND, imageFault, imageStamp } from '../base/image-file.ts';
import { mix32 } from '../base/random.ts';

/** Candidates in a row, at most. */
export const ROW_CANDIDATES = 8;
/** Shares in a row: of all candidates but the last that clients may start from. */
export const ROW_SHARES = 6;
/** The whole, of which shares are counted. */
export const SHARE_WHOLE = 0x8000;

/** What is where in a row, in words of 16 bits: one row is half a cache line. */
export const ROW = { CANDIDATES: 0, TTL: 8, REASON: 9, SHARES: 10, WORDS: 16 } as const;

const at = IMAGE_HEADER.KIND_WORDS;
/** Position of this kind's header words, in octets. */
export const STEERING_HEADER = {
  EPOCH: at,
  GROUPS: at + 4,
  PLACES: at + 8,
  SLOTS: at + 12,
  NETWORK_CELLS: at + 16,
  ROWS: at + 20,
  TERMS_LENGTH: at + 24,
} as const;

/** Raised whenever the layout changes: readers refuse other versions. */
export const STEERING_VERSION = 3;

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
  readonly rows: Int16Array;
  readonly placeRow: Uint32Array;
  readonly networkStart: Uint32Array;
  readonly networks: Uint32Array;
  /** UTF-8 JSON of `SteeringTerms`. */
  readonly termsText: Uint8Array;
}

/** What an image is made for: it means nothing to others. */
export interface ImageSource {
  readonly fleetDigest: number;
  readonly placesDigest: number;
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
  readonly rows: number;
  readonly placeRow: number;
  readonly networkStart: number;
  readonly networks: number;
  readonly terms: number;
  readonly end: number;
}

/** Lays the sections out for these counts. */
export function imageLayout(counts: ImageCounts): ImageLayout {
  const rows = IMAGE_HEADER.OCTETS;
  const placeRow = rows + counts.rows * ROW.WORDS * 2;
  const networkStart = placeRow + counts.groups * counts.places * 4;
  const networks = networkStart + (counts.places + 1) * 4;
  const terms = networks + counts.slots * networkStride(counts.groups) * 4;
  return { rows, placeRow, networkStart, networks, terms, end: terms + counts.termsLength };
}

/** Words of one slot of the table of networks. */
export function networkStride(groups: number): number {
  return 1 + groups;
}

/** The source in an image's header: both digests, 16 hexadecimal digits. */
export function sourceOf(source: ImageSource): string {
  const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
  return word(source.fleetDigest) + word(source.placesDigest);
}

/**
 * Opens an image in place, after checking that it is whole, of this version, and made for this fleet and
 * these places. Returns what is wrong otherwise. Copies only if `bytes` is not aligned to 4 octets.
 */
export function openImage(
  bytes: Uint8Array,
  expected: ImageSource & { readonly isSummed?: boolean },
): SteeringImage | string {
  if (bytes.byteOffset % 4 !== 0) return openImage(Uint8Array.from(bytes), expected);
  const fault = imageFault(bytes, {
    kind: IMAGE_KIND.STEERING,
    version: STEERING_VERSION,
    isSummed: expected.isSummed,
  });
  if (fault !== undefined) return fault;
  const { source, madeAtMs } = imageStamp(bytes);
  const wanted = sourceOf(expected);
  if (source.slice(0, 8) !== wanted.slice(0, 8)) return 'made for another list of POPs';
  if (source !== wanted) return 'made for another list of places';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (offset: number) => view.getUint32(offset, true);
  const counts: ImageCounts = {
    groups: word(STEERING_HEADER.GROUPS),
    places: word(STEERING_HEADER.PLACES),
    slots: word(STEERING_HEADER.SLOTS),
    rows: word(STEERING_HEADER.ROWS),
    termsLength: word(STEERING_HEADER.TERMS_LENGTH),
  };
  if (imageLayout(counts).end !== bytes.length) return 'its counts do not match its length';
  return {
    epoch: word(STEERING_HEADER.EPOCH),
    madeAtMs,
    networkCellCount: word(STEERING_HEADER.NETWORK_CELLS),
    ...openSections(bytes, counts),
  };
}

function openSections(bytes: Uint8Array, counts: ImageCounts) {
  const { groups, places, slots, rows, termsLength } = counts;
  const layout = imageLayout(counts);
  const { buffer, byteOffset } = bytes;
  const words = (offset: number, count: number) => new Uint32Array(buffer, byteOffset + offset, count);
  return {
    bytes,
    groupCount: groups,
    placeCount: places,
    rowCount: rows,
    rows: new Int16Array(buffer, byteOffset + layout.rows, rows * ROW.WORDS),
    placeRow: words(layout.placeRow, groups * places),
    networkStart: words(layout.networkStart, places + 1),
    networks: words(layout.networks, slots * networkStride(groups)),
    termsText: bytes.subarray(layout.terms, layout.terms + termsLength),
  };
}

/**
 * Row of a client in a service group: its network's if the network (ASN at that place) has a cell, else its
 * place's.
 */
export function rowOf(image: SteeringImage, groupIndex: number, placeId: number, asn: number): number {
  const slot = networkSlot(image, placeId, asn);
  if (slot >= 0) return image.networks[slot * networkStride(image.groupCount) + 1 + groupIndex] as number;
  return image.placeRow[groupIndex * image.placeCount + placeId] as number;
}

/**
 * Slot of the network cell (ASN at that place) in the image's hash table; -1 where the place's row counts.
 */
export function networkSlot(image: SteeringImage, placeId: number, asn: number): number {
  const { networks, networkStart, groupCount } = image;
  const from = networkStart[placeId] as number;
  const slots = (networkStart[placeId + 1] as number) - from;
  if (asn === 0 || slots === 0) return -1;
  const stride = networkStride(groupCount);
  let slot = firstSlot(asn, slots);
  for (let probes = 0; probes < slots; probes++) {
    const known = networks[(from + slot) * stride] as number;
    if (known === asn) return from + slot;
    if (known === 0) return -1;
    if (++slot === slots) slot = 0;
  }
  return -1;
}

/** Where an AS is looked for first among a place's `slots`: the same in every process. */
export function firstSlot(asn: number, slots: number): number {
  // The upper bits of hash x slots: slots need be no power of two. Exact enough that it stays below `slots`.
  return Math.floor(mix32(Math.imul(asn, 0x9e3779b1)) * (slots / 2 ** 32));
}

/** Link index of the row's k-th candidate, 0 the best; -1 when there is none. */
export function candidate(image: SteeringImage, row: number, k: number): number {
  return k < ROW_CANDIDATES ? (image.rows[row * ROW.WORDS + k] as number) : -1;
}

/** TTL in seconds that the decision earned, before the service's own bounds. */
export function rowTtl(image: SteeringImage, row: number): number {
  return (image.rows[row * ROW.WORDS + ROW.TTL] as number) & 0xffff;
}

/** Code of the reason for the row's TTL (ttl.ts). */
export function rowTtlReason(image: SteeringImage, row: number): number {
  return image.rows[row * ROW.WORDS + ROW.REASON] as number;
}

/** Whether the row's clients do not all start from its first candidate. */
export function isSplit(image: SteeringImage, row: number): boolean {
  return image.rows[row * ROW.WORDS + ROW.SHARES] !== 0;
}

/** Share 0..1 of the row's clients that start from its k-th candidate. */
export function rowShare(image: SteeringImage, row: number, k: number): number {
  if (!isSplit(image, row)) return k === 0 ? 1 : 0;
  const upTo = (last: number): number => {
    const bound = last < ROW_SHARES ? (image.rows[row * ROW.WORDS + ROW.SHARES + last] as number) : 0;
    return last < 0 ? 0 : bound === 0 ? SHARE_WHOLE : bound;
  };
  return (upTo(k) - upTo(k - 1)) / SHARE_WHOLE;
}

/**
 * Position of the candidate that a client starts from. The shares of a split row are bounds in the range of
 * hashes, of SHARE_WHOLE parts: clients whose part is below the k-th bound and no earlier one start from the
 * k-th candidate, those at or above all bounds from the next. A bound that moves a little moves only the
 * clients that it passes; bound 0 ends, and in the first place says that the row is not split.
 */
export function startOf(image: SteeringImage, row: number, clientHash: number): number {
  const { rows } = image;
  const first = row * ROW.WORDS + ROW.SHARES;
  if (rows[first] === 0) return 0;
  const part = clientHash >>> 17;
  for (let k = 0; k < ROW_SHARES; k++) {
    const bound = rows[first + k] as number;
    if (part < bound || bound === 0) return k;
  }
  return ROW_SHARES;
}

/**
 * Link index to answer a client with: from the candidate that it starts from on, in order and around, the
 * first whose POP's state word is 0. When all are set, the one that it starts from (fail open: some answer
 * is better than none). -1 for a row without candidates. `linkPop` maps link index to POP index;
 * `clientHash`: 32 bits, uniform, the same for a client whenever it asks.
 */
export function choose(
  image: SteeringImage,
  row: number,
  popState: Int32Array,
  linkPop: Int32Array,
  clientHash: number,
): number {
  const { rows } = image;
  const first = row * ROW.WORDS;
  const start = rows[first + ROW.SHARES] === 0 ? 0 : startOf(image, row, clientHash);
  const preferred = rows[first + start] as number;
  if (preferred < 0 || Atomics.load(popState, linkPop[preferred] as number) === 0) return preferred;
  for (let k = start + 1; k < ROW_CANDIDATES; k++) {
    const link = rows[first + k] as number;
    if (link < 0) break;
    if (Atomics.load(popState, linkPop[link] as number) === 0) return link;
  }
  for (let k = 0; k < start; k++) {
    const link = rows[first + k] as number;
    if (Atomics.load(popState, linkPop[link] as number) === 0) return link;
  }
  return preferred;
}
