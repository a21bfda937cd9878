import { type Address, type Prefix, parsePrefix } from './address.ts';

/**
 * One rule of an access list: whom it speaks of, and whether they may. A rule with a key speaks of messages
 * that this key has signed (TSIG, RFC 8945), whoever sends them from the prefix.
 */
export interface AccessRule {
  readonly allow: boolean;
  /** Absent: every address. */
  readonly prefix?: Prefix;
  /** Name of the key in small letters, without the last dot. Absent: signed or not. */
  readonly key?: string;
}

/** Rules for looking up: plain data, so that it can be posted to a thread. */
export interface AccessList {
  /** By rule: what it says, of which family; position of its key; four words of address, four of mask. */
  readonly words: Int32Array;
  readonly keys: readonly string[];
}

/** Rules that a list may have: each look goes through them in order. Longer lists are drop lists. */
export const ACCESS_RULES_MAX = 256;

const RULE_WORDS = 10;
const KEY = 1;
const ADDRESS = 2;
const MASK = 6;
const ALLOW = 1;
const FAMILY_SHIFT = 1;
const NO_KEY = -1;
const KEY_NAME = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/i;
const NAME_MAX = 253;

/**
 * Reads a rule as operators write it: `192.0.2.0/24`, `2001:db8::1`, `any`, each perhaps followed by
 * `key NAME`; `key NAME` alone; `!` before it denies. A text says what is wrong.
 */
export function parseAccessRule(text: string): AccessRule | string {
  const allow = !text.trim().startsWith('!');
  const [first = '', ...others] = text
    .trim()
    .slice(allow ? 0 : 1)
    .trim()
    .split(/\s+/);
  const [who, word, key, ...rest] = first === 'key' ? ['any', first, ...others] : [first, ...others];
  if (who === '' || rest.length > 0 || (word !== undefined && (word !== 'key' || key === undefined)))
    return `${JSON.stringify(text)} is no rule such as 192.0.2.0/24, !192.0.2.1, any or 192.0.2.1 key NAME`;
  if (key !== undefined && (!KEY_NAME.test(key) || key.length > NAME_MAX))
    return `${JSON.stringify(text)}: ${JSON.stringify(key)} is not the name of a key`;
  const named = key === undefined ? {} : { key: key.toLowerCase().replace(/\.$/, '') };
  if (who === 'any') return { allow, ...named };
  const prefix = parsePrefix(who as string);
  return typeof prefix === 'string' ? prefix : { allow, prefix, ...named };
}

/** The rules in this order, at most `ACCESS_RULES_MAX`. */
export function accessList(rules: readonly AccessRule[]): AccessList {
  const words = new Int32Array(new SharedArrayBuffer(4 * RULE_WORDS * rules.length));
  const keys: string[] = [];
  for (const [i, { allow, prefix, key }] of rules.entries()) {
    const at = i * RULE_WORDS;
    words[at] = (allow ? ALLOW : 0) | ((prefix?.address.family ?? 0) << FAMILY_SHIFT);
    words[at + KEY] = key === undefined ? NO_KEY : keys.push(key) - 1;
    if (prefix === undefined) continue;
    for (let word = 0; word < 4; word++) {
      const bits = Math.max(0, Math.min(32, prefix.length - 32 * word));
      words[at + ADDRESS + word] = wordAt(prefix.address.octets, word);
      words[at + MASK + word] = bits === 0 ? 0 : -1 << (32 - bits);
    }
  }
  return { words, keys };
}

/**
 * Whether a client may: the first rule that speaks of it decides; of whom none speaks may not. `key`: name of
 * the key that has signed its message, verified, as rules have it. Allocates nothing.
 */
export function permits({ words, keys }: AccessList, client: Address, key?: string): boolean {
  const { family, octets } = client;
  for (let at = 0; at < words.length; at += RULE_WORDS) {
    const rule = words[at] as number;
    const of = rule >> FAMILY_SHIFT;
    if (of !== 0 && (of !== family || !isInside(words, at, octets, family))) continue;
    const needed = words[at + KEY] as number;
    if (needed === NO_KEY || keys[needed] === key) return (rule & ALLOW) !== 0;
  }
  return false;
}

function isInside(words: Int32Array, at: number, octets: Uint8Array, family: 4 | 6): boolean {
  const count = family === 4 ? 1 : 4;
  for (let word = 0; word < count; word++) {
    const mask = words[at + MASK + word] as number;
    if (((wordAt(octets, word) ^ (words[at + ADDRESS + word] as number)) & mask) !== 0) return false;
    if (mask !== -1) return true;
  }
  return true;
}

function wordAt(octets: Uint8Array, word: number): number {
  const at = word * 4;
  const upper = ((octets[at] as number) << 24) | ((octets[at + 1] as number) << 16);
  return upper | ((octets[at + 2] as number) << 8) | (octets[at + 3] as number);
}
