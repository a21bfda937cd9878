import { Reader, type Response } from 'maxmind';
import { type Address, formatAddress, prefixHolds } from '../../src/base/address.ts';
import { type NetworkOverride, networkAt } from '../../src/base/network-table.ts';
import type { LocatorSources } from '../../src/geo/client-sources.ts';
import type { DatabaseFile } from '../../src/geo/mmdb.ts';
import { WORLD_PLACE } from '../../src/geo/places.ts';
import { readAsnRecord, readCityRecord } from '../../src/geo/record.ts';
import { addressOf, numberOf } from './geo-addresses.ts';

/** Where an address is, found the slow way: by `maxmind`, and by looking at one network after the other. */
export function slowLocator(sources: LocatorSources): (address: Address) => { placeId: number; asn: number } {
  const { places, overrides } = sources;
  const city = { 4: readerOf(sources.city4), 6: readerOf(sources.city6) };
  const asn = { 4: asnFinder(sources.asn4, 4), 6: asnFinder(sources.asn6, 6) };
  const networks = Array.from({ length: overrides.count }, (_, row) => networkAt(overrides, row));
  return (asked) => {
    // Clients are told apart by 64 bits of IPv6.
    const address: Address = { family: asked.family, octets: Uint8Array.from(asked.octets) };
    address.octets.fill(0, 8);
    const own = longest(networks.filter(({ prefix }) => prefixHolds(prefix, address)));
    const record = city[address.family].get(formatAddress(address));
    const { country, location } = readCityRecord({ ...(record as object | null) });
    return {
      placeId: placeOf(places, own?.country ?? '', own) ?? placeOf(places, country, location) ?? WORLD_PLACE,
      asn: own?.asn ?? asn[address.family](address),
    };
  };
}

function placeOf(
  places: LocatorSources['places'],
  country: string,
  point: { readonly latitude?: number; readonly longitude?: number } | undefined,
): number | undefined {
  if (point?.latitude !== undefined && point.longitude !== undefined)
    return places.find(country, point.latitude, point.longitude);
  return country === '' ? undefined : Math.max(places.idOf(country), WORLD_PLACE);
}

function longest(networks: readonly NetworkOverride[]): NetworkOverride | undefined {
  return networks.reduce<NetworkOverride | undefined>(
    (best, one) => (best !== undefined && best.prefix.length > one.prefix.length ? best : one),
    undefined,
  );
}

function readerOf({ bytes }: DatabaseFile): Reader<Response> {
  return new Reader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}

function asnFinder(file: DatabaseFile | undefined, family: 4 | 6): (address: Address) => number {
  if (file === undefined) return () => 0;
  if (file.file.endsWith('.mmdb')) {
    const reader = readerOf(file);
    return (address) => readAsnRecord({ ...(reader.get(formatAddress(address)) as object | null) }).asn;
  }
  const number = (text: string): bigint => (family === 4 ? BigInt(text) : numberOf(addressOf(text)));
  const rows = Buffer.from(file.bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [first = '', last = '', asn = ''] = line.split(',');
      return { first: number(first), last: number(last), asn: Number(asn) };
    });
  return (address) => {
    const wanted = numberOf(address);
    let [from, to] = [0, rows.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((rows[middle]?.first ?? 0n) <= wanted) from = middle + 1;
      else to = middle;
    }
    const row = rows[from - 1];
    return row !== undefined && wanted <= row.last ? row.asn : 0;
  };
}
