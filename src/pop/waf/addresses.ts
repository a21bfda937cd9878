import { type Address, maskedAddress, type Prefix, parseAddress } from '../../base/address.ts';
import { headersNamed } from './field.ts';
import { fields, type Node, text, word } from './reading.ts';
import type { Run } from './run.ts';

/** A set of prefixes: one look-up for each length that occurs, however many prefixes there are. */
export function prefixSet(prefixes: readonly Prefix[]): (address: Address) => boolean {
  const byLength = new Map<string, { family: 4 | 6; length: number; networks: Set<string> }>();
  for (const { address, length } of prefixes) {
    const kind = `${address.family}/${length}`;
    const known = byLength.get(kind) ?? { family: address.family, length, networks: new Set() };
    known.networks.add(keyOf(address));
    byLength.set(kind, known);
  }
  const kinds = Array.from(byLength.values());
  return (address) =>
    kinds.some(
      ({ family, length, networks }) =>
        family === address.family && networks.has(keyOf(maskedAddress(address, length))),
    );
}

function keyOf({ octets }: Address): string {
  return String.fromCharCode(...octets);
}

/** Which address of a request counts, and what a statement says where a header has none. */
export interface AddressSource {
  readonly read: (run: Run) => readonly Address[];
  /** False where the header is missing: the statement then means other requests. */
  readonly isPresent: (run: Run) => boolean;
  /** Result of the statement where the header is there and holds no address. */
  readonly fallback: boolean;
  readonly isForwarded: boolean;
  /** All addresses of the header are looked at, not one. */
  readonly isAny: boolean;
}

const CLIENT: AddressSource = {
  read: ({ request }) => [request.client],
  isPresent: () => true,
  fallback: false,
  isForwarded: false,
  isAny: false,
};

/** Addresses that are read from one header at most. */
const FORWARDED_MAX = 10;

/**
 * Reads a `ForwardedIPConfig` or `IPSetForwardedIPConfig`: the address comes from a header such as
 * `X-Forwarded-For` instead of from the connection, as it does without one.
 */
export function readAddressSource(node: Node | undefined, withPosition: boolean): AddressSource | undefined {
  if (node === undefined) return CLIENT;
  const inner = fields(node, ['HeaderName', 'FallbackBehavior', ...(withPosition ? ['Position'] : [])]);
  const header = text(inner?.['HeaderName'], { min: 1, max: 255 })?.toLowerCase();
  const fallback = word(inner?.['FallbackBehavior'], ['MATCH', 'NO_MATCH']);
  const position = withPosition ? word(inner?.['Position'], ['FIRST', 'LAST', 'ANY']) : 'FIRST';
  if (header === undefined || fallback === undefined || position === undefined) return undefined;
  return {
    read: (run) => {
      const listed = headersNamed(run, header).join(',').split(',').map(addressOf);
      const known = listed.filter((address) => address !== undefined);
      if (position === 'ANY') return known.slice(-FORWARDED_MAX);
      const chosen = position === 'FIRST' ? listed[0] : listed.at(-1);
      return chosen === undefined ? [] : [chosen];
    },
    isPresent: (run) => headersNamed(run, header).length > 0,
    fallback: fallback === 'MATCH',
    isForwarded: true,
    isAny: position === 'ANY',
  };
}

/** `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]:443`. */
function addressOf(written: string): Address | undefined {
  const bare = written.trim().replace(/^\[([^\]]*)\](?::\d+)?$/, '$1');
  return parseAddress(bare) ?? parseAddress(bare.replace(/:\d+$/, ''));
}

/** Whether any of the addresses passes; a header without address passes if the fallback says so. */
export function anyAddress(source: AddressSource, run: Run, passes: (address: Address) => boolean): boolean {
  if (!source.isPresent(run)) return false;
  const found = source.read(run);
  return found.length === 0 ? source.fallback : found.some(passes);
}
