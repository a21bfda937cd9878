import { NAME_MAX } from './name.ts';
import type { OctetSink, TokenCursor } from './presentation.ts';
import { parseDecimal, putOctet, quote } from './presentation.ts';

/** How one field of an RDATA is read from text and from the wire. */
export interface FieldCodec {
  /**
   * Reads the field's tokens and appends its wire form. There is at least one token, unless `mayBeEmpty`. A
   * result says what is wrong, in words that follow the field's name; the cursor then stands at the token
   * at fault.
   */
  readonly parse: (cursor: TokenCursor, sink: OctetSink, origin: Uint8Array) => string | undefined;
  /** Reads the field from the wire and returns its text; sets `reader.wrong` if it is malformed. */
  readonly format: (reader: RdataReader) => string;
  /** The field may have no tokens at all. */
  readonly mayBeEmpty?: boolean;
  /** The first token may be quoted. */
  readonly mayBeQuoted?: boolean;
}

/** A walk over the octets of an RDATA. */
export interface RdataReader {
  readonly octets: Uint8Array;
  at: number;
  /** What is malformed, once something is. */
  wrong: string | undefined;
}

/** The text of the next token; the cursor moves past it. */
export function takeToken(cursor: TokenCursor): string {
  return cursor.tokens[cursor.next++]?.text ?? '';
}

/** Steps the cursor back to the token just taken, as it is at fault. */
export function blame(cursor: TokenCursor, message: string): string {
  cursor.next--;
  return message;
}

/** The next octets of an RDATA; fewer, with `wrong` set, if it ends before. */
export function takeOctets(reader: RdataReader, count: number): Uint8Array {
  const end = reader.at + count;
  if (end > reader.octets.length) reader.wrong ??= 'the data end early';
  const part = reader.octets.subarray(reader.at, end);
  reader.at = Math.min(end, reader.octets.length);
  return part;
}

/** All octets that are left. */
export function takeRest(reader: RdataReader): Uint8Array {
  return takeOctets(reader, reader.octets.length - reader.at);
}

/** The next unsigned number of 1 to 4 octets, network order. */
export function takeNumber(reader: RdataReader, size: number): number {
  let value = 0;
  for (const octet of takeOctets(reader, size)) value = value * 256 + octet;
  return value;
}

/** The next uncompressed name, in wire form. */
export function takeName(reader: RdataReader): Uint8Array {
  const start = reader.at;
  const { octets } = reader;
  let end = start;
  while (end < octets.length && octets[end] !== 0) {
    if ((octets[end] as number) > 63) reader.wrong ??= 'a name has a bad or compressed label';
    end += (octets[end] as number) + 1;
  }
  if (end + 1 - start > NAME_MAX) reader.wrong ??= 'a name is too long';
  return takeOctets(reader, end + 1 - start);
}

/** Appends an unsigned number of 1 to 4 octets, network order. */
export function putNumber(sink: OctetSink, value: number, size: number): void {
  for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) putOctet(sink, (value >>> shift) & 0xff);
}

/**
 * An unsigned number of `size` octets in decimal, or one of the mnemonics in upper case. Written in
 * decimal.
 */
export function unsigned(size: number, mnemonics?: ReadonlyMap<string, number>): FieldCodec {
  const max = 256 ** size - 1;
  return {
    parse(cursor, sink) {
      const text = takeToken(cursor);
      let value = parseDecimal(text, max);
      if (value < 0) value = mnemonics?.get(text.toUpperCase()) ?? -1;
      if (value < 0)
        return blame(
          cursor,
          `${quote(text)} is not a number from 0 to ${max}${mnemonics ? ' or a mnemonic' : ''}`,
        );
      putNumber(sink, value, size);
      return undefined;
    },
    format: (reader) => String(takeNumber(reader, size)),
  };
}
