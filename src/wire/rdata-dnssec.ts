import { typeCode, typeName } from './constants.ts';
import { parseDecimal, putOctet, quote, STRING_MAX } from './presentation.ts';
import { BASE32_HEX, decodeRadix, encodeRadix, HEX } from './presentation-radix.ts';
import type { FieldCodec } from './rdata-field.ts';
import { blame, putNumber, takeNumber, takeOctets, takeToken, unsigned } from './rdata-field.ts';

/** DNSSEC algorithm, a number or its mnemonic (RFC 4034 appendix A.1 and IANA). */
export const algorithm = unsigned(
  1,
  new Map([
    ['RSAMD5', 1],
    ['DH', 2],
    ['DSA', 3],
    ['RSASHA1', 5],
    ['DSA-NSEC3-SHA1', 6],
    ['NSEC3DSA', 6],
    ['RSASHA1-NSEC3-SHA1', 7],
    ['NSEC3RSASHA1', 7],
    ['RSASHA256', 8],
    ['RSASHA512', 10],
    ['ECC-GOST', 12],
    ['ECCGOST', 12],
    ['ECDSAP256SHA256', 13],
    ['ECDSAP384SHA384', 14],
    ['ED25519', 15],
    ['ED448', 16],
    ['INDIRECT', 252],
    ['PRIVATEDNS', 253],
    ['PRIVATEOID', 254],
  ]),
);

/** Type of certificate, a number or its mnemonic (RFC 4398 §2.1). */
export const certificateType = unsigned(
  2,
  new Map([
    ['PKIX', 1],
    ['SPKI', 2],
    ['PGP', 3],
    ['IPKIX', 4],
    ['ISPKI', 5],
    ['IPGP', 6],
    ['ACPKIX', 7],
    ['IACPKIX', 8],
    ['URI', 253],
    ['OID', 254],
  ]),
);

/** An RR type by mnemonic or `TYPEn`. */
export const rrType: FieldCodec = {
  parse(cursor, sink) {
    const text = takeToken(cursor);
    const code = typeCode(text);
    if (code === undefined) return blame(cursor, `${quote(text)} is not an RR type`);
    putNumber(sink, code, 2);
    return undefined;
  },
  format: (reader) => typeName(takeNumber(reader, 2)),
};

/** Time of a signature: `YYYYMMDDHHmmSS` in UTC or seconds since 1970 (RFC 4034 §3.2), 1970 to 2106. */
export const signatureTime: FieldCodec = {
  parse(cursor, sink) {
    const text = takeToken(cursor);
    const value = text.length === 14 ? parseStamp(text) : parseDecimal(text, 0xffff_ffff);
    if (value < 0) return blame(cursor, `${quote(text)} is not a time: YYYYMMDDHHmmSS or seconds since 1970`);
    putNumber(sink, value, 4);
    return undefined;
  },
  format: (reader) => formatStamp(takeNumber(reader, 4)),
};

function parseStamp(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return -1;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const value = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  if (value < 0 || value > 0xffff_ffff) return -1;
  return formatStamp(value) === text ? value : -1;
}

function formatStamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.000Z$|[-:T]/g, '');
}

/** Salt of NSEC3, counted: `-` when empty, else hex without blanks (RFC 5155 §3.3). */
export const salt: FieldCodec = {
  parse(cursor, sink) {
    const text = takeToken(cursor);
    const start = sink.length;
    putOctet(sink, 0);
    if (text === '-') return undefined;
    const length = text.length / 2;
    if (!decodeRadix(HEX, text, sink) || length === 0 || length > STRING_MAX)
      return blame(cursor, `${quote(text)} is not "-" or up to ${STRING_MAX} octets of hexadecimal`);
    sink.octets[start] = length;
    return undefined;
  },
  format(reader) {
    const octets = takeOctets(reader, takeNumber(reader, 1));
    return octets.length === 0 ? '-' : encodeRadix(HEX, octets);
  },
};

/** Next hashed owner of NSEC3, counted: base 32 hex without padding (RFC 5155 §3.3). */
export const hashedOwner: FieldCodec = {
  parse(cursor, sink) {
    const text = takeToken(cursor);
    const start = sink.length;
    putOctet(sink, 0);
    const done = decodeRadix(BASE32_HEX, text, sink);
    const length = sink.length - start - 1;
    if (!done || length === 0 || length > STRING_MAX)
      return blame(cursor, `${quote(text)} is not a hash in base 32 hex`);
    sink.octets[start] = length;
    return undefined;
  },
  format(reader) {
    const octets = takeOctets(reader, takeNumber(reader, 1));
    if (octets.length === 0) reader.wrong ??= 'the hash is empty';
    return encodeRadix(BASE32_HEX, octets);
  },
};

/** A list of types, which may be empty as an NSEC3's (RFC 4034 §4.1.2, RFC 5155 §3.2.1). */
export const typeBitmapOrNone: FieldCodec = typeBitmap(true);
/** A list of types, never empty: an NSEC at least lists itself. */
export const typeBitmapOfSome: FieldCodec = typeBitmap(false);

function typeBitmap(mayBeEmpty: boolean): FieldCodec {
  return {
    mayBeEmpty,
    parse(cursor, sink) {
      const codes: number[] = [];
      for (; cursor.next < cursor.tokens.length; cursor.next++) {
        const text = cursor.tokens[cursor.next]?.text ?? '';
        const code = typeCode(text);
        if (code === undefined) return `${quote(text)} is not an RR type`;
        codes.push(code);
      }
      codes.sort((left, right) => left - right);
      for (let start = 0; start < codes.length; ) {
        const window = (codes[start] as number) >> 8;
        let end = start;
        while (end < codes.length && (codes[end] as number) >> 8 === window) end++;
        const length = (((codes[end - 1] as number) & 0xff) >> 3) + 1;
        const block = new Uint8Array(length);
        for (let i = start; i < end; i++) {
          const low = (codes[i] as number) & 0xff;
          block[low >> 3] = (block[low >> 3] as number) | (0x80 >> (low & 7));
        }
        putOctet(sink, window);
        putOctet(sink, length);
        for (const octet of block) putOctet(sink, octet);
        start = end;
      }
      return undefined;
    },
    format(reader) {
      const names: string[] = [];
      if (!mayBeEmpty && reader.at === reader.octets.length) reader.wrong ??= 'the list of types is empty';
      for (let last = -1; reader.at < reader.octets.length; ) {
        const window = takeNumber(reader, 1);
        const block = takeOctets(reader, takeNumber(reader, 1));
        if (window <= last || block.length === 0 || block.length > 32 || block.at(-1) === 0)
          reader.wrong ??= 'the list of types is not as RFC 4034 §4.1.2 wants it';
        last = window;
        for (let bit = 0; bit < block.length * 8; bit++)
          if (((block[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0)
            names.push(typeName(window * 256 + bit));
      }
      return names.join(' ');
    },
  };
}
