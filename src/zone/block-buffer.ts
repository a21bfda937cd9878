import type { BlockMemory } from './image.ts';

/** A block being written; it grows. */
export interface BlockBuffer extends BlockMemory {
  octets: Uint8Array;
  words: Int32Array;
  /** Octet to write next. */
  at: number;
}

const INITIAL = 1 << 16;

/** A buffer without anything in it. */
export function createBlockBuffer(): BlockBuffer {
  const octets = new Uint8Array(INITIAL);
  return { octets, words: new Int32Array(octets.buffer), at: 0 };
}

/** Makes room for so many more octets. What is beyond `at` is zero only after `alignTo`. */
export function reserve(buffer: BlockBuffer, octets: number): void {
  const needed = buffer.at + octets;
  let size = buffer.octets.length;
  if (needed <= size) return;
  while (size < needed) size *= 2;
  const larger = new Uint8Array(size);
  larger.set(buffer.octets.subarray(0, buffer.at));
  buffer.octets = larger;
  buffer.words = new Int32Array(larger.buffer);
}

/** Fills with zeros up to the next multiple of `size`. There must be room. */
export function alignTo(buffer: BlockBuffer, size: number): void {
  while (buffer.at % size !== 0) buffer.octets[buffer.at++] = 0;
}

/** Takes `count` words set to 0 at an aligned place; gives the first one's index. There must be room. */
export function takeWords(buffer: BlockBuffer, count: number): number {
  const word = buffer.at >> 2;
  buffer.words.fill(0, word, word + count);
  buffer.at += count * 4;
  return word;
}

/** Appends octets. There must be room. */
export function putOctets(buffer: BlockBuffer, octets: Uint8Array, from = 0, to = octets.length): void {
  const target = buffer.octets;
  let { at } = buffer;
  // Nearly all are short: a loop beats `set` and the view that it would need.
  for (let i = from; i < to; i++) target[at++] = octets[i] as number;
  buffer.at = at;
}
