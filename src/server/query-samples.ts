import { type AnswerContext, type Client, OUTCOME } from '../answer/context.ts';
import { type Address, emptyAddress } from '../base/address.ts';

/**
 * Some of the queries that a thread answered, with their answers: a ring that the thread writes and the main
 * thread reads. The main thread says which share it wants; with none wanted a thread spends one look.
 * Nothing is formatted where queries are answered, and what finds no room is counted and lost.
 */
export interface QuerySamples {
  readonly words: Int32Array;
  readonly octets: Uint8Array;
  readonly view: DataView;
  /** Queries until the next one is sampled. */
  untilNext: number;
}

/** What was just answered: so many octets of `query`, with so many of `out`. */
interface Exchange {
  readonly query: Uint8Array;
  readonly length: number;
  readonly out: Uint8Array;
  readonly written: number;
}

/** A query and its answer, as they were. */
export interface QuerySample {
  /** ms since 1970 UTC, when the answer was made. */
  readonly atMs: number;
  /** Address that the query came from, and its port. */
  readonly client: Address;
  readonly port: number;
  readonly transport: Client['transport'];
  /** Octets of the messages; of long ones the beginning. */
  readonly query: Uint8Array;
  readonly response: Uint8Array;
  /** How long the messages were. */
  readonly queryOctets: number;
  readonly responseOctets: number;
  /** Epoch of the table that it was answered from; -1: the answer is not steered. */
  readonly epoch: number;
}

/** One of so many is wanted; 0: none. How many were written, taken, and lost for want of room. */
const WORD = { EVERY: 0, WRITTEN: 1, TAKEN: 2, LOST: 3, COUNT: 4 } as const;
const SLOTS = 128;
const HEAD_OCTETS = 4 * WORD.COUNT;
const AT = {
  MS: 0,
  EPOCH: 8,
  QUERY: 12,
  RESPONSE: 14,
  PORT: 16,
  FAMILY: 18,
  TRANSPORT: 19,
  ADDRESS: 20,
} as const;
const MESSAGES = 36;
const QUERY_OCTETS_MAX = 512;
const RESPONSE_OCTETS_MAX = 1480;
const SLOT_OCTETS = (MESSAGES + QUERY_OCTETS_MAX + RESPONSE_OCTETS_MAX + 7) & ~7;
const TRANSPORTS: readonly Client['transport'][] = ['udp', 'tcp', 'tls', 'https'];

/** Memory for one thread's samples. */
export function querySamplesMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_OCTETS + SLOTS * SLOT_OCTETS);
}

/** Views of it. */
export function openQuerySamples(memory: SharedArrayBuffer): QuerySamples {
  const words = new Int32Array(memory, 0, WORD.COUNT);
  return { words, octets: new Uint8Array(memory), view: new DataView(memory), untilNext: 1 };
}

/** Whether the query in hand is one to be sampled, now that it is time to ask; says when to ask again. */
export function isQueryWanted(samples: QuerySamples): boolean {
  const every = samples.words[WORD.EVERY] as number;
  // Without a wish it is looked for at each query: a load, so that few queries are seen as well as many.
  samples.untilNext = every <= 0 ? 1 : every;
  return every > 0;
}

