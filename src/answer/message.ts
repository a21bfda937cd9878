import { NAME_MAX } from '../wire/name.ts';
import { emptyNameView, type NameView, readName } from '../wire/name-view.ts';
import { HEADER_SIZE } from '../wire/query.ts';
import { PATCH, RECORD_HEAD, RRSET, RRSET_FLAG, SIGNATURES } from '../zone/image.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { PATCHES: RRSET_FLAG_PATCHES } = RRSET_FLAG;
const { COUNT: RRSET_COUNT, OCTETS: RRSET_OCTETS, RUN: RRSET_RUN } = RRSET;
const { ARGUMENT: PATCH_ARGUMENT, AT_SHIFT: PATCH_AT_SHIFT, OWNER: PATCH_OWNER } = PATCH;
const { COUNT: SIGNATURES_COUNT, OCTETS: SIGNATURES_OCTETS, WORDS: SIGNATURES_WORDS } = SIGNATURES;
const NAME_LIMIT = NAME_MAX;
const HEADER = HEADER_SIZE;
const HEAD = RECORD_HEAD;

/** The section that records are being put into. */
export const SECTION = { ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2 } as const;
const { ANSWER: SECTION_ANSWER } = SECTION;

/** A response being written into a caller's buffer. Mutable, reused. */
export interface Message {
  out: DataView;
  /** Offset of the next octet. */
  at: number;
  /** Offset that must not be passed. */
  limit: number;
  /** Octets kept free behind the limit for OPT. */
  optRoom: number;
  section: number;
  /** Records in each section so far. */
  readonly counts: Int32Array;
  /** The name that is looked up: the question's, then that of each alias. */
  name: NameView;
  /**
   * Where it stands in `out`. Whatever else a response owns is a suffix of it, and so needs a pointer only:
   * no name is ever searched for. The question's is there in one piece; an alias may go on by a pointer.
   */
  nameAt: number;
  /** Room for the name of an alias, laid out and as it is spelt. */
  readonly alias: NameView;
  readonly spelt: Uint8Array;
  readonly speltView: DataView;
}

/** Least octet that begins a pointer, and what tells one (RFC 1035 §4.1.4). */
const POINTER = 0xc0;
const POINTERS = 0xc000;
/** Octets of a signature; where in an RRSIG its times are. */
const SIGNATURE_SIZE = 64;
const TIMES_AT = 20;
/** QTYPE and QCLASS. */
const AFTER_NAME = 4;

/** A message without octets. */
export function createMessage(): Message {
  const alias = emptyNameView();
  // Names are read with what follows them in a question.
  const spelt = new Uint8Array(NAME_LIMIT + AFTER_NAME);
  const speltView = new DataView(spelt.buffer);
  return {
    out: speltView,
    at: 0,
    limit: 0,
    optRoom: 0,
    section: SECTION_ANSWER,
    counts: new Int32Array(3),
    name: alias,
    nameAt: HEADER,
    alias,
    spelt,
    speltView,
  };
}

/** Where a suffix of the message's name, so many octets long, stands in it. */
export function suffixAt(message: Message, length: number): number {
  const { name, nameAt, out } = message;
  if (nameAt === HEADER) return HEADER + name.length - length;
  let at = nameAt;
  for (let left = name.length; ; ) {
    const size = out.getUint8(at);
    if (size >= POINTER) at = ((size & 0x3f) << 8) | out.getUint8(at + 1);
    else if (left <= length) return at;
    else {
      left -= size + 1;
      at += size + 1;
    }
  }
}

/**
 * Copies the run of an RRset entry of the zone whose block begins at a word; its owner stands at `ownerAt`.
 * False if it does not fit under the limit: then nothing is put.
 */
export function putRun(
  message: Message,
  words: Int32Array,
  block: number,
  entry: number,
  ownerAt: number,
): boolean {
  const { out, at: start } = message;
  const end = start + (words[entry + RRSET_OCTETS] as number);
  if (end > message.limit) return false;
  const run = block + ((words[entry + RRSET_RUN] as number) >>> 2);
  copyWords(out, start, end, words, run);
  message.at = end;
  const count = words[entry + RRSET_COUNT] as number;
  const { counts, section } = message;
  counts[section] = (counts[section] as number) + count;
  if (ownerAt !== HEADER) patchOwners(out, start, count, ownerAt);
  if (((words[entry] as number) & RRSET_FLAG_PATCHES) !== 0)
    patchNames(message, words, run + ((end - start + 3) >> 2), start);
  return true;
}

/**
 * Copies one record, which begins at a word and is laid out as in a run, with another TTL in seconds; its
 * owner stands at `ownerAt`. False if it does not fit: then nothing is put.
 */
