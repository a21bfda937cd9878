import type { Address } from '../base/address.ts';
import { TYPE } from '../wire/constants.ts';
import { viewOf } from '../wire/packet.ts';
import { emptyQueryView, QUERY, type QueryView, readQuery } from '../wire/query.ts';
import { BLOCK, FLAG, LINKS, NODE, SLOT } from '../zone/image.ts';
import { emptyHit, findZone, type Hit, nextSlot } from '../zone/image-find.ts';
import type { AnswerContext } from './context.ts';
import { rootOf } from './row-map.ts';
import { ENTRY, STARTS, TABLE_WORDS } from './row-map-layout.ts';
import type { Service } from './service.ts';

/**
 * Touches what the answers to a batch of queries will read, for all of them at once, before the first is
 * answered. An answer from large images waits for memory six or seven times, each time for an address that
 * it has just read; the same step of many queries is a few instructions each, so that a processor waits for
 * ten of them together. Nothing is decided here: what was not foreseen is only slower.
 */

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { WORDS: BLOCK_WORDS } = BLOCK;
const { STEER: FLAG_STEER } = FLAG;
const { SERVICE: LINKS_SERVICE } = LINKS;
const { LINKS: NODE_LINKS } = NODE;
const { HASH: SLOT_HASH, NODE: SLOT_NODE, WORDS: SLOT_WORDS } = SLOT;
const { OK: QUERY_OK } = QUERY;
const { DS: TYPE_DS } = TYPE;
const { BITS_SHIFT: ENTRY_BITS_SHIFT, IS_BLOCK: ENTRY_IS_BLOCK } = ENTRY;
const { POSITION: ENTRY_POSITION, TABLE_POSITION: ENTRY_TABLE_POSITION } = ENTRY;
const TABLE = TABLE_WORDS;
const STARTS_OF = STARTS;

/** Words and halves of a cache line. */
const LINE_WORDS = 16;
const LINE_HALVES = 32;
/** Smaller images stay in the processor's own memory: there is nothing to wait for. */
const LARGE_OCTETS = 1 << 23;
/** Tables of a row map below its root that are followed; an IPv4 address rarely has more. */
const TABLES_MAX = 2;

/** Queries being foreseen. Mutable, reused; one a thread. */
export interface Foresight {
  readonly query: QueryView;
  readonly hit: Hit;
  count: number;
  readonly block: Int32Array;
  readonly shift: Int32Array;
  readonly hash: Int32Array;
  /** The first 64 bits of the client's address, and its family. */
  readonly high: Int32Array;
  readonly low: Int32Array;
  readonly family: Int32Array;
  /** Word, or entry, that the next step begins with; 0: the way has ended. */
  readonly at: Int32Array;
  /** What was read, so that no compiler leaves the reading out. */
  sink: number;
}

/** Room for so many queries. */
export function createForesight(queries: number): Foresight {
  const words = (): Int32Array => new Int32Array(queries);
  const [block, shift, hash, at] = [words(), words(), words(), words()];
  const [high, low, family] = [words(), words(), words()];
  const query = emptyQueryView();
  return { query, hit: emptyHit(), count: 0, block, shift, hash, high, low, family, at, sink: 0 };
}

/** Whether the images are so large that foreseeing pays. */
export function isLarge({ zones, table }: AnswerContext): boolean {
  return zones.octets.length + (table === undefined ? 0 : table.rows.words.length * 4) > LARGE_OCTETS;
}

/** Takes up a query that came from this address, to be touched with the next `foresee`. */
export function expectQuery(
  foresight: Foresight,
  context: AnswerContext,
  octets: Uint8Array,
  length: number,
  resolver: Address,
): void {
  const { query, hit, count } = foresight;
  if (readQuery(query, viewOf(context.views, octets), length) !== QUERY_OK) return;
  const { qname, edns } = query;
  if (!findZone(context.zones, qname, query.qtype === TYPE_DS, hit)) return;
  const address = edns.ecs && edns.ecsSourceLength > 0 ? edns.ecsAddress : resolver;
  foresight.block[count] = hit.block;
  foresight.shift[count] = hit.shift;
  foresight.hash[count] = qname.hashes[0] as number;
  foresight.family[count] = address.family;
  foresight.high[count] = wordAt(address.octets, 0);
  foresight.low[count] = address.family === 4 ? 0 : wordAt(address.octets, 4);
  foresight.count = count + 1;
}

