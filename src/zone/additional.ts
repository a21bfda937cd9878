import { TYPE } from '../wire/constants.ts';
import { namesEqual } from '../wire/name.ts';
import { emptyNameView, readWireName, suffixIs } from '../wire/name-view.ts';
import { type BlockBuffer, reserve, takeWords } from './block-buffer.ts';
import { ADDITIONAL, BLOCK, FLAG, NODE, RRSET, RRSET_FLAG } from './image.ts';
import { apexOf, emptyHit, findName, findNode, HIT, rrsetOf } from './image-find.ts';
import type { ZoneRecord } from './record.ts';
import type { Naming } from './run.ts';

/** What the response to an RRset may carry of one name: words of RRset entries and of a node, 0 for none. */
interface Target {
  /** Where in its run the name stands, or `SELF`. */
  readonly at: number;
  /** `undefined`: the owner itself. */
  readonly name: Uint8Array | undefined;
  readonly node: number;
  readonly required: boolean;
  a: number;
  aaaa: number;
  other: number;
  steer: number;
  withHttps: boolean;
  /** Number, from 1, of the target in whose further RRset this one stands; 0: in the answer itself. */
  readonly from: number;
}

/** The zone whose RRsets are gone through. */
interface Listing {
  readonly buffer: BlockBuffer;
  readonly records: readonly ZoneRecord[];
  /** By RRset entry. */
  readonly namings: ReadonlyMap<number, readonly Naming[]>;
}

const NAPTR_FLAGS_AT = 4;
const hit = emptyHit();
const name = emptyNameView();

/**
 * Lists with each RRset that names hosts what is in the zone of them: addresses (RFC 1034 §4.3.2 step 6), and
 * of SVCB and HTTPS the records at their targets (RFC 9460 §4.1), of NAPTR the SRV records (RFC 3403 §4.2.1),
 * with the addresses that these name.
 */
export function addAdditional(
  buffer: BlockBuffer,
  records: readonly ZoneRecord[],
  namings: readonly Naming[],
): void {
  hit.block = 0;
  hit.shift = buffer.words[BLOCK.SHIFT] as number;
  const byEntry = new Map<number, Naming[]>();
  for (const naming of namings) {
    const others = byEntry.get(naming.entry);
    if (others === undefined) byEntry.set(naming.entry, [naming]);
    else others.push(naming);
  }
  const listing: Listing = { buffer, records, namings: byEntry };
  for (const [entry, own] of byEntry) {
    const targets = targetsOf(listing, entry, own);
    if (targets.length > 0) writeTargets(buffer, entry, targets);
  }
}

/** The targets of an RRset, glue that a referral needs first; then those of what they bring along. */
function targetsOf(listing: Listing, entry: number, namings: readonly Naming[]): Target[] {
  const found: Target[] = [];
  const isFilled = ((listing.buffer.words[entry] as number) & RRSET_FLAG.FILLED) !== 0;
  for (const [i, naming] of namings.entries()) {
    const target = targetOf(listing, naming, 0);
    // Behind a hint that is filled nothing has a place that is known here.
    if (!isFilled || i === 0 || target?.at === ADDITIONAL.SELF) add(found, target);
  }
  const targets = [...found.filter(({ required }) => required), ...found.filter(({ required }) => !required)];
  for (const [i, { other }] of [...targets.entries()]) {
    if (((listing.buffer.words[other] as number) & RRSET_FLAG.FILLED) !== 0) continue;
    for (const naming of (other === entry ? undefined : listing.namings.get(other)) ?? []) {
      const target = targetOf(listing, naming, i + 1);
      // One level: what a target of a target brings along is for who asks for it.
      add(targets, target && { ...target, other: 0, withHttps: false });
    }
  }
  return targets;
}

/** Adds a target, or what it has more than the one of the same name: no RRset is there twice. */
function add(targets: Target[], target: Target | undefined): void {
  if (target === undefined || targets.length === ADDITIONAL.TARGETS_MAX) return;
  const same = targets.find((other) => isSame(other, target));
  if (same === undefined) {
    if (target.a + target.aaaa + target.other + target.steer > 0) targets.push(target);
    return;
  }
  same.a ||= target.a;
  same.aaaa ||= target.aaaa;
  same.other ||= target.other;
  same.steer ||= target.steer;
  same.withHttps ||= target.withHttps;
}

