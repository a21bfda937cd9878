import { IMAGE_HEADER } from '../base/image-file.ts';
import { mix32 } from '../base/random.ts';

/**
 * The image: one buffer, little-endian, read in place. The header of base/image-file.ts, whose source is the
 * digests of the fleet and of the places, then sections:
 *   rows        Int16  [rows x 16]        candidates x 8: link indexes in order of preference, -1 ends;
 *                                         TTL in seconds; its reason, see ttl.ts, and
 *                                         `TOGETHER`; shares x 6, see `choose`
 *   placeRow    Uint32 [groups x places]  row of each place
 *   networkStart Uint32 [places + 1]      first slot of each place's networks; they end where the next begin
 *   networks    Uint32 [slots x (1 + groups)]  ASN, row in each group; open addressing among the slots of the
 *                                         place, ASN 0 = empty
 *   leafIpv4    Uint32 [IPv4 leaves]      client networks with rows of their own, by rising key
 *                                         (base/network-key.ts)
 *   leafIpv6    Uint32 [IPv6 leaves]      the upper 32 of the 48 bits of each, by rising key
 *   leafRow     Uint32 [leaves x groups]  row of each leaf in each group, those of IPv4 first
 *   leafIpv6Low Uint16 [IPv6 leaves]      the lower 16 of the 48 bits
 *   terms       UTF-8 JSON                what `explain` and metrics need of the decision (terms.ts)
 * A leaf that gets what its network gets at its place, or its place, is not in the image.
 */

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
  LEAVES_IPV4: at + 28,
  LEAVES_IPV6: at + 32,
  /** Of the whole header: rows begin at a multiple of their length. */
  OCTETS: at + 60,
} as const;

/** Counts that fix where each section lies. */
export interface ImageCounts {
  readonly groups: number;
  readonly places: number;
  readonly slots: number;
  readonly leavesIpv4: number;
  readonly leavesIpv6: number;
  readonly rows: number;
  readonly termsLength: number;
}

/** Octet offset of each section, and the total length. */
interface ImageLayout {
  readonly rows: number;
  readonly placeRow: number;
  readonly networkStart: number;
  readonly networks: number;
  readonly leafIpv4: number;
  readonly leafIpv6: number;
  readonly leafRow: number;
  readonly leafIpv6Low: number;
  readonly terms: number;
  readonly end: number;
}

/** Lays the sections out for these counts. */
export function imageLayout(counts: ImageCounts): ImageLayout {
  const { groups, places, leavesIpv4, leavesIpv6 } = counts;
  const rows = STEERING_HEADER.OCTETS;
  const placeRow = rows + counts.rows * ROW.WORDS * 2;
  const networkStart = placeRow + groups * places * 4;
  const networks = networkStart + (places + 1) * 4;
  const leafIpv4 = networks + counts.slots * networkStride(groups) * 4;
  const leafIpv6 = leafIpv4 + leavesIpv4 * 4;
  const leafRow = leafIpv6 + leavesIpv6 * 4;
  const leafIpv6Low = leafRow + (leavesIpv4 + leavesIpv6) * groups * 4;
  const terms = leafIpv6Low + leavesIpv6 * 2;
  const leaves = { leafIpv4, leafIpv6, leafRow, leafIpv6Low };
  return { rows, placeRow, networkStart, networks, ...leaves, terms, end: terms + counts.termsLength };
}

/** Words of one slot of the table of networks. */
export function networkStride(groups: number): number {
  return 1 + groups;
}

/** Where an AS is looked for first among a place's `slots`: the same in every process. */
export function firstSlot(asn: number, slots: number): number {
  // The upper bits of hash x slots: slots need be no power of two. Exact enough that it stays below `slots`.
  return Math.floor(mix32(Math.imul(asn, 0x9e3779b1)) * (slots / 2 ** 32));
}
