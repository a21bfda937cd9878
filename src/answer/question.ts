import type { Address } from '../base/address.ts';
import { CLASS, RCODE, TYPE } from '../wire/constants.ts';
import { NAME_MAX } from '../wire/name.ts';
import { octetsBefore } from '../wire/name-view.ts';
import { BLOCK, FLAG, LINKS, NODE, RECORD_HEAD, RRSET } from '../zone/image.ts';
import { apexOf, findNode, findZone, HIT, rrsetOf, rrsetsOf } from '../zone/image-find.ts';
import { putAdditional } from './additional.ts';
import { type AnswerContext, CHAIN_MAX, NOTE, OUTCOME } from './context.ts';
import { goOnWith, putRecord, putRun, SECTION, spell, suffixAt } from './message.ts';
import { answerOtherClass, refuse } from './other.ts';
import { type Service, steeredRecord } from './service.ts';
import { putOthers } from './several.ts';
import { resolveSteered } from './steered.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { ANSWER: SECTION_ANSWER, AUTHORITY: SECTION_AUTHORITY } = SECTION;
const {
  ANSWER: OUTCOME_ANSWER,
  FAILED: OUTCOME_FAILED,
  NODATA: OUTCOME_NODATA,
  NXDOMAIN: OUTCOME_NXDOMAIN,
  REFERRAL: OUTCOME_REFERRAL,
  STEERED: OUTCOME_STEERED,
} = OUTCOME;
const {
  FAIL_OPEN: NOTE_FAIL_OPEN,
  NOT_AUTHORITATIVE: NOTE_NOT_AUTHORITATIVE,
  NOT_READY: NOTE_NOT_READY,
  PROHIBITED: NOTE_PROHIBITED,
  STALE: NOTE_STALE,
} = NOTE;
const { ANY: CLASS_ANY, IN: CLASS_IN } = CLASS;
const {
  NOERROR: RCODE_NOERROR,
  NXDOMAIN: RCODE_NXDOMAIN,
  SERVFAIL: RCODE_SERVFAIL,
  YXDOMAIN: RCODE_YXDOMAIN,
} = RCODE;
const { OCTETS: RRSET_OCTETS, RUN: RRSET_RUN } = RRSET;
const { SERVICE: LINKS_SERVICE, TTL: LINKS_TTL } = LINKS;
const { NEGATIVE: BLOCK_NEGATIVE } = BLOCK;
const {
  A: TYPE_A,
  AAAA: TYPE_AAAA,
  ANY: TYPE_ANY,
  AXFR: TYPE_AXFR,
  CNAME: TYPE_CNAME,
  DNAME: TYPE_DNAME,
  DS: TYPE_DS,
  HTTPS: TYPE_HTTPS,
  IXFR: TYPE_IXFR,
  NS: TYPE_NS,
} = TYPE;
const { CNAME: FLAG_CNAME, STEER: FLAG_STEER } = FLAG;
const { COUNTS: NODE_COUNTS, LINKS: NODE_LINKS, NAME: NODE_NAME } = NODE;
const { DELEGATION: HIT_DELEGATION, DNAME: HIT_DNAME, NXDOMAIN: HIT_NXDOMAIN } = HIT;
const NAME_LIMIT = NAME_MAX;
const HEAD = RECORD_HEAD;
const CHAIN_LIMIT = CHAIN_MAX;

