/**
 * One 32-bit word per POP, shared by every thread: 0 serves; any bit set means that new answers avoid the
 * POP. Written with `Atomics` by the control side, read by the query path, so that a verdict counts on the
 * very next query.
 */
export const POP_DOWN = 1;
export const POP_DRAINED = 2;

/** Words for `count` POPs, all serving. */
export function popStateWords(count: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(count * 4));
}

/** Sets or clears `bit` for a POP. */
export function setPopBit(words: Int32Array, options: { popIndex: number; bit: number; on: boolean }): void {
  const { popIndex, bit, on } = options;
  if (on) Atomics.or(words, popIndex, bit);
  else Atomics.and(words, popIndex, ~bit);
}
