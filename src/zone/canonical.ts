import { TYPE } from '../wire/constants.ts';
import { lowerOctet } from '../wire/name.ts';

/**
 * Canonical forms and orders of names and records (RFC 4034 §6).
 */

/** Octets before the first name, and how many names follow each other, of types whose names are lowered. */
const LOWERED = new Map<number, readonly [leading: number, names: number]>([
  [TYPE.NS, [0, 1]],
  [TYPE.CNAME, [0, 1]],
  [TYPE.SOA, [0, 2]],
  [TYPE.PTR, [0, 1]],
  [TYPE.MX, [2, 1]],
  [TYPE.RP, [0, 2]],
  [TYPE.AFSDB, [2, 1]],
  [TYPE.SRV, [6, 1]],
  [TYPE.KX, [2, 1]],
  [TYPE.DNAME, [0, 1]],
  // MD, MF, MB, MG, MR; MINFO; RT; PX: types without a codec here.
  ...[3, 4, 7, 8, 9].map((type) => [type, [0, 1]] as const),
  [14, [0, 2]],
  [21, [2, 1]],
  [26, [2, 2]],
]);

/**
 * RDATA with the names in it in lower case, for the types that RFC 4034 §6.2 lists without those that RFC
 * 6840 §5.1 takes off; the same octets where nothing changes.
 */
export function canonicalRdata(type: number, rdata: Uint8Array): Uint8Array {
  const naptr = type === TYPE.NAPTR;
  const layout = naptr ? ([naptrNameAt(rdata), 1] as const) : LOWERED.get(type);
  if (layout === undefined) return rdata;
  const lowered = Uint8Array.from(rdata);
  let [at, names] = layout;
  for (; names > 0; names--) {
    for (;;) {
      const size = lowered[at];
      if (size === undefined || size === 0) break;
      for (let i = at + 1; i <= at + size && i < lowered.length; i++)
        lowered[i] = lowerOctet(lowered[i] as number);
      at += size + 1;
    }
    at++;
  }
  return lowered;
}

/** Behind ORDER, PREFERENCE and three character-strings (RFC 3403 §4.1). */
function naptrNameAt(rdata: Uint8Array): number {
  let at = 4;
  for (let i = 0; i < 3; i++) at += (rdata[at] ?? 0) + 1;
  return at;
}

/** Orders RDATA as octet strings, a shorter one before those that it begins (RFC 4034 §6.3). */
export function compareOctets(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/**
 * A text for each wire name by which names sort canonically (RFC 4034 §6.1): labels from the right, octets
 * in lower case each one up, so that what ends a label sorts before all of them.
 */
export function orderKey(name: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 0; name[at] !== 0 && at < name.length; ) {
    const end = at + 1 + (name[at] as number);
    let label = '';
    for (at++; at < end; at++) label += String.fromCharCode(lowerOctet(name[at] as number) + 1);
    labels.push(label);
  }
  return labels.reverse().join('\0');
}

/** The key of the name `*` below the name with this key. */
export function wildcardKey(key: string): string {
  return key === '' ? '+' : `${key}\0+`;
}

/** Position of the greatest of the rising keys that is not over `key`; -1 if all are. */
export function atOrBefore(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The bit map of types of NSEC and NSEC3 (RFC 4034 §4.1.2). */
export function typeBitmap(types: Iterable<number>): Uint8Array {
  const octets: number[] = [];
  const sorted = [...new Set(types)].sort((left, right) => left - right);
  for (let from = 0; from < sorted.length; ) {
    const window = (sorted[from] as number) >> 8;
    let to = from;
    while (to < sorted.length && (sorted[to] as number) >> 8 === window) to++;
    const block = new Uint8Array((((sorted[to - 1] as number) & 0xff) >> 3) + 1);
    for (; from < to; from++) {
      const low = (sorted[from] as number) & 0xff;
      block[low >> 3] = (block[low >> 3] as number) | (0x80 >> (low & 7));
    }
    octets.push(window, block.length, ...block);
  }
  return Uint8Array.from(octets);
}

/** The types of a bit map, rising. */
export function bitmapTypes(bitmap: Uint8Array): number[] {
  const types: number[] = [];
  for (let at = 0; at + 2 <= bitmap.length; ) {
    const window = bitmap[at] as number;
    const size = bitmap[at + 1] as number;
    for (let bit = 0; bit < size * 8; bit++)
      if (((bitmap[at + 2 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) types.push(window * 256 + bit);
    at += 2 + size;
  }
  return types;
}

/** Octets of the parts, one after the other. */
export function joinOctets(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
