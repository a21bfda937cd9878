import type { Address } from '../base/address.ts';
import { CLASS, RCODE, TYPE } from '../wire/constants.ts';
import { NAME_MAX } from '../wire/name.ts';
import { indexName, type NameView } from '../wire/name-view.ts';
import { putFragment, putRecords, SECTION } from '../wire/writer.ts';
import type { RRset, Steer, Zone, ZoneNode } from '../zone/zone.ts';
import { findNode, findZone, HIT, rrsetOf } from '../zone/zone.ts';
import { type AnswerContext, CHAIN_MAX, OUTCOME } from './context.ts';
import { type Service, steeredFragment } from './service.ts';
import { resolveSteered } from './steered.ts';

/** Fills the sections of the response to a sound query (RFC 1034 §4.3.2) and returns its rcode. */
export function answerQuestion(context: AnswerContext, resolver: Address): number {
  const { query, outcome, hit } = context;
  const { qtype } = query;
  const zone = findZone(context.zones, query.qname, qtype === TYPE.DS);
  outcome.kind = OUTCOME.REFUSED;
  if (zone === undefined || query.qclass !== CLASS.IN) return RCODE.REFUSED;
  if (qtype === TYPE.AXFR || qtype === TYPE.IXFR) return RCODE.REFUSED;
  context.authoritative = true;
  outcome.kind = OUTCOME.ANSWER;
  let name = query.qname;
  let current: Zone | undefined = zone;
  for (let steps = 0; current !== undefined; steps++) {
    findNode(current, name, qtype === TYPE.DS, hit);
    const node = hit.node as ZoneNode;
    if (hit.kind === HIT.DELEGATION) return refer(context, node, steps);
    if (hit.kind === HIT.NXDOMAIN) return deny(context, current, RCODE.NXDOMAIN);
    const redirected = hit.kind === HIT.DNAME;
    const cname = redirected ? undefined : followed(node, qtype);
    if (!redirected && cname === undefined) return answerAt(context, current, name, node, resolver);
    if (steps === CHAIN_MAX || isLoop(context, name, steps)) break;
    const next: NameView | undefined =
      cname === undefined ? redirect(context, name, node, steps) : putAlias(context, name, cname);
    if (outcome.kind === OUTCOME.FAILED) return RCODE.YXDOMAIN;
    // The CNAME made from a DNAME is itself what these types ask for (RFC 6672 §3.2).
    if (next === undefined || (redirected && (qtype === TYPE.CNAME || qtype === TYPE.ANY))) break;
    name = next;
    // Outside our zones the resolver goes on by itself.
    current = findZone(context.zones, name, qtype === TYPE.DS);
  }
  return RCODE.NOERROR;
}

/**
 * The CNAME that a question of this type must follow from the node: not if the node has the type itself (RFC
 * 1034 §4.3.2 3a).
 */
function followed(node: ZoneNode, qtype: number): RRset | undefined {
  const { cname } = node;
  return cname === undefined || qtype === TYPE.ANY || rrsetOf(node, qtype) !== undefined ? undefined : cname;
}

/**
 * Notes `name` as the chain's next, and says whether the chain was there before. Equal hashes count as equal:
 * it only ends a chain.
 */
function isLoop(context: AnswerContext, name: NameView, steps: number): boolean {
  const { chain } = context;
  const hash = name.hashes[0] as number;
  for (let i = 0; i < steps; i++) if (chain[i] === hash) return true;
  chain[steps] = hash;
  return false;
}

function putAlias(context: AnswerContext, name: NameView, cname: RRset): NameView | undefined {
  if (putRecords(context.writer, name, cname.records)) return cname.target;
  context.outcome.truncated = true;
  return undefined;
}

/** The chain has ended at a node: its data, or NODATA. */
function answerAt(
  context: AnswerContext,
  zone: Zone,
  name: NameView,
  node: ZoneNode,
  resolver: Address,
): number {
  const { qtype } = context.query;
  const { steer } = node;
  if (
    steer !== undefined &&
    (qtype === TYPE.A || qtype === TYPE.AAAA || qtype === TYPE.HTTPS || qtype === TYPE.ANY)
  )
    return answerSteered(context, zone, name, steer, resolver);
  // ANY gets one RRset (RFC 8482 §4.1): docs/decisions/0005.
  const rrset = qtype === TYPE.ANY ? node.rrsets[0] : rrsetOf(node, qtype);
  if (rrset === undefined) return deny(context, zone, RCODE.NOERROR);
  if (putNeeded(context, name, rrset) && qtype !== TYPE.ANY) putAdditional(context, rrset);
  return RCODE.NOERROR;
}

