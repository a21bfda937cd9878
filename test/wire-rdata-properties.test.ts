import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TYPE, typeName } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import type { TokenCursor } from '../src/wire/presentation.ts';
import { checkRdata, compressibleNames, formatRdata, parseRdata } from '../src/wire/rdata.ts';
import { rdataRows } from '../src/wire/rdata-table.ts';
import { nextEntry, scanText } from '../src/zone/tokens.ts';

const SEED = 20_261_122;
const origin = parseName('example.') as Uint8Array;

function parse(type: number, text: string): Uint8Array | string {
  const cursor: TokenCursor = { tokens: nextEntry(scanText(text), 1_000_000)?.tokens ?? [], next: 0 };
  return parseRdata(type, cursor, origin);
}

type Octets = fc.Arbitrary<Uint8Array>;

const octets = (min: number, max: number): Octets => fc.uint8Array({ minLength: min, maxLength: max });
const join = (...parts: Octets[]): Octets =>
  fc.tuple(...parts).map((list) => Uint8Array.from(list.flatMap((part) => [...part])));
const counted = (part: Octets): Octets => part.map((list) => Uint8Array.of(list.length, ...list));
const repeat = (part: Octets, minLength: number, maxLength: number): Octets =>
  fc.array(part, { minLength, maxLength }).map((list) => Uint8Array.from(list.flatMap((each) => [...each])));
const constant = (...list: number[]): Octets => fc.constant(Uint8Array.from(list));

const name = fc
  .array(octets(1, 20), { maxLength: 5 })
  .map((labels) => Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]));
const string = counted(fc.oneof(octets(0, 40), octets(250, 255)));
const bitmap = fc.uniqueArray(fc.nat(65_535), { minLength: 1, maxLength: 20 }).map(bitmapOf);
const digest = fc
  .constantFrom([1, 20], [2, 32], [4, 48], [7, 9])
  .chain(([type = 0, size = 0]) => join(octets(3, 3), constant(type), octets(size, size)));
const mailName = join(octets(2, 2), name);
const key = join(octets(4, 4), octets(1, 100));
const size = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.nat(9))
  .map(([digit, power]) => Uint8Array.of((digit << 4) | power));
const angle = (max: number): Octets =>
  fc.integer({ min: -max, max }).map((value) => u32(value * 1000 + 2 ** 31));

/** Well-formed RDATA of each type that has a text of its own. */
const wellFormed: Record<string, Octets> = {
  A: octets(4, 4),
  NS: name,
  CNAME: name,
  SOA: join(name, name, octets(20, 20)),
  PTR: name,
  HINFO: join(string, string),
  MX: mailName,
  TXT: repeat(string, 1, 4),
  RP: join(name, name),
  AFSDB: mailName,
  AAAA: octets(16, 16),
  LOC: join(constant(0), size, size, size, angle(324_000), angle(648_000), octets(4, 4)),
  SRV: join(octets(6, 6), name),
  NAPTR: join(octets(4, 4), string, string, string, name),
  KX: mailName,
  CERT: join(octets(5, 5), octets(1, 100)),
  DNAME: name,
  DS: digest,
  SSHFP: octets(3, 40),
  RRSIG: join(octets(18, 18), name, octets(1, 100)),
  NSEC: join(name, bitmap),
  DNSKEY: key,
  DHCID: octets(1, 60),
  NSEC3: join(octets(4, 4), counted(octets(0, 20)), counted(octets(1, 32)), fc.oneof(constant(), bitmap)),
  NSEC3PARAM: join(octets(4, 4), counted(octets(0, 20))),
  TLSA: octets(4, 60),
  SMIMEA: octets(4, 60),
  CDS: digest,
  CDNSKEY: key,
  OPENPGPKEY: octets(1, 60),
  CSYNC: join(octets(6, 6), fc.oneof(constant(), bitmap)),
  ZONEMD: octets(7, 60),
  SVCB: serviceBinding(),
  HTTPS: serviceBinding(),
  SPF: repeat(string, 1, 3),
  URI: join(octets(4, 4), octets(0, 300)),
  CAA: join(
    octets(1, 1),
    counted(fc.constantFrom('issue', 'iodef').map((tag) => Buffer.from(tag))),
    octets(0, 300),
  ),
  STEER: counted(
    fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,40}$/).map((text) => Uint8Array.from(Buffer.from(text))),
  ),
};

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function bitmapOf(types: readonly number[]): Uint8Array {
  const windows = Map.groupBy(types, (type) => type >> 8);
  const blocks = [...windows]
    .sort(([left], [right]) => left - right)
    .map(([window, members]) => {
      const block = new Uint8Array((Math.max(...members.map((type) => type & 0xff)) >> 3) + 1);
      for (const type of members) block[(type & 0xff) >> 3]! |= 0x80 >> (type & 7);
      return [window, block.length, ...block];
    });
  return Uint8Array.from(blocks.flat());
}

