import { TYPE } from '../wire/constants.ts';
import { lowerName } from '../wire/name.ts';
import { createDraft, fillDraft, ownerOf, recordsOf } from './draft.ts';
import type { ZoneRecord } from './record.ts';

/**
 * Records of one zone as they stand in a message whose question is its apex, one after the other: the owner
 * as its labels below the apex and a pointer to octet 12, TYPE, CLASS, TTL, RDLENGTH, RDATA without
 * pointers. So zone transfers copy them (RFC 5936 §3.4), and differences are found by comparing octets.
 */
export type Packed = Uint8Array<ArrayBufferLike>;

/** One version of a zone, packed: its SOA, and all else. */
export interface PackedZone {
  readonly serial: number;
  readonly soa: Packed;
  readonly records: Packed;
}

/** A record of what is packed. Mutable, reused. */
export interface PackedCursor {
  /** Where it begins, where its TYPE stands, and where it ends. */
  start: number;
  fixed: number;
  end: number;
  type: number;
}

/** What makes one version of a zone another: records to take away, and to add; SOA apart. */
export interface PackedDifference {
  readonly removed: Packed;
  readonly added: Packed;
}

const POINTER = 0xc0;
const APEX_AT = 12;
/** Pointer to the apex, TYPE, CLASS, TTL, RDLENGTH. */
const FIXED = 12;
const INITIAL = 4096;

/** Packs a zone whose records were checked: equal records once, each RRset with the least of its TTLs. */
export function packZone(origin: Uint8Array, records: readonly ZoneRecord[]): PackedZone {
  const draft = createDraft();
  fillDraft(draft, origin, records);
  const buffer = createPackBuffer();
  const soa = createPackBuffer();
  const indexes: number[] = [];
  for (let node = 0; node < draft.nodeCount; node++) {
    recordsOf(draft, node, indexes);
    // In lower case, as images have it.
    const labels = lowerName(ownerOf(draft, node));
    const below = labels.subarray(0, labels.length - origin.length);
    for (const index of indexes) {
      const record = records[index] as ZoneRecord;
      const { type } = record;
      const ttl = type === TYPE.RRSIG ? record.ttl : leastTtl(records, indexes, type);
      put(type === TYPE.SOA && node === 0 ? soa : buffer, below, { type, ttl, rdata: record.rdata });
    }
  }
  const packedSoa = taken(soa);
  return { serial: serialOf(packedSoa), soa: packedSoa, records: taken(buffer) };
}

/** Packs records of the zone at `origin`, in their order. */
export function packRecords(
  origin: Uint8Array,
  records: Iterable<Pick<ZoneRecord, 'owner' | 'type' | 'ttl' | 'rdata'>>,
): Packed {
  const buffer = createPackBuffer();
  for (const record of records)
    put(buffer, record.owner.subarray(0, record.owner.length - origin.length), record);
  return taken(buffer);
}

/** Reads the record after the cursor's, from the first one on; false after the last. */
export function nextPacked(packed: Packed, cursor: PackedCursor): boolean {
  if (cursor.end >= packed.length) return false;
  let at = cursor.end;
  cursor.start = at;
  while ((packed[at] as number) < POINTER) at += (packed[at] as number) + 1;
  at += 2;
  cursor.fixed = at;
  cursor.type = ((packed[at] as number) << 8) | (packed[at + 1] as number);
  cursor.end = at + 10 + (((packed[at + 8] as number) << 8) | (packed[at + 9] as number));
  return true;
}

/** A cursor before the first record. */
export function packedCursor(): PackedCursor {
  return { start: 0, fixed: 0, end: 0, type: 0 };
}

/** The records, unpacked: for people, and for making images. */
export function* unpack(
  origin: Uint8Array,
  packed: Packed,
): Generator<Pick<ZoneRecord, 'owner' | 'type' | 'ttl' | 'rdata'>> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  for (const cursor = packedCursor(); nextPacked(packed, cursor); ) {
    const { start, fixed, end, type } = cursor;
    const owner = new Uint8Array(fixed - 2 - start + origin.length);
    owner.set(packed.subarray(start, fixed - 2));
    owner.set(origin, fixed - 2 - start);
    yield { owner, type, ttl: view.getUint32(fixed + 4), rdata: packed.slice(fixed + 10, end) };
  }
}

/** What is in `before` and not in `after`, and the other way round. Both have equal records once. */
export function diffPacked(before: Packed, after: Packed): PackedDifference {
  return { removed: lackingIn(before, after), added: lackingIn(after, before) };
}

