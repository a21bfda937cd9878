import { permits } from '../base/access-list.ts';
import { EDE_PROHIBITED, EDE_STALE, RCODE } from '../wire/constants.ts';
import { addExtendedError, addPadding, EDE_SIZE, optSize, writeOpt } from '../wire/edns.ts';
import { viewOf } from '../wire/packet.ts';
import { HEADER_SIZE, QUERY, readQuery } from '../wire/query.ts';
import { type AnswerContext, type Client, OUTCOME, TRANSPORT, transportValue } from './context.ts';
import { SECTION } from './message.ts';
import { answerQuestion } from './question.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { HTTPS: TRANSPORT_HTTPS, TLS: TRANSPORT_TLS, UDP: TRANSPORT_UDP } = TRANSPORT;
const { ADDITIONAL: SECTION_ADDITIONAL, ANSWER: SECTION_ANSWER, AUTHORITY: SECTION_AUTHORITY } = SECTION;
const {
  DROPPED: OUTCOME_DROPPED,
  REFUSED: OUTCOME_REFUSED,
  REJECTED: OUTCOME_REJECTED,
  STEERED: OUTCOME_STEERED,
} = OUTCOME;
const {
  BADVERS: RCODE_BADVERS,
  FORMERR: RCODE_FORMERR,
  NOTIMP: RCODE_NOTIMP,
  REFUSED: RCODE_REFUSED,
} = RCODE;
const {
  BAD_VERSION: QUERY_BAD_VERSION,
  DROP: QUERY_DROP,
  OK: QUERY_OK,
  UNKNOWN_OPCODE: QUERY_UNKNOWN_OPCODE,
} = QUERY;
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
  outcome.serviceIndex = -1;
  outcome.scopeLength = 0;
  outcome.usedEcs = false;
  if (status === QUERY_DROP || client.port === 0) {
    outcome.kind = OUTCOME_DROPPED;
    return 0;
  }
  outcome.kind = OUTCOME_REJECTED;
  outcome.qtype = view.questionEnd > HEADER ? view.qtype : 0;
  begin(context, packet, viewOf(views, out));
  if (status !== QUERY_OK) outcome.rcode = rejectionOf(status);
  else if (client.access === undefined || permits(client.access, client.address))
    outcome.rcode = answerQuestion(context, client.address);
  else outcome.rcode = prohibit(outcome);
  return finish(context, packet);
}

function prohibit(outcome: AnswerContext['outcome']): number {
  outcome.kind = OUTCOME_REFUSED;
  outcome.prohibited = true;
  return RCODE_REFUSED;
}

function rejectionOf(status: number): number {
  if (status === QUERY_UNKNOWN_OPCODE) return RCODE_NOTIMP;
  return status === QUERY_BAD_VERSION ? RCODE_BADVERS : RCODE_FORMERR;
}

/** Copies the question, as it was spelt, and sets the limit so that there is always room for OPT. */
function begin(context: AnswerContext, packet: DataView, out: DataView): void {
  const { query: view, message, outcome } = context;
  const end = view.questionEnd;
  let at = HEADER;
  for (; at + 4 <= end; at += 4) out.setInt32(at, packet.getInt32(at));
  for (; at < end; at++) out.setUint8(at, packet.getUint8(at));
  const { edns } = view;
  const { transport } = outcome;
  const isDatagram = transport === TRANSPORT_UDP;
  // Only the time of a TCP connection is told (RFC 7828 §3.2.2), not that of one which HTTP looks after.
  // Options of a later EDNS version are not read.
  if (isDatagram || transport === TRANSPORT_HTTPS || edns.version !== 0) edns.keepaliveTenths = -1;
  else if (edns.keepaliveTenths >= 0) edns.keepaliveTenths = context.tcpIdleTenths;
  let limit = UDP_SIZE_PLAIN;
  if (!isDatagram) limit = STREAM_SIZE_MAX;
  else if (edns.present) limit = Math.min(Math.max(edns.udpSize, UDP_SIZE_PLAIN), context.udpSizeMax);
  message.out = out;
  message.at = end;
  message.limit = Math.min(limit, out.byteLength) - optSize(edns);
  message.section = SECTION_ANSWER;
  message.name = view.qname;
  message.nameAt = HEADER;
  const { counts } = message;
  counts[SECTION_ANSWER] = 0;
  counts[SECTION_AUTHORITY] = 0;
  counts[SECTION_ADDITIONAL] = 0;
  context.authoritative = false;
  context.redirectCount = 0;
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
    if (outcome.prohibited) end = say(EDE_PROHIBITED, context, opt, end);
    else if (context.stale[0] !== 0 && outcome.kind === OUTCOME_STEERED)
      end = say(EDE_STALE, context, opt, end);
    // Last, for it takes what room there is; never where others read along (RFC 7830 §6).
    if (edns.padded && outcome.transport >= TRANSPORT_TLS)
      end = addPadding(out, opt, end, message.limit + optSize(edns));
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

/** Says why in an extended error, where there is room: nothing else gives way for it. */
function say(code: number, { message, query }: AnswerContext, opt: number, end: number): number {
  if (end + EDE_SIZE > message.limit + optSize(query.edns)) return end;
  return addExtendedError(message.out, opt, end, code);
}
