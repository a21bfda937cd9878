import { formatName } from '../wire/name.ts';
import type { NameView } from '../wire/name-view.ts';
import { emptyNameView, octetsBefore, readWireName, suffixIs, WILDCARD_WORD } from '../wire/name-view.ts';
import { shiftOf } from './image.ts';
import type { ZoneRecord } from './record.ts';

/** Types of one node up to this many records are sorted without a copy, and compared each with each. */
const FEW = 12;

/**
 * The records of one zone by owner, while its block is being made: columns, not objects, since a zone may
 * have a million names. One is reused for zone after zone. Node 0 is the apex; parents come before their
 * children.
 */
export interface ZoneDraft {
  records: readonly ZoneRecord[];
  /** Records outside the zone, by index. */
  outside: number[];
  nodeCount: number;
  /** Where a node's name is spelt: at the end of that owner. */
  owners: Uint8Array[];
  /** Octets of its name, and labels << 8. */
  sizes: Int32Array;
  /** Its name laid out as in a view: begins at this word of `names`, and takes so many words. */
  nameAt: Int32Array;
  nameWords: Uint8Array;
  names: Int32Array;
  hashes: Int32Array;
  parents: Int32Array;
  /** First and last record of each node, -1 for none. */
  firsts: Int32Array;
  lasts: Int32Array;
  /** By record: the next one of its node, -1 after the last. */
  nexts: Int32Array;
  /** Node plus 1 by open addressing on the hash of its name; 0 where nothing is. */
  slots: Int32Array;
}

const INITIAL = 1024;
/** Nodes that a draft keeps room for from zone to zone. */
const KEPT = 16_384;
const view: NameView = emptyNameView();

/** A draft of nothing. */
export function createDraft(): ZoneDraft {
  const column = (): Int32Array => new Int32Array(INITIAL);
  return {
    records: [],
    outside: [],
    nodeCount: 0,
    owners: [],
    sizes: column(),
    nameAt: column(),
    nameWords: new Uint8Array(INITIAL),
    names: new Int32Array(INITIAL * 8),
    hashes: column(),
    parents: column(),
    firsts: column(),
    lasts: column(),
    nexts: column(),
    slots: new Int32Array(INITIAL * 2),
  };
}

/** Sorts the records of the zone at `origin` by owner, with all empty non-terminals between. */
export function fillDraft(draft: ZoneDraft, origin: Uint8Array, records: readonly ZoneRecord[]): void {
  draft.records = records;
  draft.outside.length = 0;
  draft.nodeCount = 0;
  draft.owners.length = 0;
  if (draft.nexts.length < records.length) draft.nexts = new Int32Array(records.length);
  draft.slots.fill(0);
  readWireName(view, origin, 0);
  const apexLabels = view.labels;
  addNode(draft, origin, 0, -1);
  let lastOwner: Uint8Array | undefined;
  let node = -1;
  for (let i = 0; i < records.length; i++) {
    const { owner } = records[i] as ZoneRecord;
    // Records of one owner mostly stand together, and share its octets.
    if (owner !== lastOwner) node = nodeOf(draft, owner, apexLabels);
    lastOwner = owner;
    if (node < 0) {
      draft.outside.push(i);
      continue;
    }
    draft.nexts[i] = -1;
    if (draft.firsts[node] === -1) draft.firsts[node] = i;
    else draft.nexts[draft.lasts[node] as number] = i;
    draft.lasts[node] = i;
  }
}

/** Forgets the zone, so that its records can be collected, and that small zones do not pay for a big one. */
export function emptyDraft(draft: ZoneDraft): void {
  if (draft.sizes.length > KEPT) Object.assign(draft, createDraft());
  draft.records = [];
  draft.owners.length = 0;
}

/** The name of a node, as it was spelt first. */
export function ownerOf(draft: ZoneDraft, node: number): Uint8Array {
  const owner = draft.owners[node] as Uint8Array;
  return owner.subarray(owner.length - ((draft.sizes[node] as number) & 0xff));
}

/**
 * Puts the indexes of the node's records into `into`, by ascending type and else in their order, equal
 * records once (RFC 2181 §5).
 */
export function recordsOf(draft: ZoneDraft, node: number, into: number[]): void {
  const { records, nexts } = draft;
  into.length = 0;
  for (let i = draft.firsts[node] as number; i >= 0; i = nexts[i] as number) into.push(i);
  if (into.length < 2) return;
  const typeOf = (index: number): number => (records[index] as ZoneRecord).type;
  if (into.length > FEW) into.sort((left, right) => typeOf(left) - typeOf(right) || left - right);
  else
    for (let i = 1; i < into.length; i++) {
      const moved = into[i] as number;
      const type = typeOf(moved);
      let to = i;
      for (; to > 0 && typeOf(into[to - 1] as number) > type; to--) into[to] = into[to - 1] as number;
      into[to] = moved;
    }
  dropEqual(records, into);
}

