import { CLASS, TYPE } from './constants.ts';
import { lowerName, parseName } from './name.ts';

/** TYPE, CLASS, TTL, RDLENGTH. */
const FIXED = 10;
/** Octets of RDATA besides the algorithm's name, the MAC and other data. */
const RDATA_FIXED = 16;
const HEADER = 12;
/** Octets of the longest MAC, and of other data. */
const MAC_MAX = 64;
const OTHER_MAX = 6;

/** The TSIG record of a message, taken apart. */
export interface TsigRecord {
  /** Offset at which it begins, which is the length of the message that it signs. */
  readonly at: number;
  readonly keyName: Uint8Array;
  readonly algorithm: Uint8Array;
  /** Seconds since 1970 UTC. */
  readonly signedS: number;
  readonly fudgeS: number;
  readonly mac: Uint8Array;
  readonly originalId: number;
  readonly error: number;
  readonly other: Uint8Array;
}

/** What a signature covers of its record besides names. */
export type TsigFields = Pick<TsigRecord, 'signedS' | 'fudgeS' | 'error' | 'other'>;

/**
 * The TSIG record of a message whose records can be read; undefined if it has none. A text says what is
 * malformed: it is not the last, or there are two (RFC 8945 §5.1).
 */
export function findTsig(octets: Uint8Array): TsigRecord | string | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  try {
    let at = HEADER;
    for (let i = view.getUint16(4); i > 0; i--) at = afterName(view, at) + 4;
    const count = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
    let found: TsigRecord | undefined;
    for (let i = 0; i < count; i++) {
      const fixed = afterName(view, at);
      const end = fixed + FIXED + view.getUint16(fixed + 8);
      if (end > octets.length) throw new RangeError('cut off');
      if (view.getUint16(fixed) === TYPE.TSIG) {
        if (i !== count - 1 || view.getUint16(10) === 0) return 'a TSIG record is not the last';
        found = readRecord(octets, view, { at, fixed, end });
      }
      at = end;
    }
    return found;
  } catch (error) {
    if (error instanceof RangeError) return 'a record is malformed';
    throw error;
  }
}

function readRecord(
  octets: Uint8Array,
  view: DataView,
  { at, fixed, end }: { readonly at: number; readonly fixed: number; readonly end: number },
): TsigRecord {
  const start = fixed + FIXED;
  const rdata = afterName(view, start);
  const macEnd = rdata + 10 + view.getUint16(rdata + 8);
  const otherEnd = macEnd + 6 + view.getUint16(macEnd + 4);
  const isForm = view.getUint16(fixed + 2) === CLASS.ANY && view.getUint32(fixed + 4) === 0;
  // Names that are not compressed end with the root (RFC 8945 §4.2).
  if (!isForm || otherEnd !== end || octets[fixed - 1] !== 0 || octets[rdata - 1] !== 0)
    throw new RangeError('not as RFC 8945 §4.2 has it');
  return {
    at,
    keyName: lowerName(Uint8Array.from(octets.subarray(at, fixed))),
    algorithm: lowerName(Uint8Array.from(octets.subarray(start, rdata))),
    signedS: view.getUint16(rdata) * 2 ** 32 + view.getUint32(rdata + 2),
    fudgeS: view.getUint16(rdata + 6),
    mac: Uint8Array.from(octets.subarray(rdata + 10, macEnd)),
    originalId: view.getUint16(macEnd),
    error: view.getUint16(macEnd + 2),
    other: Uint8Array.from(octets.subarray(macEnd + 6, otherEnd)),
  };
}

/** The offset after a name, pointers not followed. Throws RangeError past the end. */
function afterName(view: DataView, at: number): number {
  for (;;) {
    const size = view.getUint8(at);
    if (size === 0) return at + 1;
    if (size >= 0xc0) return at + 2;
    if (size > 63) throw new RangeError('a name is malformed');
    at += size + 1;
  }
}

/**
 * Appends a TSIG record to the message in `out`, where there must be room, and counts it. Returns the length
 * with it.
 */
export function appendTsig(
  out: Uint8Array,
  length: number,
  record: TsigFields & {
    readonly keyName: Uint8Array;
    readonly algorithm: string | Uint8Array;
    readonly mac: Uint8Array;
  },
): number {
  const { keyName, algorithm, mac, other } = record;
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  const rdata = joined([
    typeof algorithm === 'string' ? algorithmName(algorithm) : algorithm,
    seconds(record.signedS),
    number(record.fudgeS, 2),
    number(mac.length, 2),
    mac,
    out.subarray(0, 2),
    number(record.error, 2),
    number(other.length, 2),
    other,
  ]);
  const head = [keyName, number(TYPE.TSIG, 2), number(CLASS.ANY, 2), number(0, 4), number(rdata.length, 2)];
  const whole = joined([...head, rdata]);
  out.set(whole, length);
  view.setUint16(10, view.getUint16(10) + 1);
  return length + whole.length;
}

/** Octets that a TSIG record of these names takes at most. */
export function tsigRecordSize(keyName: Uint8Array, algorithm: string): number {
  return keyName.length + FIXED + algorithmName(algorithm).length + RDATA_FIXED + MAC_MAX + OTHER_MAX;
}

/** A number in so many octets, the upper ones first. */
export function number(value: number, size: number): Uint8Array {
  const octets = new Uint8Array(size);
  for (let i = 0; i < size; i++) octets[i] = value >>> ((size - 1 - i) * 8);
  return octets;
}

/** Seconds since 1970 UTC in 48 bits. */
export function seconds(value: number): Uint8Array {
  return joined([number(Math.floor(value / 2 ** 32), 2), number(value % 2 ** 32, 4)]);
}

/** An algorithm's name in wire form. */
export function algorithmName(name: string): Uint8Array {
  const known = parseName(`${name}.`);
  if (typeof known === 'string') throw new Error(known);
  return known;
}

/** All octets, one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
