import type { Address } from '../base/address.ts';
import { emptyAddress } from '../base/address.ts';
import { OPTION, TYPE } from './constants.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const {
  COOKIE: OPTION_COOKIE,
  ECS: OPTION_ECS,
  KEEPALIVE: OPTION_KEEPALIVE,
  NSID: OPTION_NSID,
  PADDING: OPTION_PADDING,
} = OPTION;
const { OPT: TYPE_OPT } = TYPE;

/** Options other than the client subnet that a query may have and a response answers, as bits of `asked`. */
export const ASKED = {
  /** How long a TCP connection may be idle (RFC 7828). */
  KEEPALIVE: 1,
  /** A cookie (RFC 7873). */
  COOKIE: 2,
  /** The name of the server (RFC 5001). */
  NSID: 4,
  /** Padding: the response is to be padded where it is encrypted (RFC 7830). */
  PADDING: 8,
} as const;
const { COOKIE: ASKED_COOKIE, KEEPALIVE: ASKED_KEEPALIVE, NSID: ASKED_NSID, PADDING: ASKED_PADDING } = ASKED;

/** Option code and length of padding, and what the length of a padded response is a multiple of, octets. */
const PADDING_HEAD = 4;
const PADDING_BLOCK = 468;

/** What the OPT record of a query says (RFC 6891), its client subnet (RFC 7871) included. Mutable, reused. */
export interface EdnsView {
  /** Whether the query has an OPT record. The other fields mean nothing without it. */
  present: boolean;
  version: number;
  /** Octets of UDP payload that the client takes. */
  udpSize: number;
  /** DO (RFC 3225). */
  dnssecOk: boolean;
  /** Whether there is a client subnet option. */
  ecs: boolean;
  /** Address family number: 1 IPv4, 2 IPv6; 0 only with source length 0. */
  ecsFamily: number;
  /** Prefix bits that the client gave: 0 means that its address must not be used (RFC 7871 §7.1.2). */
  ecsSourceLength: number;
  /** The address, host bits zero. */
  readonly ecsAddress: Address;
  /** `ASKED` bits: which other options there are. */
  asked: number;
  /** Where the cookie stands in the packet, and its octets, of any number; mean nothing without the bit. */
  cookieAt: number;
  cookieSize: number;
}

/** A view of a query without OPT. */
export function emptyEdnsView(): EdnsView {
  return {
    present: false,
    version: 0,
    udpSize: 0,
    dnssecOk: false,
    ecs: false,
    ecsFamily: 0,
    ecsSourceLength: 0,
    ecsAddress: emptyAddress(),
    asked: 0,
    cookieAt: 0,
    cookieSize: 0,
  };
}

/**
 * Reads the options between `at` and `end`. False if they are malformed: a length that runs over the end, a
 * client subnet that breaks RFC 7871 §6 (unknown family, source too long, scope not 0, wrong count of
 * octets, host bits set), or two of them. Of several cookies the first counts (RFC 7873 §5.2). Unknown
 * options are skipped (RFC 6891 §6.1.2).
 */
export function readOptions(view: EdnsView, packet: DataView, at: number, end: number): boolean {
  while (at < end) {
    if (at + 4 > end) return false;
    const head = packet.getInt32(at);
    const option = head >>> 16;
    const size = head & 0xffff;
    at += 4;
    if (at + size > end) return false;
    if (option === OPTION_ECS) {
      if (view.ecs || !readClientSubnet(view, packet, at, size)) return false;
    } else if (option <= OPTION_PADDING) readAsked(view, option, at, size);
    at += size;
  }
  return true;
}

/** Notes an option that is answered. */
function readAsked(view: EdnsView, option: number, at: number, size: number): void {
  if (option === OPTION_COOKIE) {
    if ((view.asked & ASKED_COOKIE) !== 0) return;
    view.asked |= ASKED_COOKIE;
    view.cookieAt = at;
    view.cookieSize = size;
  } else if (option === OPTION_NSID) view.asked |= ASKED_NSID;
  else if (option === OPTION_KEEPALIVE) view.asked |= ASKED_KEEPALIVE;
  else if (option === OPTION_PADDING) view.asked |= ASKED_PADDING;
}

/**
 * Octets of the OPT record that answers this query, without what `asked` stands for: 0 if the query has none.
 */
