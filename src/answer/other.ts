import { CLASS, RCODE, TYPE } from '../wire/constants.ts';
import { QUERY } from '../wire/query.ts';
import { apexOf, findZone } from '../zone/image-find.ts';
import { type AnswerContext, NOTE, OUTCOME } from './context.ts';
import { CLIENT_COOKIE_OCTETS, COOKIE } from './cookies.ts';
import { factNamed } from './facts.ts';
import { putRecord } from './message.ts';

/** What is answered beside questions of class IN: class CHAOS, NOTIFY, UPDATE, and what cannot be read. */

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { ANY: CLASS_ANY, CH: CLASS_CH, IN: CLASS_IN } = CLASS;
const { ANY: TYPE_ANY, SOA: TYPE_SOA, TXT: TYPE_TXT } = TYPE;
const { NOT_AUTHORITATIVE: NOTE_NOT_AUTHORITATIVE, PROHIBITED: NOTE_PROHIBITED } = NOTE;

/** Refuses, and says why in an extended error: `note` is a `NOTE` bit. */
export function refuse({ outcome }: AnswerContext, note: number): number {
  outcome.kind = OUTCOME.REFUSED;
  outcome.notes |= note;
  return RCODE.REFUSED;
}

/** A question of another class than IN; of class ANY see `answerQuestion`. */
export function answerOtherClass(context: AnswerContext): number {
  const { query, facts, message, outcome } = context;
  const fact = query.qclass === CLASS_CH ? factNamed(facts, query.qname) : -1;
  const octets = fact < 0 ? 0 : (facts.sizes[fact] as number);
  // What is not to be said is refused, and so are other types (RFC 4892 §3 knows TXT alone).
  if (octets === 0 || (query.qtype !== TYPE_TXT && query.qtype !== TYPE_ANY)) {
    return refuse(context, fact < 0 ? NOTE_NOT_AUTHORITATIVE : NOTE_PROHIBITED);
  }
  outcome.kind = OUTCOME.ANSWER;
  context.authoritative = true;
  const from = facts.starts[fact] as number;
  if (!putRecord(message, facts.records, from, octets, 0, message.nameAt)) outcome.truncated = true;
  return RCODE.NOERROR;
}

/** The rcode for a message that is no question to be answered; `status` is a `QUERY` value. */
export function reject(context: AnswerContext, status: number): number {
  switch (status) {
    case QUERY.UNKNOWN_OPCODE:
      return RCODE.NOTIMP;
    case QUERY.BAD_VERSION:
      return RCODE.BADVERS;
    case QUERY.NOTIFY:
    case QUERY.UPDATE:
      return refuseChange(context);
    case QUERY.COOKIE_ONLY:
      return answerCookieOnly(context);
    default:
      return RCODE.FORMERR;
  }
}

/** A message without a question that has a cookie (RFC 7873 §5.4); where cookies are off it is malformed. */
function answerCookieOnly({ outcome, query }: AnswerContext): number {
  if (outcome.cookie === COOKIE.NONE) return RCODE.FORMERR;
  // Who sends no server's part wants one; who sends one wants to know whether it is good.
  const judged = query.edns.cookieSize > CLIENT_COOKIE_OCTETS && outcome.cookie !== COOKIE.GOOD;
  return judged ? RCODE.BADCOOKIE : RCODE.NOERROR;
}

/**
 * Nobody may change zones by messages, or says what has changed elsewhere, unless a transfer role says so,
 * and then another place answers: NOTAUTH for what is no zone of ours (RFC 2136 §3.1.1), else REFUSED.
 */
function refuseChange(context: AnswerContext): number {
  const { query, zones, hit } = context;
  const { qname, qtype, qclass } = query;
  if (qtype !== TYPE_SOA) return RCODE.FORMERR;
  const isZone =
    (qclass === CLASS_IN || qclass === CLASS_ANY) &&
    findZone(zones, qname, false, hit) &&
    ((zones.words[apexOf(hit.block, hit.shift)] as number) & 0xff) === qname.length;
  const rcode = refuse(context, isZone ? NOTE_PROHIBITED : NOTE_NOT_AUTHORITATIVE);
  return isZone ? rcode : RCODE.NOTAUTH;
}
