import { assert } from '../base/assert.ts';
import { IMAGE_HEADER, IMAGE_KIND, imageFault } from '../base/image-file.ts';
import { hashText } from '../base/random.ts';

/**
 * The zone image: all zones in one buffer, little-endian, read in place. After the header of every image:
 *
 *   blocks      one a zone, 8-aligned; offsets inside are octets from its start, so that it can be copied
 *   directory   apexes by open addressing on the hash of the name: see `DIRECTORY`
 *
 * A block: `BLOCK` words; slots (open addressing on the hash of the name: hash and node side by side, so
 * that a miss costs one cache line); the nodes, the apex first. A node: `NODE` words, its name laid out by
 * words as in wire/name-view.ts, an `RRSET` entry for each type, ascending. Each RRset's records are a run
 * of octets as they stand in a message, with the owner as a pointer to the question's name and the names in
 * RDATA that may be (RFC 3597 §4) compressed: into the owner's name, or into the run itself. Those pointers
 * are the patches, put right when the run is copied. What few nodes have (`LINKS`) and few RRsets have
 * (`ADDITIONAL`) stands behind the nodes. Of a signed zone each RRset has its signatures behind its run, and
 * the block the denials: see zone/block-denial.ts.
 */

/** Raised whenever the layout changes: readers refuse other versions. */
export const ZONE_IMAGE_VERSION = 3;

/** The zone image's own words in the header, in octets. */
export const ZONE_HEADER = {
  ZONES: IMAGE_HEADER.KIND_WORDS,
  RECORDS: IMAGE_HEADER.KIND_WORDS + 4,
  /** Nodes of all zones: names and empty non-terminals. */
  NAMES: IMAGE_HEADER.KIND_WORDS + 8,
  /** Digest of the services that STEER records were compiled for. */
  SERVICES: IMAGE_HEADER.KIND_WORDS + 12,
  /** Where the directory begins, in octets, and how many slots it has: a power of two. */
  DIRECTORY: IMAGE_HEADER.KIND_WORDS + 16,
  DIRECTORY_SLOTS: IMAGE_HEADER.KIND_WORDS + 20,
} as const;

/** Words of a slot of the directory. BLOCK is the block's offset in the image, 0 where nothing is. */
export const DIRECTORY = { HASH: 0, BLOCK: 1, SHIFT: 2, WORDS: 4 } as const;

/**
 * Words at the start of a block. SHIFT: 32 less the bits that count its slots; slots are numbered by the
 * upper bits of hashes. NEGATIVE: the RRset entry of SOA for denials. CHAIN: the chain of denials, 0 where
 * the zone is not signed. WITHHELD: not 0 where the zone has no data to serve: it never came from its
 * primary, or expired.
 */
export const BLOCK = {
  OCTETS: 0,
  NODES: 1,
  RECORDS: 2,
  SERIAL: 3,
  SHIFT: 4,
  NEGATIVE: 5,
  CHAIN: 6,
  WITHHELD: 7,
  WORDS: 8,
} as const;

/** Words of a slot of a block. NODE is 0 where nothing is. */
export const SLOT = { HASH: 0, NODE: 1, WORDS: 2 } as const;

/**
 * Words of a node. NAME: octets of the name, labels << 8, flags << 16. COUNTS: RRsets, words of the name <<
 * 16. LINKS is 0 where there are none.
 */
export const NODE = { NAME: 0, COUNTS: 1, LINKS: 2, WORDS: 3 } as const;

/** Flags of a node, in their place in the word. */
export const FLAG = {
  CNAME: 1 << 16,
  DNAME: 2 << 16,
  /** NS below the apex. */
  CUT: 4 << 16,
  /** A, AAAA and HTTPS are chosen for each client. */
  STEER: 8 << 16,
  /** Below a cut or a DNAME: not served. */
  OCCLUDED: 16 << 16,
  /** Has a child `*`. */
  WILDCARD: 32 << 16,
} as const;

/**
 * Words of what only flagged nodes have, and those of signed zones. ABOVE: the highest cut or DNAME above.
 * WILDCARD: the node of the child `*` (RFC 4592 §3.3.1). SERVICE: position in the list of services; TTL: of
 * the STEER record, seconds. DENIAL: the denial that speaks of the node, or, of NSEC, that covers it;
 * NO_WILDCARD: the one that covers its child `*`; LACKING: in place of DENIAL for clients that do not get
 * what others do. CANDIDATES: signatures of what steering chooses.
 */
