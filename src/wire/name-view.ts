import { NAME_MAX } from './name.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const NAME_LIMIT = NAME_MAX;

const LABELS_MAX = 127;
const HASH_BASIS = 0x811c9dc5 | 0;
const HASH_PRIME = 0x9e3779b1 | 0;
/** Octets of a question that follow each label of its name at least: the root label, QTYPE, QCLASS. */
const AFTER_LABEL = 5;

/**
 * A name laid out for looking up. Each label begins a new 32-bit word (its length octet, then its octets in
 * lower case, padded with zeros), so that names and suffixes of names are compared and hashed four octets
 * at a time, wherever they begin. The root label has no word. Reused by the query path.
 */
export interface NameView {
  readonly words: Int32Array;
  /** Words of the whole name. */
  wordCount: number;
  /** Octets of the name in wire form, the root label included. */
  length: number;
  /** Labels, the root label not counted. */
  labels: number;
  /** Word at which each label begins; `starts[labels]` is `wordCount`. */
  readonly starts: Uint8Array;
  /**
   * Hash of the suffix that begins with each label; `hashes[labels]` is the root's. Without regard to case.
   */
  readonly hashes: Int32Array;
}

/** The first word of a name whose first label is `*`. */
export const WILDCARD_WORD = 0x2a01;

/** A view with room for any name, to be filled again and again. It holds the root name at first. */
export function emptyNameView(): NameView {
  const hashes = new Int32Array(LABELS_MAX + 1);
  hashes[0] = HASH_BASIS;
  return {
    words: new Int32Array(LABELS_MAX + 1),
    wordCount: 0,
    length: 1,
    labels: 0,
    starts: new Uint8Array(LABELS_MAX + 1),
    hashes,
  };
}

/**
 * Reads the uncompressed name of a question at `at` into the view. Returns the offset after it, or -1 if
 * it, with QTYPE and QCLASS, runs over `end`, is too long, or holds a pointer (a question is the first name
 * of a query: a pointer there can only aim at the header).
 */
export function readName(view: NameView, packet: DataView, at: number, end: number): number {
  const { words, starts, hashes } = view;
  const first = at;
  let to = 0;
  let labels = 0;
  if (at + AFTER_LABEL > end) return -1;
  for (let size = packet.getUint8(at); size !== 0; size = packet.getUint8(at)) {
    const stop = at + size + 1;
    // What is read beyond the label, three octets at most, is thus inside the packet.
    if (size > 63 || stop + AFTER_LABEL > end || stop - first >= NAME_LIMIT) return -1;
    starts[labels] = to;
    let hash = 0;
    for (; at + 4 <= stop; at += 4) {
      const word = lowerWord(packet.getInt32(at, true));
      words[to++] = word;
      hash = Math.imul(((hash << 15) | (hash >>> 17)) ^ word, HASH_PRIME);
    }
    if (at < stop) {
      const word = lowerWord(packet.getInt32(at, true)) & ((1 << ((stop - at) << 3)) - 1);
      words[to++] = word;
      hash = Math.imul(((hash << 15) | (hash >>> 17)) ^ word, HASH_PRIME);
      at = stop;
    }
    hashes[labels++] = hash;
  }
  starts[labels] = to;
  view.wordCount = to;
  view.labels = labels;
  view.length = at + 1 - first;
  // Hashes of labels become hashes of suffixes. Their upper bits are the good ones.
  let hash = HASH_BASIS;
  hashes[labels] = hash;
  while (labels > 0) {
    labels--;
    hash = Math.imul(((hash << 13) | (hash >>> 19)) + (hashes[labels] as number), HASH_PRIME);
    hashes[labels] = hash;
  }
  return at + 1;
}

/**
 * Reads an uncompressed name anywhere in `octets`, by way of a copy; returns the offset after it, or -1 if
 * it is malformed. For zones: the query path has no time for this.
 */
export function readWireName(view: NameView, octets: Uint8Array, at: number): number {
  const size = Math.min(octets.length - at, NAME_LIMIT);
  for (let i = 0; i < size; i++) scratch[i] = octets[at + i] as number;
  const end = readName(view, scratchView, 0, size + AFTER_LABEL - 1);
  return end < 0 ? -1 : at + end;
}

/**
 * Whether the suffix of `name` from `label` on is the `count` words at `at` in `words`, laid out as in a
 * view.
 */
export function suffixIs(
  name: NameView,
  label: number,
  words: Int32Array,
  at: number,
  count: number,
): boolean {
  const from = name.starts[label] as number;
  if (name.wordCount - from !== count) return false;
  const own = name.words;
  for (let i = 0; i < count; i++) if (own[from + i] !== words[at + i]) return false;
  return true;
}

/** Octets of the name before a label. */
export function octetsBefore(name: NameView, label: number): number {
  let octets = 0;
  for (let i = 0; i < label; i++) octets += ((name.words[name.starts[i] as number] as number) & 0xff) + 1;
  return octets;
}

const scratch = new Uint8Array(NAME_LIMIT + 2 * AFTER_LABEL);
const scratchView = new DataView(scratch.buffer);

/**
 * Four octets in lower case at once (RFC 4343 §3): in each, the top bit of the sum says whether it is at
 * least `A`, or over `Z`. Lengths of labels are below `A`.
 */
function lowerWord(word: number): number {
  const low = word & 0x7f7f7f7f;
  const letters = (low + 0x3f3f3f3f) & ~(low + 0x25252525) & ~word & 0x80808080;
  return word | (letters >>> 2);
}
