import { SHA1_INPUT_MAX, sha1 } from '../base/sha1.ts';
import { lowerOctet } from '../wire/name.ts';
import type { NameView } from '../wire/name-view.ts';

/** Words of the hash of a name: SHA-1 is the only algorithm there is (RFC 5155 §11). */
export const HASH_WORDS = 5;

const input = new Uint8Array(SHA1_INPUT_MAX);
const WORDS = HASH_WORDS;

/** How names are hashed: RFC 9276 wants no iterations and no salt; zones signed elsewhere may have them. */
export interface HashSettings {
  readonly iterations: number;
  readonly salt: Uint8Array;
}

/** The settings of zones that are signed here. */
export const PLAIN_HASH: HashSettings = { iterations: 0, salt: new Uint8Array(0) };

/** Hashes a wire name (RFC 5155 §5), whatever its case, into five words in network order. */
export function hashWireName(name: Uint8Array, settings: HashSettings, into: Int32Array): void {
  for (let i = 0; i < name.length; i++) input[i] = lowerOctet(name[i] as number);
  hashInput(name.length, settings.iterations, settings.salt, 0, settings.salt.length, into);
}

/**
 * The same for the suffix of a name from a label on, the salt being the octets of `salt` from `saltAt` on.
 * Allocates nothing.
 */
export function hashSuffix(
  name: NameView,
  label: number,
  iterations: number,
  salt: Uint8Array,
  saltAt: number,
  saltOctets: number,
  into: Int32Array,
): void {
  let to = 0;
  for (let i = label; i < name.labels; i++) {
    let word = name.starts[i] as number;
    const size = ((name.words[word] as number) & 0xff) + 1;
    for (let octet = 0; octet < size; octet++) {
      input[to++] = (name.words[word] as number) >>> ((octet & 3) << 3);
      if ((octet & 3) === 3) word++;
    }
  }
  input[to++] = 0;
  hashInput(to, iterations, salt, saltAt, saltOctets, into);
}

function hashInput(
  length: number,
  iterations: number,
  salt: Uint8Array,
  saltAt: number,
  saltOctets: number,
  into: Int32Array,
): void {
  let size = length;
  for (let round = 0; ; round++) {
    for (let i = 0; i < saltOctets; i++) input[size++] = salt[saltAt + i] as number;
    sha1(input, size, into);
    if (round === iterations) return;
    for (let i = 0; i < WORDS * 4; i++) input[i] = (into[i >> 2] as number) >>> ((3 - (i & 3)) << 3);
    size = WORDS * 4;
  }
}
