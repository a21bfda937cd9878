/** xxHash32 with seed 0 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md), unsigned. */
export function checksum32(bytes: Uint8Array, from = 0): number {
  const end = bytes.length;
  const length = end - from;
  let at = from;
  let hash = PRIME_5;
  if (length >= STRIPE) {
    const lanes = hashStripes(bytes, from, length >> 4);
    hash = lanes;
    at = from + (length & ~(STRIPE - 1));
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= end; at += 4) {
    hash = (hash + Math.imul(wordAt(bytes, at), PRIME_3)) | 0;
    hash = Math.imul((hash << 17) | (hash >>> 15), PRIME_4);
  }
  for (; at < end; at++) {
    hash = (hash + Math.imul(bytes[at] as number, PRIME_5)) | 0;
    hash = Math.imul((hash << 11) | (hash >>> 21), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const STRIPE = 16;
const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;
/** The specification's words are little-endian, and so is every machine that Node runs on. */
const isAligned = (bytes: Uint8Array, at: number): boolean => ((bytes.byteOffset + at) & 3) === 0;

/** The four lanes over `stripes` stripes of 16 octets, folded into one. */
function hashStripes(bytes: Uint8Array, from: number, stripes: number): number {
  const words = isAligned(bytes, from)
    ? new Int32Array(bytes.buffer, bytes.byteOffset + from, stripes * 4)
    : new Int32Array(bytes.slice(from, from + stripes * STRIPE).buffer);
  let a = (PRIME_1 + PRIME_2) | 0;
  let b = PRIME_2;
  let c = 0;
  let d = -PRIME_1 | 0;
  for (let i = 0; i < words.length; i += 4) {
    a = (a + Math.imul(words[i] as number, PRIME_2)) | 0;
    a = Math.imul((a << 13) | (a >>> 19), PRIME_1);
    b = (b + Math.imul(words[i + 1] as number, PRIME_2)) | 0;
    b = Math.imul((b << 13) | (b >>> 19), PRIME_1);
    c = (c + Math.imul(words[i + 2] as number, PRIME_2)) | 0;
    c = Math.imul((c << 13) | (c >>> 19), PRIME_1);
    d = (d + Math.imul(words[i + 3] as number, PRIME_2)) | 0;
    d = Math.imul((d << 13) | (d >>> 19), PRIME_1);
  }
  const one = ((a << 1) | (a >>> 31)) + ((b << 7) | (b >>> 25));
  return (one + ((c << 12) | (c >>> 20)) + ((d << 18) | (d >>> 14))) | 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
