import type { Client } from '../answer/context.ts';
import { type Address, emptyAddress, formatAddress } from '../base/address.ts';
import { typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { HEADER_SIZE } from '../wire/query.ts';

/**
 * A few of the queries that a thread did not answer, for people to read: a ring that the thread writes and
 * the main thread reads. The main thread says how many it wants; with none wanted, or the last taken, a
 * thread spends one load. Nothing is formatted where queries are answered.
 */
export interface DropSamples {
  /** Word 0: how many are wanted; word 1: how many were written since the start. */
  readonly words: Int32Array;
  readonly octets: Uint8Array;
}

/** Why a query was not answered, or not in full. */
export const SAMPLED = { RATE_LIMIT: 0, DROP_LIST: 1 } as const;
const REASONS = ['rate limit', 'drop list'];

const WANTED = 0;
const WRITTEN = 1;
const HEAD_OCTETS = 8;
const SLOTS = 16;
/** Reason, family, port, octets of the question, the address, the question. */
const PORT = 2;
const QUESTION_SIZE = 4;
const ADDRESS = 8;
const QUESTION = 24;
const QUESTION_OCTETS = 260;
const SLOT_OCTETS = QUESTION + QUESTION_OCTETS;

/** Memory for one thread's samples. */
export function dropSamplesMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_OCTETS + SLOTS * SLOT_OCTETS);
}

/** Views of it. */
export function openDropSamples(memory: SharedArrayBuffer): DropSamples {
  return { words: new Int32Array(memory, 0, HEAD_OCTETS / 4), octets: new Uint8Array(memory) };
}

/** Writes a sample, if one is wanted, of the message in `packet` whose question ends at `questionEnd`. */
export function noteDrop(
  { words, octets }: DropSamples,
  reason: number,
  { address, port }: Client,
  packet: Uint8Array,
  questionEnd: number,
): void {
  const wanted = words[WANTED] as number;
  if (wanted <= 0) return;
  words[WANTED] = wanted - 1;
  const written = words[WRITTEN] as number;
  const slot = HEAD_OCTETS + (written % SLOTS) * SLOT_OCTETS;
  const size = Math.min(QUESTION_OCTETS, questionEnd - HEADER_SIZE);
  octets[slot] = reason;
  octets[slot + 1] = address.family;
  octets[slot + PORT] = port >> 8;
  octets[slot + PORT + 1] = port;
  octets[slot + QUESTION_SIZE] = size >> 8;
  octets[slot + QUESTION_SIZE + 1] = size;
  for (let i = 0; i < 16; i++) octets[slot + ADDRESS + i] = address.octets[i] as number;
  for (let i = 0; i < size; i++) octets[slot + QUESTION + i] = packet[HEADER_SIZE + i] as number;
  // Last: from here on it is read.
  Atomics.store(words, WRITTEN, (written + 1) | 0);
}

/** Reads what was written since the last call, as lines, and asks for so many more. Main thread only. */
export function createDropReader(memory: SharedArrayBuffer): (wanted: number) => string[] {
  const { words, octets } = openDropSamples(memory);
  const address = emptyAddress();
  let read = 0;
  return (wanted) => {
    const written = Atomics.load(words, WRITTEN);
    const lines: string[] = [];
    for (let i = Math.max(read, written - SLOTS); i < written; i++)
      lines.push(lineOf(octets, HEAD_OCTETS + (i % SLOTS) * SLOT_OCTETS, address));
    read = written;
    Atomics.store(words, WANTED, Math.min(SLOTS, wanted));
    return lines;
  };
}

function lineOf(octets: Uint8Array, slot: number, address: Address): string {
  address.family = octets[slot + 1] === 6 ? 6 : 4;
  address.octets.set(octets.subarray(slot + ADDRESS, slot + ADDRESS + 16));
  const port = ((octets[slot + PORT] as number) << 8) | (octets[slot + PORT + 1] as number);
  const size = ((octets[slot + QUESTION_SIZE] as number) << 8) | (octets[slot + QUESTION_SIZE + 1] as number);
  const who = `${formatAddress(address)} port ${port}`;
  const reason = REASONS[octets[slot] as number];
  if (size < 5) return `${reason}: ${who}`;
  const end = slot + QUESTION + size;
  const type = ((octets[end - 4] as number) << 8) | (octets[end - 3] as number);
  return `${reason}: ${who}, ${formatName(octets.slice(slot + QUESTION, end - 4))} ${typeName(type)}`;
}
