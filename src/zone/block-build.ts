import type { Problem } from '../base/errors.ts';
import { TYPE } from '../wire/constants.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import { compressibleNames } from '../wire/rdata.ts';
import { addAdditional } from './additional.ts';
import { alignTo, type BlockBuffer, reserve, takeWords } from './block-buffer.ts';
import { addChain, putSignatures } from './block-denial.ts';
import type { FilledSignatures } from './candidates.ts';
import { findInDraft, isWildcardNode, ownerOf, recordsOf, type ZoneDraft } from './draft.ts';
import { checkNode, checkOutside, serviceName } from './draft-check.ts';
import { addFilled, type HintedSet } from './filled.ts';
import { emptyHints } from './hints.ts';
import { BLOCK, FLAG, LINKS, NODE, RRSET, SLOT, shiftOf } from './image.ts';
import { apexOf, nextSlot } from './image-find.ts';
import type { ZoneRecord } from './record.ts';
import { type Naming, writeRun } from './run.ts';
import { coveredBy, type SecuredZone } from './secured.ts';

/** A block under way. */
interface Making {
  readonly draft: ZoneDraft;
  readonly services: readonly string[];
  readonly buffer: BlockBuffer;
  readonly problems: Problem[];
  /** By node: word at which it begins, and the highest cut or DNAME above it, -1 for none. */
  readonly places: Int32Array;
  readonly above: Int32Array;
  /** Nodes with a child `*`, and that child; nodes with STEER, and the record. */
  readonly wildcards: Map<number, number>;
  readonly steers: Map<number, ZoneRecord>;
  readonly namings: Naming[];
  /** RRsets whose hints are filled for each client. */
  readonly hinted: HintedSet[];
  readonly filled: readonly FilledSignatures[];
  /** RRSIGs of a signed zone, by node. */
  readonly signatures: ReadonlyMap<number, readonly ZoneRecord[]>;
  /** By node: whether it has words for links. */
  readonly wantsLinks: boolean;
  recordCount: number;
}

const owner = emptyNameView();
/** Indexes of the records of the node in hand. */
const indexes: number[] = [];

/**
 * Writes the block of a draft's zone into the buffer, from its start. Returns everything that keeps it from
 * being served; the block means nothing then.
 */
export function writeBlock(
  buffer: BlockBuffer,
  draft: ZoneDraft,
  services: readonly string[],
  secured?: SecuredZone,
): Problem[] {
  const { nodeCount } = draft;
  const making: Making = {
    draft,
    services,
    buffer,
    problems: [],
    places: new Int32Array(nodeCount),
    above: new Int32Array(nodeCount).fill(-1),
    wildcards: new Map(),
    steers: new Map(),
    namings: [],
    hinted: [],
    filled: secured?.filled ?? [],
    signatures: signaturesByNode(draft, secured),
    wantsLinks: secured !== undefined,
    recordCount: (secured?.signatures.length ?? 0) + (secured?.denials.length ?? 0),
  };
  checkOutside(draft, making.problems);
  let slots = 8;
  while (slots * 3 < nodeCount * 4) slots *= 2;
  buffer.at = 0;
  reserve(buffer, (BLOCK.WORDS + slots * SLOT.WORDS) * 4);
  takeWords(buffer, BLOCK.WORDS + slots * SLOT.WORDS);
  const shift = shiftOf(slots);
  buffer.words[BLOCK.SHIFT] = shift;
  buffer.words[BLOCK.NODES] = nodeCount;
  for (let node = 0; node < nodeCount; node++) writeNode(making, node, shift);
  if (making.problems.length > 0) return making.problems;
  for (let node = 0; node < nodeCount; node++) writeLinks(making, node);
  addFilled(buffer, making);
  addAdditional(buffer, draft.records, making.namings);
  writeNegative(making);
  if (secured !== undefined) addChain(buffer, draft, secured, making, making.problems);
  alignTo(buffer, 8);
  buffer.words[BLOCK.OCTETS] = buffer.at;
  buffer.words[BLOCK.RECORDS] = making.recordCount;
  return making.problems;
}