/** Fills the sections of the response to a sound query (RFC 1034 §4.3.2) and returns its rcode. */
export function answerQuestion(context: AnswerContext, resolver: Address): number {
  const { query, outcome, hit, zones, message } = context;
  const { qtype, qclass } = query;
  if (qclass !== CLASS_IN && qclass !== CLASS_ANY) return answerOtherClass(context);
  if (!findZone(zones, query.qname, qtype === TYPE_DS, hit)) return refuse(context, NOTE_NOT_AUTHORITATIVE);
  if (qtype === TYPE_AXFR || qtype === TYPE_IXFR) return refuse(context, NOTE_PROHIBITED);
  // An answer for every class would have to know them all (RFC 1035 §3.2.5).
  context.authoritative = qclass === CLASS_IN;
  outcome.kind = OUTCOME_ANSWER;
  for (let steps = 0; ; steps++) {
    findNode(zones.words, message.name, qtype === TYPE_DS, hit);
    const { kind, node } = hit;
    if (kind === HIT_DELEGATION) return refer(context, node, steps);
    if (kind === HIT_NXDOMAIN) return deny(context, RCODE_NXDOMAIN);
    const redirected = kind === HIT_DNAME;
    const cname = redirected ? 0 : followed(zones.words, node, qtype);
    if (!redirected && cname === 0) return answerAt(context, node, resolver);
    if (steps === CHAIN_LIMIT || isLoop(context, steps)) break;
    if (!(redirected ? redirect(context, node) : putAlias(context, cname))) break;
    // The CNAME made from a DNAME is itself what these types ask for (RFC 6672 §3.2).
    if (redirected && (qtype === TYPE_CNAME || qtype === TYPE_ANY)) break;
    // Outside our zones the resolver goes on by itself.
    if (!findZone(zones, message.name, qtype === TYPE_DS, hit)) break;
  }
  return outcome.kind === OUTCOME_FAILED ? RCODE_YXDOMAIN : RCODE_NOERROR;
}

/**
 * The entry of the CNAME that a question of this type must follow from the node, or 0: not if the node has
 * the type itself (RFC 1034 §4.3.2 3a).
 */
function followed(words: Int32Array, node: number, qtype: number): number {
  if (((words[node] as number) & FLAG_CNAME) === 0 || qtype === TYPE_ANY) return 0;
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
  const { message } = context;
  const start = message.at;
  if (!putNeeded(context, entry, message.nameAt)) return false;
  goOnWith(message, start + HEAD);
  return true;
}

/** The chain has ended at a node: its data, or NODATA. */
function answerAt(context: AnswerContext, node: number, resolver: Address): number {
  const { qtype } = context.query;
  const { words } = context.zones;
  if (
    ((words[node] as number) & FLAG_STEER) !== 0 &&
    (qtype === TYPE_A || qtype === TYPE_AAAA || qtype === TYPE_HTTPS || qtype === TYPE_ANY)
  )
    return answerSteered(context, node, resolver);
  // ANY gets one RRset (RFC 8482 §4.1): docs/decisions/0005.
  const entry = qtype === TYPE_ANY ? firstRRset(words, node) : rrsetOf(words, node, qtype);
  if (entry === 0) return deny(context, RCODE_NOERROR);
  const { message } = context;
  const start = message.at;
  if (putNeeded(context, entry, message.nameAt) && qtype !== TYPE_ANY) putAdditional(context, entry, start);
  return RCODE_NOERROR;
}

function firstRRset(words: Int32Array, node: number): number {
  return ((words[node + NODE_COUNTS] as number) & 0xffff) === 0 ? 0 : rrsetsOf(words, node);
}

function answerSteered(context: AnswerContext, node: number, resolver: Address): number {
  const { outcome, query, hit, message } = context;
  const { words } = context.zones;
  const { edns } = query;
  const links = hit.block + ((words[node + NODE_LINKS] as number) >>> 2);
  const named = words[links + LINKS_SERVICE] as number;
  const { ipv6Index } = context.services[named] as Service;
  const serviceIndex = query.qtype === TYPE_AAAA && ipv6Index >= 0 ? ipv6Index : named;
  // Source length 0 asks not to be located; the resolver's own address is what is left (RFC 7871 §7.1.2).
  const usedEcs = edns.ecs && edns.ecsSourceLength > 0;
  const address = usedEcs ? edns.ecsAddress : resolver;
  if (!resolveSteered(context, serviceIndex, address, outcome, words[links + LINKS_TTL])) {
    outcome.kind = OUTCOME_FAILED;
    outcome.scopeLength = 0;
    outcome.notes |= NOTE_NOT_READY;
    context.authoritative = false;
    return RCODE_SERVFAIL;
  }
  outcome.usedEcs = usedEcs;
  if (!usedEcs) outcome.scopeLength = 0;
  const service = context.services[serviceIndex] as Service;
  const record = steeredRecord(query.qtype, outcome.linkIndex);
  const octets = service.sizes[record] as number;
  if (octets === 0) return deny(context, RCODE_NOERROR);
  outcome.kind = OUTCOME_STEERED;
  if (context.stale[0] !== 0) outcome.notes |= NOTE_STALE;
  if (context.popState[outcome.popIndex] !== 0) outcome.notes |= NOTE_FAIL_OPEN;
  const from = service.starts[record] as number;
  if (!putRecord(message, service.records, from, octets, outcome.ttl)) outcome.truncated = true;
  else if (service.answersMax > 1) putOthers(context, service);
  return RCODE_NOERROR;
}

