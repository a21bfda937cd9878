import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Address, maskedAddress, parseAddress, parsePrefix, prefixHolds } from '../src/base/address.ts';
import { addressSet, hasAddress } from '../src/base/address-set.ts';

const setOf = (...texts: string[]) =>
  addressSet(
    texts.map((text) => {
      const prefix = parsePrefix(text);
      assert.ok(typeof prefix !== 'string', String(prefix));
      return prefix;
    }),
  );

test('a set has the addresses of its prefixes, from the first to the last', () => {
  const set = setOf('192.0.2.0/24', '192.0.2.7', '10.0.0.0/8', '255.255.255.255', '2001:db8::/32', '::1');
  const table: [string, boolean][] = [
    ['192.0.1.255', false],
    ['192.0.2.0', true],
    ['192.0.2.255', true],
    ['192.0.3.0', false],
    ['10.255.255.255', true],
    ['9.255.255.255', false],
    ['0.0.0.0', false],
    ['255.255.255.255', true],
    ['::1', true],
    ['::', false],
    ['::2', false],
    ['2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['2001:db9::', false],
  ];
  for (const [text, has] of table) assert.equal(hasAddress(set, parseAddress(text) as Address), has, text);
  assert.equal(set.prefixes, 6);
  assert.equal(set.ipv4.length, 3 * 2, 'a prefix inside another takes no room');
  assert.equal(hasAddress(setOf('0.0.0.0/0'), parseAddress('1.2.3.4') as Address), true);
  assert.equal(hasAddress(setOf(), parseAddress('::1') as Address), false);
});

test('any set says what a walk over its prefixes says', () => {
  const address = fc
    .tuple(fc.boolean(), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(([v6, octets]) => {
      // Few different octets, so that prefixes and addresses meet.
      for (let i = 0; i < 16; i++) octets[i] = (octets[i] as number) & 0x81;
      return { family: v6 ? 6 : 4, octets: v6 ? octets : octets.fill(0, 4) } as Address;
    });
  const prefix = fc.tuple(address, fc.nat(128)).map(([whole, bits]) => {
    const length = bits % (whole.family === 4 ? 33 : 129);
    return { address: maskedAddress(whole, length), length };
  });
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 20 }), address, (prefixes, one) => {
      const has = prefixes.some((each) => prefixHolds(each, one));
      assert.equal(hasAddress(addressSet(prefixes), one), has);
    }),
  );
});
