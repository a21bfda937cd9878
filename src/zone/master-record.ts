import { TYPE, typeCode } from '../wire/constants.ts';
import { parseName } from '../wire/name.ts';
import type { Token, TokenCursor } from '../wire/presentation.ts';
import { parseSeconds, quote } from '../wire/presentation.ts';
import { parseRdata } from '../wire/rdata.ts';
import type { FileState, Reading } from './master-state.ts';
import { placeOf, report, stop } from './master-state.ts';
import type { Entry } from './tokens.ts';

/** Reads the record of an entry and keeps it, or reports what is wrong with it. */
export function readRecord(reading: Reading, state: FileState, entry: Entry): void {
  const cursor: TokenCursor = { tokens: entry.tokens, next: 0 };
  const badOwner = readOwner(state, entry);
  if (badOwner !== undefined) report(reading, state, entry, { message: badOwner, at: entry.start });
  if (!entry.blankOwner) cursor.next++;
  const wrong = readRest(reading, state, entry, cursor);
  if (wrong !== undefined) report(reading, state, entry, { message: wrong, at: offsetOf(entry, cursor) });
}

/** Reads what follows the owner. A result says what is wrong; the cursor stands at the token at fault. */
function readRest(reading: Reading, state: FileState, entry: Entry, cursor: TokenCursor): string | undefined {
  const stated = readTtlAndClass(cursor);
  if (typeof stated === 'string') return stated;
  const typeToken = entry.tokens[cursor.next];
  if (typeToken === undefined) return 'the type is missing';
  const type = typeToken.quoted ? undefined : typeCode(typeToken.text);
  if (type === undefined && typeToken.text.startsWith('$'))
    return `${quote(typeToken.text)} must stand at the beginning of its line`;
  if (type === undefined) return `${quote(typeToken.text)} is not an RR type, a class or a TTL`;
  if (isMetaType(type)) return `${quote(typeToken.text)} cannot be stored in a zone`;
  cursor.next++;
  const rdata = parseRdata(type, cursor, state.origin);
  if (typeof rdata === 'string') return rdata;
  if (stated.ttl !== undefined) reading.lastTtl = stated.ttl;
  const ttl = stated.ttl ?? impliedTtl(reading, type, rdata);
  cursor.next = 0;
  if (ttl === undefined) return 'the record has no TTL, and neither $TTL nor a record before gives one';
  if (state.owner === undefined) return undefined;
  if (reading.records.length < reading.limits.recordsMax)
    reading.records.push({ owner: state.owner, type, ttl, rdata, file: state.file, line: entry.line });
  else stop(reading, placeOf(state, entry, entry.start), `more than ${reading.limits.recordsMax} records`);
  return undefined;
}

/** Offset of the cursor's token, or just after the last one. */
function offsetOf(entry: Entry, cursor: TokenCursor): number {
  const token = entry.tokens[cursor.next];
  if (token !== undefined) return token.at;
  const last = entry.tokens.at(-1);
  return last === undefined ? entry.start : last.at + last.text.length + (last.quoted ? 2 : 0);
}

/** Sets the owner that the entry states, if it states one. A result says what is wrong. */
function readOwner(state: FileState, entry: Entry): string | undefined {
  if (entry.blankOwner)
    return state.owner === undefined && !state.ownerBad
      ? 'the line begins with a blank, but no owner was stated before it'
      : undefined;
  const { text, quoted } = entry.tokens[0] as Token;
  if (!quoted && state.owner !== undefined && text === state.ownerText) return undefined;
  const owner = quoted ? `${quote(text)} must not be in quotes` : parseName(text, state.origin);
  state.ownerBad = typeof owner === 'string';
  state.owner = typeof owner === 'string' ? undefined : owner;
  state.ownerText = text;
  return typeof owner === 'string' ? `owner: ${owner}` : undefined;
}

const otherClasses = new Set(['CH', 'CHAOS', 'HS', 'HESIOD', 'CS']);

/** Reads a TTL and the class in either order, each at most once. A string says what is wrong. */
function readTtlAndClass(cursor: TokenCursor): { ttl: number | undefined } | string {
  let ttl: number | undefined;
  let classSeen = false;
  for (; cursor.next < cursor.tokens.length; cursor.next++) {
    const { text, quoted } = cursor.tokens[cursor.next] as Token;
    const first = text.charCodeAt(0);
    if (quoted) break;
    if (first >= 0x30 && first <= 0x39) {
      const value = parseSeconds(text);
      if (ttl !== undefined) return `${quote(text)} is a second TTL`;
      if (value < 0) return `${quote(text)} is not a TTL: seconds, or with units such as 1h30m`;
      ttl = value;
      continue;
    }
    const upper = text.length <= 10 ? text.toUpperCase() : '';
    const isIn = upper === 'IN' || upper === 'CLASS1';
    if (!isIn && (otherClasses.has(upper) || upper.startsWith('CLASS')))
      return `class ${quote(text)} is not served: only IN is`;
    if (!isIn) break;
    if (classSeen) return `${quote(text)} is a second class`;
    classSeen = true;
  }
  return { ttl };
}

/** OPT, and the QTYPEs and meta-types of RFC 6895 §3.1. */
function isMetaType(type: number): boolean {
  return type === 0 || type === TYPE.OPT || (type >= 128 && type <= 255);
}

function impliedTtl(reading: Reading, type: number, rdata: Uint8Array): number | undefined {
  if (reading.defaultTtl !== undefined) return reading.defaultTtl;
  if (reading.lastTtl !== undefined) return reading.lastTtl;
  if (type !== TYPE.SOA) return undefined;
  reading.defaultTtl = new DataView(rdata.buffer, rdata.byteOffset).getUint32(rdata.length - 4);
  return reading.defaultTtl;
}