export const LINKS = {
  ABOVE: 0,
  WILDCARD: 1,
  SERVICE: 2,
  TTL: 3,
  DENIAL: 4,
  NO_WILDCARD: 5,
  LACKING: 6,
  CANDIDATES: 7,
  WORDS: 8,
} as const;

/**
 * Words of an RRset entry. TYPE: with flags << 16. RUN: where its octets begin; OCTETS: how many.
 * SIGNATURES: where those of its RRSIGs begin, as in a run; 0: it has none.
 */
export const RRSET = { TYPE: 0, COUNT: 1, RUN: 2, OCTETS: 3, SIGNATURES: 4, WORDS: 5 } as const;

/** Words before the octets of an RRset's signatures. */
export const SIGNATURES = { COUNT: 0, OCTETS: 1, WORDS: 2 } as const;

/**
 * Words of the chain of denials. KIND: 1 NSEC, 3 NSEC3; ITERATIONS, SALT (where its octets begin) and
 * SALT_OCTETS are of NSEC3. Then COUNT entries in order: `NSEC_ENTRY` or `NSEC3_ENTRY` words each.
 */
export const CHAIN = { KIND: 0, COUNT: 1, ITERATIONS: 2, SALT: 3, SALT_OCTETS: 4, WORDS: 5 } as const;
export const CHAIN_KIND = { NSEC: 1, NSEC3: 3 } as const;

/** Words of an entry of a chain of NSEC, in the canonical order of names: the node, and its denial. */
export const NSEC_ENTRY = { NODE: 0, DENIAL: 1, WORDS: 2 } as const;
/** Words of an entry of a chain of NSEC3, in the order of hashes: five of the hash, and the denial. */
export const NSEC3_ENTRY = { HASH: 0, DENIAL: 5, WORDS: 6 } as const;

/**
 * Words before a denial's octets: its record, owner as labels and a pointer to the apex, then its RRSIGs,
 * owners as pointers to that. OWNER: octets of the labels. RECORD: octets of the record; OCTETS: of all.
 * SIGNATURES: how many.
 */
export const DENIAL = { OWNER: 0, RECORD: 1, OCTETS: 2, SIGNATURES: 3, WORDS: 4 } as const;

/**
 * Signatures of what steering chooses: a word counts the keys that signed; then for each of them and each
 * kind (A, AAAA, HTTPS, an alias in place of A or HTTPS, one in place of AAAA) `CANDIDATES` words: where an
 * RRSIG without its signature begins, as in a run, and its octets, 0 where there is no such record; where,
 * link by link, times and signatures begin (`CANDIDATE_WORDS` of candidates.ts); and where those of several
 * links in one answer are listed (`SETS`), 0 where none are.
 */
export const CANDIDATES = {
  HEAD: 0,
  OCTETS: 1,
  SIGNATURES: 2,
  SETS: 3,
  WORDS: 4,
  KINDS: 5,
  ALIAS: 3,
  ALIAS_IPV6: 4,
} as const;

/**
 * Words of sets of links whose records are signed as one RRset. MEMBERS: how many links they are made of;
 * SLOTS: how many slots there are, a power of two; then the members, each of which is a bit of masks, and the
 * slots, `SET_SLOT` words each: open addressing by `setSlot` of the mask, MASK 0 where nothing is; SIGNATURE:
 * where times and signature begin.
 */
export const SETS = { MEMBERS: 0, SLOTS: 1, WORDS: 2 } as const;
export const SET_SLOT = { MASK: 0, SIGNATURE: 1, WORDS: 2 } as const;

/** The slot to look for a mask in first, of so many. */
export function setSlot(mask: number, slots: number): number {
  return (Math.imul(mask, 0x9e3779b1) >>> 16) & (slots - 1);
}

/** Flags of an RRset, in their place in the word. */
export const RRSET_FLAG = {
  /** After the run, at the next word: how many patches, and the patches. */
  PATCHES: 1 << 16,
  /**
   * In the word before the run: where its additional data are listed: how many, and `ADDITIONAL` words
   * each.
   */
  ADDITIONAL: 2 << 16,
  /**
   * In the word before that: where the forms are in which the RRset is answered, its hints filled for each
   * client (`FILLED`). The run itself has them empty.
   */
  FILLED: 4 << 16,
} as const;

/**
 * Words of an RRset whose hints are filled from a steered name. SERVICE: position in the list of services;
 * TTL: of the RRset, seconds; CANDIDATES: signatures, laid out as those of a steered name, of one kind, 0
 * for none. Then for each set of families that a link may have addresses of (none, IPv4, IPv6, both) `FORM`
 * words: a run's place and octets, and where its gaps are listed: how many, and for each its place in the
 * run, with `GAP_IPV6` for 16 octets in place of 4.
 */