function signaturesByNode(draft: ZoneDraft, secured: SecuredZone | undefined): Map<number, ZoneRecord[]> {
  const byNode = new Map<number, ZoneRecord[]>();
  for (const record of secured?.signatures ?? []) {
    readWireName(owner, record.owner, 0);
    const node = findInDraft(draft, owner, 0);
    const others = byNode.get(node);
    if (others === undefined) byNode.set(node, [record]);
    else others.push(record);
  }
  return byNode;
}

function writeNode(making: Making, node: number, shift: number): void {
  const { draft, buffer, places } = making;
  recordsOf(draft, node, indexes);
  checkNode(draft, node, indexes, making.services, making.problems);
  if (making.problems.length > 0) return;
  making.recordCount += indexes.length;
  const types = countTypes(making, node);
  const nameWords = draft.nameWords[node] as number;
  reserve(buffer, (NODE.WORDS + nameWords + types * RRSET.WORDS) * 4);
  const place = takeWords(buffer, NODE.WORDS);
  places[node] = place;
  buffer.words[place + NODE.COUNTS] = types | (nameWords << 16);
  const nameAt = takeWords(buffer, nameWords);
  const from = draft.nameAt[node] as number;
  for (let i = 0; i < nameWords; i++) buffer.words[nameAt + i] = draft.names[from + i] as number;
  const entries = takeWords(buffer, types * RRSET.WORDS);
  const flags = writeRRsets(making, node, entries) | placeInTree(making, node);
  buffer.words[place] = (draft.sizes[node] as number) | flags;
  takeSlot(buffer.words, shift, draft.hashes[node] as number, place);
}

/** RRsets of the records in hand. Reads the owner's name if one of them has names to compress. */
function countTypes(making: Making, node: number): number {
  const { records } = making.draft;
  let types = 0;
  let last = -1;
  let compresses = false;
  for (const index of indexes) {
    const record = records[index] as ZoneRecord;
    if (record.type === TYPE.STEER) making.steers.set(node, record);
    else if (record.type !== last) {
      types++;
      last = record.type;
      compresses ||= compressibleNames(last) !== 'none';
    }
  }
  if (compresses) readWireName(owner, ownerOf(making.draft, node), 0);
  return types;
}

/**
 * Writes the RRsets of the records in hand, their entries from a word on; returns the flags that they mean.
 */
function writeRRsets(making: Making, node: number, entries: number): number {
  const { draft, buffer, places } = making;
  const { records } = draft;
  let entry = entries;
  let flags = making.steers.has(node) ? FLAG.STEER : 0;
  for (let from = 0; from < indexes.length; ) {
    const { type, ttl } = records[indexes[from] as number] as ZoneRecord;
    let to = from;
    // Differing TTLs in one RRset are an error to be mended by taking the least (RFC 2181 §5.2).
    let least = ttl;
    for (; to < indexes.length; to++) {
      const record = records[indexes[to] as number] as ZoneRecord;
      if (record.type !== type) break;
      least = Math.min(least, record.ttl);
    }
    if (type !== TYPE.STEER) {
      // Signatures over different RRsets share owner and type, but each has the TTL of what it signs (RFC
      // 4034
      // §3).
      const source = { records, indexes, from, to, owner, ttl: type === TYPE.RRSIG ? undefined : least };
      writeRun(buffer, { entry, node: places[node] as number }, source, making.namings);
      writeSignatures(making, node, { entry, type, ttl: least });
      if (type === TYPE.HTTPS || type === TYPE.SVCB) noteHinted(making, entry, { from, to, ttl: least });
      entry += RRSET.WORDS;
      if (type === TYPE.CNAME) flags |= FLAG.CNAME;
      if (type === TYPE.DNAME) flags |= FLAG.DNAME;
      if (type === TYPE.NS && node > 0) flags |= FLAG.CUT;
    }
    from = to;
  }
  return flags;
}

/** Notes an RRset with hints that are to be filled for each client. */
function noteHinted(
  { draft, hinted }: Making,
  entry: number,
  { from, to, ttl }: { readonly from: number; readonly to: number; readonly ttl: number },
): void {
  const isEmpty = (index: number): boolean => emptyHints(draft.records[index] as ZoneRecord) !== 0;
  if (!indexes.slice(from, to).some(isEmpty)) return;
  const records = indexes.slice(from, to).map((index) => draft.records[index] as ZoneRecord);
  hinted.push({ entry, records, ttl });
}

