import { type Address, emptyAddress, type Prefix } from './address.ts';

/** Bits of a client network, the smallest that a decision is made for: what resolvers send of clients. */
export const NETWORK_BITS = { 4: 24, 6: 48 } as const;

/** The key of the first IPv6 network; those of IPv4 come before it. */
export const IPV6_KEYS = 2 ** 24;
/** One more than the key of the last network: any key is exact in a double. */
export const NETWORK_KEYS_END = IPV6_KEYS + 2 ** 48;

/**
 * The number of the client network, a /24 of IPv4 or a /48 of IPv6, that holds an address or the first
 * address of a prefix. IPv4: its upper 24 bits; IPv6: 2^24 + its upper 48 bits. Networks are in the order of
 * their keys: IPv4 first, each family by address.
 */
export function networkKey(network: Address | Prefix): number {
  const { octets, family } = 'address' in network ? network.address : network;
  const high = ((octets[0] as number) << 16) | ((octets[1] as number) << 8) | (octets[2] as number);
  if (family === 4) return high;
  const low = ((octets[3] as number) << 16) | ((octets[4] as number) << 8) | (octets[5] as number);
  return IPV6_KEYS + high * 0x1000000 + low;
}

/** The network of a key, 0 <= key < `NETWORK_KEYS_END`. */
export function networkOfKey(key: number): Prefix {
  const address = emptyAddress();
  const family = key < IPV6_KEYS ? 4 : 6;
  address.family = family;
  let rest = family === 4 ? key : key - IPV6_KEYS;
  for (let at = NETWORK_BITS[family] / 8 - 1; at >= 0; at--) {
    address.octets[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return { address, length: NETWORK_BITS[family] };
}
