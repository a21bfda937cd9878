import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Reader } from 'maxmind';
import { type Address, formatAddress, maskedAddress, type Prefix, prefixHolds } from '../src/base/address.ts';
import { must } from '../src/base/assert.ts';
import { OperatorError } from '../src/base/errors.ts';
import { openMmdb } from '../src/geo/mmdb.ts';
import { emptyFields, fieldReader } from '../src/geo/mmdb-fields.ts';
import { walkLeaves, walkTree } from '../src/geo/mmdb-walk.ts';
import { readCityRecord } from '../src/geo/record.ts';
import { areSound, valueAt } from './helpers/geo-addresses.ts';
import { BUILD_EPOCH, type MmdbContent, type MmdbValue, writeMmdb } from './helpers/mmdb-writer.ts';

/** Addresses close to each other, so that prefixes nest; never below ::/96, where IPv4 lives. */
function address(family: 4 | 6): fc.Arbitrary<Address> {
  return fc.array(fc.constantFrom(0x20, 0x21, 0xa0), { minLength: 16, maxLength: 16 }).map((values) => {
    const octets = Uint8Array.from(values);
    if (family === 4) octets.fill(0, 4);
    return { family, octets };
  });
}

function prefix(family: 4 | 6): fc.Arbitrary<Prefix> {
  return fc
    .tuple(address(family), fc.integer(family === 4 ? { min: 1, max: 32 } : { min: 3, max: 128 }))
    .map(([base, length]) => ({
      address: maskedAddress(base, length),
      length,
    }));
}

function content(ipVersion: 4 | 6) {
  const anyPrefix = ipVersion === 4 ? prefix(4) : fc.oneof(prefix(4), prefix(6));
  const entry = fc.record({ prefix: anyPrefix, record: fc.record({ name: fc.string({ maxLength: 40 }) }) });
  return fc.record({
    databaseType: fc.constant('Test-City'),
    ipVersion: fc.constant(ipVersion),
    recordSize: fc.constantFrom<(24 | 28 | 32)[]>(24, 28, 32),
    entries: fc.array(entry, { minLength: 1, maxLength: 12 }),
  });
}

for (const ipVersion of [4, 6] as const)
  test(`an IPv${ipVersion} tree gives what the longest prefix says, as maxmind does`, () => {
    const families: (4 | 6)[] = ipVersion === 4 ? [4] : [4, 6];
    fc.assert(
      fc.property(content(ipVersion), fc.array(fc.oneof(...families.map(address))), (written, asked) => {
        const bytes = writeMmdb(written);
        const own = families.filter((family) =>
          written.entries.some((entry) => entry.prefix.address.family === family),
        );
        const database = openMmdb({ file: 'test.mmdb', bytes }, own);
        const oracle = new Reader(Buffer.from(bytes));
        const runs = new Map(own.map((family) => [family, walkTree(database, family, (pointer) => pointer)]));
        for (const found of runs.values()) assert.ok(areSound(found));
        for (const one of asked.filter(({ family }) => own.includes(family))) {
          const holders = written.entries.filter((entry) => prefixHolds(entry.prefix, one));
          const longest = Math.max(...holders.map((entry) => entry.prefix.length));
          const expected = holders.findLast((entry) => entry.prefix.length === longest)?.record.name;
          assert.equal(database.record(one)?.['name'], expected);
          // Networks of 64 bits are told apart, by their first address.
          if (one.family === 6) one.octets.fill(0, 8);
          const known = oracle.get(formatAddress(one));
          assert.equal(valueAt(must(runs.get(one.family), 'runs'), one) !== 0, known !== null);
        }
      }),
      { numRuns: 200, seed: 1 },
    );
  });

const places = fc.record({
  country: fc.option(fc.constantFrom('DE', 'FR', '', 'toolong'), { nil: undefined }),
  registered: fc.option(fc.constantFrom('US', 'BR'), { nil: undefined }),
  latitude: fc.option(fc.double({ min: -90, max: 90, noNaN: true }), { nil: undefined }),
  longitude: fc.option(fc.constantFrom(0, 8, 179.5, -100.25), { nil: undefined }),
  asn: fc.option(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { nil: undefined }),
  city: fc.string({ maxLength: 400 }),
});