function answerSteered(
  context: AnswerContext,
  zone: Zone,
  name: NameView,
  steer: Steer,
  resolver: Address,
): number {
  const { outcome, query, writer } = context;
  const { edns } = query;
  // Source length 0 asks not to be located; the resolver's own address is what is left (RFC 7871 §7.1.2).
  const usedEcs = edns.ecs && edns.ecsSourceLength > 0;
  const address = usedEcs ? edns.ecsAddress : resolver;
  if (!resolveSteered(context, steer.serviceIndex, address, outcome, steer.ttl)) {
    outcome.kind = OUTCOME.FAILED;
    outcome.scopeLength = 0;
    context.authoritative = false;
    return RCODE.SERVFAIL;
  }
  outcome.usedEcs = usedEcs;
  if (!usedEcs) outcome.scopeLength = 0;
  const service = context.services[steer.serviceIndex] as Service;
  const fragment = steeredFragment(service, query.qtype, outcome.linkIndex);
  if (fragment === undefined) return deny(context, zone, RCODE.NOERROR);
  outcome.kind = OUTCOME.STEERED;
  if (!putFragment(writer, name, fragment, outcome.ttl)) outcome.truncated = true;
  return RCODE.NOERROR;
}

/** NXDOMAIN or NODATA with the SOA that says for how long (RFC 2308 §3). */
function deny(context: AnswerContext, zone: Zone, rcode: number): number {
  const { outcome, writer } = context;
  outcome.kind = rcode === RCODE.NXDOMAIN ? OUTCOME.NXDOMAIN : OUTCOME.NODATA;
  writer.section = SECTION.AUTHORITY;
  putNeeded(context, zone.apex, zone.negativeSoa);
  return rcode;
}

/**
 * A referral to the zone below the cut. AA speaks of the first name of the chain (RFC 1035 §4.1.1): it stays
 * if that was ours.
 */
function refer(context: AnswerContext, cut: ZoneNode, steps: number): number {
  const { outcome, writer } = context;
  outcome.kind = OUTCOME.REFERRAL;
  if (steps === 0) context.authoritative = false;
  writer.section = SECTION.AUTHORITY;
  const delegation = cut.delegation as RRset;
  if (putNeeded(context, cut.name, delegation)) putAdditional(context, delegation);
  return RCODE.NOERROR;
}

/**
 * Puts the DNAME and the CNAME that follows from it for `name` (RFC 6672 §3.1). Returns the CNAME's target;
 * undefined ends the chain.
 */
function redirect(
  context: AnswerContext,
  name: NameView,
  node: ZoneNode,
  steps: number,
): NameView | undefined {
  const { writer, outcome } = context;
  const dname = node.dname as RRset;
  const suffix = dname.target as NameView;
  const kept = name.starts[name.labels - node.name.labels] as number;
  if (!hasWritten(context, dname) && !putNeeded(context, node.name, dname)) return undefined;
  if (kept + suffix.length > NAME_MAX) {
    outcome.kind = OUTCOME.FAILED;
    return undefined;
  }
  const { target, rrset } = context.syntheses[(steps & 1) as 0 | 1];
  for (let i = 0; i < kept; i++) target.octets[i] = name.octets[i] as number;
  for (let i = 0; i < suffix.length; i++) target.octets[kept + i] = suffix.octets[i] as number;
  indexName(target);
  const head = (rrset.records[0] as RRset['records'][number]).head;
  head[4] = dname.ttl >>> 24;
  head[5] = dname.ttl >>> 16;
  head[6] = dname.ttl >>> 8;
  head[7] = dname.ttl;
  if (putRecords(writer, name, rrset.records)) return target;
  outcome.truncated = true;
  return undefined;
}

/**
 * Addresses of what the RRset names. Those that do not fit are left out; only glue that a referral needs sets
 * TC (RFC 9471).
 */
function putAdditional(context: AnswerContext, rrset: RRset): void {
  const { additional } = rrset;
  if (additional.length === 0) return;
  const { writer, outcome } = context;
  writer.section = SECTION.ADDITIONAL;
  for (let pass = 0; pass < 2; pass++) {
    for (let i = 0; i < additional.length; i++) {
      const data = additional[i] as RRset['additional'][number];
      if (data.required !== (pass === 0)) continue;
      for (let k = 0; k < data.rrsets.length; k++) {
        const addresses = data.rrsets[k] as RRset;
        if (hasWritten(context, addresses)) continue;
        if (context.writtenCount === context.written.length) return;
        if (putRecords(writer, data.owner, addresses.records)) remember(context, addresses);
        else if (data.required) {
          outcome.truncated = true;
          return;
        }
      }
    }
  }
}

/** Puts an RRset that the response cannot do without. False if it does not fit: then TC is set. */
function putNeeded(context: AnswerContext, owner: NameView, rrset: RRset): boolean {
  if (!putRecords(context.writer, owner, rrset.records)) {
    context.outcome.truncated = true;
    return false;
  }
  remember(context, rrset);
  return true;
}

function hasWritten(context: AnswerContext, rrset: RRset): boolean {
  for (let i = 0; i < context.writtenCount; i++) if (context.written[i] === rrset) return true;
  return false;
}

function remember(context: AnswerContext, rrset: RRset): void {
  if (context.writtenCount < context.written.length) context.written[context.writtenCount++] = rrset;
}
