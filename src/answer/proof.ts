import { TYPE } from '../wire/constants.ts';
import { coveringDenial, isHashed } from '../zone/denial-find.ts';
import { BLOCK, FLAG, LINKS, NODE, RRSET } from '../zone/image.ts';
import { apexOf, findName, HIT, rrsetsOf } from '../zone/image-find.ts';
import type { AnswerContext } from './context.ts';
import { putRun, putSigned, SECTION, suffixAt } from './message.ts';
import { putDenial, putExpandedDenial } from './put-denial.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { AUTHORITY: SECTION_AUTHORITY } = SECTION;
const { SIGNATURES: RRSET_SIGNATURES, WORDS: RRSET_WORDS } = RRSET;
const { NSEC: TYPE_NSEC, RRSIG: TYPE_RRSIG } = TYPE;
const { CHAIN: BLOCK_CHAIN } = BLOCK;
const { DENIAL: LINKS_DENIAL, LACKING: LINKS_LACKING, NO_WILDCARD: LINKS_NO_WILDCARD } = LINKS;
const { COUNTS: NODE_COUNTS, LINKS: NODE_LINKS, NAME: NODE_NAME } = NODE;
const { STEER: FLAG_STEER } = FLAG;
const { NXDOMAIN: HIT_NXDOMAIN, WILDCARD: HIT_WILDCARD } = HIT;
/**
 * DNSSEC in answers to queries with DO (RFC 4035 §3.1): signatures and denials that were made with the image.
 */

/** Whether answers from the zone in hand carry signatures. */
export function isSecure(context: AnswerContext): boolean {
  const { query, zones, hit } = context;
  return query.edns.present && query.edns.dnssecOk && zones.words[hit.block + BLOCK_CHAIN] !== 0;
}

/**
 * Puts an RRset that the response cannot do without, and its signatures if they are asked for. False if they
 * do not fit: then TC is set.
 */
export function putNeeded(context: AnswerContext, entry: number, owner: number): boolean {
  if (putRun(context.message, context.zones.words, context.hit.block, entry, owner))
    return !context.secure || signSet(context, entry, owner);
  context.outcome.truncated = true;
  return false;
}

/**
 * Puts the signatures over the RRset at `entry`, whose owner stands at `ownerAt`. False, and TC set, if they
 * do not fit.
 */
function signSet(context: AnswerContext, entry: number, ownerAt: number): boolean {
  if (trySignSet(context, entry, ownerAt)) return true;
  context.outcome.truncated = true;
  return false;
}

/** The same without TC: for additional data, which may go without (RFC 4035 §3.1.1). */
export function trySignSet(context: AnswerContext, entry: number, ownerAt: number): boolean {
  const { words } = context.zones;
  const offset = words[entry + RRSET_SIGNATURES] as number;
  return offset === 0 || putSigned(context.message, words, context.hit.block + (offset >>> 2), ownerAt);
}

/** Notes what proves that no name is closer to the one in hand than the wildcard that answers for it. */
export function proveExpansion(context: AnswerContext): void {
  const { words } = context.zones;
  const { hit, message } = context;
  const labels = labelsOf(words, hit.node);
  noteCovering(context, message.name.labels - labels);
}

/**
 * Notes what proves that the name in hand, or its type, is not there. `isChosen`: other clients may get an
 * answer of that type.
 */
export function proveAbsence(context: AnswerContext, isChosen: boolean): void {
  const { zones, hit, message } = context;
  const { words } = zones;
  const { block, kind, node } = hit;
  const { name } = message;
  if (kind === HIT_NXDOMAIN) {
    if (isHashed(words, block)) noteLink(context, node, LINKS_DENIAL);
    noteCovering(context, name.labels - labelsOf(words, node) - 1);
    noteLink(context, node, LINKS_NO_WILDCARD);
    return;
  }
  if (kind === HIT_WILDCARD) {
    const label = name.labels - labelsOf(words, node);
    noteCovering(context, label);
    if (isHashed(words, block)) noteLink(context, findName(words, hit, name, label + 1), LINKS_DENIAL);
  }
  noteLink(context, node, LINKS_DENIAL);
  if (isChosen && hasLink(context, node, LINKS_LACKING)) noteLacking(context, node);
}

/**
 * Has the denial that lacks what other clients get stand in place of the node's own, whatever that proves
 * besides: two of one owner would be taken for one RRset.
 */
function noteLacking({ zones, hit, proofs, proofCount }: AnswerContext, node: number): void {
  const { words } = zones;
  const { block } = hit;
  const links = linksOf(words, block, node);
  const own = block + ((words[links + LINKS_DENIAL] as number) >>> 2);
  for (let i = 0; i < proofCount; i++)
    if (proofs[i] === own) proofs[i] = block + ((words[links + LINKS_LACKING] as number) >>> 2);
}