export function putRecord(
  message: Message,
  words: Int32Array,
  from: number,
  octets: number,
  ttl: number,
  ownerAt: number,
): boolean {
  const { out, at: start } = message;
  const end = start + octets;
  if (end > message.limit) return false;
  copyWords(out, start, end, words, from);
  message.at = end;
  out.setInt32(start + 6, ttl);
  const { counts, section } = message;
  counts[section] = (counts[section] as number) + 1;
  if (ownerAt !== HEADER) patchOwners(out, start, 1, ownerAt);
  return true;
}

/** Takes back what was put since `at`, when the section in hand had so many records. */
export function takeBack(message: Message, at: number, count: number): void {
  message.at = at;
  message.counts[message.section] = count;
}

/**
 * Copies the RRSIGs that `SIGNATURES` words begin at a word; their owner stands at `ownerAt`. False if they
 * do not fit.
 */
export function putSigned(message: Message, words: Int32Array, from: number, ownerAt: number): boolean {
  const { out, at: start } = message;
  const end = start + (words[from + SIGNATURES_OCTETS] as number);
  if (end > message.limit) return false;
  copyWords(out, start, end, words, from + SIGNATURES_WORDS);
  message.at = end;
  const count = words[from + SIGNATURES_COUNT] as number;
  addCount(message, count);
  if (ownerAt !== HEADER) patchOwners(out, start, count, ownerAt);
  return true;
}

/**
 * Puts an RRSIG that lies in two parts: what all of its kind have, and from the word `signature` on its times
 * and signature; its owner stands at `ownerAt`. False if it does not fit.
 */
export function putSignature(
  message: Message,
  words: Int32Array,
  head: number,
  octets: number,
  signature: number,
  ttl: number,
  ownerAt: number,
): boolean {
  const { out, at: start } = message;
  const end = start + octets + SIGNATURE_SIZE;
  if (end > message.limit) return false;
  copyWords(out, start, start + octets, words, head);
  out.setInt32(start + 6, ttl);
  out.setInt32(start + TIMES_AT, words[signature] as number, true);
  out.setInt32(start + TIMES_AT + 4, words[signature + 1] as number, true);
  copyWords(out, start + octets, end, words, signature + 2);
  message.at = end;
  addCount(message, 1);
  if (ownerAt !== HEADER) patchOwners(out, start, 1, ownerAt);
  return true;
}

/** Counts records that were put into the section in hand. */
export function addCount({ counts, section }: Message, count: number): void {
  counts[section] = (counts[section] as number) + count;
}

/**
 * Goes on with the name at `at` in the message, which may end with a pointer. Those are ours, and point
 * back.
 */
export function goOnWith(message: Message, at: number): void {
  message.nameAt = at;
  message.name = message.alias;
  const length = spell(message);
  readName(message.alias, message.speltView, 0, length + AFTER_NAME);
}

/** Spells the message's name out into `spelt`; returns its octets. */
export function spell(message: Message): number {
  const { out, spelt } = message;
  let at = message.nameAt;
  let to = 0;
  for (;;) {
    const size = out.getUint8(at);
    if (size >= POINTER) {
      at = ((size & 0x3f) << 8) | out.getUint8(at + 1);
      continue;
    }
    for (let left = size + 1; left > 0; left--) spelt[to++] = out.getUint8(at++);
    if (size === 0) return to;
  }
}

/** Copies words into a message, up to `end`. A loop: `set` would need a view of the run, an object. */
export function copyWords(out: DataView, start: number, end: number, words: Int32Array, from: number): void {
  let at = start;
  for (; at + 4 <= end; at += 4) out.setInt32(at, words[from++] as number, true);
  if (at === end) return;
  for (let word = words[from] as number; at < end; at++) {
    out.setUint8(at, word);
    word >>>= 8;
  }
}

/** Has the records of a run point to another owner than the question's name. */
export function patchOwners(out: DataView, start: number, count: number, ownerAt: number): void {
  let at = start;
  for (let left = count; left > 0; left--) {
    out.setUint16(at, POINTERS | ownerAt);
    at += HEAD + out.getUint16(at + 10);
  }
}

/** Puts the pointers in names right. `list`: word at which the patches of the run at `start` begin. */
function patchNames(message: Message, words: Int32Array, list: number, start: number): void {
  const { out } = message;
  const end = list + (words[list] as number);
  for (let at = list + 1; at <= end; at++) {
    const patch = words[at] as number;
    const argument = patch & PATCH_ARGUMENT;
    const target = (patch & PATCH_OWNER) !== 0 ? suffixAt(message, argument) : start + argument;
    out.setUint16(start + (patch >>> PATCH_AT_SHIFT), POINTERS | target);
  }
}
