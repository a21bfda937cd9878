import type { Address } from '../base/address.ts';
import { emptyAddress } from '../base/address.ts';

/**
 * The PROXY protocol, version 2: what a proxy puts before a datagram, or before all else on a connection, to
 * say for whom it asks (haproxy.org, doc/proxy-protocol.txt §2.2).
 */

/** For whom a proxy asks. Mutable, reused. */
export interface ProxiedClient {
  /** False: the proxy speaks for itself (LOCAL), or for an address of no IP family. */
  known: boolean;
  readonly address: Address;
  port: number;
}

/** Octets of the fixed part: signature, version and command, family and protocol, length of the rest. */
const FIXED_OCTETS = 16;
/** Longest header that is read, octets: addresses of IPv6 take 36, the rest is what proxies add. */
export const PROXY_HEADER_MAX = 512;
/** `\r\n\r\n\0\r\nQUIT\n`. */
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const LOCAL = 0x20;
const PROXY = 0x21;
/** Upper half of the fourteenth octet. */
const FAMILY = { IPV4: 1, IPV6: 2 } as const;

/** A client to be filled by `readProxyHeader`. */
export function emptyProxiedClient(): ProxiedClient {
  return { known: false, address: emptyAddress(), port: 0 };
}

/**
 * Reads the header at the start of `octets`, of which `length` are there. Returns its length; 0 if more is to
 * come; -1 if it is none, or longer than `PROXY_HEADER_MAX`.
 */
export function readProxyHeader(into: ProxiedClient, octets: Uint8Array, length: number): number {
  const known = Math.min(length, SIGNATURE.length);
  for (let i = 0; i < known; i++) if (octets[i] !== SIGNATURE[i]) return -1;
  if (length < FIXED_OCTETS) return 0;
  const command = octets[12] as number;
  if (command !== LOCAL && command !== PROXY) return -1;
  const size = FIXED_OCTETS + (((octets[14] as number) << 8) | (octets[15] as number));
  if (size > PROXY_HEADER_MAX) return -1;
  if (length < size) return 0;
  const family = (octets[13] as number) >> 4;
  const isIp = family === FAMILY.IPV4 || family === FAMILY.IPV6;
  into.known = command === PROXY && isIp;
  if (!into.known) return size;
  const count = family === FAMILY.IPV4 ? 4 : 16;
  // Both addresses, then both ports.
  if (size < FIXED_OCTETS + 2 * count + 4) return -1;
  const { address } = into;
  address.family = family === FAMILY.IPV4 ? 4 : 6;
  for (let i = 0; i < 16; i++) address.octets[i] = i < count ? (octets[FIXED_OCTETS + i] as number) : 0;
  const port = FIXED_OCTETS + 2 * count;
  into.port = ((octets[port] as number) << 8) | (octets[port + 1] as number);
  return size;
}
