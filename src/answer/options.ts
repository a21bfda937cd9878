import type { Address } from '../base/address.ts';
import { EDE, OPTION } from '../wire/constants.ts';
import { ASKED, addPadding } from '../wire/edns.ts';
import { type AnswerContext, TRANSPORT } from './context.ts';
import { COOKIE, COOKIE_MALFORMED, judgeCookie } from './cookies.ts';

/**
 * The options of a response that few queries ask for, or few answers need. A query without them passes by
 * with one test.
 */

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { COOKIE: ASKED_COOKIE, KEEPALIVE: ASKED_KEEPALIVE, NSID: ASKED_NSID, PADDING: ASKED_PADDING } = ASKED;
const { COOKIE: OPTION_COOKIE, KEEPALIVE: OPTION_KEEPALIVE } = OPTION;
const { TCP: TRANSPORT_TCP, TLS: TRANSPORT_TLS } = TRANSPORT;
const { NONE: COOKIE_NONE } = COOKIE;
const MALFORMED = COOKIE_MALFORMED;

/** Octets of the keepalive option of a response (RFC 7828 §3.1), and of a cookie with both its parts. */
const KEEPALIVE_SIZE = 6;
const COOKIE_SIZE = 28;
/** Octets of an OPT record before RDLENGTH, and of an option before its data. */
const RDLENGTH_AT = 9;
const OPTION_HEAD = 4;

/** Extended errors as they stand in OPT, by the number of their bit in `NOTE`. */
const ERRORS: readonly Uint8Array[] = [
  extendedError(EDE.STALE, ''),
  extendedError(EDE.OTHER, 'every POP is out of service: answered as if all served'),
  extendedError(EDE.NOT_READY, ''),
  extendedError(EDE.PROHIBITED, ''),
  extendedError(EDE.NOT_AUTHORITATIVE, ''),
];

function extendedError(code: number, text: string): Uint8Array {
  const octets = new TextEncoder().encode(text);
  return Uint8Array.from([0, OPTION.EDE, 0, 2 + octets.length, 0, code, ...octets]);
}

/**
 * Looks at the options that are asked for, judges a cookie, and returns the octets to keep free for what
 * answers them; -1 if the cookie is malformed: then no option is answered. Bits of `asked` that are not
 * answered are taken away.
 */
export function prepareAsked(context: AnswerContext, packet: DataView, address: Address): number {
  const { outcome, query, cookies, facts } = context;
  const { edns } = query;
  let octets = 0;
  if ((edns.asked & ASKED_COOKIE) !== 0) {
    const verdict = judgeCookie(cookies, packet, edns.cookieAt, edns.cookieSize, address);
    if (verdict === MALFORMED) {
      edns.asked = 0;
      return -1;
    }
    outcome.cookie = verdict;
    if (verdict === COOKIE_NONE) edns.asked &= ~ASKED_COOKIE;
    else octets += COOKIE_SIZE;
  }
  if ((edns.asked & ASKED_KEEPALIVE) !== 0) {
    // Only the time of a TCP or TLS connection is told (RFC 7828 §3.2.2): HTTP looks after its own.
    const told = outcome.transport === TRANSPORT_TCP || outcome.transport === TRANSPORT_TLS;
    if (told) octets += KEEPALIVE_SIZE;
    else edns.asked &= ~ASKED_KEEPALIVE;
  }
  if ((edns.asked & ASKED_NSID) !== 0) octets += facts.nsid.length;
  return octets;
}

/**
 * Adds to the OPT record that begins at `opt` and ends at `at` what was prepared, and then what may be said
 * where there is room below `limit`: extended errors, where to report errors to. Nothing gives way for those.
 * Returns the offset after it.
 */
export function addOptions(
  context: AnswerContext,
  packet: DataView,
  opt: number,
  at: number,
  limit: number,
): number {
  const { outcome, query, cookies, facts, message } = context;
  const { out } = message;
  const { asked, cookieAt } = query.edns;
  let end = at;
  if ((asked & ASKED_COOKIE) !== 0) {
    const { made } = cookies;
    out.setInt32(end, (OPTION_COOKIE << 16) | (COOKIE_SIZE - OPTION_HEAD));
    out.setInt32(end + 4, packet.getInt32(cookieAt));
    out.setInt32(end + 8, packet.getInt32(cookieAt + 4));
    for (let i = 0; i < 4; i++) out.setInt32(end + 12 + i * 4, made[i] as number, true);
    end += COOKIE_SIZE;
  }
  if ((asked & ASKED_KEEPALIVE) !== 0) {
    out.setInt32(end, (OPTION_KEEPALIVE << 16) | 2);
    out.setUint16(end + 4, context.tcpIdleTenths);
    end += KEEPALIVE_SIZE;
  }
  if ((asked & ASKED_NSID) !== 0) end = putOctets(out, end, facts.nsid, limit);
  for (let bit = 0, notes = outcome.notes; notes !== 0; bit++, notes >>= 1)
    if ((notes & 1) !== 0) end = putOctets(out, end, ERRORS[bit] as Uint8Array, limit);
  end = putOctets(out, end, facts.reportChannel, limit);
  out.setUint16(opt + RDLENGTH_AT, out.getUint16(opt + RDLENGTH_AT) + end - at);
  // Last, for it takes what room there is; never where others read along (RFC 7830 §6).
  const padded = (asked & ASKED_PADDING) !== 0 && outcome.transport >= TRANSPORT_TLS;
  return padded ? addPadding(out, opt, end, limit) : end;
}

/** Puts all of the octets, or none where they do not fit. */
function putOctets(out: DataView, at: number, octets: Uint8Array, limit: number): number {
  const { length } = octets;
  if (at + length > limit) return at;
  for (let i = 0; i < length; i++) out.setUint8(at + i, octets[i] as number);
  return at + length;
}