export const FILLED = { SERVICE: 0, TTL: 1, CANDIDATES: 2, WORDS: 3, FORMS: 4 } as const;
export const FORM = { RUN: 0, OCTETS: 1, GAPS: 2, WORDS: 3 } as const;
export const GAP_IPV6 = 1 << 16;

/**
 * A patch: the upper 16 bits say where in the run the pointer stands. With OWNER, ARGUMENT is how many octets
 * at the end of the owner's name are meant; else the place in the run.
 */
export const PATCH = { OWNER: 1 << 15, ARGUMENT: (1 << 15) - 1, AT_SHIFT: 16 } as const;

/**
 * Words of one target of additional data. FROM: 0 if the target stands in the answer's run, else the number,
 * from 1, of the target before whose OTHER it stands in. NAME: where in that run; `SELF`: the target is the
 * owner. REQUIRED: 1 for glue below the cut itself, which a referral cannot do without (RFC 9471). A, AAAA:
 * RRset entries, or 0. OTHER: a further one, of SRV or of the type that was asked for. STEER: the node where
 * the target is steered; SERVICE_BINDING: 1 where its HTTPS record is wanted too.
 */
export const ADDITIONAL = {
  NAME: 0,
  REQUIRED: 1,
  A: 2,
  AAAA: 3,
  OTHER: 4,
  STEER: 5,
  SERVICE_BINDING: 6,
  FROM: 7,
  WORDS: 8,
  SELF: -1,
  /** Targets of one RRset that are listed: no response holds the data of more. */
  TARGETS_MAX: 64,
} as const;

/** Octets of a run's record before its RDATA: owner pointer, TYPE, CLASS, TTL, RDLENGTH. */
export const RECORD_HEAD = 12;

/** Octets and words of a buffer that holds blocks. */
export interface BlockMemory {
  readonly octets: Uint8Array;
  readonly words: Int32Array;
}

/** An opened zone image: views into its buffer, nothing copied. Immutable. */
export interface ZoneImage extends BlockMemory {
  readonly zoneCount: number;
  readonly recordCount: number;
  /** Names with records, and the empty non-terminals between them. */
  readonly nameCount: number;
  /** Word at which the directory begins; 32 less the bits that count its slots. */
  readonly directory: number;
  readonly directoryShift: number;
}

/**
 * Opens an image in place, after checking that it is whole, of this version, and made for these services.
 * Returns what is wrong otherwise. Copies only if `bytes` is not aligned to 8 octets.
 */
export function openZoneImage(
  bytes: Uint8Array,
  expected: { readonly services: readonly string[] },
): ZoneImage | string {
  if (bytes.byteOffset % 8 !== 0) return openZoneImage(Uint8Array.from(bytes), expected);
  const fault = imageFault(bytes, { kind: IMAGE_KIND.ZONES, version: ZONE_IMAGE_VERSION });
  if (fault !== undefined) return fault;
  const { buffer, byteOffset, length } = bytes;
  const words = new Int32Array(buffer, byteOffset, length >> 2);
  const word = (at: number): number => words[at >> 2] as number;
  if (word(ZONE_HEADER.SERVICES) !== servicesDigest(expected.services))
    return 'made for another list of services';
  const directory = word(ZONE_HEADER.DIRECTORY) >> 2;
  const slots = word(ZONE_HEADER.DIRECTORY_SLOTS);
  if (directory + slots * DIRECTORY.WORDS !== words.length || (slots & (slots - 1)) !== 0)
    return 'its directory does not match its length';
  return {
    // Not `bytes` itself, which may be a Buffer: the query path reads one kind of array only.
    octets: new Uint8Array(buffer, byteOffset, length),
    words,
    zoneCount: word(ZONE_HEADER.ZONES),
    recordCount: word(ZONE_HEADER.RECORDS),
    nameCount: word(ZONE_HEADER.NAMES),
    directory,
    directoryShift: shiftOf(slots),
  };
}

/** What a hash is shifted right by to number one of so many slots, which are a power of two. */
export function shiftOf(slots: number): number {
  return Math.clz32(slots) + 1;
}

/** Digest of a list of services: STEER is compiled to a position in it. */
export function servicesDigest(services: readonly string[]): number {
  assert(
    services.every((name) => !name.includes('\n')),
    'names of services are one line each',
  );
  return hashText(services.join('\n')) | 0;
}
