import type { Address } from '../base/address.ts';
import { emptyAddress } from '../base/address.ts';
import { OPTION, TYPE } from './constants.ts';

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
  };
}

/**
 * Reads the options between `at` and `end`. False if they are malformed: a length that runs over the end, or
 * a client subnet that breaks RFC 7871 §6 (unknown family, source too long, scope not 0, wrong count of
 * octets, host bits set), or two of them.
 */
export function readOptions(view: EdnsView, octets: Uint8Array, at: number, end: number): boolean {
  while (at < end) {
    if (at + 4 > end) return false;
    const code = ((octets[at] as number) << 8) | (octets[at + 1] as number);
    const size = ((octets[at + 2] as number) << 8) | (octets[at + 3] as number);
    at += 4;
    if (at + size > end) return false;
    if (code === OPTION.ECS && (view.ecs || !readClientSubnet(view, octets, at, size))) return false;
    at += size;
  }
  return true;
}

/** Octets of the OPT record that answers this query: 0 if the query has none. */
export function optSize(view: EdnsView): number {
  if (!view.present) return 0;
  return view.ecs ? 11 + 8 + ((view.ecsSourceLength + 7) >> 3) : 11;
}

/**
 * Writes the OPT record of a response at `at`, where there must be room: our UDP size, the upper bits of the
 * rcode, the client subnet given back with the scope of the answer (RFC 7871 §7.2.1). Returns the offset
 * after it.
 */
export function writeOpt(
  out: Uint8Array,
  at: number,
  view: EdnsView,
  udpSize: number,
  rcode: number,
  scopeLength: number,
): number {
  const optionsSize = optSize(view) - 11;
  out[at] = 0;
  out[at + 1] = 0;
  out[at + 2] = TYPE.OPT;
  out[at + 3] = udpSize >> 8;
  out[at + 4] = udpSize & 0xff;
  out[at + 5] = rcode >> 4;
  out[at + 6] = 0;
  out[at + 7] = view.dnssecOk ? 0x80 : 0;
  out[at + 8] = 0;
  out[at + 9] = 0;
  out[at + 10] = optionsSize;
  at += 11;
  if (optionsSize === 0) return at;
  const count = optionsSize - 8;
  out[at] = 0;
  out[at + 1] = OPTION.ECS;
  out[at + 2] = 0;
  out[at + 3] = 4 + count;
  out[at + 4] = 0;
  out[at + 5] = view.ecsFamily;
  out[at + 6] = view.ecsSourceLength;
  out[at + 7] = scopeLength;
  at += 8;
  for (let i = 0; i < count; i++) out[at + i] = view.ecsAddress.octets[i] as number;
  return at + count;
}

function readClientSubnet(view: EdnsView, octets: Uint8Array, at: number, size: number): boolean {
  if (size < 4) return false;
  const family = ((octets[at] as number) << 8) | (octets[at + 1] as number);
  const sourceLength = octets[at + 2] as number;
  const scopeLength = octets[at + 3] as number;
  const count = (sourceLength + 7) >> 3;
  if (scopeLength !== 0 || size !== 4 + count) return false;
  // dig and older stubs send family 0 to say "no address at all".
  const bits = family === 1 ? 32 : family === 2 ? 128 : 0;
  if (family > 2 || sourceLength > bits) return false;
  const address = view.ecsAddress;
  const into = address.octets;
  for (let i = 0; i < count; i++) into[i] = octets[at + 4 + i] as number;
  for (let i = count; i < 16; i++) into[i] = 0;
  const spare = count * 8 - sourceLength;
  if (spare > 0 && ((into[count - 1] as number) & ((1 << spare) - 1)) !== 0) return false;
  address.family = family === 2 ? 6 : 4;
  view.ecs = true;
  view.ecsFamily = family;
  view.ecsSourceLength = sourceLength;
  return true;
}
