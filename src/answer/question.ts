import type { Address } from '../base/address.ts';
import { CLASS, RCODE, TYPE } from '../wire/constants.ts';
import { BLOCK, FLAG, NODE, RECORD_HEAD, RRSET, RRSET_FLAG } from '../zone/image.ts';
import { findNode, findZone, HIT, rrsetOf, rrsetsOf } from '../zone/image-find.ts';
import { putAdditional } from './additional.ts';
import { answerFilled, answerSteered } from './answer-steered.ts';
import { type AnswerContext, CHAIN_MAX, NOTE, OUTCOME } from './context.ts';
import { deny, fail, mayBeAlias } from './deny.ts';
import { goOnWith, putRun, SECTION, suffixAt } from './message.ts';
import { answerOtherClass, refuse } from './other.ts';
import { isSecure, proveExpansion, proveInsecure, putMade, putNeeded, putProofs } from './proof.ts';
import { redirect } from './redirect.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { AUTHORITY: SECTION_AUTHORITY } = SECTION;
const { ANSWER: OUTCOME_ANSWER, FAILED: OUTCOME_FAILED, REFERRAL: OUTCOME_REFERRAL } = OUTCOME;
const {
  NOT_AUTHORITATIVE: NOTE_NOT_AUTHORITATIVE,
  NOT_READY: NOTE_NOT_READY,
  PROHIBITED: NOTE_PROHIBITED,
} = NOTE;
const { ANY: CLASS_ANY, IN: CLASS_IN } = CLASS;
const { NOERROR: RCODE_NOERROR, NXDOMAIN: RCODE_NXDOMAIN, YXDOMAIN: RCODE_YXDOMAIN } = RCODE;
const { CHAIN: BLOCK_CHAIN, WITHHELD: BLOCK_WITHHELD } = BLOCK;
const {
  A: TYPE_A,
  AAAA: TYPE_AAAA,
  ANY: TYPE_ANY,
  AXFR: TYPE_AXFR,
  CNAME: TYPE_CNAME,
  DS: TYPE_DS,
  HTTPS: TYPE_HTTPS,
  IXFR: TYPE_IXFR,
  NS: TYPE_NS,
  NSEC: TYPE_NSEC,
  RRSIG: TYPE_RRSIG,
} = TYPE;
const { CNAME: FLAG_CNAME, STEER: FLAG_STEER } = FLAG;
const { COUNTS: NODE_COUNTS, NAME: NODE_NAME } = NODE;
const { DELEGATION: HIT_DELEGATION, DNAME: HIT_DNAME, NXDOMAIN: HIT_NXDOMAIN, WILDCARD: HIT_WILDCARD } = HIT;
const { ADDITIONAL: RRSET_FLAG_ADDITIONAL, FILLED: RRSET_FLAG_FILLED } = RRSET_FLAG;
const { WORDS: RRSET_WORDS } = RRSET;
const HEAD = RECORD_HEAD;
const CHAIN_LIMIT = CHAIN_MAX;
/** A chain of signed aliases ends behind so much: pointers must reach all names of a message. */
const CHAIN_OCTETS_MAX = 8192;

/** Fills the sections of the response to a sound query (RFC 1034 §4.3.2) and returns its rcode. */
export function answerQuestion(context: AnswerContext, resolver: Address): number {
  const { query, outcome, hit, zones, message } = context;
  const { qtype, qclass } = query;
  if (qclass !== CLASS_IN && qclass !== CLASS_ANY) return answerOtherClass(context);
  if (!findZone(zones, query.qname, qtype === TYPE_DS, hit)) return refuse(context, NOTE_NOT_AUTHORITATIVE);
  if (qtype === TYPE_AXFR || qtype === TYPE_IXFR) return refuse(context, NOTE_PROHIBITED);
  if (zones.words[hit.block + BLOCK_WITHHELD] !== 0) {
    // It never came from its primary, or expired.
    outcome.notes |= NOTE_NOT_READY;
    return fail(context);
  }
  // An answer for every class would have to know them all (RFC 1035 §3.2.5).
  context.authoritative = qclass === CLASS_IN;
  context.secure = isSecure(context);
  context.proofCount = 0;
  outcome.kind = OUTCOME_ANSWER;
  for (let steps = 0; ; steps++) {
    findNode(zones.words, message.name, qtype === TYPE_DS, hit);
    const { kind, node } = hit;
    if (kind === HIT_DELEGATION) return refer(context, node, steps, resolver);
    if (kind === HIT_NXDOMAIN) return deny(context, RCODE_NXDOMAIN);
    const redirected = kind === HIT_DNAME;
    const cname = redirected ? 0 : followed(context, node);
    if (!redirected && cname === 0) return answerAt(context, node, resolver);
    if (steps === CHAIN_LIMIT || isLoop(context, steps) || message.at > CHAIN_OCTETS_MAX) break;
    if (!(redirected ? redirect(context, node) : putAlias(context, cname))) break;
    // The CNAME made from a DNAME is itself what these types ask for (RFC 6672 §3.2).
    if (redirected && (qtype === TYPE_CNAME || qtype === TYPE_ANY)) break;
    // Outside our zones the resolver goes on by itself.
    if (!findZone(zones, message.name, qtype === TYPE_DS, hit)) break;
    if (zones.words[hit.block + BLOCK_WITHHELD] !== 0) break;
    context.secure = isSecure(context);
  }
  putProofs(context);
  return outcome.kind === OUTCOME_FAILED ? RCODE_YXDOMAIN : RCODE_NOERROR;
}

/**
 * The entry of the CNAME that a question of this type must follow from the node, or 0: not if the node has
 * the type itself (RFC 1034 §4.3.2 3a).
 */
