import type { Address } from '../base/address.ts';
import { IMAGE_HEADER, IMAGE_KIND, imageFault } from '../base/image-file.ts';
import { WORLD_PLACE } from './places.ts';

/**
 * The client image: where every address is. One buffer with the header of base/image-file.ts, whose own
 * words are below; then, in whole words:
 *   sitePlace, siteAsn   Uint32 [sites]
 *   v4: bucket Uint32 [65537], start Uint32 [runs], site Uint32 [runs]
 *   v6: bucket Uint32 [65537], startHigh, startLow, site Uint32 [runs]
 *   info                 UTF-8 JSON: databases and attribution
 */
export const CLIENT_WORDS = {
  PLACES_DIGEST: IMAGE_HEADER.KIND_WORDS,
  SITES: IMAGE_HEADER.KIND_WORDS + 4,
  V4_RUNS: IMAGE_HEADER.KIND_WORDS + 8,
  V6_RUNS: IMAGE_HEADER.KIND_WORDS + 12,
  INFO_OCTETS: IMAGE_HEADER.KIND_WORDS + 16,
} as const;

/** Raised whenever the layout changes: readers refuse other versions. */
export const CLIENT_IMAGE_VERSION = 1;
/** Buckets of a family, by the upper 16 bits of an address, and one more for the end. */
export const BUCKETS = 65_537;

/** Where an address is. Mutable, for reuse. */
export interface Located {
  placeId: number;
  /** Autonomous system; 0 when unknown. */
  asn: number;
  /**
   * False: nobody knows where the address is (private, loopback, not routed); its place is then the world.
   */
  known: boolean;
}

/** One database in use. */
export interface DatabaseInfo {
  readonly name: string;
  readonly file: string;
  readonly kind: 'city' | 'asn';
  /** When its maker built it, ms since 1970 UTC; absent where the file does not say. */
  readonly builtAtMs?: number;
}

/** What an image says of its making, in its JSON. */
export interface ClientInfo {
  readonly databases: readonly DatabaseInfo[];
  /** Lines that must be shown wherever results are shown. */
  readonly attribution: readonly string[];
}

/**
 * Runs of addresses of one site, in address order; each ends where the next begins. Run `bucket[top]` is the
 * first that begins at or after the first address with those upper 16 bits.
 */
export interface Ipv4Runs {
  readonly count: number;
  readonly bucket: Uint32Array;
  readonly start: Uint32Array;
  readonly site: Uint32Array;
}

/** As `Ipv4Runs`, by the first 64 bits of IPv6 addresses. */
export interface Ipv6Runs {
  readonly count: number;
  readonly bucket: Uint32Array;
  readonly startHigh: Uint32Array;
  readonly startLow: Uint32Array;
  readonly site: Uint32Array;
}

/** An opened image: views into its octets, nothing copied. A site is a pair of place and AS. */
export interface ClientImage extends ClientInfo {
  readonly siteCount: number;
  readonly sitePlace: Uint32Array;
  /** 0: no AS is known. */
  readonly siteAsn: Uint32Array;
  readonly v4: Ipv4Runs;
  readonly v6: Ipv6Runs;
}

/** Counts that fix where each section lies. */
export interface ClientCounts {
  readonly sites: number;
  readonly v4Runs: number;
  readonly v6Runs: number;
  readonly infoOctets: number;
}

/** Octet offset of each section, and the image's length. */
export function clientLayout(counts: ClientCounts) {
  const { sites, v4Runs, v6Runs, infoOctets } = counts;
  const sitePlace = IMAGE_HEADER.OCTETS;
  const siteAsn = sitePlace + sites * 4;
  const v4Bucket = siteAsn + sites * 4;
  const v4Start = v4Bucket + BUCKETS * 4;
  const v4Site = v4Start + v4Runs * 4;
  const v6Bucket = v4Site + v4Runs * 4;
  const v6High = v6Bucket + BUCKETS * 4;
  const v6Low = v6High + v6Runs * 4;
  const v6Site = v6Low + v6Runs * 4;
  const info = v6Site + v6Runs * 4;
  return {
    sitePlace,
    siteAsn,
    v4: { bucket: v4Bucket, start: v4Start, site: v4Site },
    v6: { bucket: v6Bucket, startHigh: v6High, startLow: v6Low, site: v6Site },
    info,
    end: info + infoOctets,
  };
}

