import { sha1 } from './sha1.ts';

/** Longest part of a file name that is written as it is: with endings it must stay below 255 octets. */
const PLAIN_MAX = 180;
const UNSAFE = /[^a-z0-9._-]/g;
/** Characters that go into the digest at a time. */
const CHUNK = 256;

/**
 * A text as a part of a file name, whoever it comes from: in small letters, what is not a letter, a digit,
 * `.`, `-` or `_` as `%` and its code; of one that is too long the beginning and a digest.
 */
export function fileNameOf(text: string): string {
  const plain = text.toLowerCase().replace(UNSAFE, (char) => `%${char.charCodeAt(0).toString(16)}`);
  if (plain.length <= PLAIN_MAX) return plain;
  const digest = hexDigest(plain);
  return `${plain.slice(0, PLAIN_MAX - digest.length - 1)}-${digest}`;
}

/** SHA-1 of a text of ASCII characters, chunk by chunk, in hexadecimal digits: tells texts apart. */
export function hexDigest(text: string): string {
  const words = new Int32Array(5);
  let hex = '';
  for (let at = 0; at < Math.max(1, text.length); at += CHUNK) {
    const octets = new TextEncoder().encode(hex + text.slice(at, at + CHUNK));
    sha1(octets, octets.length, words);
    hex = [...words].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }
  return hex;
}