test('fields of records, flat and nested, are what maxmind decodes', () => {
  fc.assert(
    fc.property(places, fc.boolean(), (given, isFlat) => {
      const { country, registered, latitude, longitude, asn, city } = given;
      const point = {
        ...(latitude !== undefined && { latitude }),
        ...(longitude !== undefined && { longitude }),
      };
      const flat = { city, country_code: country ?? '', ...point, state1: 'x' };
      const nested = {
        city: { names: { en: city, de: city } },
        ...(country !== undefined && { country: { names: { en: 'x' }, iso_code: country } }),
        ...(registered !== undefined && { registered_country: { iso_code: registered } }),
        location: { accuracy_radius: 5, ...point },
        subdivisions: [{ iso_code: 'XX', latitude: 5 }],
        ...(asn !== undefined && { autonomous_system_number: asn }),
      };
      const record: MmdbValue = isFlat ? flat : nested;
      const bytes = writeMmdb({ ...small, entries: [{ prefix: { address: base, length: 24 }, record }] });
      const { tree, record: decode } = openMmdb({ file: 'test.mmdb', bytes }, [4]);
      const fields = emptyFields();
      let pointer = 0;
      walkTree(openMmdb({ file: 'test.mmdb', bytes }, [4]), 4, (one) => (pointer = one));
      assert.ok(fieldReader(tree)(pointer, fields));
      const read = readCityRecord(must(decode(base), 'record'));
      const letters = (word: number) => (word === 0 ? '' : String.fromCharCode(word >> 8, word & 255));
      const code = letters(fields.country) || letters(fields.registeredCountry);
      const expected = isFlat ? country : (country ?? registered);
      assert.equal(code, expected?.length === 2 ? expected : isFlat ? '' : (registered ?? ''));
      if (read.location !== undefined)
        assert.deepEqual([fields.latitude, fields.longitude], Object.values(read.location));
      else assert.ok(!(Math.abs(fields.latitude) <= 90 && Math.abs(fields.longitude) <= 180));
      assert.equal(fields.asn, isFlat ? 0 : (asn ?? 0));
    }),
    { numRuns: 300, seed: 4 },
  );
});

test('records of any octets are read or refused, never thrown over', () => {
  const bytes = writeMmdb(small);
  const { tree } = openMmdb({ file: 'test.mmdb', bytes }, [4]);
  const fields = emptyFields();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(80), (noise, offset) => {
      const damaged = { ...tree, bytes: Uint8Array.from([...bytes.subarray(0, tree.dataAt), ...noise]) };
      fieldReader(damaged)(tree.nodeCount + 16 + offset, fields);
    }),
    { numRuns: 2000, seed: 5 },
  );
});

test('a tree that runs in circles is refused', () => {
  const bytes = writeMmdb(small);
  // Each node of 7 octets leads back to the first, on both sides.
  const database = openMmdb({ file: 'x.mmdb', bytes }, [4]);
  bytes.fill(0, 0, 24 * 7);
  assert.throws(() => walkTree(database, 4, () => 1), /x\.mmdb: is damaged: its tree runs in circles/);
});

const base = { family: 4, octets: Uint8Array.of(192, 0, 2, ...new Uint8Array(13)) } as const;
const small: MmdbContent = {
  databaseType: 'Test-City',
  ipVersion: 4,
  recordSize: 28,
  entries: [{ prefix: { address: base, length: 24 }, record: { country_code: 'DE' } }],
};

test('a walk meets every leaf once, in order', () => {
  const leaves: string[] = [];
  const bytes = writeMmdb(small);
  walkLeaves(openMmdb({ file: 'test.mmdb', bytes }, [4]), (found, depth) =>
    leaves.push(`${formatAddress(found)}/${depth}`),
  );
  assert.deepEqual(leaves, ['192.0.2.0/24']);
  assert.equal(openMmdb({ file: 'test.mmdb', bytes }, [4]).builtAtMs, BUILD_EPOCH * 1000);
});

test('cut, foreign and wrong databases are told apart by file', () => {
  const bytes = writeMmdb(small);
  // 24 nodes of 7 octets stand before the separator.
  const damaged = Uint8Array.from(bytes).fill(7, 24 * 7 + 2, 24 * 7 + 6);
  const cases: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(0), /is not a MaxMind database/],
    ['text', Buffer.from('prefix,asn\n'.repeat(20_000)), /is not a MaxMind database/],
    ['end missing', bytes.subarray(0, bytes.length - 230), /is not a MaxMind database|cannot be read/],
    ['middle missing', bytes.subarray(60), /is cut|is damaged/],
    ['separator overwritten', damaged, /is damaged/],
  ];
  for (const [name, octets, message] of cases)
    assert.throws(
      () => openMmdb({ file: 'x.mmdb', bytes: octets }, [4]),
      (error) =>
        error instanceof OperatorError &&
        error.code === 'bad-data' &&
        message.test(error.message) &&
        error.problems[0]?.file === 'x.mmdb',
      name,
    );
  assert.throws(() => openMmdb({ file: 'x.mmdb', bytes }, [4, 6]), /holds no IPv6 addresses/);
});

test('a record that is damaged on disk is no record, and stops nothing', () => {
  const bytes = writeMmdb(small);
  const at = Buffer.from(bytes).indexOf('country_code');
  bytes[at - 2] = 0x05;
  assert.equal(openMmdb({ file: 'x.mmdb', bytes }, [4]).record(base), undefined);
});
