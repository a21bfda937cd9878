/** One word of a master file (RFC 1035 §5.1). */
export interface Token {
  /** As written, escapes kept, enclosing quotes removed. */
  readonly text: string;
  /** Whether it stood in quotes. */
  readonly quoted: boolean;
  /** Offset of its first character (of the opening quote) in the text it was read from. */
  readonly at: number;
}

/** Tokens and the next one to read. Who fails leaves `next` at the token that is at fault. */
export interface TokenCursor {
  readonly tokens: readonly Token[];
  next: number;
}

/** Where octets are gathered. Octets past the end of `octets` are counted but not kept: see `RDATA_MAX`. */
export interface OctetSink {
  readonly octets: Uint8Array;
  length: number;
}

/** Longest RDATA in octets: its length field has 16 bits (RFC 1035 §3.2.1). */
export const RDATA_MAX = 65_535;
/** Longest character-string in octets (RFC 1035 §3.3). */
export const STRING_MAX = 255;

const BACKSLASH = 0x5c;
const encoder = new TextEncoder();

/** Appends one octet. */
export function putOctet(sink: OctetSink, octet: number): void {
  sink.octets[sink.length++] = octet;
}

/** Appends octets. */
export function putOctets(sink: OctetSink, octets: Uint8Array): void {
  if (sink.length + octets.length <= sink.octets.length) sink.octets.set(octets, sink.length);
  sink.length += octets.length;
}

/** The value in JSON quotes for a message, shortened when long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

/** Reads a decimal number of digits only, from 0 to `max`; -1 if it is none. */
export function parseDecimal(text: string, max: number): number {
  if (text.length === 0 || text.length > 15) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= max ? value : -1;
}

const unitSeconds = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
  ['w', 604_800],
]);

/**
 * Reads seconds, plain or with units as BIND writes them (`1h30m`, `2W`); -1 if it is neither or over 2^32
 * - 1.
 */
export function parseSeconds(text: string): number {
  const plain = parseDecimal(text, 0xffff_ffff);
  if (plain >= 0 || text.length > 40) return plain;
  let total = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) continue;
    const unit = unitSeconds.get((text[i] as string).toLowerCase());
    const count = parseDecimal(text.slice(start, i), 0xffff_ffff);
    if (unit === undefined || count < 0) return -1;
    total += count * unit;
    start = i + 1;
  }
  return start === text.length && start > 0 && total <= 0xffff_ffff ? total : -1;
}

/**
 * Appends the octets that a character-string's text stands for: `\DDD` one octet, `\X` the character itself
 * (RFC 1035 §5.1), characters outside ASCII in UTF-8. A result says what is wrong.
 */
export function decodeText(text: string, sink: OctetSink): string | undefined {
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === BACKSLASH) {
      const octet = parseDecimal(text.slice(i + 1, i + 4), 255);
      const next = text.charCodeAt(i + 1);
      if (next >= 0x30 && next <= 0x39) {
        if (octet < 0 || i + 3 >= text.length) return `${quote(text)} has a bad escape: use \\000 to \\255`;
        putOctet(sink, octet);
        i += 3;
        continue;
      }
      if (Number.isNaN(next)) return `${quote(text)} ends with a lone backslash`;
      code = next;
      i++;
    }
    if (code <= 0x7f) putOctet(sink, code);
    else {
      const char = String.fromCodePoint(text.codePointAt(i) as number);
      putOctets(sink, encoder.encode(char));
      i += char.length - 1;
    }
  }
  return undefined;
}

/** The octets as a quoted character-string: `"` and `\` escaped, what is not printable ASCII as `\DDD`. */
export function formatQuoted(octets: Uint8Array): string {
  let text = '"';
  for (const octet of octets) {
    if (octet < 0x20 || octet > 0x7e) text += `\\${String(octet).padStart(3, '0')}`;
    else if (octet === 0x22 || octet === BACKSLASH) text += `\\${String.fromCharCode(octet)}`;
    else text += String.fromCharCode(octet);
  }
  return `${text}"`;
}

/** The octets as characters of the same codes. */
export function latin1(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}
