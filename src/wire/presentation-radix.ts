import type { OctetSink } from './presentation.ts';

/** An alphabet of 2^bits digits, and the octets after which padded text comes to an even end. */
interface Radix {
  readonly name: string;
  readonly bits: number;
  readonly digits: string;
  /** Value of each character code below 128; 255 = no digit. */
  readonly values: Uint8Array;
  /** Digits of a whole group; text is padded with `=` to a multiple of it; 0 = not padded. */
  readonly group: number;
}

function radix(name: string, digits: string, options: { foldCase: boolean; group: number }): Radix {
  const values = new Uint8Array(128).fill(255);
  for (let i = 0; i < digits.length; i++) {
    values[digits.charCodeAt(i)] = i;
    if (options.foldCase) values[(digits[i] as string).toLowerCase().charCodeAt(0)] = i;
  }
  return { name, bits: Math.log2(digits.length), digits, values, group: options.group };
}

/** Hexadecimal in either case, written in upper case (RFC 4648 §8). */
export const HEX = radix('hexadecimal', '0123456789ABCDEF', { foldCase: true, group: 0 });
/** Base 64 with padding (RFC 4648 §4). */
export const BASE64 = radix('base 64', 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', {
  foldCase: false,
  group: 4,
});
/** Base 32 with the extended hex alphabet, without padding (RFC 4648 §7 as used by RFC 5155 §3.3). */
export const BASE32_HEX = radix('base 32 hex', '0123456789ABCDEFGHIJKLMNOPQRSTUV', {
  foldCase: true,
  group: 0,
});

/**
 * Appends what the text stands for, strictly: whole octets, padding where it belongs, unused bits zero;
 * else false.
 */
export function decodeRadix(base: Radix, text: string, sink: OctetSink): boolean {
  let end = text.length;
  if (base.group > 0) {
    if (end % base.group !== 0) return false;
    while (end > text.length - 2 && text.charCodeAt(end - 1) === 0x3d) end--;
  }
  let held = 0;
  let bits = 0;
  for (let i = 0; i < end; i++) {
    const value = base.values[text.charCodeAt(i)] ?? 255;
    if (value === 255) return false;
    held = (held << base.bits) | value;
    bits += base.bits;
    if (bits >= 8) {
      bits -= 8;
      sink.octets[sink.length++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return held === 0 && bits < base.bits;
}

/** The octets in the alphabet, padded where it is padded. */
export function encodeRadix(base: Radix, octets: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const octet of octets) {
    held = (held << 8) | octet;
    bits += 8;
    while (bits >= base.bits) {
      bits -= base.bits;
      text += base.digits[held >> bits];
      held &= (1 << bits) - 1;
    }
  }
  if (bits > 0) text += base.digits[held << (base.bits - bits)];
  while (base.group > 0 && text.length % base.group !== 0) text += '=';
  return text;
}