export function optSize(view: EdnsView): number {
  if (!view.present) return 0;
  return view.ecs ? 19 + ((view.ecsSourceLength + 7) >> 3) : 11;
}

/**
 * Writes the OPT record of a response at `at`, where there must be room: our UDP size, the upper bits of the
 * rcode, the client subnet given back with the scope of the answer (RFC 7871 §7.2.1). Returns the offset
 * after it; further options may be added there.
 */
export function writeOpt(
  out: DataView,
  at: number,
  view: EdnsView,
  udpSize: number,
  rcode: number,
  scopeLength: number,
): number {
  const optionsSize = optSize(view) - 11;
  // The root name, TYPE, CLASS; upper rcode, version 0, flags; RDLENGTH. Four octets at a time, one of them
  // twice.
  out.setInt32(at, (TYPE_OPT << 8) | (udpSize >> 8));
  out.setInt32(at + 4, (udpSize << 24) | ((rcode >> 4) << 16));
  out.setInt32(at + 7, (view.dnssecOk ? 0x8000_0000 : 0) | optionsSize);
  at += 11;
  if (optionsSize === 0) return at;
  const count = optionsSize - 8;
  out.setInt32(at, (OPTION_ECS << 16) | (4 + count));
  out.setInt32(at + 4, (view.ecsFamily << 16) | (view.ecsSourceLength << 8) | scopeLength);
  at += 8;
  const { octets } = view.ecsAddress;
  for (let i = 0; i < count; i++) out.setUint8(at + i, octets[i] as number);
  return at + count;
}

/**
 * Adds padding (RFC 7830) to the OPT record that begins at `opt` and ends the response at `at`, so that its
 * length becomes a multiple of 468 octets (RFC 8467 §4.1), or `limit`. Returns the offset after it.
 */
export function addPadding(out: DataView, opt: number, at: number, limit: number): number {
  const start = at + PADDING_HEAD;
  if (start > limit) return at;
  const end = Math.min(Math.ceil(start / PADDING_BLOCK) * PADDING_BLOCK, limit);
  out.setUint16(opt + 9, out.getUint16(opt + 9) + end - at);
  out.setInt32(at, (OPTION_PADDING << 16) | (end - start));
  for (let i = start; i < end; i++) out.setUint8(i, 0);
  return end;
}

function readClientSubnet(view: EdnsView, packet: DataView, at: number, size: number): boolean {
  if (size < 4) return false;
  const lead = packet.getInt32(at);
  const family = lead >>> 16;
  const sourceLength = (lead >>> 8) & 0xff;
  const count = (sourceLength + 7) >> 3;
  if ((lead & 0xff) !== 0 || size !== 4 + count) return false;
  const { ecsAddress } = view;
  const { octets } = ecsAddress;
  if (family === 1) {
    if (sourceLength > 32) return false;
    // The four octets that end with the prefix: the first of them are not the address's, if it is shorter.
    const address = count === 0 ? 0 : packet.getInt32(at + count) << ((4 - count) << 3);
    if (sourceLength < 32 && address << sourceLength !== 0) return false;
    octets[0] = address >>> 24;
    octets[1] = address >>> 16;
    octets[2] = address >>> 8;
    octets[3] = address;
    ecsAddress.family = 4;
  } else if (!readOther(ecsAddress, packet, at + 4, family, sourceLength)) return false;
  view.ecs = true;
  view.ecsFamily = family;
  view.ecsSourceLength = sourceLength;
  return true;
}

/** Reads what is not IPv4: IPv6, or the family 0 by which dig and older stubs say "no address at all". */
function readOther(
  into: Address,
  packet: DataView,
  at: number,
  family: number,
  sourceLength: number,
): boolean {
  if (family > 2 || sourceLength > (family === 2 ? 128 : 0)) return false;
  const { octets } = into;
  const count = (sourceLength + 7) >> 3;
  for (let i = 0; i < count; i++) octets[i] = packet.getUint8(at + i);
  for (let i = count; i < 16; i++) octets[i] = 0;
  into.family = family === 2 ? 6 : 4;
  const spare = count * 8 - sourceLength;
  return spare === 0 || ((octets[count - 1] as number) & ((1 << spare) - 1)) === 0;
}