/** Notes what proves that the cut in hand has no DS (RFC 4035 §3.1.4.1, RFC 5155 §7.2.7). */
export function proveInsecure(context: AnswerContext, cut: number): void {
  if (hasLink(context, cut, LINKS_DENIAL)) {
    noteLink(context, cut, LINKS_DENIAL);
    return;
  }
  // Opted out (RFC 5155 §6): the closest name above that has a denial, and what covers the one below it.
  const { zones, hit, message } = context;
  const { words } = zones;
  const { name } = message;
  for (let label = name.labels - labelsOf(words, cut) + 1; label <= name.labels; label++) {
    const above = findName(words, hit, name, label);
    if (above === 0 || !hasLink(context, above, LINKS_DENIAL)) continue;
    noteLink(context, above, LINKS_DENIAL);
    noteCovering(context, label - 1);
    return;
  }
}

/** Puts the proofs that were noted into the authority section. */
export function putProofs(context: AnswerContext): void {
  const { message, proofs, proofApexes, zones, outcome } = context;
  if (context.proofCount === 0) return;
  message.section = SECTION_AUTHORITY;
  for (let i = 0; i < context.proofCount; i++)
    if (!putDenial(message, zones.words, proofs[i] as number, proofApexes[i] as number, true)) {
      outcome.truncated = true;
      break;
    }
  context.proofCount = 0;
}

/**
 * Puts what signing made of the node, where that is what the question asks for: signatures of one RRset
 * (as RFC 8482 §4.1 has it for ANY), or its NSEC. False if there is no such thing.
 */
export function putMade(context: AnswerContext, node: number): boolean {
  const { qtype } = context.query;
  const { words } = context.zones;
  const { message, hit } = context;
  if ((qtype !== TYPE_RRSIG && qtype !== TYPE_NSEC) || words[hit.block + BLOCK_CHAIN] === 0) return false;
  if (qtype === TYPE_NSEC) return putOwnDenial(context, node);
  let entry = rrsetsOf(words, node);
  for (let left = (words[node + NODE_COUNTS] as number) & 0xffff; left > 0; left--) {
    if (words[entry + RRSET_SIGNATURES] !== 0) return signSet(context, entry, message.nameAt);
    entry += RRSET_WORDS;
  }
  return false;
}

function putOwnDenial(context: AnswerContext, node: number): boolean {
  const { words } = context.zones;
  const { message, hit } = context;
  // An empty non-terminal has that of the name before it.
  const isEmpty =
    ((words[node + NODE_COUNTS] as number) & 0xffff) === 0 && ((words[node] as number) & FLAG_STEER) === 0;
  if (isEmpty || isHashed(words, hit.block) || !hasLink(context, node, LINKS_DENIAL)) return false;
  const denial = hit.block + ((words[linksOf(words, hit.block, node) + LINKS_DENIAL] as number) >>> 2);
  const apexOctets = (words[apexOf(hit.block, hit.shift)] as number) & 0xff;
  // That of a wildcard is expanded as any record (RFC 4592 §4.7).
  const whole =
    hit.kind === HIT_WILDCARD
      ? putExpandedDenial(message, context.zones, denial, message.nameAt, context.secure)
      : putDenial(message, words, denial, suffixAt(message, apexOctets), context.secure);
  if (!whole) context.outcome.truncated = true;
  return true;
}

function noteCovering(context: AnswerContext, label: number): void {
  const { zones, hit, message } = context;
  note(context, coveringDenial(zones.words, zones.octets, hit.block, message.name, label));
}

function noteLink(context: AnswerContext, node: number, link: number): void {
  const { words } = context.zones;
  const { block } = context.hit;
  const offset = words[linksOf(words, block, node) + link] as number;
  if (offset !== 0) note(context, block + (offset >>> 2));
}

/** Each proof once. */
function note(context: AnswerContext, denial: number): void {
  const { proofs, proofApexes, zones, hit, message } = context;
  for (let i = 0; i < context.proofCount; i++) if (proofs[i] === denial) return;
  if (context.proofCount === proofs.length) return;
  proofs[context.proofCount] = denial;
  const apexOctets = (zones.words[apexOf(hit.block, hit.shift)] as number) & 0xff;
  proofApexes[context.proofCount++] = suffixAt(message, apexOctets);
}

function hasLink(context: AnswerContext, node: number, link: number): boolean {
  const { words } = context.zones;
  return words[linksOf(words, context.hit.block, node) + link] !== 0;
}

function linksOf(words: Int32Array, block: number, node: number): number {
  return block + ((words[node + NODE_LINKS] as number) >>> 2);
}

function labelsOf(words: Int32Array, node: number): number {
  return ((words[node + NODE_NAME] as number) >>> 8) & 0xff;
}