/** Touches what answering the expected queries takes, and forgets them. */
export function foresee(foresight: Foresight, context: AnswerContext): void {
  touchNodes(foresight, context.zones.words);
  if (context.table !== undefined) touchRows(foresight, context);
  foresight.count = 0;
}

/** From the names' slots to their nodes, and to the links of those that are steered. */
function touchNodes(foresight: Foresight, words: Int32Array): void {
  const { count, block, shift, hash, at } = foresight;
  let sink = 0;
  for (let i = 0; i < count; i++) {
    const slots = (block[i] as number) + BLOCK_WORDS;
    sink ^= words[slots + ((hash[i] as number) >>> (shift[i] as number)) * SLOT_WORDS] as number;
  }
  const last = words.length - LINE_WORDS - 1;
  for (let i = 0; i < count; i++) {
    const node = nodeOf(words, block[i] as number, shift[i] as number, hash[i] as number);
    at[i] = node;
    // Its first record begins in the next line.
    if (node < last) sink ^= (words[node] as number) ^ (words[node + LINE_WORDS] as number);
  }
  for (let i = 0; i < count; i++) {
    const node = at[i] as number;
    if (node === 0 || ((words[node] as number) & FLAG_STEER) === 0) at[i] = 0;
    else {
      const links = (block[i] as number) + ((words[node + NODE_LINKS] as number) >>> 2);
      at[i] = links;
      sink ^= words[links + LINKS_SERVICE] as number;
    }
  }
  foresight.sink ^= sink;
}

/** The node with a name's hash, most likely the name's; 0 if there is none. */
function nodeOf(words: Int32Array, block: number, shift: number, hash: number): number {
  const slots = block + BLOCK_WORDS;
  // A quarter of the slots at least is free, so this ends.
  for (let slot = hash >>> shift; ; slot = nextSlot(slot, shift)) {
    const offset = words[slots + slot * SLOT_WORDS + SLOT_NODE] as number;
    if (offset === 0) return 0;
    if (words[slots + slot * SLOT_WORDS + SLOT_HASH] === hash) return block + (offset >>> 2);
  }
}

/** From the links of steered names to the blocks of the row map that hold the clients' addresses. */
function touchRows(foresight: Foresight, { zones, table, services }: AnswerContext): void {
  if (table === undefined) return;
  const { count, at, high, low, family } = foresight;
  const { words, halves } = table.rows;
  let sink = 0;
  for (let i = 0; i < count; i++) {
    if (at[i] === 0) continue;
    const service = services[zones.words[(at[i] as number) + LINKS_SERVICE] as number] as Service;
    const root = rootOf(service.groupIndex, family[i] as number);
    at[i] = descend(foresight, i, words[root] as number, words[root + 1] as number);
  }
  for (let tables = 0; tables < TABLES_MAX; tables++)
    for (let i = 0; i < count; i++) {
      if (at[i] === 0) continue;
      const entry = words[at[i] as number] as number;
      if (entry >= 0) continue;
      const position = (entry & ENTRY_TABLE_POSITION) * TABLE;
      at[i] = descend(foresight, i, position, (entry >>> ENTRY_BITS_SHIFT) & 31);
    }
  for (let i = 0; i < count; i++) {
    const entry = at[i] === 0 ? 0 : (words[at[i] as number] as number);
    if (entry < ENTRY_IS_BLOCK) at[i] = 0;
    else {
      at[i] = entry & ENTRY_POSITION;
      sink ^= halves[at[i] as number] as number;
    }
  }
  for (let i = 0; i < count; i++) {
    if (at[i] === 0) continue;
    const block = at[i] as number;
    const end = block + 2 * ((halves[block] as number) & STARTS_OF);
    for (let half = block + LINE_HALVES; half <= end; half += LINE_HALVES) sink ^= halves[half] as number;
  }
  foresight.sink ^= sink ^ (high[0] as number) ^ (low[0] as number);
}

/** Which word of a table of `bits` bits the address of a query chooses; what follows them is left of it. */
function descend({ high, low }: Foresight, i: number, table: number, bits: number): number {
  const upper = high[i] as number;
  const lower = low[i] as number;
  high[i] = (upper << bits) | (lower >>> (32 - bits));
  low[i] = lower << bits;
  return table + (upper >>> (32 - bits));
}

function wordAt(octets: Uint8Array, at: number): number {
  return (
    ((octets[at] as number) << 24) |
    ((octets[at + 1] as number) << 16) |
    ((octets[at + 2] as number) << 8) |
    (octets[at + 3] as number)
  );
}
