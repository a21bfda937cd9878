import { emptyAddress, type Prefix } from '../base/address.ts';
import { OPTION } from './constants.ts';
import type { MessageRecord } from './records.ts';

/** What the OPT record of a response says (RFC 6891). */
export interface ResponseOpt {
  readonly version: number;
  /** UDP payload that the server takes, octets. */
  readonly udpOctets: number;
  /** DO (RFC 3225). */
  readonly dnssecOk: boolean;
  /** The eight upper bits of the rcode. */
  readonly rcodeHigh: number;
  /** The client subnet as the server gave it back, and for how long a prefix the answer holds (RFC 7871). */
  readonly clientSubnet?: { readonly prefix: Prefix; readonly scopeLength: number };
  /** Extended DNS errors (RFC 8914). */
  readonly errors: readonly { readonly code: number; readonly text: string }[];
}

/** Reads the OPT record of a response. Options that are malformed are left out, unknown ones too. */
export function readResponseOpt(record: MessageRecord): ResponseOpt {
  const { ttl, rdata } = record;
  const view = new DataView(rdata.buffer, rdata.byteOffset, rdata.length);
  const errors: { code: number; text: string }[] = [];
  let clientSubnet: ResponseOpt['clientSubnet'];
  for (let at = 0; at + 4 <= rdata.length; ) {
    const end = at + 4 + view.getUint16(at + 2);
    if (end > rdata.length) break;
    const code = view.getUint16(at);
    const data = rdata.subarray(at + 4, end);
    if (code === OPTION.ECS) clientSubnet ??= readSubnet(data);
    if (code === OPTION.EDE && data.length >= 2)
      errors.push({ code: view.getUint16(at + 4), text: new TextDecoder().decode(data.subarray(2)) });
    at = end;
  }
  return {
    version: (ttl >>> 16) & 0xff,
    udpOctets: record.class,
    dnssecOk: (ttl & 0x8000) !== 0,
    rcodeHigh: ttl >>> 24,
    ...(clientSubnet === undefined ? {} : { clientSubnet }),
    errors,
  };
}

function readSubnet(data: Uint8Array): ResponseOpt['clientSubnet'] {
  const [familyHigh, familyLow, length = 0, scopeLength = 0] = data;
  const octets = data.subarray(4);
  if (familyHigh !== 0 || (familyLow !== 1 && familyLow !== 2)) return undefined;
  const bits = familyLow === 1 ? 32 : 128;
  if (length > bits || scopeLength > bits || octets.length !== (length + 7) >> 3) return undefined;
  const address = emptyAddress();
  address.family = familyLow === 1 ? 4 : 6;
  address.octets.set(octets);
  return { prefix: { address, length }, scopeLength };
}
