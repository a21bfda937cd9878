/**
 * Room `steering`: which POP suits which clients, decided from samples, reports, demand and operators'
 * words, and the packed table ("steering image") that name servers answer from. Pure: time comes in as
 * `nowMs`. May import `base`.
 */
import { IMAGE_KIND, imageFault, imageStamp } from '../base/image-file.ts';
import { IPV6_KEYS } from '../base/network-key.ts';
import {
  firstSlot,
  type ImageCounts,
  imageLayout,
  networkStride,
  ROW,
  STEERING_HEADER,
} from './image-layout.ts';

/** Candidates in a row, at most. */
export const ROW_CANDIDATES = 8;
/** Shares in a row: of all candidates but the last that clients may start from. */
export const ROW_SHARES = 6;
/** Set in the code of a row's reason where all that its clients start from stand in one answer. */
export const TOGETHER = 0x80;
/** The whole, of which shares are counted. */
export const SHARE_WHOLE = 0x8000;

/** Raised whenever the layout changes: readers refuse other versions. */
export const STEERING_VERSION = 3;

/** The networks' hash table in an image. */
type NetworkSlots = Pick<SteeringImage, 'networks' | 'networkStart' | 'groupCount'>;

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
  readonly leafIpv4: Uint32Array;
  readonly leafIpv6: Uint32Array;
  readonly leafIpv6Low: Uint16Array;
  readonly leafRow: Uint32Array;
  /** UTF-8 JSON of `SteeringTerms`. */
  readonly termsText: Uint8Array;
}

/** What an image is made for: it means nothing to others. */
export interface ImageSource {
  readonly fleetDigest: number;
  readonly placesDigest: number;
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
  if (bytes.length < STEERING_HEADER.OCTETS) return `only ${bytes.length} octets long`;
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
    leavesIpv4: word(STEERING_HEADER.LEAVES_IPV4),
    leavesIpv6: word(STEERING_HEADER.LEAVES_IPV6),
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
  const { groups, places, slots, leavesIpv4, leavesIpv6, rows, termsLength } = counts;
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
    leafIpv4: words(layout.leafIpv4, leavesIpv4),
    leafIpv6: words(layout.leafIpv6, leavesIpv6),
    leafIpv6Low: new Uint16Array(buffer, byteOffset + layout.leafIpv6Low, leavesIpv6),
    leafRow: words(layout.leafRow, (leavesIpv4 + leavesIpv6) * groups),
    termsText: bytes.subarray(layout.terms, layout.terms + termsLength),
  };
}

/**
 * Row of a client in a service group: that of its client network (`key`: `networkKey` of its address; -1:
 * none is meant) if this has a row of its own, else that of its AS at its place if that has a cell, else its
 * place's.
 */
export function rowOf(
  image: SteeringImage,
  groupIndex: number,
  placeId: number,
  asn: number,
  key = -1,
): number {
  const leaf = key < 0 ? -1 : leafSlot(image, key);
  if (leaf >= 0) return image.leafRow[leaf * image.groupCount + groupIndex] as number;
  const slot = networkSlot(image, placeId, asn);
  if (slot >= 0) return slotRow(image, slot, groupIndex);
  return image.placeRow[groupIndex * image.placeCount + placeId] as number;
}

/** Position of a client network among the image's leaves, by its key; -1 where it has no row of its own. */
export function leafSlot(image: SteeringImage, key: number): number {
  const { leafIpv4, leafIpv6, leafIpv6Low } = image;
  const isIpv6 = key >= IPV6_KEYS;
  const high = isIpv6 ? Math.floor((key - IPV6_KEYS) / 0x10000) : key;
  const low = isIpv6 ? (key - IPV6_KEYS) % 0x10000 : 0;
  const starts = isIpv6 ? leafIpv6 : leafIpv4;
  let from = 0;
  let to = starts.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const start = starts[middle] as number;
    if (start < high || (isIpv6 && start === high && (leafIpv6Low[middle] as number) < low))
      from = middle + 1;
    else to = middle;
  }
  if (from === starts.length || starts[from] !== high) return -1;
  if (!isIpv6) return from;
  return leafIpv6Low[from] === low ? leafIpv4.length + from : -1;
}

/**
 * Slot of the network cell (ASN at that place) in the image's hash table; -1 where the place's row counts.
 */
export function networkSlot(image: NetworkSlots, placeId: number, asn: number): number {
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

/** Row of the network cell in a slot, in a service group. */
export function slotRow({ networks, groupCount }: SteeringImage, slot: number, groupIndex: number): number {
  return networks[slot * networkStride(groupCount) + 1 + groupIndex] as number;
}

/** Whether the same networks stand in the same slots. */
export function haveSameNetworks(one: SteeringImage, other: SteeringImage): boolean {
  if (one.groupCount !== other.groupCount || one.networks.length !== other.networks.length) return false;
  for (let i = 0; i < one.networkStart.length; i++)
    if (one.networkStart[i] !== other.networkStart[i]) return false;
  const stride = networkStride(one.groupCount);
  for (let at = 0; at < one.networks.length; at += stride)
    if (one.networks[at] !== other.networks[at]) return false;
  return one.networkStart.length === other.networkStart.length;
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
  return (image.rows[row * ROW.WORDS + ROW.REASON] as number) & ~TOGETHER;
}

/** Whether all that the row's clients start from stand in one answer. */
export function isTogether({ rows }: Pick<SteeringImage, 'rows'>, row: number): boolean {
  return ((rows[row * ROW.WORDS + ROW.REASON] as number) & TOGETHER) !== 0;
}

/** Whether the row's clients do not all start from its first candidate. */
export function isSplit(image: SteeringImage, row: number): boolean {
  return image.rows[row * ROW.WORDS + ROW.SHARES] !== 0;
}

/** How many of the row's candidates its clients start from, at least 1. */
export function startsOf({ rows }: SteeringImage, row: number): number {
  const first = row * ROW.WORDS + ROW.SHARES;
  let starts = 1;
  while (starts <= ROW_SHARES && rows[first + starts - 1] !== 0) starts++;
  return starts;
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
