import { TYPE } from '../wire/constants.ts';
import type { NameView } from '../wire/name-view.ts';
import { emptyNameView, octetsBefore, readWireName, suffixIs, WILDCARD_WORD } from '../wire/name-view.ts';
import { compressibleNames } from '../wire/rdata.ts';
import { alignTo, type BlockBuffer, putOctets, reserve, takeWords } from './block-buffer.ts';
import { PATCH, RECORD_HEAD, RRSET, RRSET_FLAG } from './image.ts';
import type { ZoneRecord } from './record.ts';

/** Offset in RDATA of the name that further data are given of; of NAPTR it follows three texts. */
const TARGET_AT = new Map<number, number>([
  [TYPE.NS, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
  [TYPE.NAPTR, 4],
  [TYPE.SVCB, 2],
  [TYPE.HTTPS, 2],
]);
/**
 * A run points into itself only this far from its start: wherever in an answer it is copied to, the pointers
 * still reach (14 bits), for what stands before an answer's last run is less than 12 KiB.
 */
const POINT_BACK_MAX = 4095;
/** A question's name is at octet 12 of a message. */
const QUESTION_POINTER = 0xc00c;
/** Octets of a name's place in a run, of padding and of the words around it, at most. */
const SLACK = 64;

/** Records of one owner and type, to be written as a run. */
export interface RunSource {
  /** All of one zone; those of the RRset are named by `indexes`, from `from` to `to`. */
  readonly records: readonly ZoneRecord[];
  readonly indexes: readonly number[];
  readonly from: number;
  readonly to: number;
  /** The owner's name; looked at only where names in RDATA are compressed. */
  readonly owner: NameView;
  /** Seconds; undefined keeps each record's own. */
  readonly ttl: number | undefined;
}

/** What the records of an RRset name and the additional section may carry. */
export interface Naming {
  /** Word of the RRset's entry, and of the node's that has it. */
  readonly entry: number;
  readonly node: number;
  /** Index of the record, and octets of its RDATA before the name. */
  readonly record: number;
  readonly offset: number;
  /** Where in the run the name stands. */
  readonly at: number;
}

/** Writes the run, fills the RRset's entry, and adds to `namings` what it names. */
export function writeRun(
  buffer: BlockBuffer,
  place: { readonly entry: number; readonly node: number },
  source: RunSource,
  namings: Naming[],
): void {
  const { records, indexes, from, to } = source;
  const { type } = records[indexes[from] as number] as ZoneRecord;
  const { entry, node } = place;
  const names = TARGET_AT.has(type);
  reserve(buffer, SLACK);
  if (names) takeWords(buffer, isBinding(type) ? 2 : 1);
  const start = buffer.at;
  const patches: number[] = [];
  const compressor = compressibleNames(type) === 'none' ? undefined : createCompressor(source.owner, patches);
  for (let i = from; i < to; i++) {
    const index = indexes[i] as number;
    const record = records[index] as ZoneRecord;
    reserve(buffer, record.rdata.length + (patches.length + 1) * 4 + SLACK);
    if (names) {
      const offset = targetAt(record);
      namings.push({ entry, node, record: index, offset, at: buffer.at - start + RECORD_HEAD + offset });
    }
    putRecord(buffer, record, source.ttl ?? record.ttl, start, compressor);
  }
  const octets = buffer.at - start;
  alignTo(buffer, 4);
  if (patches.length > 0) {
    const word = takeWords(buffer, patches.length + 1);
    buffer.words[word] = patches.length;
    for (const [i, patch] of patches.entries()) buffer.words[word + 1 + i] = patch;
  }
  buffer.words[entry + RRSET.TYPE] = type | (patches.length > 0 ? RRSET_FLAG.PATCHES : 0);
  buffer.words[entry + RRSET.COUNT] = to - from;
  buffer.words[entry + RRSET.RUN] = start;
  buffer.words[entry + RRSET.OCTETS] = octets;
}

/** SVCB and those like it, whose hints may be filled for each client. */
function isBinding(type: number): boolean {
  return type === TYPE.SVCB || type === TYPE.HTTPS;
}

function targetAt({ type, rdata }: ZoneRecord): number {
  let at = TARGET_AT.get(type) as number;
  if (type === TYPE.NAPTR) for (let text = 0; text < 3; text++) at += (rdata[at] as number) + 1;
  return at;
}

/** Names that stand in the run, and the suffixes of the owner's. */
interface Compressor {
  readonly owner: NameView;
  /** Suffixes before this label of the owner differ when a wildcard is expanded. */
  readonly ownerFirst: number;
  readonly patches: number[];
  /** By hash of a suffix: where in the run it stands, and its words. */
  readonly known: Map<number, { readonly at: number; readonly words: Int32Array }>;
}

const name = emptyNameView();

function createCompressor(owner: NameView, patches: number[]): Compressor {
  const isWildcard = owner.labels > 0 && owner.words[0] === WILDCARD_WORD;
  return { owner, ownerFirst: isWildcard ? 1 : 0, patches, known: new Map() };
}

/** Appends a record as it stands in a message whose question has its owner's name. */
function putRecord(
  buffer: BlockBuffer,
  record: ZoneRecord,
  ttl: number,
  start: number,
  compressor: Compressor | undefined,
): void {
  const { type, rdata } = record;
  putHead(buffer, { type, ttl, rdataOctets: rdata.length });
  if (compressor === undefined) {
    if (rdata.length > SLACK) {
      buffer.octets.set(rdata, buffer.at);
      buffer.at += rdata.length;
    } else putOctets(buffer, rdata);
    return;
  }
  const shape = compressibleNames(type);
  if (shape === 'none') return;
  const rdataAt = buffer.at;
  let at = shape.leadingOctets;
  putOctets(buffer, rdata, 0, at);
  for (let i = 0; i < shape.names; i++) {
    const end = readWireName(name, rdata, at);
    putCompressed(buffer, rdata, at, start, compressor);
    at = end;
  }
  putOctets(buffer, rdata, at);
  const size = buffer.at - rdataAt;
  buffer.octets[rdataAt - 2] = size >> 8;
  buffer.octets[rdataAt - 1] = size & 0xff;
}

/** Appends the name in `name`, spelt at `at` in the RDATA, with a pointer to its longest known suffix. */
function putCompressed(
  buffer: BlockBuffer,
  rdata: Uint8Array,
  at: number,
  start: number,
  compressor: Compressor,
): void {
  const { patches } = compressor;
  let target = -1;
  let label = 0;
  for (; label < name.labels; label++) {
    target = findSuffix(compressor, label);
    if (target >= 0) break;
  }
  const plain = octetsBefore(name, label);
  const here = buffer.at - start;
  putOctets(buffer, rdata, at, at + plain);
  for (let i = 0; i < label && here + octetsBefore(name, i) <= POINT_BACK_MAX; i++)
    compressor.known.set(name.hashes[i] as number, {
      at: here + octetsBefore(name, i),
      words: name.words.slice(name.starts[i], name.wordCount),
    });
  if (target < 0) putNumber(buffer, 0, 1);
  else {
    // Beyond this no message could hold the run, so that it is never copied.
    if (buffer.at - start <= 0xffff) patches.push(((buffer.at - start) << PATCH.AT_SHIFT) | target);
    putNumber(buffer, 0xc000, 2);
  }
}

/** What a patch says of the suffix of `name` from `label` on; -1 if it stands nowhere. */
function findSuffix(compressor: Compressor, label: number): number {
  const { owner, ownerFirst, known } = compressor;
  const ownerLabel = owner.labels - (name.labels - label);
  const start = owner.starts[ownerLabel] as number;
  if (ownerLabel >= ownerFirst && suffixIs(name, label, owner.words, start, owner.wordCount - start))
    return PATCH.OWNER | (name.length - octetsBefore(name, label));
  const other = known.get(name.hashes[label] as number);
  if (other === undefined || !suffixIs(name, label, other.words, 0, other.words.length)) return -1;
  return other.at;
}

/** Appends a record up to its RDATA, the owner being a pointer to the question's name. There must be room. */
export function putHead(
  buffer: BlockBuffer,
  head: { readonly type: number; readonly ttl: number; readonly rdataOctets: number },
): void {
  putNumber(buffer, QUESTION_POINTER, 2);
  putNumber(buffer, head.type, 2);
  putNumber(buffer, 1, 2);
  putNumber(buffer, head.ttl, 4);
  putNumber(buffer, head.rdataOctets, 2);
}

function putNumber(buffer: BlockBuffer, value: number, size: number): void {
  for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) buffer.octets[buffer.at++] = value >>> shift;
}