function dropEqual(records: readonly ZoneRecord[], indexes: number[]): void {
  let kept = 0;
  let typeStart = 0;
  let seen: Set<string> | undefined;
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i] as number;
    const record = records[index] as ZoneRecord;
    if (kept > typeStart && (records[indexes[kept - 1] as number] as ZoneRecord).type !== record.type) {
      typeStart = kept;
      seen = undefined;
    }
    if (kept - typeStart >= FEW) {
      seen ??= new Set(indexes.slice(typeStart, kept).map((other) => keyOf(records[other] as ZoneRecord)));
      const key = keyOf(record);
      if (seen.has(key)) continue;
      seen.add(key);
    } else if (hasEqual(records, indexes, typeStart, kept, record.rdata)) continue;
    indexes[kept++] = index;
  }
  indexes.length = kept;
}

const latin1 = new TextDecoder('latin1');

function keyOf(record: ZoneRecord): string {
  return latin1.decode(record.rdata);
}

function hasEqual(
  records: readonly ZoneRecord[],
  indexes: readonly number[],
  from: number,
  to: number,
  rdata: Uint8Array,
): boolean {
  for (let i = from; i < to; i++) {
    const other = (records[indexes[i] as number] as ZoneRecord).rdata;
    if (other.length !== rdata.length) continue;
    let at = 0;
    while (at < rdata.length && other[at] === rdata[at]) at++;
    if (at === rdata.length) return true;
  }
  return false;
}

/** The node of this owner, made with those between it and the apex; -1 outside the zone. */
function nodeOf(draft: ZoneDraft, owner: Uint8Array, apexLabels: number): number {
  readWireName(view, owner, 0);
  const deepest = view.labels - apexLabels;
  let label = 0;
  let node = -1;
  for (; label <= deepest && node < 0; label++) node = findInDraft(draft, view, label);
  if (node < 0) return -1;
  for (label -= 2; label >= 0; label--) node = addNode(draft, owner, label, node);
  return node;
}

/** The node whose name is the suffix of `name` from `label` on; -1 if there is none. */
export function findInDraft(draft: ZoneDraft, name: NameView, label: number): number {
  const { slots, hashes, names, nameAt, nameWords } = draft;
  const mask = slots.length - 1;
  const shift = shiftOf(slots.length);
  const hash = name.hashes[label] as number;
  for (let slot = hash >>> shift; ; slot = (slot + 1) & mask) {
    const node = (slots[slot] as number) - 1;
    if (node < 0) return -1;
    if (hashes[node] !== hash) continue;
    if (suffixIs(name, label, names, nameAt[node] as number, nameWords[node] as number)) return node;
  }
}

/** Whether the node's first label is `*`. */
export function isWildcardNode(draft: ZoneDraft, node: number): boolean {
  const count = draft.nameWords[node] as number;
  return count > 0 && draft.names[draft.nameAt[node] as number] === WILDCARD_WORD;
}

/** Adds the node whose name is the suffix of the view, which holds `owner`, from `label` on. */
function addNode(draft: ZoneDraft, owner: Uint8Array, label: number, parent: number): number {
  const node = draft.nodeCount++;
  if (node >= draft.sizes.length) growNodes(draft);
  const hash = view.hashes[label] as number;
  const from = view.starts[label] as number;
  const at = node === 0 ? 0 : (draft.nameAt[node - 1] as number) + (draft.nameWords[node - 1] as number);
  const count = view.wordCount - from;
  if (at + count > draft.names.length) draft.names = grown(draft.names, draft.names.length * 2);
  for (let i = 0; i < count; i++) draft.names[at + i] = view.words[from + i] as number;
  draft.owners.push(owner);
  draft.sizes[node] = (view.length - octetsBefore(view, label)) | ((view.labels - label) << 8);
  draft.nameAt[node] = at;
  draft.nameWords[node] = count;
  draft.hashes[node] = hash;
  draft.parents[node] = parent;
  draft.firsts[node] = -1;
  takeSlot(draft.slots, hash, node);
  return node;
}

function takeSlot(slots: Int32Array, hash: number, node: number): void {
  const mask = slots.length - 1;
  let slot = hash >>> shiftOf(slots.length);
  while (slots[slot] !== 0) slot = (slot + 1) & mask;
  slots[slot] = node + 1;
}

function growNodes(draft: ZoneDraft): void {
  const size = draft.sizes.length * 2;
  draft.sizes = grown(draft.sizes, size);
  draft.nameAt = grown(draft.nameAt, size);
  draft.hashes = grown(draft.hashes, size);
  draft.parents = grown(draft.parents, size);
  draft.firsts = grown(draft.firsts, size);
  draft.lasts = grown(draft.lasts, size);
  const nameWords = new Uint8Array(size);
  nameWords.set(draft.nameWords);
  draft.nameWords = nameWords;
  draft.slots = new Int32Array(size * 2);
  for (let node = 0; node < draft.nodeCount - 1; node++)
    takeSlot(draft.slots, draft.hashes[node] as number, node);
}

function grown(column: Int32Array, size: number): Int32Array {
  const larger = new Int32Array(size);
  larger.set(column);
  return larger;
}

/** What the zone of a draft is called, for messages. */
export function draftName(draft: ZoneDraft): string {
  return formatName(ownerOf(draft, 0));
}
