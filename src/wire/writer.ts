import type { NameView } from './name-view.ts';

const SLOTS = 256;
/** Names that a message may refer back to; later ones are written out in full. */
const SUFFIXES_MAX = 128;
const POINTER_MAX = 0x3fff;

/**
 * One record ready to copy, but for its owner and the names in its RDATA that may be compressed (RFC 3597
 * §4).
 */
export interface RecordLayout {
  /** TYPE, CLASS, TTL, RDLENGTH, then RDATA up to the first of `names`; all of it if there are none. */
  readonly head: Uint8Array;
  readonly names: readonly NameView[];
  /** RDATA after the last of `names`. */
  readonly tail: Uint8Array;
}

/** The section that records are being put into. */
export const SECTION = { ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2 } as const;

/** A message being written into a caller's buffer. Mutable, reused. */
export interface Writer {
  out: Uint8Array;
  /** Offset of the next octet. */
  at: number;
  /** Offset that must not be passed. */
  limit: number;
  section: number;
  /** Records in each section so far. */
  readonly counts: Int32Array;
  /** The question's name, which stands at offset 12. */
  qname: NameView | undefined;
  qnameKnown: boolean;
  /** Compression: open addressing by suffix hash; a slot counts only if its stamp is the message's. */
  readonly stamps: Int32Array;
  readonly hashes: Int32Array;
  readonly offsets: Uint16Array;
  /** Slots in the order they were taken, so that they can be given back. */
  readonly taken: Uint16Array;
  takenCount: number;
  stamp: number;
}

/** A writer without a message. */
export function createWriter(): Writer {
  return {
    out: new Uint8Array(0),
    at: 0,
    limit: 0,
    section: SECTION.ANSWER,
    counts: new Int32Array(3),
    qname: undefined,
    qnameKnown: false,
    stamps: new Int32Array(SLOTS),
    hashes: new Int32Array(SLOTS),
    offsets: new Uint16Array(SLOTS),
    taken: new Uint16Array(SUFFIXES_MAX),
    takenCount: 0,
    stamp: 0,
  };
}

/**
 * Starts a message whose header and question are already in `out`, up to `at`. `qname` is what stands at
 * offset 12.
 */
export function beginMessage(
  writer: Writer,
  out: Uint8Array,
  at: number,
  limit: number,
  qname: NameView | undefined,
): void {
  writer.out = out;
  writer.at = at;
  writer.limit = limit;
  writer.section = SECTION.ANSWER;
  writer.counts[0] = 0;
  writer.counts[1] = 0;
  writer.counts[2] = 0;
  writer.qname = qname;
  writer.qnameKnown = false;
  writer.takenCount = 0;
  writer.stamp = (writer.stamp + 1) | 0;
}

/**
 * Puts all records of an RRset, or none: false, with the message as it was, if they do not fit under the
 * limit.
 */
export function putRecords(writer: Writer, owner: NameView, records: readonly RecordLayout[]): boolean {
  const { at, takenCount } = writer;
  for (let i = 0; i < records.length; i++) {
    if (!putOwner(writer, owner) || !putRecord(writer, records[i] as RecordLayout)) {
      rollBack(writer, at, takenCount);
      return false;
    }
  }
  writer.counts[writer.section] = (writer.counts[writer.section] as number) + records.length;
  return true;
}

/**
 * Puts one record from a fragment (TYPE to RDATA, nothing to compress) with another TTL in seconds; false if
 * it does not fit.
 */
export function putFragment(writer: Writer, owner: NameView, fragment: Uint8Array, ttl: number): boolean {
  const { at, takenCount } = writer;
  if (!putOwner(writer, owner) || !putOctets(writer, fragment)) {
    rollBack(writer, at, takenCount);
    return false;
  }
  const start = writer.at - fragment.length;
  const { out } = writer;
  out[start + 4] = ttl >>> 24;
  out[start + 5] = ttl >>> 16;
  out[start + 6] = ttl >>> 8;
  out[start + 7] = ttl;
  writer.counts[writer.section] = (writer.counts[writer.section] as number) + 1;
  return true;
}

function putOwner(writer: Writer, owner: NameView): boolean {
  // Only RRsets of the question's own name reach the common path, where the pointer needs no look-up.
  if (owner !== writer.qname || owner.labels === 0) return putName(writer, owner);
  const { at } = writer;
  if (at + 2 > writer.limit) return false;
  writer.out[at] = 0xc0;
  writer.out[at + 1] = 12;
  writer.at = at + 2;
  return true;
}

