import type { IncomingHttpHeaders } from 'node:http';
import { type Address, type Prefix, parseAddress, prefixHolds } from '../base/address.ts';

/**
 * Who sent a request: the other end of the connection, or, where that is a proxy that is trusted, the last
 * address in its X-Forwarded-For that is none. What the client itself wrote there stands before that and
 * counts for nothing. undefined: the proxy names nobody.
 */
export function senderOf(
  peer: string | undefined,
  headers: IncomingHttpHeaders,
  proxies: readonly Prefix[],
): Address | undefined {
  const isProxy = (address: Address): boolean => proxies.some((proxy) => prefixHolds(proxy, address));
  const address = parseAddress((peer ?? '').replace(/%.*$/, ''));
  if (address === undefined || !isProxy(address)) return address;
  const named = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
  for (const text of named.reverse()) {
    const next = parseAddress(text.trim());
    if (next === undefined) return undefined;
    if (!isProxy(next)) return next;
  }
  return undefined;
}
