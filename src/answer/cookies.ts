import type { Address } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { SIPHASH_KEY_WORDS, sipHash24 } from '../wire/siphash.ts';

/**
 * Server cookies as RFC 9018 makes them, so that all servers behind one address understand each other's. Time
 * and secrets stand in words that all threads share and one writes: no query asks a clock.
 */

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const KEY_WORDS = SIPHASH_KEY_WORDS;

/** Whether the query showed that its source address is not forged. */
export const COOKIE = {
  /** No cookie in the query, or cookies are off. */
  NONE: 0,
  /** Only the client's own part, or a server's part that is not ours, or too old. */
  BAD: 1,
  GOOD: 2,
} as const;
/** What `judgeCookie` says of one that is no cookie: its length is not valid. */
export const COOKIE_MALFORMED = -1;
const { BAD: COOKIE_BAD, GOOD: COOKIE_GOOD } = COOKIE;

/** Secrets in use at a time: that which makes cookies, one before it, one after it. */
export const SECRETS_MAX = 3;
/** Octets of a secret. */
export const SECRET_OCTETS = KEY_WORDS * 4;
/** Octets of the client's part of a cookie (RFC 7873 §4). */
export const CLIENT_COOKIE_OCTETS = 8;
/** Octets of a cookie of ours, both parts; of any cookie with both. */
const COOKIE_OCTETS = 24;
const BOTH_OCTETS_MIN = 16;
const BOTH_OCTETS_MAX = 40;
/** How long a cookie counts, and how far in the future it may be, seconds; RFC 9018 §4.3. */
const AGE_MAX_SECONDS = 3600;
const AHEAD_MAX_SECONDS = 300;
/** A younger one is given back as it is. */
const FRESH_SECONDS = 1800;
const VERSION = 1;

/**
 * Shared words. NOW: seconds since 1970 UTC. SET: which of two sets of secrets counts; the other one is
 * written meanwhile. A set: how many secrets, and the secrets as SipHash reads them.
 */
const WORD = { NOW: 0, SET: 1, SETS: 2 } as const;
const SET_WORDS = 1 + SECRETS_MAX * KEY_WORDS;
const WORD_NOW = WORD.NOW;
const WORD_SET = WORD.SET;
const WORD_SETS = WORD.SETS;

/** Words without time or secrets: cookies are off. */
export function cookieWords(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer((WORD.SETS + 2 * SET_WORDS) * 4));
}

/** Tells the time, in seconds since 1970 UTC: the shell that owns the words does so each second. */
export function setCookieTime(words: Int32Array, seconds: number): void {
  Atomics.store(words, WORD.NOW, seconds | 0);
}

/** Takes these secrets into use at once: the first makes cookies, all are accepted. None: cookies are off. */
export function setCookieSecrets(words: Int32Array, secrets: readonly Uint8Array[]): void {
  assert(secrets.length <= SECRETS_MAX, `at most ${SECRETS_MAX} secrets`);
  const next = 1 - Atomics.load(words, WORD.SET);
  const at = WORD.SETS + next * SET_WORDS;
  words[at] = secrets.length;
  for (const [index, secret] of secrets.entries()) {
    assert(secret.length === SECRET_OCTETS, `a secret has ${SECRET_OCTETS} octets`);
    const view = new DataView(secret.buffer, secret.byteOffset, secret.length);
    for (let i = 0; i < KEY_WORDS; i++) words[at + 1 + index * KEY_WORDS + i] = view.getInt32(i * 4, true);
  }
  Atomics.store(words, WORD.SET, next);
}

/** What judging cookies needs; one per thread. */
export interface Cookies {
  readonly words: Int32Array;
  /** What is hashed: the client's part, version and reserved octets, the time, the client's address. */
  readonly hashed: Int32Array;
  readonly hash: Int32Array;
  /** The server's part for the response, as it stands there, by words in little-endian order. */
  readonly made: Int32Array;
}

/** Room for judging by these words. */
export function createCookies(words: Int32Array): Cookies {
  return { words, hashed: new Int32Array(8), hash: new Int32Array(2), made: new Int32Array(4) };
}

/**
 * Judges the cookie of `size` octets at `at`, sent from an address, and leaves the server's part for the
 * response in `made`. Returns a `COOKIE` value, or `COOKIE_MALFORMED` (RFC 7873 §5.2.2). NONE is said where
 * cookies are off, whatever the query has (§5.2), and then there is none to give.
 */
export function judgeCookie(
  cookies: Cookies,
  packet: DataView,
  at: number,
  size: number,
  address: Address,
): number {
  const { words, hashed, made, hash } = cookies;
  const set = WORD_SETS + (words[WORD_SET] as number) * SET_WORDS;
  const count = words[set] as number;
  if (count === 0) return COOKIE.NONE;
  if (size !== CLIENT_COOKIE_OCTETS && (size < BOTH_OCTETS_MIN || size > BOTH_OCTETS_MAX))
    return COOKIE_MALFORMED;
  hashed[0] = packet.getInt32(at, true);
  hashed[1] = packet.getInt32(at + 4, true);
  const octets = putAddress(hashed, address);
  const now = words[WORD_NOW] as number;
  let verdict: number = COOKIE_BAD;
  if (size === COOKIE_OCTETS && packet.getUint8(at + 8) === VERSION) {
    // Serial arithmetic (RFC 1982): the difference counts, also where the time wraps.
    const age = (now - packet.getInt32(at + 12)) | 0;
    if (age <= AGE_MAX_SECONDS && age >= -AHEAD_MAX_SECONDS) {
      made[0] = hashed[2] = packet.getInt32(at + 8, true);
      made[1] = hashed[3] = packet.getInt32(at + 12, true);
      made[2] = packet.getInt32(at + 16, true);
      made[3] = packet.getInt32(at + 20, true);
      for (let i = 0; i < count && verdict === COOKIE_BAD; i++) {
        sipHash24(words, set + 1 + i * KEY_WORDS, hashed, octets, hash);
        // Both halves at once: how long it takes says nothing about where they differ.
        if ((((hash[0] as number) ^ (made[2] as number)) | ((hash[1] as number) ^ (made[3] as number))) !== 0)
          continue;
        verdict = COOKIE_GOOD;
        if (i === 0 && age < FRESH_SECONDS) return verdict;
      }
    }
  }
  made[0] = hashed[2] = VERSION;
  made[1] = hashed[3] = swapped(now);
  sipHash24(words, set + 1, hashed, octets, hash);
  made[2] = hash[0] as number;
  made[3] = hash[1] as number;
  return verdict;
}

/** Puts the address behind the time; returns the octets to be hashed. */
function putAddress(hashed: Int32Array, { octets, family }: Address): number {
  const words = family === 4 ? 1 : 4;
  for (let i = 0; i < words; i++)
    hashed[4 + i] =
      (octets[i * 4] as number) |
      ((octets[i * 4 + 1] as number) << 8) |
      ((octets[i * 4 + 2] as number) << 16) |
      ((octets[i * 4 + 3] as number) << 24);
  return 16 + words * 4;
}

/** The word with its octets the other way round. */
function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
