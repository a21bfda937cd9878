import type { Prefix } from '../base/address.ts';

/** IPv6 networks are numbered after those of IPv4. */
const IPV6_FROM = 2 ** 24;

/** A client network as a number: the upper 24 bits of IPv4, or 2^24 and the upper 48 bits of IPv6. */
export function networkKey(prefix: Prefix): number {
  const { family, octets } = prefix.address;
  let key = 0;
  for (let i = 0; i < (family === 4 ? 3 : 6); i++) key = key * 256 + (octets[i] ?? 0);
  return family === 4 ? key : IPV6_FROM + key;
}