/** NXDOMAIN or NODATA with the SOA that says for how long (RFC 2308 §3). */
function deny(context: AnswerContext, rcode: number): number {
  const { outcome, message, hit } = context;
  const { words } = context.zones;
  outcome.kind = rcode === RCODE_NXDOMAIN ? OUTCOME_NXDOMAIN : OUTCOME_NODATA;
  message.section = SECTION_AUTHORITY;
  const apexLength = (words[apexOf(hit.block, hit.shift)] as number) & 0xff;
  const entry = hit.block + ((words[hit.block + BLOCK_NEGATIVE] as number) >>> 2);
  putNeeded(context, entry, suffixAt(message, apexLength));
  return rcode;
}

/**
 * A referral to the zone below the cut. AA speaks of the first name of the chain (RFC 1035 §4.1.1): it stays
 * if that was ours.
 */
function refer(context: AnswerContext, cut: number, steps: number): number {
  const { outcome, message } = context;
  const { words } = context.zones;
  outcome.kind = OUTCOME_REFERRAL;
  if (steps === 0) context.authoritative = false;
  message.section = SECTION_AUTHORITY;
  const entry = rrsetOf(words, cut, TYPE_NS);
  const start = message.at;
  const owner = suffixAt(message, (words[cut + NODE_NAME] as number) & 0xff);
  if (putNeeded(context, entry, owner)) putAdditional(context, entry, start);
  return RCODE_NOERROR;
}

/**
 * Puts the DNAME and the CNAME that follows from it for the name (RFC 6672 §3.1), and goes on to its target.
 * False ends the chain.
 */
function redirect(context: AnswerContext, node: number): boolean {
  const { message, outcome, zones, hit } = context;
  const { words, octets } = zones;
  const { name, out, spelt } = message;
  const nameWord = words[node + NODE_NAME] as number;
  const kept = octetsBefore(name, name.labels - ((nameWord >>> 8) & 0xff));
  const entry = rrsetOf(words, node, TYPE_DNAME);
  if (!isRedirected(context, entry) && !putNeeded(context, entry, suffixAt(message, nameWord & 0xff)))
    return false;
  const run = hit.block * 4 + (words[entry + RRSET_RUN] as number);
  const length = kept + (words[entry + RRSET_OCTETS] as number) - HEAD;
  if (length > NAME_LIMIT) {
    outcome.kind = OUTCOME_FAILED;
    return false;
  }
  const start = message.at;
  if (start + HEAD + length > message.limit) {
    outcome.truncated = true;
    return false;
  }
  spell(message);
  for (let i = kept; i < length; i++) spelt[i] = octets[run + HEAD + i - kept] as number;
  out.setInt32(start, ((0xc000 | message.nameAt) << 16) | TYPE_CNAME);
  // CLASS and TTL are those of the DNAME.
  for (let i = 4; i < 10; i++) out.setUint8(start + i, octets[run + i] as number);
  out.setUint16(start + 10, length);
  for (let i = 0; i < length; i++) out.setUint8(start + HEAD + i, spelt[i] as number);
  message.at = start + HEAD + length;
  message.counts[SECTION_ANSWER] = (message.counts[SECTION_ANSWER] as number) + 1;
  goOnWith(message, start + HEAD);
  return true;
}

/** Whether the response has this DNAME already; notes that it soon has. */
function isRedirected(context: AnswerContext, entry: number): boolean {
  const { redirects } = context;
  for (let i = 0; i < context.redirectCount; i++) if (redirects[i] === entry) return true;
  redirects[context.redirectCount++] = entry;
  return false;
}

/** Puts an RRset that the response cannot do without. False if it does not fit: then TC is set. */
function putNeeded(context: AnswerContext, entry: number, owner: number): boolean {
  if (putRun(context.message, context.zones.words, context.hit.block, entry, owner)) return true;
  context.outcome.truncated = true;
  return false;
}
