import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePrefix } from '../../src/base/address.ts';
import { writeMmdb } from './mmdb-writer.ts';

/** Writes databases in which one network is in Frankfurt; gives what `geo:` says of them. */
export function smallGeo(folder: string): string {
  const prefix = parsePrefix('192.0.2.0/24');
  if (typeof prefix === 'string') throw new Error(prefix);
  const base = { ipVersion: 6, recordSize: 24 } as const;
  const city = { location: { latitude: 50, longitude: 8 }, country: { iso_code: 'DE' } };
  const asn = { autonomous_system_number: 64_500, autonomous_system_organization: 'Nobody' };
  for (const [name, record] of [
    ['City', city],
    ['ASN', asn],
  ] as const)
    writeFileSync(
      join(folder, `${name}.mmdb`),
      writeMmdb({ ...base, databaseType: `GeoLite2-${name}`, entries: [{ prefix, record }] }),
    );
  return `{ city: ${join(folder, 'City.mmdb')}, asn: ${join(folder, 'ASN.mmdb')} }`;
}
