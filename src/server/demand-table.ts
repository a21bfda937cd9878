import type { AnswerContext, Client } from '../answer/context.ts';
import { networkKey } from '../base/network-key.ts';
import { mix32 } from '../base/random.ts';
import { type ClientImage, type Located, locate } from '../geo/client-image.ts';
import { leafSlot } from '../steering/image.ts';

/**
 * Who asks for what: queries by the client's network (place and ASN, or the /24 or /48 where that has a row
 * of its own in the table) and service, counted by sampling into a
 * table of fixed size. One table a worker, in shared memory: two halves, of which the worker fills the one
 * that word 0 names while the main thread reads the other (demand.ts).
 *
 * Each half: a word for what found no slot, a word unused, then slots of four words: key (place, ASN,
 * service + 1) and queries; no queries: the slot is free. In place of place and ASN a leaf's slot has the two
 * words of its `networkKey`, the upper one marked.
 */

/** Networks and services that one half tells apart; a power of two. Further ones are counted together. */
const SLOTS = 8192;
const SLOT_WORDS = 4;
const HALF_HEADER = 2;
const HALF_WORDS = HALF_HEADER + SLOTS * SLOT_WORDS;
const HEADER_WORDS = 2;
/** Slots looked at for a key: in a full table the search ends. */
const PROBES_MAX = 16;
/** Marks the upper word of a leaf's key; places have smaller numbers. */
const LEAF = 0x8000_0000;
/** One query in so many is looked at, on average, and counts for as many. */
const SAMPLED_EVERY = 16;
/** Distances between samples are drawn evenly from 1 to this, so that no rhythm of queries escapes. */
const GAP_MAX = 2 * SAMPLED_EVERY - 1;

/** A worker's view of its table. */
export interface DemandTable {
  readonly words: Uint32Array;
  /** Queries until the next sample. */
  untilSample: number;
  /** State of the gaps' generator. */
  seed: number;
  readonly located: Located;
}

/** What one network asked of one service in one half. */
export interface DemandCount {
  /** 0 where `leafKey` says it. */
  readonly placeId: number;
  readonly asn: number;
  /** `networkKey` of a /24 or /48 with a row of its own; -1: all others of the place and AS. */
  readonly leafKey: number;
  /** -1: names that are not steered. */
  readonly serviceIndex: number;
  /** Estimated from the samples. */
  readonly queries: number;
}

/** Words of a table that has counted nothing. */
export function demandWords(): Uint32Array<SharedArrayBuffer> {
  return new Uint32Array(new SharedArrayBuffer((HEADER_WORDS + 2 * HALF_WORDS) * 4));
}

/** Opens the words for counting. */
export function openDemand(words: Uint32Array): DemandTable {
  return { words, untilSample: SAMPLED_EVERY, seed: 1, located: { placeId: 0, asn: 0, known: false } };
}

/** Counts the query just answered for all those since the last sample. */
export function sampleDemand(
  table: DemandTable,
  clients: ClientImage,
  context: AnswerContext,
  client: Client,
): void {
  table.seed = (Math.imul(table.seed, 1664525) + 1013904223) | 0;
  table.untilSample = 1 + ((table.seed >>> 8) % GAP_MAX);
  const { outcome, query } = context;
  const address = outcome.usedEcs ? query.edns.ecsAddress : client.address;
  const service = outcome.serviceIndex + 1;
  const image = context.table?.image;
  const key = image === undefined || service === 0 ? -1 : networkKey(address);
  if (key >= 0 && image !== undefined && leafSlot(image, key) >= 0) {
    count(table.words, LEAF + Math.floor(key / 2 ** 32), key % 2 ** 32, service);
    return;
  }
  const { located } = table;
  locate(clients, address, located);
  count(table.words, located.placeId, located.asn, service);
}

function count(words: Uint32Array, placeId: number, asn: number, service: number): void {
  const half = HEADER_WORDS + ((words[0] as number) & 1) * HALF_WORDS;
  let slot = mix32(Math.imul(asn, 0x9e3779b1) ^ Math.imul(placeId, 0x85ebca6b) ^ service) & (SLOTS - 1);
  for (let probe = 0; probe < PROBES_MAX; probe++) {
    const at = half + HALF_HEADER + slot * SLOT_WORDS;
    if (words[at + 3] === 0) {
      words[at] = placeId;
      words[at + 1] = asn;
      words[at + 2] = service;
      words[at + 3] = SAMPLED_EVERY;
      return;
    }
    if (words[at] === placeId && words[at + 1] === asn && words[at + 2] === service) {
      words[at + 3] = (words[at + 3] as number) + SAMPLED_EVERY;
      return;
    }
    slot = (slot + 1) & (SLOTS - 1);
  }
  words[half] = (words[half] as number) + SAMPLED_EVERY;
}

/**
 * Lets the worker go on in the other half, emptied, and returns what the one it filled holds. Main thread
 * only. A worker that is writing at that very moment may lose or keep one sample.
 */
export function turnDemand(words: Uint32Array): { readonly cells: DemandCount[]; readonly overflow: number } {
  const filled = Atomics.load(words, 0) & 1;
  const other = HEADER_WORDS + (filled ^ 1) * HALF_WORDS;
  words.fill(0, other, other + HALF_WORDS);
  Atomics.store(words, 0, filled ^ 1);
  const half = HEADER_WORDS + filled * HALF_WORDS;
  const cells: DemandCount[] = [];
  for (let at = half + HALF_HEADER; at < half + HALF_WORDS; at += SLOT_WORDS) {
    const queries = words[at + 3] as number;
    if (queries === 0) continue;
    const [placeId = 0, asn = 0, service = 0] = words.subarray(at, at + 3);
    const serviceIndex = service - 1;
    if (placeId < LEAF) cells.push({ placeId, asn, leafKey: -1, serviceIndex, queries });
    else cells.push({ placeId: 0, asn: 0, leafKey: (placeId - LEAF) * 2 ** 32 + asn, serviceIndex, queries });
  }
  return { cells, overflow: words[half] as number };
}
