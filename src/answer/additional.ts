import type { Address } from '../base/address.ts';
import { ADDITIONAL, LINKS, NODE, RRSET, RRSET_FLAG } from '../zone/image.ts';
import { hasRecord, PUT, putChosen } from './chosen.ts';
import type { AnswerContext } from './context.ts';
import { formsOf, putFilled, resolveFilled } from './filled.ts';
import { putRun, SECTION, takeBack } from './message.ts';
import { trySignSet } from './proof.ts';
import { isAlias, type Service, STEERED_KIND, STEERED_KINDS } from './service.ts';
import { clientOf, resolveSteered } from './steered.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { ADDITIONAL: RRSET_FLAG_ADDITIONAL, FILLED: RRSET_FLAG_FILLED } = RRSET_FLAG;
const {
  A: ADDITIONAL_A,
  AAAA: ADDITIONAL_AAAA,
  FROM: ADDITIONAL_FROM,
  NAME: ADDITIONAL_NAME,
  OTHER: ADDITIONAL_OTHER,
  REQUIRED: ADDITIONAL_REQUIRED,
  SELF: ADDITIONAL_SELF,
  SERVICE_BINDING: ADDITIONAL_SERVICE_BINDING,
  STEER: ADDITIONAL_STEER,
  WORDS: ADDITIONAL_WORDS,
} = ADDITIONAL;
const { ADDITIONAL: SECTION_ADDITIONAL } = SECTION;
const { SERVICE: LINKS_SERVICE, TTL: LINKS_TTL } = LINKS;
const { LINKS: NODE_LINKS } = NODE;
const { RUN: RRSET_RUN } = RRSET;
const { WHOLE: PUT_WHOLE } = PUT;
const { A: KIND_A, AAAA: KIND_AAAA, HTTPS: KIND_HTTPS } = STEERED_KIND;
const KINDS = STEERED_KINDS;

/** How far a pointer reaches (RFC 1035 §4.1.4). */
const POINTER_MAX = 0x3fff;

/**
 * Puts addresses of what the RRset at `entry` names, whose run was copied to `start` and whose owner's name
 * stands at `ownerAt`; of SVCB, HTTPS and NAPTR the records that these lead to as well. What does not fit is
 * left out; only glue that a referral needs sets TC (RFC 9471).
 */
export function putAdditional(
  context: AnswerContext,
  entry: number,
  start: number,
  ownerAt: number,
  resolver: Address,
): void {
  const { words } = context.zones;
  if (((words[entry] as number) & RRSET_FLAG_ADDITIONAL) === 0) return;
  const { furtherAt, hit, message } = context;
  const { block } = hit;
  message.section = SECTION_ADDITIONAL;
  const run = block + ((words[entry + RRSET_RUN] as number) >>> 2);
  const list = block + ((words[run - 1] as number) >>> 2);
  const count = words[list] as number;
  let at = list + 1;
  for (let i = 0; i < count; i++) {
    furtherAt[i] = -1;
    const from = words[at + ADDITIONAL_FROM] as number;
    const base = from === 0 ? start : (furtherAt[from - 1] as number);
    const name = words[at + ADDITIONAL_NAME] as number;
    if (base >= 0 && !putTarget(context, i, at, name === ADDITIONAL_SELF ? ownerAt : base + name, resolver)) {
      if (words[at + ADDITIONAL_REQUIRED] === 1) {
        context.outcome.truncated = true;
        return;
      }
    }
    at += ADDITIONAL_WORDS;
  }
}

