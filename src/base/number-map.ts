import { assert } from './assert.ts';
import { mix32 } from './random.ts';

/**
 * A map from numbers >= 0 (exact in a double) to numbers >= 0, in typed arrays: a look-up is one or two
 * looks at
 * memory, where `Map` takes several. Holds so many at most.
 */
export interface NumberMap {
  readonly get: (key: number) => number;
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
  const keys = new Float64Array(slots).fill(EMPTY);
  const values = new Int32Array(slots);
  let size = 0;
  let deleted = 0;
  /** Slot of the key, else one that is free for it. */
  const find = (key: number): number => {
    let slot = hashOf(key) & mask;
    let free = -1;
    for (;;) {
      const known = keys[slot] as number;
      if (known === key) return slot;
      if (known === EMPTY) return free < 0 ? slot : free;
      if (known === DELETED && free < 0) free = slot;
      slot = (slot + 1) & mask;
    }
  };
  const put = (key: number, value: number): void => {
    const slot = find(key);
    if (keys[slot] !== key) {
      assert(size < max, `at most ${max} keys`);
      if (keys[slot] === DELETED) deleted--;
      keys[slot] = key;
      size++;
    }
    values[slot] = value;
  };
  /** Deleted slots make look-ups long: once they are a quarter, all keys are put in anew. */
  const tidy = (): void => {
    if (deleted < slots / 4) return;
    const entries: [number, number][] = [];
    for (let slot = 0; slot < slots; slot++)
      if ((keys[slot] as number) >= 0) entries.push([keys[slot] as number, values[slot] as number]);
    keys.fill(EMPTY);
    size = 0;
    deleted = 0;
    for (const [key, value] of entries) put(key, value);
  };
  return {
    get: (key) => {
      const slot = find(key);
      return keys[slot] === key ? (values[slot] as number) : MISSING;
    },
    set: put,
    delete: (key) => {
      const slot = find(key);
      if (keys[slot] !== key) return;
      keys[slot] = DELETED;
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