/** Writes the signatures over an RRset, where there are any, with its TTL (RFC 4034 §3). */
function writeSignatures(
  { buffer, signatures }: Making,
  node: number,
  rrset: { readonly entry: number; readonly type: number; readonly ttl: number },
): void {
  const own = signatures.get(node)?.filter((record) => coveredBy(record) === rrset.type);
  if (own === undefined || own.length === 0) return;
  const at = putSignatures(buffer, own, rrset.ttl);
  buffer.words[rrset.entry + RRSET.SIGNATURES] = at;
}

/** Notes what the node is to its parent, and what hides it. Parents come first. */
function placeInTree(making: Making, node: number): number {
  const { draft, buffer, above, places } = making;
  if (node === 0) return 0;
  const parent = draft.parents[node] as number;
  const parentPlace = places[parent] as number;
  if (isWildcardNode(draft, node)) {
    making.wildcards.set(parent, node);
    buffer.words[parentPlace] = (buffer.words[parentPlace] as number) | FLAG.WILDCARD;
  }
  const hides = ((buffer.words[parentPlace] as number) & (FLAG.CUT | FLAG.DNAME)) !== 0;
  above[node] = above[parent] === -1 && hides ? parent : (above[parent] as number);
  return above[node] === -1 ? 0 : FLAG.OCCLUDED;
}

function takeSlot(words: Int32Array, shift: number, hash: number, place: number): void {
  let slot = hash >>> shift;
  while (words[BLOCK.WORDS + slot * SLOT.WORDS + SLOT.NODE] !== 0) slot = nextSlot(slot, shift);
  words[BLOCK.WORDS + slot * SLOT.WORDS + SLOT.HASH] = hash;
  words[BLOCK.WORDS + slot * SLOT.WORDS + SLOT.NODE] = place * 4;
}

function writeLinks(making: Making, node: number): void {
  const { buffer, places, above, wildcards, steers, services } = making;
  const higher = above[node] as number;
  const wildcard = wildcards.get(node);
  const steer = steers.get(node);
  const isPlain = higher === -1 && wildcard === undefined && steer === undefined;
  if (isPlain && !making.wantsLinks) return;
  reserve(buffer, LINKS.WORDS * 4);
  const links = takeWords(buffer, LINKS.WORDS);
  const { words } = buffer;
  words[(places[node] as number) + NODE.LINKS] = links * 4;
  if (higher >= 0) words[links + LINKS.ABOVE] = (places[higher] as number) * 4;
  if (wildcard !== undefined) words[links + LINKS.WILDCARD] = (places[wildcard] as number) * 4;
  if (steer === undefined) return;
  words[links + LINKS.SERVICE] = services.indexOf(serviceName(steer));
  words[links + LINKS.TTL] = steer.ttl;
}

/** The SOA of negative answers has the lesser of its TTL and MINIMUM (RFC 2308 §3). */
function writeNegative(making: Making): void {
  const { buffer, draft } = making;
  recordsOf(draft, 0, indexes);
  const at = indexes.findIndex((index) => (draft.records[index] as ZoneRecord).type === TYPE.SOA);
  const soa = draft.records[indexes[at] as number] as ZoneRecord;
  const numbers = new DataView(soa.rdata.buffer, soa.rdata.byteOffset + soa.rdata.length - 20, 20);
  const ttl = Math.min(soa.ttl, numbers.getUint32(16));
  const apex = ownerOf(draft, 0);
  readWireName(owner, apex, 0);
  reserve(buffer, RRSET.WORDS * 4);
  const entry = takeWords(buffer, RRSET.WORDS);
  const source = { records: draft.records, indexes, from: at, to: at + 1, owner, ttl };
  writeRun(buffer, { entry, node: apexOf(0, buffer.words[BLOCK.SHIFT] as number) }, source, making.namings);
  writeSignatures(making, 0, { entry, type: TYPE.SOA, ttl });
  buffer.words[BLOCK.NEGATIVE] = entry * 4;
  buffer.words[BLOCK.SERIAL] = numbers.getInt32(0);
}
