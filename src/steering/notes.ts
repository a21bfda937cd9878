import { lineBuffer } from '../base/lines.ts';
import type { LocatedNetwork } from './cells.ts';

/** Octets of a cell's notes: they lie in half a line of memory. */
const OCTETS = 32;
/** Where the parts are, each in units of its own size. */
const TIMES = OCTETS / 8;
const WORDS = OCTETS / 4;
const AT = { PLACE: 2, ASN: 3, OFFSET: 4, OFFSET_COUNT: 20, TOUCHED: 6 } as const;

/** Bursts that the offset of a network remembers. */
export const OFFSET_BURSTS_MAX = 16;

/**
 * What a burst needs of its cell beside the estimates, side by side, as every burst waits for the memory of
 * another cell: when it was last measured, where a leaf was located, what it adds to the RTT of every POP.
 */
export interface CellNotes {
  readonly times: Float64Array;
  readonly words: Uint32Array;
  readonly floats: Float32Array;
  readonly octets: Uint8Array;
}

/** Notes of cells 0..cellCount-1 of which nothing is known. */
export function createNotes(cellCount: number): CellNotes {
  const { buffer, offset } = lineBuffer(cellCount * OCTETS);
  return {
    times: new Float64Array(buffer, offset, cellCount * TIMES),
    words: new Uint32Array(buffer, offset, cellCount * WORDS),
    floats: new Float32Array(buffer, offset, cellCount * WORDS),
    octets: new Uint8Array(buffer, offset, cellCount * OCTETS),
  };
}

/** Forgets what is noted of a cell. */
export function clearNotes({ octets }: CellNotes, cell: number): void {
  octets.fill(0, cell * OCTETS, (cell + 1) * OCTETS);
}

/** When a cell was last measured, ms since 1970; 0: never. */
export function lastSampleMs({ times }: CellNotes, cell: number): number {
  return times[cell * TIMES] as number;
}

/** Notes when a cell was last measured, ms since 1970. */
export function noteSample({ times }: CellNotes, cell: number, atMs: number): void {
  times[cell * TIMES] = atMs;
}

/** Whether a leaf was last located there. */
export function isLocatedAt({ words }: CellNotes, leaf: number, { placeId, asn }: LocatedNetwork): boolean {
  return words[leaf * WORDS + AT.PLACE] === placeId && words[leaf * WORDS + AT.ASN] === asn;
}

/** Notes where a leaf was located. */
export function noteLocation({ words }: CellNotes, leaf: number, { placeId, asn }: LocatedNetwork): void {
  words[leaf * WORDS + AT.PLACE] = placeId;
  words[leaf * WORDS + AT.ASN] = asn;
}

/** What a cell adds to the RTT of every POP beyond its place, ms. */
export function offsetMsOf({ floats }: CellNotes, cell: number): number {
  return floats[cell * WORDS + AT.OFFSET] as number;
}

/** Takes one more burst into a cell's offset, ms. */
export function noteOffset({ floats, octets }: CellNotes, cell: number, ms: number): void {
  const at = cell * WORDS + AT.OFFSET;
  const before = floats[at] as number;
  const count = Math.min(OFFSET_BURSTS_MAX, (octets[cell * OCTETS + AT.OFFSET_COUNT] as number) + 1);
  octets[cell * OCTETS + AT.OFFSET_COUNT] = count;
  floats[at] = before + (ms - before) / (count + 1);
}

/** Notes that a cell changed in a tick, by the tick's number from 1 on; whether it had not yet. */
export function noteTouched({ words }: CellNotes, cell: number, tick: number): boolean {
  const at = cell * WORDS + AT.TOUCHED;
  if (words[at] === tick) return false;
  words[at] = tick;
  return true;
}

/** Reads of a cell's notes what brings them near. What it returns says nothing. */
export function foreseeNotes({ octets }: CellNotes, cell: number): number {
  return octets[cell * OCTETS] as number;
}
