import type { Address } from '../base/address.ts';
import { TYPE } from '../wire/constants.ts';
import { HEADER_SIZE } from '../wire/query.ts';
import { BLOCK, CANDIDATES, FILLED, FORM, GAP_IPV6, RECORD_HEAD, RRSET } from '../zone/image.ts';
import { PUT } from './chosen.ts';
import type { AnswerContext, Outcome } from './context.ts';
import { addCount, copyWords, type Message, patchOwners, putSignature } from './message.ts';
import { isAlias, type Service, STEERED_KIND, STEERED_KINDS } from './service.ts';
import { resolveSteered } from './steered.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { CHAIN: BLOCK_CHAIN } = BLOCK;
const {
  HEAD: CANDIDATES_HEAD,
  OCTETS: CANDIDATES_OCTETS,
  SIGNATURES: CANDIDATES_SIGNATURES,
  WORDS: CANDIDATES_WORDS,
} = CANDIDATES;
const {
  CANDIDATES: FILLED_CANDIDATES,
  SERVICE: FILLED_SERVICE,
  TTL: FILLED_TTL,
  WORDS: FILLED_WORDS,
} = FILLED;
const { GAPS: FORM_GAPS, OCTETS: FORM_OCTETS, RUN: FORM_RUN, WORDS: FORM_WORDS } = FORM;
const { COUNT: RRSET_COUNT, RUN: RRSET_RUN } = RRSET;
const { CUT: PUT_CUT, UNSIGNED: PUT_UNSIGNED, WHOLE: PUT_WHOLE } = PUT;
const { A: KIND_A, AAAA: KIND_AAAA } = STEERED_KIND;
const { RRSIG: TYPE_RRSIG } = TYPE;
const KINDS = STEERED_KINDS;
const GAP_OF_IPV6 = GAP_IPV6;
const HEAD = RECORD_HEAD;
const HEAD_WORDS = HEAD / 4;
const HEADER = HEADER_SIZE;
/** Words of a candidate's times and signature, and of an IPv6 address. */
const CANDIDATE_WORDS = 18;
const IPV6_WORDS = 4;

/** The word at which the forms of an RRset begin whose hints are filled; `entry` is its entry. */
export function formsOf(words: Int32Array, block: number, entry: number): number {
  const run = block + ((words[entry + RRSET_RUN] as number) >>> 2);
  return block + ((words[run - 2] as number) >>> 2);
}

/** Decides whose addresses fill the hints for a client, as `resolveSteered`. */
export function resolveFilled(
  context: AnswerContext,
  forms: number,
  address: Address,
  outcome: Outcome,
): boolean {
  const { words } = context.zones;
  const ttl = words[forms + FILLED_TTL] as number;
  return resolveSteered(context, words[forms + FILLED_SERVICE] as number, address, outcome, ttl);
}

/**
 * Puts an RRset with its hints filled with the addresses of the link that was chosen, and its signatures if
 * they are asked for, or these alone if they are the question; its owner's name stands at `ownerAt`. Returns
 * a `PUT` value.
 */
export function putFilled(
  context: AnswerContext,
  entry: number,
  forms: number,
  chosen: Outcome,
  ownerAt: number,
): number {
  const { message, hit, query } = context;
  const { words } = context.zones;
  const { block } = hit;
  if (query.qtype === TYPE_RRSIG) return signFilled(context, forms, chosen, ownerAt);
  const service = context.services[chosen.serviceIndex] as Service;
  const ipv4 = addressOf(service, chosen.linkIndex, KIND_A);
  const ipv6 = addressOf(service, chosen.linkIndex, KIND_AAAA);
  const form = forms + FILLED_WORDS + ((ipv4 < 0 ? 0 : 1) | (ipv6 < 0 ? 0 : 2)) * FORM_WORDS;
  const { out, at: start } = message;
  const end = start + (words[form + FORM_OCTETS] as number);
  if (end > message.limit) return PUT_CUT;
  copyWords(out, start, end, words, block + ((words[form + FORM_RUN] as number) >>> 2));
  message.at = end;
  const count = words[entry + RRSET_COUNT] as number;
  addCount(message, count);
  if (ownerAt !== HEADER) patchOwners(out, start, count, ownerAt);
  setTtls(message, start, count, chosen.ttl);
  const gaps = block + ((words[form + FORM_GAPS] as number) >>> 2);
  for (let left = words[gaps] as number, at = gaps + 1; left > 0; left--, at++) {
    const gap = words[at] as number;
    const isIpv6 = (gap & GAP_OF_IPV6) !== 0;
    const to = start + (gap & (GAP_OF_IPV6 - 1));
    const from = isIpv6 ? ipv6 : ipv4;
    copyWords(out, to, to + (isIpv6 ? IPV6_WORDS * 4 : 4), service.records, from);
  }
  return context.secure ? signFilled(context, forms, chosen, ownerAt) : PUT_WHOLE;
}

/** The word at which a link's address begins; -1 if it has none. */
function addressOf(service: Service, linkIndex: number, kind: number): number {
  const record = linkIndex * KINDS + kind;
  if (service.sizes[record] === 0 || isAlias(service, record)) return -1;
  return (service.starts[record] as number) + HEAD_WORDS;
}

function setTtls({ out }: Message, start: number, count: number, ttl: number): void {
  let at = start;
  for (let left = count; left > 0; left--) {
    out.setInt32(at + 6, ttl);
    at += HEAD + out.getUint16(at + 10);
  }
}

/** Puts the signatures of every key. */
function signFilled(
  context: AnswerContext,
  forms: number,
  { linkIndex, ttl }: Outcome,
  ownerAt: number,
): number {
  const { words } = context.zones;
  const { block } = context.hit;
  const offset = words[forms + FILLED_CANDIDATES] as number;
  if (offset === 0 || words[block + BLOCK_CHAIN] === 0) return PUT_UNSIGNED;
  const first = block + (offset >>> 2);
  const keys = words[first] as number;
  for (let key = 0; key < keys; key++) {
    const at = first + 1 + key * CANDIDATES_WORDS;
    const head = block + ((words[at + CANDIDATES_HEAD] as number) >>> 2);
    const signature =
      block + ((words[at + CANDIDATES_SIGNATURES] as number) >>> 2) + linkIndex * CANDIDATE_WORDS;
    if (words[signature] === 0) return PUT_UNSIGNED;
    const octets = words[at + CANDIDATES_OCTETS] as number;
    if (!putSignature(context.message, words, head, octets, signature, ttl, ownerAt)) return PUT_CUT;
  }
  return PUT_WHOLE;
}
