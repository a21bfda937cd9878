import { candidate, isTogether, type SteeringImage, startsOf } from '../steering/image.ts';
import { BLOCK, CANDIDATES, LINKS, NODE, SET_SLOT, SETS, setSlot } from '../zone/image.ts';
import type { AnswerContext, Outcome } from './context.ts';
import { putRecord, putSignature } from './message.ts';
import { isAlias, type Service, STEERED_KIND, STEERED_KINDS } from './service.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { CHAIN: BLOCK_CHAIN } = BLOCK;
const {
  ALIAS: CANDIDATES_ALIAS,
  ALIAS_IPV6: CANDIDATES_ALIAS_IPV6,
  HEAD: CANDIDATES_HEAD,
  KINDS: CANDIDATES_KINDS,
  OCTETS: CANDIDATES_OCTETS,
  SETS: CANDIDATES_SETS,
  SIGNATURES: CANDIDATES_SIGNATURES,
  WORDS: CANDIDATES_WORDS,
} = CANDIDATES;
const { CANDIDATES: LINKS_CANDIDATES } = LINKS;
const { LINKS: NODE_LINKS } = NODE;
const { MEMBERS: SETS_MEMBERS, SLOTS: SETS_SLOTS, WORDS: SETS_WORDS } = SETS;
const { MASK: SLOT_MASK, SIGNATURE: SLOT_SIGNATURE, WORDS: SLOT_WORDS } = SET_SLOT;
const { AAAA: KIND_AAAA, HTTPS: KIND_HTTPS } = STEERED_KIND;
const KINDS = STEERED_KINDS;

/** Words of a candidate's times and signature. */
const CANDIDATE_WORDS = 18;

/** What became of an RRset that steering chose. */
export const PUT = {
  WHOLE: 0,
  /** It does not fit, or its signatures do not: what did fit is there. */
  CUT: 1,
  /** It is not signed yet: whoever validates must not see what is there. */
  UNSIGNED: 2,
} as const;
const { CUT: PUT_CUT, UNSIGNED: PUT_UNSIGNED, WHOLE: PUT_WHOLE } = PUT;

/**
 * Puts the RRset that the steered node in hand has for a client, its owner's name standing at `ownerAt`: the
 * record of the link that was chosen, those of the others that the row's clients start from where the row
 * says so, and the signatures if they are asked for. `kind` is a `STEERED_KIND`; the link has such a record.
 * Returns a `PUT` value.
 */
export function putChosen(
  context: AnswerContext,
  node: number,
  kind: number,
  chosen: Outcome,
  ownerAt: number,
): number {
  const { message, table, hit } = context;
  const { words } = context.zones;
  const service = context.services[chosen.serviceIndex] as Service;
  const record = chosen.linkIndex * KINDS + kind;
  const octets = service.sizes[record] as number;
  const { records, starts } = service;
  if (!putRecord(message, records, starts[record] as number, octets, chosen.ttl, ownerAt)) return PUT_CUT;
  const isSigned = words[hit.block + BLOCK_CHAIN] !== 0;
  let count = 0;
  // An HTTPS record is one way to the service, complete in itself; an alias stands alone (RFC 1034 §3.6.2).
  if (table !== undefined && kind !== KIND_HTTPS && isTogether(table.image, chosen.row)) {
    if (!isAlias(service, record)) count = gather(context, service, kind, chosen, table.image);
    // Of a signed zone an answer has what is signed together, else one address.
    if (isSigned && count > 0 && !isSetSigned(context, node, kind, chosen.linkIndex, count)) count = 0;
    for (let i = 0; i < count; i++) {
      const other = (context.company[i] as number) * KINDS + kind;
      const from = starts[other] as number;
      if (!putRecord(message, records, from, service.sizes[other] as number, chosen.ttl, ownerAt))
        return PUT_CUT;
    }
  }
  if (!context.secure) return PUT_WHOLE;
  return signChosen(context, node, kindOfSignature(service, record, kind), chosen, count, ownerAt);
}

/**
 * Whether the client gets a record of that kind: that of the link that was chosen, or where the row's clients
 * get several links in one answer, that of another, which then counts as chosen.
 */
export function hasRecord(context: AnswerContext, kind: number, chosen: Outcome): boolean {
  const { table, linkPop } = context;
  const service = context.services[chosen.serviceIndex] as Service;
  if (service.sizes[chosen.linkIndex * KINDS + kind] !== 0) return true;
  if (table === undefined || kind === KIND_HTTPS || !isTogether(table.image, chosen.row)) return false;
  if (gather(context, service, kind, chosen, table.image) === 0) return false;
  chosen.linkIndex = context.company[0] as number;
  chosen.popIndex = linkPop[chosen.linkIndex] as number;
  return true;
}

/**
 * Puts the signatures over what `putChosen` would put, all that there is of type RRSIG at a steered node
 * (as RFC 8482 §4.1 has it for ANY: those of one RRset). Returns a `PUT` value.
 */
