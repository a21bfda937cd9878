import type { Address } from '../base/address.ts';
import { emptyAddress } from '../base/address.ts';
import { OPTION, TYPE } from './constants.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { ECS: OPTION_ECS, EDE: OPTION_EDE, KEEPALIVE: OPTION_KEEPALIVE, PADDING: OPTION_PADDING } = OPTION;
const { OPT: TYPE_OPT } = TYPE;

/** Octets of the keepalive option of a response (RFC 7828 §3.1). */
const KEEPALIVE_SIZE = 6;
/** Option code and length of padding, and what the length of a padded response is a multiple of, octets. */
const PADDING_HEAD = 4;
const PADDING_BLOCK = 468;
/** Octets of an extended error without text. */
export const EDE_SIZE = 6;

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
  /**
   * -1: the query does not ask how long a TCP connection may be idle (RFC 7828). Else it does, and the
   * response says so many tenths of a second.
   */
  keepaliveTenths: number;
  /** Whether the query was padded (RFC 7830): then its response is to be, where nobody can read along. */
  padded: boolean;
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
    keepaliveTenths: -1,
    padded: false,
  };
}

/**
 * Reads the options between `at` and `end`. False if they are malformed: a length that runs over the end, or
 * a client subnet that breaks RFC 7871 §6 (unknown family, source too long, scope not 0, wrong count of
 * octets, host bits set), or two of them.
 */
export function readOptions(view: EdnsView, packet: DataView, at: number, end: number): boolean {
  view.keepaliveTenths = -1;
  while (at < end) {
    if (at + 4 > end) return false;
    const option = packet.getInt32(at);
    const size = option & 0xffff;
    at += 4;
    if (at + size > end) return false;
    if (option >>> 16 === OPTION_ECS && (view.ecs || !readClientSubnet(view, packet, at, size))) return false;
    if (option >>> 16 === OPTION_KEEPALIVE) view.keepaliveTenths = 0;
    if (option >>> 16 === OPTION_PADDING) view.padded = true;
    at += size;
  }
  return true;
}

/** Octets of the OPT record that answers this query: 0 if the query has none. */
export function optSize(view: EdnsView): number {
  if (!view.present) return 0;
  const size = view.keepaliveTenths < 0 ? 11 : 11 + KEEPALIVE_SIZE;
  return view.ecs ? size + 8 + ((view.ecsSourceLength + 7) >> 3) : size;
}

/**
 * Writes the OPT record of a response at `at`, where there must be room: our UDP size, the upper bits of the
 * rcode, the client subnet given back with the scope of the answer (RFC 7871 §7.2.1). Returns the offset
 * after it.
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
  if (view.keepaliveTenths >= 0) {
    out.setInt32(at, (OPTION_KEEPALIVE << 16) | 2);
    out.setUint16(at + 4, view.keepaliveTenths);
    at += KEEPALIVE_SIZE;
    if (!view.ecs) return at;
  }
  const count = (view.ecsSourceLength + 7) >> 3;
  out.setInt32(at, (OPTION_ECS << 16) | (4 + count));
  out.setInt32(at + 4, (view.ecsFamily << 16) | (view.ecsSourceLength << 8) | scopeLength);
  at += 8;
  const { octets } = view.ecsAddress;
  for (let i = 0; i < count; i++) out.setUint8(at + i, octets[i] as number);
  return at + count;
}

/**
 * Adds an extended error without text (RFC 8914) to the OPT record that `writeOpt` wrote between `opt` and
 * `at`; six octets of room must be there. Returns the offset after it.
 */
export function addExtendedError(out: DataView, opt: number, at: number, code: number): number {
  out.setUint16(opt + 9, out.getUint16(opt + 9) + EDE_SIZE);
  out.setInt32(at, (OPTION_EDE << 16) | 2);
  out.setUint16(at + 4, code);
  return at + EDE_SIZE;
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
