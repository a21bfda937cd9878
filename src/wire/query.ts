import { OPCODE, TYPE } from './constants.ts';
import type { EdnsView } from './edns.ts';
import { emptyEdnsView, readOptions } from './edns.ts';
import type { NameView } from './name-view.ts';
import { emptyNameView, readName } from './name-view.ts';

/** Octets of a DNS header. */
export const HEADER_SIZE = 12;

/** What a message turned out to be. */
export const QUERY = {
  /** A question to answer. */
  OK: 0,
  /** Nothing that may be answered: too short for a header, or itself a response. */
  DROP: 1,
  /** Malformed (RFC 1035 §4.1.1): FORMERR. */
  MALFORMED: 2,
  /** An opcode that is not served: NOTIMP. */
  UNKNOWN_OPCODE: 3,
  /** An EDNS version that is not known: BADVERS (RFC 6891 §6.1.3). */
  BAD_VERSION: 4,
} as const;

/** A query read in place. Mutable, reused: it is valid until the next `readQuery`. */
export interface QueryView {
  readonly qname: NameView;
  qtype: number;
  qclass: number;
  /** Offset after the question; `HEADER_SIZE` if the question could not be read and so cannot be echoed. */
  questionEnd: number;
  readonly edns: EdnsView;
}

/** A view to be filled by `readQuery`. */
export function emptyQueryView(): QueryView {
  return { qname: emptyNameView(), qtype: 0, qclass: 0, questionEnd: HEADER_SIZE, edns: emptyEdnsView() };
}

/**
 * Reads a message of `length` octets into `view` without allocating. Returns a `QUERY` value.
 * Records other than OPT are skipped within bounds, whatever they hold.
 */
export function readQuery(view: QueryView, octets: Uint8Array, length: number): number {
  view.questionEnd = HEADER_SIZE;
  view.edns.present = false;
  view.edns.ecs = false;
  if (length < HEADER_SIZE || ((octets[2] as number) & 0x80) !== 0) return QUERY.DROP;
  const sound = readSections(view, octets, length);
  if ((((octets[2] as number) >> 3) & 15) !== OPCODE.QUERY) return QUERY.UNKNOWN_OPCODE;
  // An OPT of a later version is only promised to be framed as ours is: nothing in it can be called
  // malformed.
  if (view.edns.present && view.edns.version !== 0) return QUERY.BAD_VERSION;
  return sound ? QUERY.OK : QUERY.MALFORMED;
}

function readSections(view: QueryView, octets: Uint8Array, length: number): boolean {
  if (octets[4] !== 0 || octets[5] !== 1) return false;
  let at = readName(view.qname, octets, HEADER_SIZE, length);
  if (at < 0 || at + 4 > length) return false;
  view.qtype = ((octets[at] as number) << 8) | (octets[at + 1] as number);
  view.qclass = ((octets[at + 2] as number) << 8) | (octets[at + 3] as number);
  at += 4;
  view.questionEnd = at;
  const others =
    (((octets[6] as number) << 8) | (octets[7] as number)) +
    (((octets[8] as number) << 8) | (octets[9] as number));
  const total = others + (((octets[10] as number) << 8) | (octets[11] as number));
  // A record takes at least 11 octets, so the message's length bounds this loop.
  for (let i = 0; i < total; i++) {
    at = readRecord(view, octets, at, i < others ? -length : length);
    if (at < 0) return false;
  }
  return at === length;
}

/**
 * Skips one record, reading it if it is OPT. A negative `bound` is the length where OPT has no place. Returns
 * -1 if malformed.
 */
function readRecord(view: QueryView, octets: Uint8Array, start: number, bound: number): number {
  const length = bound < 0 ? -bound : bound;
  const at = skipName(octets, start, length);
  if (at < 0 || at + 10 > length) return -1;
  const type = ((octets[at] as number) << 8) | (octets[at + 1] as number);
  const end = at + 10 + (((octets[at + 8] as number) << 8) | (octets[at + 9] as number));
  if (end > length) return -1;
  if (type !== TYPE.OPT) return end;
  const { edns } = view;
  if (bound < 0 || edns.present || octets[start] !== 0) return -1;
  edns.present = true;
  edns.udpSize = ((octets[at + 2] as number) << 8) | (octets[at + 3] as number);
  edns.version = octets[at + 5] as number;
  edns.dnssecOk = ((octets[at + 6] as number) & 0x80) !== 0;
  if (edns.version !== 0) return end;
  if (readOptions(edns, octets, at + 10, end)) return end;
  edns.ecs = false;
  return -1;
}

/**
 * Offset after the name at `at`, pointers not followed; -1 if it runs over `length` or has an unknown label
 * type.
 */
function skipName(octets: Uint8Array, at: number, length: number): number {
  while (at < length) {
    const size = octets[at] as number;
    if (size === 0) return at + 1;
    if (size >= 0xc0) return at + 2 <= length ? at + 2 : -1;
    if (size > 63) return -1;
    at += size + 1;
  }
  return -1;
}
