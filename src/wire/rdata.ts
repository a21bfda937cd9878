import { TYPE, typeName } from './constants.ts';
import type { OctetSink, TokenCursor } from './presentation.ts';
import { parseDecimal, quote, RDATA_MAX } from './presentation.ts';
import { decodeRadix, encodeRadix, HEX } from './presentation-radix.ts';
import type { RdataReader } from './rdata-field.ts';
import { rdataRows } from './rdata-table.ts';

/** Where the domain names lie in an RDATA whose names may be compressed on the wire. */
export interface NameLayout {
  /** Fixed octets before the first name. */
  readonly leadingOctets: number;
  /** Names one after the other from there; the octets after the last one are copied as they are. */
  readonly names: number;
}

const oneName: NameLayout = { leadingOctets: 0, names: 1 };
const nameLayouts = new Map<number, NameLayout>([
  [TYPE.NS, oneName],
  [TYPE.CNAME, oneName],
  [TYPE.SOA, { leadingOctets: 0, names: 2 }],
  [TYPE.PTR, oneName],
  [TYPE.MX, { leadingOctets: 2, names: 1 }],
]);

/** Which names in the RDATA of a type a sender may compress: those of RFC 1035 only (RFC 3597 §4). */
export function compressibleNames(type: number): NameLayout | 'none' {
  return nameLayouts.get(type) ?? 'none';
}

/** One for all calls, which do not nest; nothing of it outlives a call. */
const scratch = new Uint8Array(RDATA_MAX);

/**
 * Reads an RDATA in presentation form from the cursor to the end of its tokens: the type's own form, or `\#
 * length hex` (RFC 3597 §5), which known types take too. Relative names are below `origin`. Returns the
 * uncompressed wire form, or what is wrong; the cursor then stands at the token at fault, or at the end
 * when something is missing.
 */
export function parseRdata(type: number, cursor: TokenCursor, origin: Uint8Array): Uint8Array | string {
  const first = cursor.tokens[cursor.next];
  const sink: OctetSink = { octets: scratch, length: 0 };
  if (first?.text === '\\#' && !first.quoted) return parseGeneric(type, cursor, sink);
  const row = rdataRows.get(type);
  if (row === undefined)
    return `the data of ${typeName(type)} must be written as \\# length hex (RFC 3597 §5)`;
  for (const [label, codec] of row.fields) {
    const token = cursor.tokens[cursor.next];
    if (token === undefined && !codec.mayBeEmpty) return `the ${label} of the ${typeName(type)} is missing`;
    if (token?.quoted && !codec.mayBeQuoted) return `${label}: ${quote(token.text)} must not be in quotes`;
    const wrong = codec.parse(cursor, sink, origin);
    if (wrong !== undefined) return `${label}: ${wrong}`;
  }
  const extra = cursor.tokens[cursor.next];
  if (extra !== undefined)
    return `${quote(extra.text)} is too much: the ${typeName(type)} is complete before it`;
  if (sink.length > RDATA_MAX) return `the data have ${sink.length} octets, more than ${RDATA_MAX}`;
  const rdata = scratch.slice(0, sink.length);
  return row.check?.(rdata) ?? rdata;
}

function parseGeneric(type: number, cursor: TokenCursor, sink: OctetSink): Uint8Array | string {
  cursor.next++;
  const lengthText = cursor.tokens[cursor.next]?.text;
  if (lengthText === undefined) return 'the length after \\# is missing';
  const length = parseDecimal(lengthText, RDATA_MAX);
  if (length < 0) return `${quote(lengthText)} is not a length from 0 to ${RDATA_MAX}`;
  cursor.next++;
  const words = cursor.tokens.slice(cursor.next).map((token) => token.text);
  const text = words.join('');
  if (!decodeRadix(HEX, text, sink)) return `${quote(text)} is not hexadecimal`;
  if (sink.length !== length) return `\\# says ${length} octets, but ${sink.length} follow`;
  const rdata = scratch.slice(0, length);
  const wrong = checkRdata(type, rdata);
  if (wrong !== undefined) return `\\# is not valid data of ${typeName(type)}: ${wrong}`;
  cursor.next += words.length;
  return rdata;
}

/**
 * What is wrong with an RDATA in uncompressed wire form; undefined if nothing is, and for unknown types
 * always.
 */
export function checkRdata(type: number, rdata: Uint8Array): string | undefined {
  return read(type, rdata).wrong;
}

/**
 * The RDATA in presentation form, names absolute, on one line; malformed or unknown ones as `\# length hex`
 * (RFC 3597).
 */
export function formatRdata(type: number, rdata: Uint8Array): string {
  const { text, wrong } = read(type, rdata);
  if (text !== undefined && wrong === undefined) return text;
  return rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${encodeRadix(HEX, rdata)}`;
}

/** Walks the fields once: the text comes for free with the check. */
function read(type: number, rdata: Uint8Array): { text: string | undefined; wrong: string | undefined } {
  const row = rdataRows.get(type);
  if (row === undefined) return { text: undefined, wrong: undefined };
  const reader: RdataReader = { octets: rdata, at: 0, wrong: undefined };
  const texts: string[] = [];
  for (const [, codec] of row.fields) {
    const text = codec.format(reader);
    if (reader.wrong !== undefined) return { text: undefined, wrong: reader.wrong };
    if (text !== '') texts.push(text);
  }
  if (reader.at < rdata.length) return { text: undefined, wrong: 'octets follow the last field' };
  return { text: texts.join(' '), wrong: row.check?.(rdata) };
}