function followed({ zones, query, hit }: AnswerContext, node: number): number {
  const { words } = zones;
  const { qtype } = query;
  if (((words[node] as number) & FLAG_CNAME) === 0 || qtype === TYPE_ANY) return 0;
  // Beside a CNAME stand its signatures and its denial (RFC 4035 §2.5).
  if ((qtype === TYPE_RRSIG || qtype === TYPE_NSEC) && words[hit.block + BLOCK_CHAIN] !== 0) return 0;
  return rrsetOf(words, node, qtype) === 0 ? rrsetOf(words, node, TYPE_CNAME) : 0;
}

/**
 * Notes the name as the chain's next, and says whether the chain was there before. Equal hashes count as
 * equal: it only ends a chain.
 */
function isLoop(context: AnswerContext, steps: number): boolean {
  const { chain } = context;
  const hash = context.message.name.hashes[0] as number;
  for (let i = 0; i < steps; i++) if (chain[i] === hash) return true;
  chain[steps] = hash;
  return false;
}

/** Puts the CNAME and goes on to its target; false if it does not fit. */
function putAlias(context: AnswerContext, entry: number): boolean {
  const { message, hit } = context;
  const start = message.at;
  if (!putNeeded(context, entry, message.nameAt)) return false;
  if (context.secure && hit.kind === HIT_WILDCARD) proveExpansion(context);
  goOnWith(message, start + HEAD);
  return true;
}

/** The chain has ended at a node: its data, or NODATA. */
function answerAt(context: AnswerContext, node: number, resolver: Address): number {
  const { qtype } = context.query;
  const { words } = context.zones;
  if (((words[node] as number) & FLAG_STEER) !== 0) {
    const isChosen = qtype === TYPE_A || qtype === TYPE_AAAA || qtype === TYPE_ANY;
    // A record of the zone's own says more than what the service makes.
    if (isChosen || (qtype === TYPE_HTTPS && rrsetOf(words, node, TYPE_HTTPS) === 0))
      return answerSteered(context, node, resolver);
  }
  // ANY gets one RRset (RFC 8482 §4.1): docs/decisions/0005.
  const entry = qtype === TYPE_ANY ? firstRRset(words, node) : rrsetOf(words, node, qtype);
  if (entry === 0) return answerMade(context, node, resolver);
  if (((words[entry] as number) & RRSET_FLAG_FILLED) !== 0) return answerFilled(context, entry, resolver);
  const { message } = context;
  const start = message.at;
  if (!putNeeded(context, entry, message.nameAt)) return RCODE_NOERROR;
  if (context.secure && context.hit.kind === HIT_WILDCARD) proveExpansion(context);
  putProofs(context);
  // Few RRsets name something: the others go without a call.
  const names = ((words[entry] as number) & RRSET_FLAG_ADDITIONAL) !== 0;
  if (names && qtype !== TYPE_ANY && !context.outcome.truncated)
    putAdditional(context, entry, start, message.nameAt, resolver);
  return RCODE_NOERROR;
}

/** No record of the zone answers: perhaps one that signing made does. */
function answerMade(context: AnswerContext, node: number, resolver: Address): number {
  const { query, zones, hit } = context;
  const { words } = zones;
  if (putMade(context, node)) {
    if (context.secure && hit.kind === HIT_WILDCARD) proveExpansion(context);
    putProofs(context);
    return RCODE_NOERROR;
  }
  const isMade = query.qtype === TYPE_RRSIG && words[hit.block + BLOCK_CHAIN] !== 0;
  const filled = isMade ? filledRRset(words, node) : 0;
  if (filled !== 0) return answerFilled(context, filled, resolver);
  if (((words[node] as number) & FLAG_STEER) !== 0) {
    if (isMade || mayBeAlias(context, node)) return answerSteered(context, node, resolver);
  }
  return deny(context, RCODE_NOERROR);
}

/** The entry of an RRset of the node whose hints are filled; 0 if none are. */
function filledRRset(words: Int32Array, node: number): number {
  let entry = rrsetsOf(words, node);
  for (let left = (words[node + NODE_COUNTS] as number) & 0xffff; left > 0; left--) {
    if (((words[entry] as number) & RRSET_FLAG_FILLED) !== 0) return entry;
    entry += RRSET_WORDS;
  }
  return 0;
}

function firstRRset(words: Int32Array, node: number): number {
  return ((words[node + NODE_COUNTS] as number) & 0xffff) === 0 ? 0 : rrsetsOf(words, node);
}

/**
 * A referral to the zone below the cut. AA speaks of the first name of the chain (RFC 1035 §4.1.1): it stays
 * if that was ours.
 */
function refer(context: AnswerContext, cut: number, steps: number, resolver: Address): number {
  const { outcome, message } = context;
  const { words } = context.zones;
  outcome.kind = OUTCOME_REFERRAL;
  if (steps === 0) context.authoritative = false;
  message.section = SECTION_AUTHORITY;
  const entry = rrsetOf(words, cut, TYPE_NS);
  const start = message.at;
  const owner = suffixAt(message, (words[cut + NODE_NAME] as number) & 0xff);
  // The NS records of a cut are the child's to sign (RFC 4035 §2.2).
  if (!putRun(message, words, context.hit.block, entry, owner)) {
    outcome.truncated = true;
    return RCODE_NOERROR;
  }
  if (context.secure) {
    const signer = rrsetOf(words, cut, TYPE_DS);
    if (signer === 0) proveInsecure(context, cut);
    else putNeeded(context, signer, owner);
  }
  putProofs(context);
  if (!outcome.truncated) putAdditional(context, entry, start, owner, resolver);
  return RCODE_NOERROR;
}
