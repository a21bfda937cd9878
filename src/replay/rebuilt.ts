import type { Prefix } from '../base/address.ts';
import { CLASS, OPTION, TYPE } from '../wire/constants.ts';

/** What a log says of a query that it does not have as octets. */
export interface AskedWords {
  readonly qname: Uint8Array;
  readonly qtype: number;
  /** The client subnet that was named (RFC 7871 §6). */
  readonly subnet: Prefix | undefined;
  /** What the OPT named (RFC 6891 §6.1): payload size in octets, and DO. undefined: there was none. */
  readonly edns: { readonly octets: number; readonly isDnssecOk: boolean } | undefined;
}

/** Payload size that an OPT is taken to name where a log does not tell it, octets. */
export const UDP_OCTETS = 1232;

/** A query as a resolver would have sent it; its id is 0. A subnet brings an OPT along. */
export function queryOf({ qname, qtype, subnet, edns }: AskedWords): Uint8Array {
  const hasOpt = edns !== undefined || subnet !== undefined;
  const octets = subnet === undefined ? 0 : Math.ceil(subnet.length / 8);
  const option =
    subnet === undefined
      ? []
      : [0, OPTION.ECS, 0, 4 + octets, 0, subnet.address.family === 4 ? 1 : 2, subnet.length, 0];
  const prefix = subnet === undefined ? [] : [...subnet.address.octets.subarray(0, octets)];
  const header = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, hasOpt ? 1 : 0];
  const end = [qtype >> 8, qtype & 255, 0, CLASS.IN];
  if (!hasOpt) return Uint8Array.of(...header, ...qname, ...end);
  const { octets: size, isDnssecOk } = edns ?? { octets: UDP_OCTETS, isDnssecOk: false };
  const flags = [0, 0, isDnssecOk ? 0x80 : 0, 0];
  const opt = [0, 0, TYPE.OPT, size >> 8, size & 255, ...flags, 0, option.length + prefix.length];
  return Uint8Array.of(...header, ...qname, ...end, ...opt, ...option, ...prefix);
}