/**
 * Opens an image in place, after checking its header and checksum, and that it was made for these places.
 * Returns what is wrong otherwise. Copies only if `bytes` is not aligned to 4 octets.
 */
export function openClientImage(
  bytes: Uint8Array,
  expected: {
    readonly placesDigest: number;
    /** The checksum was found right, or made, in this very memory: it need not be looked at again. */
    readonly isSummed?: boolean;
  },
): ClientImage | string {
  if (bytes.byteOffset % 4 !== 0) return openClientImage(Uint8Array.from(bytes), expected);
  const { isSummed } = expected;
  const fault = imageFault(bytes, { kind: IMAGE_KIND.CLIENTS, version: CLIENT_IMAGE_VERSION, isSummed });
  if (fault !== undefined) return fault;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number): number => view.getUint32(at, true);
  if (word(CLIENT_WORDS.PLACES_DIGEST) !== expected.placesDigest >>> 0)
    return 'made for another list of places';
  const counts: ClientCounts = {
    sites: word(CLIENT_WORDS.SITES),
    v4Runs: word(CLIENT_WORDS.V4_RUNS),
    v6Runs: word(CLIENT_WORDS.V6_RUNS),
    infoOctets: word(CLIENT_WORDS.INFO_OCTETS),
  };
  if (clientLayout(counts).end !== bytes.length) return 'its counts do not match its length';
  return openSections(bytes, counts);
}

/** Finds the site of an address; allocates nothing. */
export function siteOf(image: ClientImage, address: Address): number {
  const { octets } = address;
  const high = wordAt(octets, 0);
  return address.family === 4 ? siteOfIpv4(image.v4, high) : siteOfIpv6(image.v6, high, wordAt(octets, 4));
}

/** Finds where an address is; allocates nothing. */
export function locate(image: ClientImage, address: Address, into: Located): void {
  const site = siteOf(image, address);
  into.placeId = image.sitePlace[site] as number;
  into.asn = image.siteAsn[site] as number;
  into.known = into.placeId !== WORLD_PLACE;
}

/** A place that nobody has looked for yet, for reuse. */
export function emptyLocated(): Located {
  return { placeId: WORLD_PLACE, asn: 0, known: false };
}

function siteOfIpv4(runs: Ipv4Runs, address: number): number {
  const { bucket, start } = runs;
  const top = address >>> 16;
  let low = bucket[top] as number;
  let high = bucket[top + 1] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((start[middle] as number) <= address) low = middle + 1;
    else high = middle;
  }
  return runs.site[low - 1] as number;
}

function siteOfIpv6(runs: Ipv6Runs, addressHigh: number, addressLow: number): number {
  const { bucket, startHigh, startLow } = runs;
  const top = addressHigh >>> 16;
  let low = bucket[top] as number;
  let high = bucket[top + 1] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = startHigh[middle] as number;
    if (start < addressHigh || (start === addressHigh && (startLow[middle] as number) <= addressLow))
      low = middle + 1;
    else high = middle;
  }
  return runs.site[low - 1] as number;
}

function openSections(bytes: Uint8Array, counts: ClientCounts): ClientImage {
  const { sites, v4Runs, v6Runs } = counts;
  const at = clientLayout(counts);
  const words = (offset: number, count: number): Uint32Array =>
    new Uint32Array(bytes.buffer, bytes.byteOffset + offset, count);
  const info: ClientInfo = JSON.parse(new TextDecoder().decode(bytes.slice(at.info, at.end)));
  return {
    ...info,
    siteCount: sites,
    sitePlace: words(at.sitePlace, sites),
    siteAsn: words(at.siteAsn, sites),
    v4: {
      count: v4Runs,
      bucket: words(at.v4.bucket, BUCKETS),
      start: words(at.v4.start, v4Runs),
      site: words(at.v4.site, v4Runs),
    },
    v6: {
      count: v6Runs,
      bucket: words(at.v6.bucket, BUCKETS),
      startHigh: words(at.v6.startHigh, v6Runs),
      startLow: words(at.v6.startLow, v6Runs),
      site: words(at.v6.site, v6Runs),
    },
  };
}

function wordAt(octets: Uint8Array, at: number): number {
  const upper = ((octets[at] as number) << 24) | ((octets[at + 1] as number) << 16);
  return (upper | ((octets[at + 2] as number) << 8) | (octets[at + 3] as number)) >>> 0;
}
