import { emptyAddress, formatAddress, parseAddressInto } from '../base/address.ts';
import { formatName, parseName } from './name.ts';
import type { OctetSink } from './presentation.ts';
import {
  decodeText,
  formatQuoted,
  latin1,
  parseSeconds,
  putOctet,
  putOctets,
  quote,
  STRING_MAX,
} from './presentation.ts';
import { BASE64, decodeRadix, encodeRadix, HEX } from './presentation-radix.ts';
import type { FieldCodec } from './rdata-field.ts';
import {
  blame,
  putNumber,
  takeName,
  takeNumber,
  takeOctets,
  takeRest,
  takeToken,
  unsigned,
} from './rdata-field.ts';

export const u8 = unsigned(1);
export const u16 = unsigned(2);
export const u32 = unsigned(4);

/** 32 bits of seconds; the text may have units (`1h30m`). */
export const seconds: FieldCodec = {
  parse(cursor, sink) {
    const text = takeToken(cursor);
    const value = parseSeconds(text);
    if (value < 0)
      return blame(cursor, `${quote(text)} is not a time in seconds or with units such as 1h30m`);
    putNumber(sink, value, 4);
    return undefined;
  },
  format: u32.format,
};

const scratchAddress = emptyAddress();

/** Appends an IPv4 address of text; false if it is none. */
export function putIpv4(text: string, sink: OctetSink): boolean {
  if (text.includes(':') || !parseAddressInto(text, scratchAddress)) return false;
  putOctets(sink, scratchAddress.octets.subarray(0, 4));
  return true;
}

/**
 * Appends an IPv6 address of text; false if it is none. IPv4-mapped ones stay IPv6: in a AAAA record they
 * are.
 */
export function putIpv6(text: string, sink: OctetSink): boolean {
  if (!text.includes(':') || !parseAddressInto(text, scratchAddress)) return false;
  const { family, octets } = scratchAddress;
  if (family === 4) {
    for (let i = 0; i < 12; i++) putOctet(sink, i < 10 ? 0 : 0xff);
    putOctets(sink, octets.subarray(0, 4));
  } else putOctets(sink, octets);
  return true;
}

/** The 16 octets as RFC 5952 writes them; IPv4-mapped ones in mixed notation (§5). */
export function formatIpv6(octets: Uint8Array): string {
  const mapped = octets.subarray(0, 12).every((octet, i) => octet === (i < 10 ? 0 : 0xff));
  return mapped ? `::ffff:${octets.subarray(12).join('.')}` : formatAddress({ family: 6, octets });
}

export const ipv4: FieldCodec = {
  parse(cursor, sink) {
    const text = takeToken(cursor);
    return putIpv4(text, sink) ? undefined : blame(cursor, `${quote(text)} is not an IPv4 address`);
  },
  format: (reader) => takeOctets(reader, 4).join('.'),
};

export const ipv6: FieldCodec = {
  parse(cursor, sink) {
    const text = takeToken(cursor);
    return putIpv6(text, sink) ? undefined : blame(cursor, `${quote(text)} is not an IPv6 address`);
  },
  format(reader) {
    const octets = takeOctets(reader, 16);
    return octets.length === 16 ? formatIpv6(octets) : '';
  },
};

/** A domain name, uncompressed; relative ones are below the origin. */
export const name: FieldCodec = {
  parse(cursor, sink, origin) {
    const wire = parseName(takeToken(cursor), origin);
    if (typeof wire === 'string') return blame(cursor, wire);
    putOctets(sink, wire);
    return undefined;
  },
  format: (reader) => formatName(takeName(reader)),
};

/** One character-string (RFC 1035 §3.3). */
export const charString: FieldCodec = {
  mayBeQuoted: true,
  parse(cursor, sink) {
    const start = sink.length;
    putOctet(sink, 0);
    const wrong = decodeText(takeToken(cursor), sink);
    const length = sink.length - start - 1;
    if (wrong !== undefined) return blame(cursor, wrong);
    if (length > STRING_MAX)
      return blame(cursor, `has ${length} octets, more than ${STRING_MAX}: split it into several strings`);
    sink.octets[start] = length;
    return undefined;
  },
  format: (reader) => formatQuoted(takeOctets(reader, takeNumber(reader, 1))),
};

/** One or more character-strings to the end. */
export const charStrings: FieldCodec = {
  mayBeQuoted: true,
  parse(cursor, sink, origin) {
    while (cursor.next < cursor.tokens.length) {
      const wrong = charString.parse(cursor, sink, origin);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  },
  format(reader) {
    const texts = [];
    do texts.push(charString.format(reader));
    while (reader.at < reader.octets.length);
    return texts.join(' ');
  },
};

/**
 * A text of any length to the end, not counted: a URI's target (RFC 7553 §4.4), a CAA value (RFC 8659
 * §4.1).
 */
export const longText: FieldCodec = {
  mayBeQuoted: true,
  parse(cursor, sink) {
    const wrong = decodeText(takeToken(cursor), sink);
    return wrong === undefined ? undefined : blame(cursor, wrong);
  },
  format: (reader) => formatQuoted(takeRest(reader)),
};

/** A word of letters and digits as a character-string: a CAA tag (RFC 8659 §4.1). */
export const tag = checkedString(/^[a-z0-9]{1,255}$/i, 'letters and digits only');

/** The name of a service as a character-string: RDATA of STEER. */
export const serviceName = checkedString(
  /^[a-z0-9][a-z0-9-]{0,62}$/,
  'a service name ([a-z0-9][a-z0-9-]*, up to 63)',
);

function checkedString(pattern: RegExp, what: string): FieldCodec {
  return {
    mayBeQuoted: true,
    parse(cursor, sink, origin) {
      const text = cursor.tokens[cursor.next]?.text ?? '';
      return pattern.test(text) ? charString.parse(cursor, sink, origin) : `${quote(text)} is not ${what}`;
    },
    format(reader) {
      const text = latin1(takeOctets(reader, takeNumber(reader, 1)));
      if (!pattern.test(text)) reader.wrong ??= `${quote(text)} is not ${what}`;
      return text;
    },
  };
}

type Radix = typeof HEX;

/** Octets to the end, at least one, in the alphabet; the text may be split by blanks. */
function blob(radix: Radix): FieldCodec {
  return {
    parse(cursor, sink) {
      const words = cursor.tokens.slice(cursor.next).map((token) => token.text);
      const text = words.join('');
      const start = sink.length;
      if (!decodeRadix(radix, text, sink) || sink.length === start)
        return `${quote(text)} is not ${radix.name}`;
      cursor.next += words.length;
      return undefined;
    },
    format(reader) {
      if (reader.at >= reader.octets.length) reader.wrong ??= 'the data end early';
      return encodeRadix(radix, takeRest(reader));
    },
  };
}

export const hex = blob(HEX);
export const base64 = blob(BASE64);
