/**
 * 32-bit non-negative values by non-zero 32-bit keys: a hash table in a typed array, which a million entries
 * do not burden the garbage collector with. It holds as many entries as a database has records, and never
 * forgets.
 */
export interface Memo {
  /** The value; -1 when the key has none yet. */
  readonly get: (key: number) => number;
  readonly set: (key: number, value: number) => void;
}

const INITIAL_SLOTS = 4096;
/** Fraction of the slots in use before the table doubles. */
const FULL = 0.5;

/** An empty memo. */
export function createMemo(): Memo {
  let mask = INITIAL_SLOTS - 1;
  // Key and value lie side by side, so that a lookup costs one cache line.
  let slots = new Uint32Array(INITIAL_SLOTS * 2);
  let count = 0;
  const slotOf = (key: number): number => {
    let slot = (Math.imul(key, 0x9e3779b1) >>> 7) & mask;
    while (slots[slot * 2] !== 0 && slots[slot * 2] !== key) slot = (slot + 1) & mask;
    return slot * 2;
  };
  const put = (key: number, value: number): void => {
    const slot = slotOf(key);
    slots[slot] = key;
    slots[slot + 1] = value;
  };
  const grow = (): void => {
    const old = slots;
    slots = new Uint32Array(old.length * 2);
    mask = slots.length / 2 - 1;
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0) put(old[i] as number, old[i + 1] as number);
  };
  return {
    get: (key) => {
      const slot = slotOf(key);
      return slots[slot] === key ? (slots[slot + 1] as number) : -1;
    },
    set: (key, value) => {
      if (slots[slotOf(key)] !== key && ++count > (mask + 1) * FULL) grow();
      put(key, value);
    },
  };
}
