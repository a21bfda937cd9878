import type { Address } from '../base/address.ts';
import { RCODE, TYPE } from '../wire/constants.ts';
import { LINKS, NODE } from '../zone/image.ts';
import { HIT } from '../zone/image-find.ts';
import { putAdditional, putSteered } from './additional.ts';
import { hasRecord, PUT, putChosen, putSignaturesOnly } from './chosen.ts';
import { type AnswerContext, NOTE, OUTCOME, type Outcome } from './context.ts';
import { deny, fail } from './deny.ts';
import { formsOf, putFilled, resolveFilled } from './filled.ts';
import { SECTION, takeBack } from './message.ts';
import { proveExpansion, putProofs } from './proof.ts';
import { isAlias, type Service, STEERED_KIND, STEERED_KINDS, steeredKind } from './service.ts';
import { clientOf, resolveSteered } from './steered.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { ANSWER: SECTION_ANSWER } = SECTION;
const { STEERED: OUTCOME_STEERED } = OUTCOME;
const { FAIL_OPEN: NOTE_FAIL_OPEN, NOT_READY: NOTE_NOT_READY, STALE: NOTE_STALE } = NOTE;
const { NOERROR: RCODE_NOERROR } = RCODE;
const { SERVICE: LINKS_SERVICE, TTL: LINKS_TTL } = LINKS;
const { A: TYPE_A, AAAA: TYPE_AAAA, ANY: TYPE_ANY, HTTPS: TYPE_HTTPS, RRSIG: TYPE_RRSIG } = TYPE;
const { LINKS: NODE_LINKS } = NODE;
const { WILDCARD: HIT_WILDCARD } = HIT;
const KINDS = STEERED_KINDS;
const { AAAA: KIND_AAAA, HTTPS: KIND_HTTPS } = STEERED_KIND;
const { CUT: PUT_CUT, UNSIGNED: PUT_UNSIGNED } = PUT;

/** Answers with what steering chooses for the client at a steered node. Returns the rcode. */
export function answerSteered(context: AnswerContext, node: number, resolver: Address): number {
  const { outcome, query, hit, message } = context;
  const { words } = context.zones;
  const links = hit.block + ((words[node + NODE_LINKS] as number) >>> 2);
  const named = words[links + LINKS_SERVICE] as number;
  const { ipv6Index } = context.services[named] as Service;
  const serviceIndex = query.qtype === TYPE_AAAA && ipv6Index >= 0 ? ipv6Index : named;
  const address = clientOf(context, resolver);
  if (!resolveSteered(context, serviceIndex, address, outcome, words[links + LINKS_TTL]))
    return notReady(context);
  noteScope(outcome, address !== resolver);
  const service = context.services[serviceIndex] as Service;
  const kind = kindAsked(query.qtype, service, outcome.linkIndex);
  if (!hasRecord(context, kind, outcome)) return deny(context, RCODE_NOERROR);
  if (!answers(query.qtype, service, outcome.linkIndex * KINDS + kind)) return deny(context, RCODE_NOERROR);
  const start = message.at;
  const before = message.counts[SECTION_ANSWER] as number;
  const put =
    query.qtype === TYPE_RRSIG
      ? putSignaturesOnly(context, node, kind, outcome, message.nameAt)
      : putChosen(context, node, kind, outcome, message.nameAt);
  if (put === PUT_UNSIGNED) {
    takeBack(message, start, before);
    return notReady(context);
  }
  finishChosen(context, put);
  // Its target is the name itself (RFC 9460 §4.1).
  if (kind === KIND_HTTPS && !outcome.truncated) putSteered(context, node, message.nameAt, false, resolver);
  return RCODE_NOERROR;
}

/** Answers with the RRset at `entry`, whose hints are filled for the client. Returns the rcode. */
export function answerFilled(context: AnswerContext, entry: number, resolver: Address): number {
  const { outcome, message, hit } = context;
  const forms = formsOf(context.zones.words, hit.block, entry);
  const address = clientOf(context, resolver);
  if (!resolveFilled(context, forms, address, outcome)) return notReady(context);
  noteScope(outcome, address !== resolver);
  const start = message.at;
  const before = message.counts[SECTION_ANSWER] as number;
  const put = putFilled(context, entry, forms, outcome, message.nameAt);
  if (put === PUT_UNSIGNED) {
    takeBack(message, start, before);
    return notReady(context);
  }
  finishChosen(context, put);
  const { qtype } = context.query;
  if (!outcome.truncated && qtype !== TYPE_ANY && qtype !== TYPE_RRSIG)
    putAdditional(context, entry, start, message.nameAt, resolver);
  return RCODE_NOERROR;
}

function noteScope(outcome: Outcome, usedEcs: boolean): void {
  outcome.usedEcs = usedEcs;
  if (!usedEcs) outcome.scopeLength = 0;
}

/** There is no table yet, or no signature: whoever validates must not see what there is. */
function notReady(context: AnswerContext): number {
  context.outcome.notes |= NOTE_NOT_READY;
  return fail(context);
}

/** Says what the answer is, once it was put. */
function finishChosen(context: AnswerContext, put: number): void {
  const { outcome, popState, stale, hit } = context;
  outcome.kind = OUTCOME_STEERED;
  if (stale[0] !== 0) outcome.notes |= NOTE_STALE;
  if (popState[outcome.popIndex] !== 0) outcome.notes |= NOTE_FAIL_OPEN;
  if (put === PUT_CUT) outcome.truncated = true;
  else if (context.secure && hit.kind === HIT_WILDCARD) proveExpansion(context);
  putProofs(context);
}

/** Whether a record answers a type: an alias answers all (RFC 1034 §4.3.2 step 3a). */
function answers(qtype: number, service: Service, record: number): boolean {
  const isMade =
    qtype === TYPE_A ||
    qtype === TYPE_AAAA ||
    qtype === TYPE_HTTPS ||
    qtype === TYPE_ANY ||
    qtype === TYPE_RRSIG;
  return isMade || isAlias(service, record);
}

/** The `STEERED_KIND` that answers; signatures are those over A, or over AAAA where there is no A. */
function kindAsked(qtype: number, { sizes }: Service, linkIndex: number): number {
  return qtype === TYPE_RRSIG && sizes[linkIndex * KINDS] === 0 ? KIND_AAAA : steeredKind(qtype);
}
