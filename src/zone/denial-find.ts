import type { NameView } from '../wire/name-view.ts';
import { BLOCK, CHAIN, CHAIN_KIND, NODE, NSEC_ENTRY, NSEC3_ENTRY } from './image.ts';
import { HASH_WORDS, hashSuffix } from './nsec3-hash.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { CHAIN: BLOCK_CHAIN } = BLOCK;
const {
  COUNT: CHAIN_COUNT,
  ITERATIONS: CHAIN_ITERATIONS,
  KIND: CHAIN_KIND_AT,
  SALT: CHAIN_SALT,
  SALT_OCTETS: CHAIN_SALT_OCTETS,
  WORDS: CHAIN_WORDS,
} = CHAIN;
const { NSEC3: KIND_NSEC3 } = CHAIN_KIND;
const { DENIAL: NSEC_DENIAL, NODE: NSEC_NODE, WORDS: NSEC_WORDS } = NSEC_ENTRY;
const { DENIAL: NSEC3_DENIAL, WORDS: NSEC3_WORDS } = NSEC3_ENTRY;
const { COUNTS: NODE_COUNTS, WORDS: NODE_WORDS } = NODE;
const HASH_SIZE = HASH_WORDS;

const hash = new Int32Array(HASH_SIZE);
/** Words at which the labels of the name in hand begin. */
const starts = new Uint8Array(128);

/** Whether denials of the zone at this block are NSEC3 records. */
export function isHashed(words: Int32Array, block: number): boolean {
  return words[chainOf(words, block) + CHAIN_KIND_AT] === KIND_NSEC3;
}

/**
 * The denial that covers the suffix of `name` from `label` on, which does not exist in the signed zone of the
 * block: the word at which it begins.
 */
export function coveringDenial(
  words: Int32Array,
  octets: Uint8Array,
  block: number,
  name: NameView,
  label: number,
): number {
  const chain = chainOf(words, block);
  const denial =
    words[chain + CHAIN_KIND_AT] === KIND_NSEC3
      ? coveringHash(words, octets, block, chain, name, label)
      : coveringName(words, block, chain, name, label);
  return block + (denial >>> 2);
}

function chainOf(words: Int32Array, block: number): number {
  return block + ((words[block + BLOCK_CHAIN] as number) >>> 2);
}

function coveringName(
  words: Int32Array,
  block: number,
  chain: number,
  name: NameView,
  label: number,
): number {
  const first = chain + CHAIN_WORDS;
  let low = 0;
  let high = words[chain + CHAIN_COUNT] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const node = block + ((words[first + middle * NSEC_WORDS + NSEC_NODE] as number) >>> 2);
    if (isAfter(name, label, words, node)) low = middle + 1;
    else high = middle;
  }
  // The apex is before every name of the zone, so that there is one.
  return words[first + (low - 1) * NSEC_WORDS + NSEC_DENIAL] as number;
}

/** Whether the suffix of `name` comes after the node's name in canonical order (RFC 4034 §6.1). */
function isAfter(name: NameView, label: number, words: Int32Array, node: number): boolean {
  const from = node + NODE_WORDS;
  const count = (words[node + NODE_COUNTS] as number) >>> 16;
  let labels = 0;
  for (let at = 0; at < count; at += (((words[from + at] as number) & 0xff) + 4) >> 2) starts[labels++] = at;
  let own = name.labels;
  while (own > label && labels > 0) {
    own--;
    labels--;
    const order = compareLabels(
      name.words,
      name.starts[own] as number,
      words,
      from + (starts[labels] as number),
    );
    if (order !== 0) return order > 0;
  }
  return own > label;
}

/**
 * Orders two labels, each its length and its octets in words, padded with zeros, as octet strings. The
 * length comes last: where all octets are equal, zeros at the end tell longer labels from shorter.
 */
function compareLabels(left: Int32Array, leftAt: number, right: Int32Array, rightAt: number): number {
  const leftSize = (left[leftAt] as number) & 0xff;
  const rightSize = (right[rightAt] as number) & 0xff;
  const shorter = ((leftSize < rightSize ? leftSize : rightSize) + 4) >> 2;
  for (let i = 0; i < shorter; i++) {
    let x = left[leftAt + i] as number;
    let y = right[rightAt + i] as number;
    if (i === 0) {
      x &= -256;
      y &= -256;
    }
    if (x === y) continue;
    const differing = x ^ y;
    const shift = (31 - Math.clz32(differing & -differing)) & 24;
    return ((x >>> shift) & 0xff) - ((y >>> shift) & 0xff);
  }
  return leftSize - rightSize;
}

function coveringHash(
  words: Int32Array,
  octets: Uint8Array,
  block: number,
  chain: number,
  name: NameView,
  label: number,
): number {
  const saltAt = block * 4 + (words[chain + CHAIN_SALT] as number);
  const saltOctets = words[chain + CHAIN_SALT_OCTETS] as number;
  hashSuffix(name, label, words[chain + CHAIN_ITERATIONS] as number, octets, saltAt, saltOctets, hash);
  const first = chain + CHAIN_WORDS;
  const count = words[chain + CHAIN_COUNT] as number;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isOver(words, first + middle * NSEC3_WORDS)) low = middle + 1;
    else high = middle;
  }
  const entry = low === 0 ? count - 1 : low - 1;
  return words[first + entry * NSEC3_WORDS + NSEC3_DENIAL] as number;
}

/** Whether the hash in hand comes after that of the entry at a word. */
function isOver(words: Int32Array, at: number): boolean {
  for (let i = 0; i < HASH_SIZE; i++) {
    const own = (hash[i] as number) >>> 0;
    const other = (words[at + i] as number) >>> 0;
    if (own !== other) return own > other;
  }
  return false;
}