/** What is left of `records` without those in `removed`, and with those of `added`; and how that went. */
export function applyDifference(
  records: Packed,
  { removed, added }: PackedDifference,
): { readonly records: Packed; readonly wrong: string | undefined } {
  if (lackingIn(removed, records).length > 0)
    return { records, wrong: 'it removes a record that is not there' };
  const kept = lackingIn(records, removed);
  if (lackingIn(added, kept).length !== added.length)
    return { records, wrong: 'it adds a record that is there' };
  const whole = new Uint8Array(kept.length + added.length);
  whole.set(kept);
  whole.set(added, kept.length);
  return { records: whole, wrong: undefined };
}

/** The records of all types but these. */
export function withoutTypes(packed: Packed, types: readonly number[]): Packed {
  const buffer = createPackBuffer();
  for (const cursor = packedCursor(); nextPacked(packed, cursor); )
    if (!types.includes(cursor.type)) append(buffer, packed.subarray(cursor.start, cursor.end));
  return taken(buffer);
}

/** How many records are packed. */
export function countPacked(packed: Packed): number {
  let count = 0;
  for (const cursor = packedCursor(); nextPacked(packed, cursor); ) count++;
  return count;
}

/** Serial of a packed SOA. */
export function serialOf(soa: Packed): number {
  const view = new DataView(soa.buffer, soa.byteOffset, soa.length);
  return soa.length < 20 ? 0 : view.getUint32(soa.length - 20);
}

/** The records of `these` that `those` lack. */
function lackingIn(these: Packed, those: Packed): Packed {
  let slots = 16;
  for (const count = countPacked(those) * 2; slots < count; ) slots *= 2;
  const table = new Int32Array(slots);
  for (const cursor = packedCursor(); nextPacked(those, cursor); ) {
    let slot = hashOf(those, cursor) & (slots - 1);
    while (table[slot] !== 0) slot = (slot + 1) & (slots - 1);
    table[slot] = cursor.start + 1;
  }
  const buffer = createPackBuffer();
  const other = packedCursor();
  for (const cursor = packedCursor(); nextPacked(these, cursor); ) {
    let slot = hashOf(these, cursor) & (slots - 1);
    let found = false;
    for (; table[slot] !== 0 && !found; slot = (slot + 1) & (slots - 1)) {
      other.end = (table[slot] as number) - 1;
      nextPacked(those, other);
      found = isSame(these, cursor, those, other);
    }
    if (!found) append(buffer, these.subarray(cursor.start, cursor.end));
  }
  return taken(buffer);
}

function hashOf(packed: Packed, { start, end }: PackedCursor): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (packed[at] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}

function isSame(left: Packed, at: PackedCursor, right: Packed, other: PackedCursor): boolean {
  const length = at.end - at.start;
  if (other.end - other.start !== length) return false;
  for (let i = 0; i < length; i++) if (left[at.start + i] !== right[other.start + i]) return false;
  return true;
}

function leastTtl(records: readonly ZoneRecord[], indexes: readonly number[], type: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const index of indexes) {
    const record = records[index] as ZoneRecord;
    if (record.type === type && record.ttl < least) least = record.ttl;
  }
  return least;
}

interface PackBuffer {
  octets: Uint8Array;
  length: number;
}

function createPackBuffer(): PackBuffer {
  return { octets: new Uint8Array(INITIAL), length: 0 };
}

function put(
  buffer: PackBuffer,
  below: Uint8Array,
  { type, ttl, rdata }: Pick<ZoneRecord, 'type' | 'ttl' | 'rdata'>,
): void {
  const record = new Uint8Array(below.length + FIXED + rdata.length);
  const view = new DataView(record.buffer);
  record.set(below);
  let at = below.length;
  view.setUint16(at, (POINTER << 8) | APEX_AT);
  view.setUint16(at + 2, type);
  view.setUint16(at + 4, 1);
  view.setUint32(at + 6, ttl);
  view.setUint16(at + 10, rdata.length);
  at += FIXED;
  record.set(rdata, at);
  append(buffer, record);
}

function append(buffer: PackBuffer, octets: Uint8Array): void {
  const needed = buffer.length + octets.length;
  if (needed > buffer.octets.length) {
    const larger = new Uint8Array(Math.max(needed, buffer.octets.length * 2));
    larger.set(buffer.octets.subarray(0, buffer.length));
    buffer.octets = larger;
  }
  buffer.octets.set(octets, buffer.length);
  buffer.length = needed;
}

function taken({ octets, length }: PackBuffer): Packed {
  return octets.slice(0, length);
}