function putRecord(writer: Writer, record: RecordLayout): boolean {
  const start = writer.at;
  if (!putOctets(writer, record.head)) return false;
  const { names } = record;
  if (names.length === 0) return true;
  for (let i = 0; i < names.length; i++) if (!putName(writer, names[i] as NameView)) return false;
  if (!putOctets(writer, record.tail)) return false;
  const size = writer.at - start - 10;
  writer.out[start + 8] = size >> 8;
  writer.out[start + 9] = size & 0xff;
  return true;
}

function putOctets(writer: Writer, octets: Uint8Array): boolean {
  const { out, at } = writer;
  const { length } = octets;
  if (at + length > writer.limit) return false;
  // A loop beats `set` on the short runs that most records are.
  if (length > 64) out.set(octets, at);
  else for (let i = 0; i < length; i++) out[at + i] = octets[i] as number;
  writer.at = at + length;
  return true;
}

/**
 * Writes a name with a pointer to its longest suffix that the message already has (RFC 1035 §4.1.4), letters
 * compared without case.
 */
function putName(writer: Writer, name: NameView): boolean {
  if (!writer.qnameKnown) knowQuestion(writer);
  const { out, at } = writer;
  const { labels, starts, octets } = name;
  let label = 0;
  let pointer = 0;
  for (; label < labels; label++) {
    pointer = findSuffix(writer, name, label);
    if (pointer > 0) break;
  }
  const plain = starts[label] as number;
  if (at + plain + (pointer > 0 ? 2 : 1) > writer.limit) return false;
  for (let i = 0; i < plain; i++) out[at + i] = octets[i] as number;
  const end = at + plain;
  if (pointer > 0) {
    out[end] = 0xc0 | (pointer >> 8);
    out[end + 1] = pointer & 0xff;
    writer.at = end + 2;
  } else {
    out[end] = 0;
    writer.at = end + 1;
  }
  // Longest suffix last: a full table then keeps the short ones, which more names share.
  for (let i = label - 1; i >= 0; i--)
    knowSuffix(writer, name.hashes[i] as number, at + (starts[i] as number));
  return true;
}

function knowQuestion(writer: Writer): void {
  writer.qnameKnown = true;
  const { qname } = writer;
  if (qname === undefined) return;
  for (let i = qname.labels - 1; i >= 0; i--)
    knowSuffix(writer, qname.hashes[i] as number, 12 + (qname.starts[i] as number));
}

function knowSuffix(writer: Writer, hash: number, offset: number): void {
  if (offset > POINTER_MAX || writer.takenCount >= SUFFIXES_MAX) return;
  let slot = hash & (SLOTS - 1);
  while (writer.stamps[slot] === writer.stamp) slot = (slot + 1) & (SLOTS - 1);
  writer.stamps[slot] = writer.stamp;
  writer.hashes[slot] = hash;
  writer.offsets[slot] = offset;
  writer.taken[writer.takenCount++] = slot;
}

/** Offset of the suffix of `name` from `label` on, or 0. */
function findSuffix(writer: Writer, name: NameView, label: number): number {
  const hash = name.hashes[label] as number;
  // Half of the slots stay free, so this ends.
  for (let slot = hash & (SLOTS - 1); writer.stamps[slot] === writer.stamp; slot = (slot + 1) & (SLOTS - 1)) {
    if (writer.hashes[slot] !== hash) continue;
    const offset = writer.offsets[slot] as number;
    if (nameStandsAt(writer.out, offset, name, label)) return offset;
  }
  return 0;
}

/**
 * Whether the name at `offset`, whose pointers are ours and so point backwards, is the suffix of `name` from
 * `label` on.
 */
function nameStandsAt(out: Uint8Array, offset: number, name: NameView, label: number): boolean {
  const { lower } = name;
  for (let i = name.starts[label] as number; ; ) {
    let size = out[offset] as number;
    while (size >= 0xc0) {
      offset = ((size & 0x3f) << 8) | (out[offset + 1] as number);
      size = out[offset] as number;
    }
    if (size !== lower[i]) return false;
    if (size === 0) return true;
    for (let left = size + 1; left > 0; left--, i++, offset++) {
      const octet = out[offset] as number;
      if ((octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet) !== lower[i]) return false;
    }
  }
}

function rollBack(writer: Writer, at: number, takenCount: number): void {
  writer.at = at;
  // Given back in the reverse order of taking, so no probe sequence is broken.
  while (writer.takenCount > takenCount)
    writer.stamps[writer.taken[--writer.takenCount] as number] = writer.stamp - 1;
}
