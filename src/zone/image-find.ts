import type { NameView } from '../wire/name-view.ts';
import { suffixIs } from '../wire/name-view.ts';
import { BLOCK, DIRECTORY, FLAG, LINKS, NODE, RRSET, SLOT, type ZoneImage } from './image.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const {
  BLOCK: DIRECTORY_BLOCK,
  HASH: DIRECTORY_HASH,
  SHIFT: DIRECTORY_SHIFT,
  WORDS: DIRECTORY_WORDS,
} = DIRECTORY;
const { WORDS: RRSET_WORDS } = RRSET;
const { ABOVE: LINKS_ABOVE, WILDCARD: LINKS_WILDCARD } = LINKS;
const { WORDS: BLOCK_WORDS } = BLOCK;
const { CUT: FLAG_CUT, DNAME: FLAG_DNAME, OCCLUDED: FLAG_OCCLUDED, WILDCARD: FLAG_WILDCARD } = FLAG;
const { COUNTS: NODE_COUNTS, LINKS: NODE_LINKS, NAME: NODE_NAME, WORDS: NODE_WORDS } = NODE;
const { HASH: SLOT_HASH, NODE: SLOT_NODE, WORDS: SLOT_WORDS } = SLOT;

/** How a name stands in a zone. */
export const HIT = {
  /** The name exists, perhaps as an empty non-terminal. */
  NODE: 0,
  /** The name does not exist; `node` is the wildcard that stands for it. */
  WILDCARD: 1,
  /** The name is at or below the cut `node`. */
  DELEGATION: 2,
  /** The name is below `node`, which has a DNAME. */
  DNAME: 3,
  /** The name does not exist. */
  NXDOMAIN: 4,
} as const;
const {
  DELEGATION: HIT_DELEGATION,
  DNAME: HIT_DNAME,
  NODE: HIT_NODE,
  NXDOMAIN: HIT_NXDOMAIN,
  WILDCARD: HIT_WILDCARD,
} = HIT;

/** A zone, and where `findNode` leaves what it found there. Mutable, reused. */
export interface Hit {
  /** Word at which the zone's block begins. */
  block: number;
  /** 32 less the bits that count the block's slots. */
  shift: number;
  kind: number;
  /** Word at which the node begins; means nothing with NXDOMAIN. */
  node: number;
}

/** A hit to be filled. */
export function emptyHit(): Hit {
  return { block: 0, shift: 0, kind: HIT_NXDOMAIN, node: 0 };
}

/**
 * Finds the zone with the longest apex that `name` is at or below; false if none is.
 * A DS is the parent's (RFC 4035 §3.1.4.1), so with `parentSide` the zone above an apex is preferred.
 */
export function findZone(image: ZoneImage, name: NameView, parentSide: boolean, hit: Hit): boolean {
  const { words, directory, directoryShift } = image;
  const { hashes, labels } = name;
  for (let label = parentSide ? 1 : 0; label <= labels; label++) {
    const hash = hashes[label] as number;
    // A quarter of the slots at least is free, so this ends.
    for (let slot = hash >>> directoryShift; ; slot = nextSlot(slot, directoryShift)) {
      const at = directory + slot * DIRECTORY_WORDS;
      const block = (words[at + DIRECTORY_BLOCK] as number) >>> 2;
      if (block === 0) break;
      if (words[at + DIRECTORY_HASH] !== hash) continue;
      const shift = words[at + DIRECTORY_SHIFT] as number;
      if (!isNamed(words, apexOf(block, shift), name, label)) continue;
      hit.block = block;
      hit.shift = shift;
      return true;
    }
  }
  return parentSide && findZone(image, name, false, hit);
}

/**
 * Finds `name`, which is at or below the apex of the zone of `hit`, as RFC 1034 §4.3.2 step 3. With
 * `parentSide` a cut itself is not a referral.
 */
export function findNode(words: Int32Array, name: NameView, parentSide: boolean, hit: Hit): void {
  let label = 0;
  let node = findName(words, hit, name, 0);
  // The apex exists, so this ends.
  while (node === 0) node = findName(words, hit, name, ++label);
  const flags = words[node + NODE_NAME] as number;
  hit.node = node;
  hit.kind = HIT_NODE;
  if ((flags & (FLAG_OCCLUDED | FLAG_CUT)) !== 0) {
    if ((flags & FLAG_OCCLUDED) !== 0) {
      const above = linkOf(words, hit.block, node, LINKS_ABOVE);
      hit.node = above;
      hit.kind = ((words[above] as number) & FLAG_CUT) !== 0 ? HIT_DELEGATION : HIT_DNAME;
    } else if (label > 0 || !parentSide) hit.kind = HIT_DELEGATION;
  } else if (label > 0) {
    if ((flags & FLAG_DNAME) !== 0) hit.kind = HIT_DNAME;
    else if ((flags & FLAG_WILDCARD) !== 0) {
      hit.kind = HIT_WILDCARD;
      hit.node = linkOf(words, hit.block, node, LINKS_WILDCARD);
    } else hit.kind = HIT_NXDOMAIN;
  }
}

/** Word at which the node of this very suffix of `name` begins; 0 if the zone of `hit` has none. */
export function findName(words: Int32Array, hit: Hit, name: NameView, label: number): number {
  const { block, shift } = hit;
  const hash = name.hashes[label] as number;
  const slots = block + BLOCK_WORDS;
  // A quarter of the slots at least is free, so this ends.
  for (let slot = hash >>> shift; ; slot = nextSlot(slot, shift)) {
    const at = slots + slot * SLOT_WORDS;
    const offset = words[at + SLOT_NODE] as number;
    if (offset === 0) return 0;
    const node = block + (offset >>> 2);
    if (words[at + SLOT_HASH] === hash && isNamed(words, node, name, label)) return node;
  }
}

/** Word at which the entry of the node's RRset of a type begins; 0 if it has none. */
export function rrsetOf(words: Int32Array, node: number, type: number): number {
  let entry = rrsetsOf(words, node);
  for (let left = (words[node + NODE_COUNTS] as number) & 0xffff; left > 0; left--) {
    if (((words[entry] as number) & 0xffff) === type) return entry;
    entry += RRSET_WORDS;
  }
  return 0;
}

/** Word at which the entries of the node's RRsets begin. */
export function rrsetsOf(words: Int32Array, node: number): number {
  return node + NODE_WORDS + ((words[node + NODE_COUNTS] as number) >>> 16);
}

/** Word at which the apex of a block's zone begins. */
export function apexOf(block: number, shift: number): number {
  return block + BLOCK_WORDS + (1 << (32 - shift)) * SLOT_WORDS;
}

/** A link of a node that leads to another node: the word at which that begins. */
function linkOf(words: Int32Array, block: number, node: number, link: number): number {
  const links = block + ((words[node + NODE_LINKS] as number) >>> 2);
  return block + ((words[links + link] as number) >>> 2);
}

/** The slot after a slot, the first after the last. */
export function nextSlot(slot: number, shift: number): number {
  return (slot + 1) & (-1 >>> shift);
}

/** Whether the node's name is the suffix of `name` from `label` on. */
function isNamed(words: Int32Array, node: number, name: NameView, label: number): boolean {
  return suffixIs(name, label, words, node + NODE_WORDS, (words[node + NODE_COUNTS] as number) >>> 16);
}
