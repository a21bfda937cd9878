/** Words of a key. */
export const SIPHASH_KEY_WORDS = 4;

const FIRST = 2;
const LAST = 4;

/**
 * SipHash-2-4 (Aumasson, Bernstein 2012) of the first octets of a message, by 32-bit halves, for 64-bit
 * numbers are objects here. Octets lie in words little-endian; the last word of the message is filled up
 * with zeros. The hash is left in the two words of `out`, low half first. Allocates nothing.
 */
export function sipHash24(
  keys: Int32Array,
  key: number,
  message: Int32Array,
  octets: number,
  out: Int32Array,
): void {
  const words = (octets + 3) >> 2;
  const blocks = (octets >> 3) + 1;
  let aLow = (keys[key] as number) ^ 0x70736575;
  let aHigh = (keys[key + 1] as number) ^ 0x736f6d65;
  let bLow = (keys[key + 2] as number) ^ 0x6e646f6d;
  let bHigh = (keys[key + 3] as number) ^ 0x646f7261;
  let cLow = (keys[key] as number) ^ 0x6e657261;
  let cHigh = (keys[key + 1] as number) ^ 0x6c796765;
  let dLow = (keys[key + 2] as number) ^ 0x79746573;
  let dHigh = (keys[key + 3] as number) ^ 0x74656462;
  // The blocks, the last of which ends with the length; then what finishes.
  for (let block = 0; block <= blocks; block++) {
    let low = 0;
    let high = 0;
    if (block === blocks) cLow ^= 0xff;
    else {
      const at = block * 2;
      if (at < words) low = message[at] as number;
      if (at + 1 < words) high = message[at + 1] as number;
      if (block === blocks - 1) high |= octets << 24;
      dLow ^= low;
      dHigh ^= high;
    }
    for (let left = block === blocks ? LAST : FIRST; left > 0; left--) {
      // The carry of a sum is the top bit of what both have, or one has and the sum has not.
      let sum = (aLow + bLow) | 0;
      aHigh = (aHigh + bHigh + (((aLow & bLow) | ((aLow | bLow) & ~sum)) >>> 31)) | 0;
      aLow = sum;
      let kept = (bLow << 13) | (bHigh >>> 19);
      bHigh = ((bHigh << 13) | (bLow >>> 19)) ^ aHigh;
      bLow = kept ^ aLow;
      kept = aLow;
      aLow = aHigh;
      aHigh = kept;
      sum = (cLow + dLow) | 0;
      cHigh = (cHigh + dHigh + (((cLow & dLow) | ((cLow | dLow) & ~sum)) >>> 31)) | 0;
      cLow = sum;
      kept = (dLow << 16) | (dHigh >>> 16);
      dHigh = ((dHigh << 16) | (dLow >>> 16)) ^ cHigh;
      dLow = kept ^ cLow;
      sum = (aLow + dLow) | 0;
      aHigh = (aHigh + dHigh + (((aLow & dLow) | ((aLow | dLow) & ~sum)) >>> 31)) | 0;
      aLow = sum;
      kept = (dLow << 21) | (dHigh >>> 11);
      dHigh = ((dHigh << 21) | (dLow >>> 11)) ^ aHigh;
      dLow = kept ^ aLow;
      sum = (cLow + bLow) | 0;
      cHigh = (cHigh + bHigh + (((cLow & bLow) | ((cLow | bLow) & ~sum)) >>> 31)) | 0;
      cLow = sum;
      kept = (bLow << 17) | (bHigh >>> 15);
      bHigh = ((bHigh << 17) | (bLow >>> 15)) ^ cHigh;
      bLow = kept ^ cLow;
      kept = cLow;
      cLow = cHigh;
      cHigh = kept;
    }
    aLow ^= low;
    aHigh ^= high;
  }
  out[0] = aLow ^ bLow ^ cLow ^ dLow;
  out[1] = aHigh ^ bHigh ^ cHigh ^ dHigh;
}
