import { OPCODE, TYPE } from './constants.ts';
import type { EdnsView } from './edns.ts';
import { ASKED, emptyEdnsView, readOptions } from './edns.ts';
import type { NameView } from './name-view.ts';
import { emptyNameView, readName } from './name-view.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { NOTIFY: OPCODE_NOTIFY, QUERY: OPCODE_QUERY, UPDATE: OPCODE_UPDATE } = OPCODE;
const { OPT: TYPE_OPT } = TYPE;
const { COOKIE: ASKED_COOKIE } = ASKED;

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
  /** No question, but a cookie: it asks for one of ours (RFC 7873 §5.4). */
  COOKIE_ONLY: 5,
  /** NOTIFY (RFC 1996) and UPDATE (RFC 2136) whose first section is one zone. */
  NOTIFY: 6,
  UPDATE: 7,
} as const;
const {
  BAD_VERSION: QUERY_BAD_VERSION,
  COOKIE_ONLY: QUERY_COOKIE_ONLY,
  DROP: QUERY_DROP,
  MALFORMED: QUERY_MALFORMED,
  NOTIFY: QUERY_NOTIFY,
  OK: QUERY_OK,
  UNKNOWN_OPCODE: QUERY_UNKNOWN_OPCODE,
  UPDATE: QUERY_UPDATE,
} = QUERY;

/** A query read in place. Mutable, reused: it is valid until the next `readQuery`. */
export interface QueryView {
  readonly qname: NameView;
  qtype: number;
  qclass: number;
  /** Offset after the question; `HEADER_SIZE` if the question could not be read and so cannot be echoed. */
  questionEnd: number;
  readonly edns: EdnsView;
}

/** QR, in octet 2 of a message. */
const QR = 0x80;
/** Octets of an OPT record without options; of any record with an owner, of one octet at least. */
const OPT_SIZE = 11;

/** A view to be filled by `readQuery`. */
export function emptyQueryView(): QueryView {
  return { qname: emptyNameView(), qtype: 0, qclass: 0, questionEnd: HEADER_SIZE, edns: emptyEdnsView() };
}

/**
 * Reads a message of `length` octets into `view` without allocating. Returns a `QUERY` value.
 * Records other than OPT are skipped within bounds, whatever they hold.
 */
export function readQuery(view: QueryView, packet: DataView, length: number): number {
  const { edns } = view;
  view.questionEnd = HEADER_SIZE;
  edns.present = false;
  edns.ecs = false;
  edns.asked = 0;
  if (length < HEADER_SIZE) return QUERY_DROP;
  const first = packet.getUint8(2);
  if ((first & QR) !== 0) return QUERY_DROP;
  const status = readSections(view, packet, length);
  if (first >> 3 !== OPCODE_QUERY) return otherOpcode(first >> 3, status);
  // An OPT of a later version is only promised to be framed as ours is: nothing in it can be called
  // malformed.
  if (edns.present && edns.version !== 0) return QUERY_BAD_VERSION;
  return status;
}

/** What a message of another opcode is; of those that are not served nothing else is looked at (RFC 8906). */
function otherOpcode(opcode: number, status: number): number {
  if (opcode !== OPCODE_NOTIFY && opcode !== OPCODE_UPDATE) return QUERY_UNKNOWN_OPCODE;
  if (status !== QUERY_OK) return QUERY_MALFORMED;
  return opcode === OPCODE_NOTIFY ? QUERY_NOTIFY : QUERY_UPDATE;
}

function readSections(view: QueryView, packet: DataView, length: number): number {
  // QDCOUNT and ANCOUNT in one.
  const counts = packet.getInt32(4);
  if (counts >>> 16 !== 1) return readWithoutQuestion(view, packet, length);
  const end = readName(view.qname, packet, HEADER_SIZE, length);
  if (end < 0) return QUERY_MALFORMED;
  const question = packet.getInt32(end);
  view.qtype = question >>> 16;
  view.qclass = question & 0xffff;
  view.questionEnd = end + 4;
  return readRecords(view, packet, end + 4, length) ? QUERY_OK : QUERY_MALFORMED;
}

/** A message without exactly one question: only the wish for a cookie may have none (RFC 9619 §4). */
function readWithoutQuestion(view: QueryView, packet: DataView, length: number): number {
  if (packet.getUint16(4) !== 0 || !readRecords(view, packet, HEADER_SIZE, length)) return QUERY_MALFORMED;
  return (view.edns.asked & ASKED_COOKIE) === 0 ? QUERY_MALFORMED : QUERY_COOKIE_ONLY;
}

function readRecords(view: QueryView, packet: DataView, start: number, length: number): boolean {
  const others = packet.getUint16(6) + packet.getUint16(8);
  const total = others + packet.getUint16(10);
  let at = start;
  // A record takes at least 11 octets, so the message's length bounds this loop.
  for (let i = 0; i < total; i++) {
    at = readRecord(view.edns, packet, at, i < others ? -length : length);
    if (at < 0) return false;
  }
  return at === length;
}

/**
 * Skips one record, reading it if it is OPT. A negative `bound` is the length where OPT has no place. Returns
 * -1 if malformed.
 */
function readRecord(edns: EdnsView, packet: DataView, start: number, bound: number): number {
  const length = bound < 0 ? -bound : bound;
  if (start + OPT_SIZE > length) return -1;
  const named = packet.getUint8(start) !== 0;
  const at = named ? skipName(packet, start, length) : start + 1;
  if (at < 0 || at + 10 > length) return -1;
  const end = at + 10 + packet.getUint16(at + 8);
  if (end > length) return -1;
  const typeAndSize = packet.getInt32(at);
  if (typeAndSize >>> 16 !== TYPE_OPT) return end;
  if (bound < 0 || edns.present || named) return -1;
  const flags = packet.getInt32(at + 4);
  edns.present = true;
  edns.udpSize = typeAndSize & 0xffff;
  edns.version = (flags >>> 16) & 0xff;
  edns.dnssecOk = (flags & 0x8000) !== 0;
  if (edns.version !== 0 || readOptions(edns, packet, at + 10, end)) return end;
  // What is malformed is not given back.
  edns.ecs = false;
  edns.asked = 0;
  return -1;
}

/**
 * Offset after the name at `at`, pointers not followed; -1 if it runs over `length` or has an unknown label
 * type.
 */
function skipName(packet: DataView, at: number, length: number): number {
  while (at < length) {
    const size = packet.getUint8(at);
    if (size === 0) return at + 1;
    if (size >= 0xc0) return at + 2 <= length ? at + 2 : -1;
    if (size > 63) return -1;
    at += size + 1;
  }
  return -1;
}