export function putSignaturesOnly(
  context: AnswerContext,
  node: number,
  kind: number,
  chosen: Outcome,
  ownerAt: number,
): number {
  const service = context.services[chosen.serviceIndex] as Service;
  const signed = kindOfSignature(service, chosen.linkIndex * KINDS + kind, kind);
  return signChosen(context, node, signed, chosen, 0, ownerAt);
}

/** By which candidates' signatures a record is signed. */
function kindOfSignature(service: Service, record: number, kind: number): number {
  if (!isAlias(service, record)) return kind;
  return kind === KIND_AAAA ? CANDIDATES_ALIAS_IPV6 : CANDIDATES_ALIAS;
}

/**
 * Notes the other links that the row's clients start from and whose POP is up, or with none up all, as the
 * chosen one is answered then too. Returns how many.
 */
function gather(
  { popState, linkPop, company }: AnswerContext,
  service: Service,
  kind: number,
  { row, linkIndex, popIndex }: Outcome,
  image: SteeringImage,
): number {
  const starts = startsOf(image, row);
  const isOpen = Atomics.load(popState, popIndex) !== 0;
  let count = 0;
  for (let k = 0; k < starts; k++) {
    const link = candidate(image, row, k);
    if (link < 0 || link === linkIndex) continue;
    if (!isOpen && Atomics.load(popState, linkPop[link] as number) !== 0) continue;
    const record = link * KINDS + kind;
    if (service.sizes[record] === 0 || isAlias(service, record)) continue;
    company[count++] = link;
  }
  return count;
}

/** Puts the signatures of every key over the link's record, or with others over the set. */
function signChosen(
  context: AnswerContext,
  node: number,
  kind: number,
  { linkIndex, ttl }: Outcome,
  others: number,
  ownerAt: number,
): number {
  const { words } = context.zones;
  const { message } = context;
  const { block } = context.hit;
  const first = candidatesOf(words, block, node);
  if (first === 0) return PUT_UNSIGNED;
  const keys = words[first] as number;
  for (let key = 0; key < keys; key++) {
    const at = first + 1 + (key * CANDIDATES_KINDS + kind) * CANDIDATES_WORDS;
    const octets = words[at + CANDIDATES_OCTETS] as number;
    if (octets === 0) return PUT_UNSIGNED;
    const head = block + ((words[at + CANDIDATES_HEAD] as number) >>> 2);
    const signature =
      others > 0
        ? signatureOfSet(context, at, linkIndex, others)
        : block + ((words[at + CANDIDATES_SIGNATURES] as number) >>> 2) + linkIndex * CANDIDATE_WORDS;
    if (words[signature] === 0) return PUT_UNSIGNED;
    if (!putSignature(message, words, head, octets, signature, ttl, ownerAt)) return PUT_CUT;
  }
  return PUT_WHOLE;
}

/** Whether every key has signed the link's record with those of the noted ones. */
function isSetSigned(
  context: AnswerContext,
  node: number,
  kind: number,
  linkIndex: number,
  others: number,
): boolean {
  const { words } = context.zones;
  const first = candidatesOf(words, context.hit.block, node);
  if (first === 0) return false;
  const keys = words[first] as number;
  for (let key = 0; key < keys; key++) {
    const at = first + 1 + (key * CANDIDATES_KINDS + kind) * CANDIDATES_WORDS;
    if (signatureOfSet(context, at, linkIndex, others) === 0) return false;
  }
  return true;
}

/** The word at which the signature over a set begins; 0 if it is not signed. */
function signatureOfSet(context: AnswerContext, at: number, linkIndex: number, others: number): number {
  const { company, hit } = context;
  const { words } = context.zones;
  const { block } = hit;
  const offset = words[at + CANDIDATES_SETS] as number;
  if (offset === 0) return 0;
  const sets = block + (offset >>> 2);
  let mask = bitOf(words, sets, linkIndex);
  if (mask === 0) return 0;
  for (let i = 0; i < others; i++) {
    const bit = bitOf(words, sets, company[i] as number);
    if (bit === 0) return 0;
    mask |= bit;
  }
  const slots = words[sets + SETS_SLOTS] as number;
  const first = sets + SETS_WORDS + (words[sets + SETS_MEMBERS] as number);
  // A quarter of the slots at least is free, so this ends.
  for (let slot = setSlot(mask, slots); ; slot = (slot + 1) & (slots - 1)) {
    const found = words[first + slot * SLOT_WORDS + SLOT_MASK] as number;
    if (found === 0) return 0;
    if (found === mask) return block + ((words[first + slot * SLOT_WORDS + SLOT_SIGNATURE] as number) >>> 2);
  }
}

/** The bit that stands for a link in the masks of sets; 0 if none does. */
function bitOf(words: Int32Array, sets: number, link: number): number {
  const members = words[sets + SETS_MEMBERS] as number;
  for (let i = 0; i < members; i++) if (words[sets + SETS_WORDS + i] === link) return 1 << i;
  return 0;
}

/** Word at which the signatures of a steered node's candidates begin; 0 without any. */
function candidatesOf(words: Int32Array, block: number, node: number): number {
  const links = block + ((words[node + NODE_LINKS] as number) >>> 2);
  const table = words[links + LINKS_CANDIDATES] as number;
  return table === 0 ? 0 : block + (table >>> 2);
}
