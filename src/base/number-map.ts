import { assert } from './assert.ts';
import { mix32 } from './random.ts';

/**
 * A map from numbers >= 0 (exact in a double) to numbers >= 0, in one typed array with each value beside its
 * key: a look-up is one look at memory, where `Map` takes several. Holds so many at most.
 */
export interface NumberMap {
  readonly get: (key: number) => number;
  /**
   * Reads what a look-up will read first. Called for many keys before the first is looked up, the waits for
   * memory overlap. What it returns says nothing.
   */
  readonly foresee: (key: number) => number;
  readonly set: (key: number, value: number) => void;
  readonly delete: (key: number) => void;
  readonly size: () => number;
}

/** What `get` gives for a key that is not there. */
export const MISSING = -1;
const EMPTY = -1;
const DELETED = -2;

/** An empty map for at most `max` keys. */
export function createNumberMap(max: number): NumberMap {
  let slots = 16;
  while (slots < 2 * max) slots *= 2;
  const mask = slots - 1;
  /** By slot: key, value. */
  const pairs = new Float64Array(2 * slots).fill(EMPTY);
  let size = 0;
  let deleted = 0;
  /** Where the key is, else where it may be put. */
  const find = (key: number): number => {
    let slot = hashOf(key) & mask;
    let free = -1;
    for (;;) {
      const known = pairs[2 * slot] as number;
      if (known === key) return 2 * slot;
      if (known === EMPTY) return free < 0 ? 2 * slot : free;
      if (known === DELETED && free < 0) free = 2 * slot;
      slot = (slot + 1) & mask;
    }
  };
  const put = (key: number, value: number): void => {
    const at = find(key);
    if (pairs[at] !== key) {
      assert(size < max, `at most ${max} keys`);
      if (pairs[at] === DELETED) deleted--;
      pairs[at] = key;
      size++;
    }
    pairs[at + 1] = value;
  };
  /** Deleted slots make look-ups long: once they are a quarter, all keys are put in anew. */
  const tidy = (): void => {
    if (deleted < slots / 4) return;
    const before = pairs.slice();
    pairs.fill(EMPTY);
    size = 0;
    deleted = 0;
    for (let at = 0; at < before.length; at += 2)
      if ((before[at] as number) >= 0) put(before[at] as number, before[at + 1] as number);
  };
  return {
    get: (key) => {
      const at = find(key);
      return pairs[at] === key ? (pairs[at + 1] as number) : MISSING;
    },
    foresee: (key) => pairs[2 * (hashOf(key) & mask)] as number,
    set: put,
    delete: (key) => {
      const at = find(key);
      if (pairs[at] !== key) return;
      pairs[at] = DELETED;
      size--;
      deleted++;
      tidy();
    },
    size: () => size,
  };
}

function hashOf(key: number): number {
  return mix32((key | 0) ^ Math.imul((key / 2 ** 32) | 0, 0x9e3779b1));
}