/** Puts what is listed of one target, whose name stands at `owner`. False if not all of it fits. */
function putTarget(
  context: AnswerContext,
  index: number,
  at: number,
  owner: number,
  resolver: Address,
): boolean {
  // A name further back than pointers reach is one of hundreds: the addresses are left out.
  if (owner > POINTER_MAX) return false;
  const { hit, message, furtherAt } = context;
  const { words } = context.zones;
  const other = words[at + ADDITIONAL_OTHER] as number;
  if (other !== 0) {
    const start = message.at;
    const entry = hit.block + (other >>> 2);
    const isFilled = ((words[entry] as number) & RRSET_FLAG_FILLED) !== 0;
    const isThere = isFilled
      ? putFilledBeside(context, entry, owner, resolver)
      : putSet(context, other, owner);
    if (isThere) furtherAt[index] = start;
  }
  const steer = words[at + ADDITIONAL_STEER] as number;
  if (steer !== 0) {
    const node = hit.block + (steer >>> 2);
    return putSteered(context, node, owner, words[at + ADDITIONAL_SERVICE_BINDING] === 1, resolver);
  }
  return (
    putSet(context, words[at + ADDITIONAL_A] as number, owner) &&
    putSet(context, words[at + ADDITIONAL_AAAA] as number, owner)
  );
}

/** Puts one RRset of the name that stands at `owner`; offset 0 is none. */
function putSet(context: AnswerContext, offset: number, owner: number): boolean {
  if (offset === 0) return true;
  const { block } = context.hit;
  const entry = block + (offset >>> 2);
  if (!putRun(context.message, context.zones.words, block, entry, owner)) return false;
  if (context.secure) trySignSet(context, entry, owner);
  return true;
}

/**
 * Puts into the additional section the addresses that the client would get for a steered node, its name
 * standing at `owner`, and its HTTPS record if that is wanted. False if they do not fit.
 */
export function putSteered(
  context: AnswerContext,
  node: number,
  owner: number,
  withHttps: boolean,
  resolver: Address,
): boolean {
  const { words } = context.zones;
  const links = context.hit.block + ((words[node + NODE_LINKS] as number) >>> 2);
  const named = words[links + LINKS_SERVICE] as number;
  const { ipv6Index } = context.services[named] as Service;
  const ttl = words[links + LINKS_TTL] as number;
  context.message.section = SECTION_ADDITIONAL;
  if (!choose(context, named, ttl, resolver)) return true;
  if (!putKind(context, node, KIND_A, owner)) return false;
  if (withHttps && !putKind(context, node, KIND_HTTPS, owner)) return false;
  if (ipv6Index >= 0 && ipv6Index !== named && !choose(context, ipv6Index, ttl, resolver)) return true;
  return putKind(context, node, KIND_AAAA, owner);
}

/** Puts an RRset whose hints are filled for the client, whole, or leaves it out. */
function putFilledBeside(context: AnswerContext, entry: number, owner: number, resolver: Address): boolean {
  const { beside, hit, message } = context;
  const forms = formsOf(context.zones.words, hit.block, entry);
  if (!resolveFilled(context, forms, clientOf(context, resolver), beside)) return false;
  const { at } = message;
  const count = message.counts[SECTION_ADDITIONAL] as number;
  const put = putFilled(context, entry, forms, beside, owner);
  if (put === PUT_WHOLE) noteBeside(context);
  else takeBack(message, at, count);
  return put === PUT_WHOLE;
}

function choose(context: AnswerContext, serviceIndex: number, ttl: number, resolver: Address): boolean {
  return resolveSteered(context, serviceIndex, clientOf(context, resolver), context.beside, ttl);
}

/** Puts what was decided last, whole, or leaves it out; false if it does not fit. */
function putKind(context: AnswerContext, node: number, kind: number, owner: number): boolean {
  const { beside, message } = context;
  const service = context.services[beside.serviceIndex] as Service;
  // An alias is no address: whoever wants one asks for it.
  if (!hasRecord(context, kind, beside) || isAlias(service, beside.linkIndex * KINDS + kind)) return true;
  const { at } = message;
  const count = message.counts[SECTION_ADDITIONAL] as number;
  const put = putChosen(context, node, kind, beside, owner);
  if (put !== PUT_WHOLE) {
    takeBack(message, at, count);
    return false;
  }
  noteBeside(context);
  return true;
}

/** The response is for the clients alone that what was decided beside is for. */
function noteBeside({ beside, outcome, query: { edns } }: AnswerContext): void {
  outcome.steeredBeside = true;
  if (!edns.ecs || edns.ecsSourceLength === 0) return;
  outcome.usedEcs = true;
  if (beside.scopeLength > outcome.scopeLength) outcome.scopeLength = beside.scopeLength;
}
