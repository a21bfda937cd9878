import { mix32 } from '../base/random.ts';

/**
 * Queries of death: those that ended a thread twice, which no thread touches again for a while. A block of
 * words shared by all threads of a process: word 0 counts the bans, then two words of hash each. The main
 * thread alone writes it, and takes a ban out when its time is over, so that readers need no clock; with no
 * ban a reader spends one load.
 */

/** Queries banned at a time. */
export const BANS_MAX = 16;
const HEADER_SIZE = 12;
const SEEDS = [0x9e3779b1, 0x85ebca6b] as const;

/** Two independent 32-bit hashes of a query. */
export interface QueryHash {
  readonly first: number;
  readonly second: number;
}

/** A block without bans. */
export function deathsBlock(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer((1 + BANS_MAX * 2) * 4));
}

/** Replaces all bans. Main thread only; more than `BANS_MAX` are not kept. */
export function writeBans(block: Int32Array, bans: readonly QueryHash[]): void {
  const kept = bans.slice(0, BANS_MAX);
  // Nothing is matched while hashes move.
  Atomics.store(block, 0, 0);
  for (const [slot, { first, second }] of kept.entries()) {
    block[1 + slot * 2] = first;
    block[2 + slot * 2] = second;
  }
  Atomics.store(block, 0, kept.length);
}

/** Whether the query is banned. To be asked only where word 0 is not 0. */
export function isQueryOfDeath(block: Int32Array, query: Uint8Array, length: number): boolean {
  const nameEnd = questionNameEnd(query, length);
  const first = hashWith(SEEDS[0], query, { length, nameEnd });
  const count = block[0] as number;
  for (let slot = 0; slot < count; slot++)
    if (block[1 + slot * 2] === first)
      return block[2 + slot * 2] === hashWith(SEEDS[1], query, { length, nameEnd });
  return false;
}

/**
 * Hash of all octets but the message's id, which differs each time, and but the case of the question's name,
 * which some resolvers choose at random.
 */
export function queryHash(query: Uint8Array): QueryHash {
  const part = { length: query.length, nameEnd: questionNameEnd(query, query.length) };
  return { first: hashWith(SEEDS[0], query, part), second: hashWith(SEEDS[1], query, part) };
}

function hashWith(
  seed: number,
  query: Uint8Array,
  { length, nameEnd }: { readonly length: number; readonly nameEnd: number },
): number {
  let hash = seed ^ length;
  for (let i = 2; i < length; i++) {
    let octet = query[i] as number;
    if (i < nameEnd && i >= HEADER_SIZE && octet >= 0x41 && octet <= 0x5a) octet |= 0x20;
    hash = Math.imul(hash ^ octet, 0x01000193) + i;
    hash ^= hash >>> 15;
  }
  return mix32(hash) | 0;
}

/** Where the root label of the question's name is; or a compression pointer, or the message's end. */
export function questionNameEnd(query: Uint8Array, length: number): number {
  let at = HEADER_SIZE;
  while (at < length) {
    const label = query[at] as number;
    if (label === 0 || label > 63) return at;
    at += 1 + label;
  }
  return length;
}
