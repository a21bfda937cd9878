import { TYPE } from '../wire/constants.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import { compressibleNames } from '../wire/rdata.ts';
import {
  BLOCK,
  CHAIN,
  CHAIN_KIND,
  DENIAL,
  FLAG,
  LINKS,
  NODE,
  NSEC_ENTRY,
  NSEC3_ENTRY,
  PATCH,
  RECORD_HEAD,
  RRSET,
  RRSET_FLAG,
  SIGNATURES,
  SLOT,
  type ZoneImage,
} from './image.ts';
import { emptyHit, findZone, rrsetOf, rrsetsOf } from './image-find.ts';
import { type Packed, type PackedZone, packRecords, serialOf } from './packed.ts';
import type { ZoneRecord } from './record.ts';

const NO_POINTERS: ReadonlyMap<number, number> = new Map();

type BareRecord = Pick<ZoneRecord, 'owner' | 'type' | 'ttl' | 'rdata'>;

/** A name whose answers are chosen for each client. */
export interface SteeredName {
  readonly owner: Uint8Array;
  /** Position in the list of services. */
  readonly serviceIndex: number;
  /** Seconds. */
  readonly ttl: number;
  /** The zone has no HTTPS record of its own there. */
  readonly makesHttps: boolean;
}

/** A zone as an image has it: what is answered to all, and the names that are steered. */
export interface PackedBlock extends PackedZone {
  readonly steered: readonly SteeredName[];
  /** RRsets whose hints are filled for each client, as a file has them: they are not among `records`. */
  readonly hinted: readonly BareRecord[];
}

/** Packs the zone at this apex; undefined if the image has none, or one without data to serve. */
export function packBlock(image: ZoneImage, origin: Uint8Array): PackedBlock | undefined {
  const found = blockOf(image, origin);
  if (found === undefined || image.words[found.block + BLOCK.WITHHELD] !== 0) return undefined;
  const records: BareRecord[] = [];
  const hinted: BareRecord[] = [];
  const steered: SteeredName[] = [];
  let soa: BareRecord | undefined;
  for (const node of nodesOf(image.words, found)) {
    const owner = ownerOf(image.words, node);
    for (const record of recordsOf(image, found.block, node, owner))
      if (record.type === TYPE.SOA && owner.length === origin.length) soa = record;
      else (isFilled(image.words, node, record.type) ? hinted : records).push(record);
    if (((image.words[node] as number) & FLAG.STEER) === 0) continue;
    const links = found.block + ((image.words[node + NODE.LINKS] as number) >>> 2);
    const serviceIndex = image.words[links + LINKS.SERVICE] as number;
    const ttl = image.words[links + LINKS.TTL] as number;
    const makesHttps = rrsetOf(image.words, node, TYPE.HTTPS) === 0;
    steered.push({ owner, serviceIndex, ttl, makesHttps });
  }
  records.push(...denialsOf(image, found.block, origin));
  const packedSoa: Packed = packRecords(origin, soa === undefined ? [] : [soa]);
  const own = { serial: serialOf(packedSoa), soa: packedSoa, records: packRecords(origin, records) };
  return { ...own, steered, hinted };
}

function isFilled(words: Int32Array, node: number, type: number): boolean {
  const entry = rrsetOf(words, node, type);
  return entry !== 0 && ((words[entry] as number) & RRSET_FLAG.FILLED) !== 0;
}

/** Where the block of the zone at this very apex begins, as a word, and its shift. */
export function blockOf(
  image: ZoneImage,
  origin: Uint8Array,
): { readonly block: number; readonly shift: number } | undefined {
  const name = emptyNameView();
  const hit = emptyHit();
  readWireName(name, origin, 0);
  if (!findZone(image, name, false, hit)) return undefined;
  const apex = hit.block + BLOCK.WORDS + (1 << (32 - hit.shift)) * SLOT.WORDS;
  return ((image.words[apex] as number) & 0xff) === origin.length ? hit : undefined;
}

function* nodesOf(
  words: Int32Array,
  { block, shift }: { readonly block: number; readonly shift: number },
): Generator<number> {
  for (let slot = 0; slot >>> (32 - shift) === 0; slot++) {
    const offset = words[block + BLOCK.WORDS + slot * SLOT.WORDS + SLOT.NODE] as number;
    if (offset !== 0) yield block + (offset >>> 2);
  }
}

/** Labels begin at words, and the root label has none: see wire/name-view.ts. */
function ownerOf(words: Int32Array, node: number): Uint8Array {
  const name = new Uint8Array((words[node] as number) & 0xff);
  const octet = (at: number): number =>
    ((words[node + NODE.WORDS + (at >> 2)] as number) >>> ((at & 3) * 8)) & 0xff;
  let from = 0;
  for (let to = 0; to < name.length - 1; ) {
    const size = octet(from) + 1;
    for (let i = 0; i < size; i++) name[to++] = octet(from + i);
    from += (size + 3) & ~3;
  }
  return name;
}

