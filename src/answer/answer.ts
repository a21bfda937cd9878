import { permits } from '../base/access-list.ts';
import type { Address } from '../base/address.ts';
import { RCODE } from '../wire/constants.ts';
import { optSize, writeOpt } from '../wire/edns.ts';
import { viewOf } from '../wire/packet.ts';
import { HEADER_SIZE, QUERY, readQuery } from '../wire/query.ts';
import { type AnswerContext, type Client, NOTE, OUTCOME, TRANSPORT, transportValue } from './context.ts';
import { COOKIE } from './cookies.ts';
import { SECTION } from './message.ts';
import { addOptions, prepareAsked } from './options.ts';
import { refuse, reject } from './other.ts';
import { answerQuestion } from './question.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { UDP: TRANSPORT_UDP } = TRANSPORT;
const { ADDITIONAL: SECTION_ADDITIONAL, ANSWER: SECTION_ANSWER, AUTHORITY: SECTION_AUTHORITY } = SECTION;
const { DROPPED: OUTCOME_DROPPED, REJECTED: OUTCOME_REJECTED } = OUTCOME;
const { BAD: COOKIE_BAD, NONE: COOKIE_NONE } = COOKIE;
const { PROHIBITED: NOTE_PROHIBITED } = NOTE;
const { BADCOOKIE: RCODE_BADCOOKIE } = RCODE;
const { DROP: QUERY_DROP, MALFORMED: QUERY_MALFORMED, OK: QUERY_OK } = QUERY;
const HEADER = HEADER_SIZE;

const UDP_SIZE_PLAIN = 512;
const STREAM_SIZE_MAX = 65_535;

/**
 * Answers one message: writes the response into `out`, which must hold at least 512 octets and is never
 * `query`'s memory, and returns its length; 0 says nothing. What was decided is left in `context.outcome`.
 */
export function answer(
  context: AnswerContext,
  query: Uint8Array,
  length: number,
  client: Client,
  out: Uint8Array,
): number {
  const { outcome, query: view, views } = context;
  const packet = viewOf(views, query);
  const status = readQuery(view, packet, length);
  outcome.transport = client.transport === 'udp' ? TRANSPORT_UDP : transportValue(client.transport);
  outcome.truncated = false;
  outcome.prohibited = false;
  outcome.cookie = COOKIE_NONE;
  outcome.notes = 0;
  outcome.serviceIndex = -1;
  outcome.scopeLength = 0;
  outcome.usedEcs = false;
  outcome.steeredBeside = false;
  if (status === QUERY_DROP || client.port === 0) {
    outcome.kind = OUTCOME_DROPPED;
    return 0;
  }
  outcome.kind = OUTCOME_REJECTED;
  outcome.qtype = view.questionEnd > HEADER ? view.qtype : 0;
  const sound = begin(context, packet, viewOf(views, out), client.address);
  if (status !== QUERY_OK || !sound) outcome.rcode = reject(context, sound ? status : QUERY_MALFORMED);
  else if (client.access !== undefined && !permits(client.access, client.address))
    outcome.rcode = prohibit(context);
  else if (outcome.cookie === COOKIE_BAD && context.insistsOnCookies && outcome.transport === TRANSPORT_UDP)
    outcome.rcode = RCODE_BADCOOKIE;
  else outcome.rcode = answerQuestion(context, client.address);
  return finish(context, packet);
}

function prohibit(context: AnswerContext): number {
  context.outcome.prohibited = true;
  return refuse(context, NOTE_PROHIBITED);
}

/**
 * Copies the question, as it was spelt, and sets the limit so that there is always room for OPT. False if the
 * query's cookie is malformed.
 */
function begin(context: AnswerContext, packet: DataView, out: DataView, address: Address): boolean {
  const { query: view, message, outcome } = context;
  const end = view.questionEnd;
  let at = HEADER;
  // Of one order of octets as of the other: the machine's own costs nothing.
  for (; at + 4 <= end; at += 4) out.setInt32(at, packet.getInt32(at, true), true);
  for (; at < end; at++) out.setUint8(at, packet.getUint8(at));
  const { edns } = view;
  let limit = UDP_SIZE_PLAIN;
  if (outcome.transport !== TRANSPORT_UDP) limit = STREAM_SIZE_MAX;
  else if (edns.present) limit = Math.min(Math.max(edns.udpSize, UDP_SIZE_PLAIN), context.udpSizeMax);
  message.out = out;
  message.at = end;
  message.optRoom = optSize(edns);
  const asked = edns.asked === 0 ? 0 : prepareAsked(context, packet, address);
  if (asked > 0) message.optRoom += asked;
  message.limit = Math.min(limit, out.byteLength) - message.optRoom;
  message.section = SECTION_ANSWER;
  message.name = view.qname;
  message.nameAt = HEADER;
  const { counts } = message;
  counts[SECTION_ANSWER] = 0;
  counts[SECTION_AUTHORITY] = 0;
  counts[SECTION_ADDITIONAL] = 0;
  context.authoritative = false;
  context.redirectCount = 0;
  return asked >= 0;
}

/** Adds OPT if the query had one, and writes the header. Returns the length. */
function finish(context: AnswerContext, packet: DataView): number {
  const { outcome, query: view, message } = context;
  const { edns } = view;
  const { rcode } = outcome;
  const { out, counts } = message;
  let end = message.at;
  let additional = counts[SECTION_ADDITIONAL] as number;
  if (edns.present) {
    const opt = end;
    end = writeOpt(out, opt, edns, context.udpSizeMax, rcode, outcome.scopeLength);
    if (edns.asked !== 0 || outcome.notes !== 0 || context.facts.reportChannel.length > 0)
      end = addOptions(context, packet, opt, end, message.limit + message.optRoom);
    additional++;
  }
  // ID, QR, the query's opcode and RD. RA, Z, AD are 0, and so is CD in an authoritative response (RFC 4035
  // §3.1.6).
  const kept = packet.getInt32(0) & 0xffff_7900;
  const flags = 0x8000 | (context.authoritative ? 0x0400 : 0) | (outcome.truncated ? 0x0200 : 0);
  out.setInt32(0, kept | flags | (rcode & 15));
  const question = view.questionEnd > HEADER ? 1 : 0;
  out.setInt32(4, (question << 16) | (counts[SECTION_ANSWER] as number));
  out.setInt32(8, ((counts[SECTION_AUTHORITY] as number) << 16) | additional);
  return end;
}