/** What is known of the host that a record names; undefined where nothing of it may be given. */
function targetOf({ buffer, records }: Listing, naming: Naming, from: number): Target | undefined {
  const record = records[naming.record] as ZoneRecord;
  const { rdata, type } = record;
  const { words } = buffer;
  const wants = wantsOf(record);
  const isBinding = type === TYPE.SVCB || type === TYPE.HTTPS;
  if (wants === 'nothing') return undefined;
  const end = readWireName(name, rdata, naming.offset);
  if (end < 0) return undefined;
  // The root stands for the owner in ServiceMode (RFC 9460 §2.5.2), and for nothing elsewhere.
  const isOwner = isBinding && name.labels === 0 && ((rdata[0] as number) | (rdata[1] as number)) !== 0;
  const isCut = ((words[naming.node] as number) & FLAG.CUT) !== 0 && type === TYPE.NS;
  const node = isOwner ? naming.node : nodeOf(words, isCut);
  if (node === 0) return undefined;
  // Of a name whose records are the answer only its addresses are left to give.
  const isSelf = isOwner || (isBinding && node === naming.node && hit.kind === HIT.NODE);
  if (isSelf && from > 0) return undefined;
  const isSteered = ((words[node] as number) & FLAG.STEER) !== 0;
  const hosts = wants === 'addresses';
  return {
    at: isOwner ? ADDITIONAL.SELF : naming.at,
    name: isSelf ? undefined : rdata.subarray(naming.offset, end),
    node,
    required: isCut && isWithin(words, naming.node),
    a: hosts ? rrsetOf(words, node, TYPE.A) : 0,
    aaaa: hosts ? rrsetOf(words, node, TYPE.AAAA) : 0,
    other: isSelf || (hosts && !isBinding) ? 0 : rrsetOf(words, node, hosts ? type : TYPE.SRV),
    steer: hosts && isSteered ? node : 0,
    withHttps: type === TYPE.HTTPS && !isSelf && rrsetOf(words, node, TYPE.HTTPS) === 0,
    from,
  };
}

/** What is looked up of a record's target next: that of a NAPTR depends on its flag (RFC 3404 §4.3). */
function wantsOf({ type, rdata }: ZoneRecord): 'addresses' | 'services' | 'nothing' {
  if (type !== TYPE.NAPTR) return 'addresses';
  const flag = rdata[NAPTR_FLAGS_AT] === 1 ? String.fromCharCode(rdata[NAPTR_FLAGS_AT + 1] as number) : '';
  if (flag.toUpperCase() === 'A') return 'addresses';
  return flag.toUpperCase() === 'S' ? 'services' : 'nothing';
}

/** The node that answers for the name at hand; 0 if it is not in the zone, or is the zone's no more. */
function nodeOf(words: Int32Array, isCut: boolean): number {
  if (!isWithin(words, apexOf(0, hit.shift))) return 0;
  findNode(words, name, false, hit);
  if (hit.kind === HIT.NODE || hit.kind === HIT.WILDCARD) return hit.node;
  // Addresses below a cut are what glue is.
  return hit.kind === HIT.DELEGATION && isCut ? findName(words, hit, name, 0) : 0;
}

/** Whether the name at hand is that of the node or lies below it. */
function isWithin(words: Int32Array, node: number): boolean {
  const label = name.labels - (((words[node] as number) >>> 8) & 0xff);
  if (label < 0) return false;
  return suffixIs(name, label, words, node + NODE.WORDS, (words[node + NODE.COUNTS] as number) >>> 16);
}

/** Two targets of one wildcard are two RRsets on the wire; one target named twice is one. */
function isSame(left: Target, right: Target): boolean {
  if (left.node !== right.node) return false;
  if (left.name === undefined || right.name === undefined) return left.name === right.name;
  return namesEqual(left.name, right.name);
}

function writeTargets(buffer: BlockBuffer, entry: number, targets: readonly Target[]): void {
  reserve(buffer, (1 + targets.length * ADDITIONAL.WORDS) * 4);
  const list = takeWords(buffer, 1 + targets.length * ADDITIONAL.WORDS);
  const { words } = buffer;
  words[entry] = (words[entry] as number) | RRSET_FLAG.ADDITIONAL;
  words[((words[entry + RRSET.RUN] as number) >> 2) - 1] = list * 4;
  words[list] = targets.length;
  let at = list + 1;
  for (const { at: nameAt, required, a, aaaa, other, steer, withHttps, from } of targets) {
    words[at + ADDITIONAL.NAME] = nameAt;
    words[at + ADDITIONAL.REQUIRED] = required ? 1 : 0;
    words[at + ADDITIONAL.A] = a * 4;
    words[at + ADDITIONAL.AAAA] = aaaa * 4;
    words[at + ADDITIONAL.OTHER] = other * 4;
    words[at + ADDITIONAL.STEER] = steer * 4;
    words[at + ADDITIONAL.SERVICE_BINDING] = withHttps ? 1 : 0;
    words[at + ADDITIONAL.FROM] = from;
    at += ADDITIONAL.WORDS;
  }
}