function* recordsOf(image: ZoneImage, block: number, node: number, owner: Uint8Array): Generator<BareRecord> {
  const { words } = image;
  const count = (words[node + NODE.COUNTS] as number) & 0xffff;
  for (let i = 0, entry = rrsetsOf(words, node); i < count; i++, entry += RRSET.WORDS) {
    const start = block * 4 + (words[entry + RRSET.RUN] as number);
    const end = start + (words[entry + RRSET.OCTETS] as number);
    const patched = ((words[entry] as number) & RRSET_FLAG.PATCHES) !== 0;
    const pointers = patched ? patchesAt(words, (end + 3) >> 2) : NO_POINTERS;
    yield* runRecords({ image, start, end, owner, pointers });
    const signatures = (words[entry + RRSET.SIGNATURES] as number) >>> 2;
    if (signatures === 0) continue;
    const from = (block + signatures + SIGNATURES.WORDS) * 4;
    const to = from + (words[block + signatures + SIGNATURES.OCTETS] as number);
    yield* runRecords({ image, start: from, end: to, owner, pointers: NO_POINTERS });
  }
}

/** The chain of denials of a signed zone, with its signatures. */
function* denialsOf(image: ZoneImage, block: number, origin: Uint8Array): Generator<BareRecord> {
  const { words, octets } = image;
  const chain = block + ((words[block + BLOCK.CHAIN] as number) >>> 2);
  if (chain === block) return;
  const entry = words[chain + CHAIN.KIND] === CHAIN_KIND.NSEC ? NSEC_ENTRY : NSEC3_ENTRY;
  for (let i = 0; i < (words[chain + CHAIN.COUNT] as number); i++) {
    const at = chain + CHAIN.WORDS + i * entry.WORDS + entry.DENIAL;
    const denial = block + ((words[at] as number) >>> 2);
    const start = (denial + DENIAL.WORDS) * 4;
    const labels = words[denial + DENIAL.OWNER] as number;
    const owner = new Uint8Array(labels + origin.length);
    owner.set(octets.subarray(start, start + labels));
    owner.set(origin, labels);
    const end = start + (words[denial + DENIAL.OCTETS] as number);
    yield* runRecords({ image, start: start + labels, end, owner, pointers: NO_POINTERS });
  }
}

/** A run, and what its pointers mean: by their place in it. */
interface Run {
  readonly image: ZoneImage;
  readonly start: number;
  readonly end: number;
  readonly owner: Uint8Array;
  readonly pointers: ReadonlyMap<number, number>;
}

function patchesAt(words: Int32Array, list: number): Map<number, number> {
  const found = new Map<number, number>();
  for (let i = 1; i <= (words[list] as number); i++) {
    const patch = words[list + i] as number;
    found.set(patch >>> PATCH.AT_SHIFT, patch & 0xffff);
  }
  return found;
}

function* runRecords(run: Run): Generator<BareRecord> {
  const { image, start, end, owner } = run;
  const { octets } = image;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  for (let at = start; at < end; ) {
    const type = view.getUint16(at + 2);
    const ttl = view.getUint32(at + 6);
    const from = at + RECORD_HEAD;
    at = from + view.getUint16(at + 10);
    yield { owner, type, ttl, rdata: expand(run, type, from, at) };
  }
}

function expand(run: Run, type: number, from: number, to: number): Uint8Array {
  const { octets } = run.image;
  const shape = compressibleNames(type);
  if (shape === 'none') return octets.slice(from, to);
  const parts = [...octets.subarray(from, from + shape.leadingOctets)];
  let at = from + shape.leadingOctets;
  for (let i = 0; i < shape.names; i++) at = spell(run, at, parts);
  parts.push(...octets.subarray(at, to));
  return Uint8Array.from(parts);
}

/** Appends the name at `at`, its pointers followed; returns the offset after it. */
function spell(run: Run, at: number, into: number[]): number {
  const { octets } = run.image;
  let next = -1;
  for (;;) {
    const pointer = run.pointers.get(at - run.start);
    const size = octets[at] as number;
    if (pointer === undefined) {
      // Pointers past 64 KiB are not kept: no message holds such an RRset.
      if (size > 63) throw new RangeError('an RRset is longer than a message');
      for (let i = 0; i <= size; i++) into.push(octets[at + i] as number);
      at += size + 1;
      if (size === 0) return next < 0 ? at : next;
      continue;
    }
    if (next < 0) next = at + 2;
    const argument = pointer & PATCH.ARGUMENT;
    if ((pointer & PATCH.OWNER) !== 0) {
      into.push(...run.owner.subarray(run.owner.length - argument));
      return next;
    }
    at = run.start + argument;
  }
}
