import fc from 'fast-check';
import { type Address, parseAddress, parsePrefix } from '../../src/base/address.ts';
import { must } from '../../src/base/assert.ts';
import { type NetworkOverride, type NetworkTable, networkTable } from '../../src/base/network-table.ts';
import type { Runs } from '../../src/geo/runs.ts';

/** The address that a text names. */
export const addressOf = (text: string): Address => must(parseAddress(text), text);

/** The prefix that a text names. */
export function prefixOf(text: string) {
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string') throw new Error(prefix);
  return prefix;
}

/** Operator's networks: prefix, then what is known of it. */
export function networksOf(
  entries: readonly (readonly [prefix: string, known: Omit<NetworkOverride, 'prefix'>])[],
): NetworkTable {
  return networkTable(entries.map(([prefix, known]) => ({ prefix: prefixOf(prefix), ...known })));
}

/** Bits by which clients of a family are told apart. */
export const bitsOf = (family: 4 | 6): 32 | 64 => (family === 4 ? 32 : 64);

/** An address from its number: IPv4 of 32 bits, IPv6 of its upper 64. */
export function numbered(family: 4 | 6, value: bigint): Address {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  if (family === 4) view.setUint32(0, Number(value));
  else view.setBigUint64(0, value);
  return { family, octets };
}

/** The number of an address. */
export function numberOf({ family, octets }: Address): bigint {
  const view = new DataView(octets.buffer, octets.byteOffset);
  return family === 4 ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
}

/** Numbers of a family's addresses: anywhere, near each other, and at both ends. */
export function anyNumber(family: 4 | 6): fc.Arbitrary<bigint> {
  const end = (1n << BigInt(bitsOf(family))) - 1n;
  return fc.oneof(
    fc.bigInt({ min: 0n, max: end }),
    fc.bigInt({ min: 0n, max: 300n }),
    fc.bigInt({ min: (end >> 1n) - 9n, max: (end >> 1n) + 9n }),
    fc.constantFrom(0n, end),
  );
}

/** What runs say of an address: from the first to the last, one after the other. */
export function valueAt(runs: Runs, address: Address): number {
  const wanted = numberOf(address);
  let found = 0;
  for (let run = 0; run < runs.count; run++) {
    const high = BigInt(runs.high[run] as number);
    const start = address.family === 4 ? high : (high << 32n) | BigInt(runs.low[run] as number);
    if (start > wanted) break;
    found = runs.value[run] as number;
  }
  return found;
}

/** Whether runs begin at zero and go on rising, each with another value than the one before. */
export function areSound(runs: Runs): boolean {
  for (let run = 0; run < runs.count; run++) {
    const [high, low] = [runs.high[run] as number, runs.low[run] ?? 0];
    if (run === 0) {
      if (high !== 0 || low !== 0) return false;
      continue;
    }
    const [before, beforeLow] = [runs.high[run - 1] as number, runs.low[run - 1] ?? 0];
    if (high < before || (high === before && low <= beforeLow)) return false;
    if (runs.value[run] === runs.value[run - 1]) return false;
  }
  return runs.count > 0;
}