/** Writes a sample of what was just sent, if there is room. Rare enough for an object. */
export function noteQuery(
  samples: QuerySamples,
  { outcome, table }: AnswerContext,
  message: Exchange,
  client: Client,
): void {
  const { words, octets, view } = samples;
  const written = words[WORD.WRITTEN] as number;
  if (((written - Atomics.load(words, WORD.TAKEN)) | 0) >= SLOTS) {
    words[WORD.LOST] = (words[WORD.LOST] as number) + 1;
    return;
  }
  const slot = HEAD_OCTETS + (written & (SLOTS - 1)) * SLOT_OCTETS;
  view.setFloat64(slot + AT.MS, Date.now());
  view.setInt32(slot + AT.EPOCH, outcome.kind === OUTCOME.STEERED ? (table?.image.epoch ?? -1) : -1);
  view.setUint16(slot + AT.QUERY, message.length);
  view.setUint16(slot + AT.RESPONSE, message.written);
  view.setUint16(slot + AT.PORT, client.port);
  view.setUint8(slot + AT.FAMILY, client.address.family);
  view.setUint8(slot + AT.TRANSPORT, TRANSPORTS.indexOf(client.transport));
  const start = slot + MESSAGES;
  for (let i = 0; i < 16; i++) octets[slot + AT.ADDRESS + i] = client.address.octets[i] as number;
  const queryEnd = Math.min(message.length, QUERY_OCTETS_MAX);
  for (let i = 0; i < queryEnd; i++) octets[start + i] = message.query[i] as number;
  const responseEnd = Math.min(message.written, RESPONSE_OCTETS_MAX);
  for (let i = 0; i < responseEnd; i++) octets[start + QUERY_OCTETS_MAX + i] = message.out[i] as number;
  // Last: from here on it is read.
  Atomics.store(words, WORD.WRITTEN, (written + 1) | 0);
}

/** Reads a thread's samples. Main thread only. */
export interface QueryReader {
  /** One of so many queries is wanted from now on; 0: none. */
  readonly want: (every: number) => void;
  /** What was written since the last call. */
  readonly read: () => QuerySample[];
  /** Samples that found no room, since the start. */
  readonly lost: () => number;
}

function createQueryReader(memory: SharedArrayBuffer): QueryReader {
  const { words, octets, view } = openQuerySamples(memory);
  return {
    want: (every) => void Atomics.store(words, WORD.EVERY, every),
    lost: () => words[WORD.LOST] as number,
    read: () => {
      const written = Atomics.load(words, WORD.WRITTEN);
      const read: QuerySample[] = [];
      for (let i = words[WORD.TAKEN] as number; i !== written; i = (i + 1) | 0)
        read.push(sampleAt(octets, view, HEAD_OCTETS + (i & (SLOTS - 1)) * SLOT_OCTETS));
      Atomics.store(words, WORD.TAKEN, written);
      return read;
    },
  };
}

/** Reads the samples of several threads as one. */
export function readQueries(memories: readonly SharedArrayBuffer[]): QueryReader {
  const readers = memories.map(createQueryReader);
  return {
    want: (every) => {
      for (const reader of readers) reader.want(every);
    },
    read: () => readers.flatMap((reader) => reader.read()),
    lost: () => readers.reduce((sum, reader) => sum + reader.lost(), 0),
  };
}

function sampleAt(octets: Uint8Array, view: DataView, slot: number): QuerySample {
  const client = emptyAddress();
  client.family = view.getUint8(slot + AT.FAMILY) === 6 ? 6 : 4;
  client.octets.set(octets.subarray(slot + AT.ADDRESS, slot + AT.ADDRESS + 16));
  const queryOctets = view.getUint16(slot + AT.QUERY);
  const responseOctets = view.getUint16(slot + AT.RESPONSE);
  const start = slot + MESSAGES;
  const second = start + QUERY_OCTETS_MAX;
  return {
    atMs: view.getFloat64(slot + AT.MS),
    client,
    port: view.getUint16(slot + AT.PORT),
    transport: TRANSPORTS[view.getUint8(slot + AT.TRANSPORT)] ?? 'udp',
    // Copies in memory of their own: the ring goes on.
    query: Uint8Array.from(octets.subarray(start, start + Math.min(queryOctets, QUERY_OCTETS_MAX))),
    response: Uint8Array.from(
      octets.subarray(second, second + Math.min(responseOctets, RESPONSE_OCTETS_MAX)),
    ),
    queryOctets,
    responseOctets,
    epoch: view.getInt32(slot + AT.EPOCH),
  };
}
