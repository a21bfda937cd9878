/**
 * What attackers wrap their text in, unwrapped. Each function takes and gives octets, one a character from
 * U+0000 to U+00FF; what is not encoded stays as it is.
 */

const HEX_PAIR = /^[0-9a-f]{2}$/i;

/** `%41` and `+`, RFC 3986 §2.1 and urlencoded forms; a wrong `%` stays. */
export function urlDecoded(octets: string): string {
  if (!/[%+]/.test(octets)) return octets;
  return octets.replace(/\+|%([0-9a-f]{2})/gi, (all, hex) => (all === '+' ? ' ' : fromHex(hex)));
}

/** Also `%u0041`: the low octet; full-width ASCII (U+FF01 to U+FF5E) becomes ASCII. */
export function urlDecodedUni(octets: string): string {
  if (!/[%+]/.test(octets)) return octets;
  return octets.replace(/\+|%u([0-9a-f]{4})|%([0-9a-f]{2})/gi, (all, wide, hex) => {
    if (all === '+') return ' ';
    return wide === undefined ? fromHex(hex) : lowOctet(Number.parseInt(wide, 16));
  });
}

/** `&lt;`, `&#60;`, `&#x3c;`: with or without the semicolon. */
export function htmlDecoded(octets: string): string {
  if (!octets.includes('&')) return octets;
  const form = /&(?:#x([0-9a-f]{1,7})|#(\d{1,8})|(quot|amp|lt|gt|nbsp|apos|colon|tab|newline|lpar|rpar));?/gi;
  return octets.replace(form, (_, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[(name as string).toLowerCase()] ?? '';
    return String.fromCharCode((hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)) & 0xff);
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  quot: '"',
  amp: '&',
  lt: '<',
  gt: '>',
  nbsp: '\xa0',
  apos: "'",
  colon: ':',
  tab: '\t',
  newline: '\n',
  lpar: '(',
  rpar: ')',
};

/** As a shell reads it: no `\`, `"`, `'`, `^`; `,` and `;` and white space are one blank; lower case. */
export function commandLine(octets: string): string {
  return octets
    .replace(/[\\"'^]/g, '')
    .replace(/[,;\s]+/g, ' ')
    .replace(/ +(?=[/(])/g, '')
    .toLowerCase();
}

/** Standard base64 (RFC 4648 §4); where it is none, up to the first wrong character. */
export function base64Decoded(octets: string): string {
  const valid = /^[A-Za-z0-9+/]*/.exec(octets)?.[0] ?? '';
  return Buffer.from(valid, 'base64').toString('latin1');
}

/** Base64 with wrong characters in between left out. */
export function base64DecodedLoosely(octets: string): string {
  return Buffer.from(octets.replace(/[^A-Za-z0-9+/]/g, ''), 'base64').toString('latin1');
}

/** Pairs of hexadecimal digits; what is no whole text of them stays. */
export function hexDecoded(octets: string): string {
  return octets.length % 2 === 0 && /^[0-9a-f]+$/i.test(octets)
    ? Buffer.from(octets, 'hex').toString('latin1')
    : octets;
}

/** `0x414243` as MySQL reads it. */
export function sqlHexDecoded(octets: string): string {
  return octets.replace(/0x((?:[0-9a-f]{2})+)/gi, (_, hex) => Buffer.from(hex, 'hex').toString('latin1'));
}

const C_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** ANSI C escapes: `\n`, `\x41`, `\101`. */
export function escapesDecoded(octets: string): string {
  return octets.replace(/\\(?:x([0-9a-f]{2})|([0-7]{1,3})|([abfnrtv\\?'"]))/gi, (_, hex, octal, sign) => {
    if (hex !== undefined) return fromHex(hex);
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    return C_ESCAPES[sign] ?? sign;
  });
}

/** CSS 2.1 §4.1.3: `\41 ` is A, and `\` before a newline is nothing. */
export function cssDecoded(octets: string): string {
  return octets.replace(/\\(?:([0-9a-f]{1,6})[ \t\n\r\f]?|\r?\n|([\s\S]))/gi, (_, hex, other) => {
    if (hex !== undefined) return lowOctet(Number.parseInt(hex, 16));
    return other ?? '';
  });
}

/** ECMAScript's escapes: as C, and `\u0041`, `\u{41}`. */
export function jsDecoded(octets: string): string {
  const form = /\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|([0-7]{1,3})|([\s\S]))/gi;
  return octets.replace(form, (_, braced, wide, hex, octal, sign) => {
    if (braced !== undefined || wide !== undefined) return lowOctet(Number.parseInt(braced ?? wide, 16));
    if (hex !== undefined) return fromHex(hex);
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    return C_ESCAPES[sign] ?? sign;
  });
}

/** UTF-8 sequences become `%uXXXX`; octets that are none stay. */
export function unicodeEscaped(octets: string): string {
  if (!/[\x80-\xff]/.test(octets)) return octets;
  const form = /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/g;
  return octets.replace(form, (sequence) => {
    const point = Buffer.from(sequence, 'latin1').toString('utf8').codePointAt(0) ?? 0xfffd;
    return `%u${point.toString(16).padStart(4, '0')}`;
  });
}

function fromHex(hex: string): string {
  return HEX_PAIR.test(hex) ? String.fromCharCode(Number.parseInt(hex, 16)) : '';
}

/** The octet that a code point is mistaken for by software that keeps eight bits. */
function lowOctet(point: number): string {
  return String.fromCharCode(point >= 0xff01 && point <= 0xff5e ? point - 0xfee0 : point & 0xff);
}
