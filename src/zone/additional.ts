import { TYPE } from '../wire/constants.ts';
import { namesEqual } from '../wire/name.ts';
import { emptyNameView, readWireName, suffixIs } from '../wire/name-view.ts';
import { type BlockBuffer, reserve, takeWords } from './block-buffer.ts';
import { ADDITIONAL, BLOCK, FLAG, NODE, RRSET, RRSET_FLAG } from './image.ts';
import { apexOf, emptyHit, findName, findNode, HIT, rrsetOf } from './image-find.ts';
import type { ZoneRecord } from './record.ts';
import type { Naming } from './run.ts';

/** Targets of one RRset that additional data are listed for: no response holds those of more. */
const TARGETS_MAX = 64;

interface Target {
  readonly naming: Naming;
  readonly name: Uint8Array;
  readonly node: number;
  readonly a: number;
  readonly aaaa: number;
  readonly required: boolean;
}

const hit = emptyHit();
const name = emptyNameView();

/**
 * Lists with each RRset that names hosts the addresses of those that lie in the zone (RFC 1034 §4.3.2 step
 * 6).
 */
export function addAdditional(
  buffer: BlockBuffer,
  records: readonly ZoneRecord[],
  namings: readonly Naming[],
): void {
  hit.block = 0;
  hit.shift = buffer.words[BLOCK.SHIFT] as number;
  for (let from = 0; from < namings.length; ) {
    const { entry } = namings[from] as Naming;
    const targets: Target[] = [];
    for (; namings[from]?.entry === entry; from++) {
      if (targets.length === TARGETS_MAX) continue;
      const target = targetOf(buffer, records, namings[from] as Naming);
      if (target !== undefined && !targets.some((other) => isSame(other, target))) targets.push(target);
    }
    if (targets.length > 0) writeTargets(buffer, entry, targets);
  }
}

/** What is known of the host that a record names; undefined without addresses that may be given. */
function targetOf(buffer: BlockBuffer, records: readonly ZoneRecord[], naming: Naming): Target | undefined {
  const { rdata } = records[naming.record] as ZoneRecord;
  const end = readWireName(name, rdata, naming.offset);
  const { words } = buffer;
  const isCut = ((words[naming.node] as number) & FLAG.CUT) !== 0 && isNs(words, naming.entry);
  if (end < 0 || !isWithin(words, apexOf(0, hit.shift))) return undefined;
  findNode(words, name, false, hit);
  let node = hit.kind === HIT.NODE || hit.kind === HIT.WILDCARD ? hit.node : 0;
  // Addresses below a cut are what glue is.
  if (hit.kind === HIT.DELEGATION && isCut) node = findName(words, hit, name, 0);
  if (node === 0) return undefined;
  const a = rrsetOf(words, node, TYPE.A);
  const aaaa = rrsetOf(words, node, TYPE.AAAA);
  if (a === 0 && aaaa === 0) return undefined;
  const required = isCut && isWithin(words, naming.node);
  return { naming, name: rdata.subarray(naming.offset, end), node, a, aaaa, required };
}

function isNs(words: Int32Array, entry: number): boolean {
  return ((words[entry] as number) & 0xffff) === TYPE.NS;
}

/** Whether the name at hand is that of the node or lies below it. */
function isWithin(words: Int32Array, node: number): boolean {
  const label = name.labels - (((words[node] as number) >>> 8) & 0xff);
  if (label < 0) return false;
  return suffixIs(name, label, words, node + NODE.WORDS, (words[node + NODE.COUNTS] as number) >>> 16);
}

/** Two targets of one wildcard are two RRsets on the wire; one target named twice is one. */
function isSame(left: Target, right: Target): boolean {
  return left.node === right.node && namesEqual(left.name, right.name);
}

function writeTargets(buffer: BlockBuffer, entry: number, targets: readonly Target[]): void {
  reserve(buffer, (1 + targets.length * ADDITIONAL.WORDS) * 4);
  const list = takeWords(buffer, 1 + targets.length * ADDITIONAL.WORDS);
  const { words } = buffer;
  words[entry] = (words[entry] as number) | RRSET_FLAG.ADDITIONAL;
  words[((words[entry + RRSET.RUN] as number) >> 2) - 1] = list * 4;
  words[list] = targets.length;
  let at = list + 1;
  for (const needed of [true, false])
    for (const { naming, a, aaaa, required } of targets) {
      if (required !== needed) continue;
      words[at + ADDITIONAL.NAME] = naming.at;
      words[at + ADDITIONAL.REQUIRED] = required ? 1 : 0;
      words[at + ADDITIONAL.A] = a * 4;
      words[at + ADDITIONAL.AAAA] = aaaa * 4;
      at += ADDITIONAL.WORDS;
    }
}
