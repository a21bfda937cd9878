/**
 * SHA-1 (FIPS 180-4 §6.1) without allocation: what NSEC3 hashes names with, where queries are answered. For
 * nothing that must withstand collisions.
 */

const BLOCK_OCTETS = 64;
const schedule = new Int32Array(80);

/** Octets that `sha1` can be given at most. */
export const SHA1_INPUT_MAX = 512;
const padded = new Uint8Array(SHA1_INPUT_MAX + 2 * BLOCK_OCTETS);
const paddedView = new DataView(padded.buffer);

/** Writes the digest of the first `length` octets, five words in network order, into `into`. */
export function sha1(octets: Uint8Array, length: number, into: Int32Array): void {
  for (let i = 0; i < length; i++) padded[i] = octets[i] as number;
  padded[length] = 0x80;
  const end = (length + 9 + BLOCK_OCTETS - 1) & -BLOCK_OCTETS;
  for (let i = length + 1; i < end - 4; i++) padded[i] = 0;
  paddedView.setInt32(end - 4, length * 8);
  into[0] = 0x67452301;
  into[1] = 0xefcdab89;
  into[2] = 0x98badcfe;
  into[3] = 0x10325476;
  into[4] = 0xc3d2e1f0;
  for (let at = 0; at < end; at += BLOCK_OCTETS) addBlock(at, into);
}

function addBlock(at: number, into: Int32Array): void {
  const w = schedule;
  for (let i = 0; i < 16; i++) w[i] = paddedView.getInt32(at + i * 4);
  for (let i = 16; i < 80; i++) {
    const x = (w[i - 3] as number) ^ (w[i - 8] as number) ^ (w[i - 14] as number) ^ (w[i - 16] as number);
    w[i] = (x << 1) | (x >>> 31);
  }
  let a = into[0] as number;
  let b = into[1] as number;
  let c = into[2] as number;
  let d = into[3] as number;
  let e = into[4] as number;
  for (let i = 0; i < 80; i++) {
    let f: number;
    if (i < 20) f = (((b & c) | (~b & d)) + 0x5a827999) | 0;
    else if (i < 40) f = ((b ^ c ^ d) + 0x6ed9eba1) | 0;
    else if (i < 60) f = (((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc) | 0;
    else f = ((b ^ c ^ d) + 0xca62c1d6) | 0;
    const next = (((a << 5) | (a >>> 27)) + f + e + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  into[0] = ((into[0] as number) + a) | 0;
  into[1] = ((into[1] as number) + b) | 0;
  into[2] = ((into[2] as number) + c) | 0;
  into[3] = ((into[3] as number) + d) | 0;
  into[4] = ((into[4] as number) + e) | 0;
}
