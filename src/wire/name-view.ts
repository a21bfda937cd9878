import { lowerOctet, NAME_MAX } from './name.ts';

const LABELS_MAX = 127;
const HASH_BASIS = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;

/**
 * A name laid out for looking up and for compressing: where each label starts, and a hash of each suffix.
 * The query path reuses a few of these; names of zones have one each for good.
 */
export interface NameView {
  /** Wire form without pointers, case kept. May be longer than the name. */
  readonly octets: Uint8Array;
  /** The same in lower case. */
  readonly lower: Uint8Array;
  /** Octets of the name, the root label included. */
  length: number;
  /** Labels, the root label not counted. */
  labels: number;
  /** Offset of each label; `starts[labels]` is the root label's. */
  readonly starts: Uint8Array;
  /** Hash of the lower-case suffix that begins with each label; `hashes[labels]` is the root's. */
  readonly hashes: Int32Array;
}

/** A view with room for any name, to be filled again and again. It holds the root name at first. */
export function emptyNameView(): NameView {
  const view: NameView = {
    octets: new Uint8Array(NAME_MAX),
    lower: new Uint8Array(NAME_MAX),
    length: 1,
    labels: 0,
    starts: new Uint8Array(LABELS_MAX + 1),
    hashes: new Int32Array(LABELS_MAX + 1),
  };
  indexName(view);
  return view;
}

/** A view of exactly this wire name, kept for good. Octets after the name are not looked at. */
export function nameView(name: Uint8Array): NameView {
  scratch.octets.set(name.length > NAME_MAX ? name.subarray(0, NAME_MAX) : name);
  indexName(scratch);
  const { length, labels } = scratch;
  const octets = scratch.octets.slice(0, length);
  let lower = octets;
  for (let i = 0; i < length; i++)
    if (octets[i] !== scratch.lower[i]) {
      lower = scratch.lower.slice(0, length);
      break;
    }
  const starts = scratch.starts.slice(0, labels + 1);
  return { octets, lower, length, labels, starts, hashes: scratch.hashes.slice(0, labels + 1) };
}

/** Fills everything else from `octets`, which must hold a whole valid wire name. */
export function indexName(view: NameView): void {
  const { octets, lower, starts } = view;
  let at = 0;
  let labels = 0;
  for (;;) {
    const size = octets[at] as number;
    starts[labels] = at;
    lower[at] = size;
    if (size === 0) break;
    const end = at + 1 + size;
    for (at++; at < end; at++) lower[at] = lowerOctet(octets[at] as number);
    labels++;
  }
  view.labels = labels;
  view.length = at + 1;
  hashSuffixes(view);
}

/**
 * Reads an uncompressed name at `at` in `packet` into the view. Returns the offset after it, or -1 if it runs
 * over `end`, is too long, or holds a pointer (a question is the first name of a query: a pointer there can
 * only aim at the header).
 */
export function readName(view: NameView, packet: Uint8Array, at: number, end: number): number {
  const { octets, lower, starts } = view;
  const last = Math.min(end, at + NAME_MAX);
  let to = 0;
  let labels = 0;
  for (;;) {
    if (at >= last) return -1;
    const size = packet[at++] as number;
    starts[labels] = to;
    octets[to] = size;
    lower[to++] = size;
    if (size === 0) break;
    if (size > 63 || at + size >= last) return -1;
    for (const stop = to + size; to < stop; to++) {
      const octet = packet[at++] as number;
      octets[to] = octet;
      lower[to] = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
    }
    labels++;
  }
  view.labels = labels;
  view.length = to;
  hashSuffixes(view);
  return at;
}

/** Whether the suffix of `name` from `label` on is the whole of `other`, without regard to case. */
export function suffixEquals(name: NameView, label: number, other: NameView): boolean {
  const from = name.starts[label] as number;
  const { length } = other;
  if (name.length - from !== length) return false;
  const left = name.lower;
  const right = other.lower;
  for (let i = 0; i < length; i++) if (left[from + i] !== right[i]) return false;
  return true;
}

function hashSuffixes(view: NameView): void {
  const { lower, starts, hashes } = view;
  let hash = HASH_BASIS;
  let end = starts[view.labels] as number;
  hashes[view.labels] = hash;
  for (let label = view.labels - 1; label >= 0; label--) {
    const start = starts[label] as number;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (lower[i] as number), HASH_PRIME);
    hashes[label] = hash;
    end = start;
  }
}

/** For `nameView` alone, which does not call itself. */
const scratch = emptyNameView();