function serviceBinding(): Octets {
  const values: Record<number, Octets> = {
    1: repeat(counted(octets(1, 12)), 1, 4),
    3: octets(2, 2),
    4: repeat(octets(4, 4), 1, 3),
    5: octets(1, 60),
    6: repeat(octets(16, 16), 1, 3),
    7: fc.constant(Uint8Array.from(Buffer.from('/dns-query{?dns}'))),
    8: constant(),
    667: octets(0, 60),
    65534: octets(0, 60),
  };
  const keys = fc.subarray(Object.keys(values).map(Number)).map((list) => list.sort((a, b) => a - b));
  const params = keys.chain((list) => join(...list.map((number) => param(number, values[number]!))));
  return fc.oneof(
    join(constant(0, 0), name),
    join(constant(1, 0), name, params),
    join(
      constant(1, 0),
      name,
      constant(0, 0, 0, 4, 0, 1, 0, 3),
      param(1, values[1]!),
      constant(0, 2, 0, 0),
      param(3, values[3]!),
    ),
  );
}

function param(number: number, value: Octets): Octets {
  return value.map((list) => Uint8Array.of(number >> 8, number, list.length >> 8, list.length, ...list));
}

test('every type with a text of its own has a generator here', () => {
  assert.deepEqual([...rdataRows.keys()].map(typeName).sort(), Object.keys(wellFormed).sort());
});

for (const [type, arbitrary] of Object.entries(wellFormed)) {
  const code = TYPE[type as keyof typeof TYPE];
  test(`${type}: wire to text and back is the same wire`, () => {
    const property = fc.property(arbitrary, (rdata) => {
      assert.equal(checkRdata(code, rdata), undefined);
      const text = formatRdata(code, rdata);
      assert.ok(!text.startsWith('\\#'), text);
      assert.deepEqual(parse(code, text), rdata, text);
    });
    fc.assert(property, { seed: SEED, numRuns: 200 });
  });
}

test('octets that are no RDATA of their type are told, written as RFC 3597 says, and never throw', () => {
  const types = fc.constantFrom(...rdataRows.keys());
  const damaged = types.chain((type) =>
    fc.tuple(
      fc.constant(type),
      fc.oneof(
        octets(0, 60),
        fc
          .tuple(wellFormed[typeName(type)]!, fc.nat(), fc.nat(255))
          .map(([rdata, at, value]) => rdata.with(at % Math.max(1, rdata.length), value)),
        fc
          .tuple(wellFormed[typeName(type)]!, fc.nat())
          .map(([rdata, cut]) => rdata.slice(0, cut % (rdata.length + 1))),
      ),
    ),
  );
  const property = fc.property(damaged, ([type, rdata]) => {
    const wrong = checkRdata(type, rdata);
    const text = formatRdata(type, rdata);
    assert.equal(text.startsWith('\\#'), wrong !== undefined);
    const again = parse(type, text);
    if (wrong === undefined) assert.deepEqual(again, rdata, text);
    else assert.equal(typeof again, 'string');
  });
  fc.assert(property, { seed: SEED, numRuns: 5000 });
});

test('any octets of an unknown type survive', () => {
  const property = fc.property(octets(0, 300), (rdata) =>
    assert.deepEqual(parse(65_280, formatRdata(65_280, rdata)), rdata),
  );
  fc.assert(property, { seed: SEED });
});

test('any text is read or refused, never thrown at', () => {
  const property = fc.property(
    fc.constantFrom(...rdataRows.keys()),
    fc.string({ unit: 'binary' }),
    (type, text) => {
      const rdata = parse(type, text);
      if (typeof rdata !== 'string') assert.equal(checkRdata(type, rdata), undefined);
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 5000 });
});

test('only the types of RFC 1035 have names that may be compressed', () => {
  const types = [...rdataRows.keys()].filter((type) => compressibleNames(type) !== 'none');
  assert.deepEqual(types.map(typeName), ['NS', 'CNAME', 'SOA', 'PTR', 'MX']);
  assert.deepEqual(compressibleNames(TYPE.MX), { leadingOctets: 2, names: 1 });
  assert.deepEqual(compressibleNames(TYPE.SOA), { leadingOctets: 0, names: 2 });
});
