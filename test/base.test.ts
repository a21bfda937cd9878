import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatAddress,
  formatPrefix,
  maskedAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixHolds,
} from '../src/base/address.ts';
import { formatProblem, OperatorError } from '../src/base/errors.ts';
import { distanceKm } from '../src/base/geodesy.ts';
import { logOf } from '../src/base/log.ts';
import { IPV6_KEYS, NETWORK_KEYS_END, networkKey, networkOfKey } from '../src/base/network-key.ts';
import { hashText, normal, seededRandom } from '../src/base/random.ts';

test('addresses: forms of RFC 4291 and RFC 5952', () => {
  const table: [string, string | undefined][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:0:0:0:0', '2001:db8:0:1::'],
    ['::', '::'],
    ['::1', '::1'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['64:ff9b::192.0.2.7', '64:ff9b::c000:207'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1::2::3', undefined],
    ['192.0.2.1::', undefined],
    ['1:2:3:4:5:6:7::8', undefined],
    ['01.2.3.4', undefined],
    ['256.1.1.1', undefined],
    ['1.2.3', undefined],
    ['', undefined],
    ['fe80::1%eth0', undefined],
  ];
  for (const [text, canonical] of table) {
    const address = parseAddress(text);
    assert.equal(address === undefined ? undefined : formatAddress(address), canonical, text);
  }
});

test('any IPv6 address survives presentation form and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
      octets[0] = 0x20;
      const text = formatAddress({ family: 6, octets });
      assert.deepEqual(parseAddress(text)?.octets, octets);
    }),
  );
});

test('prefixes: host bits are refused with what was meant, and a prefix holds just its own', () => {
  assert.equal(parsePrefix('192.0.2.1/24'), '"192.0.2.1/24" has host bits set: did you mean 192.0.2.0/24?');
  assert.match(String(parsePrefix('192.0.2.0/33')), /0 to 32/);
  assert.match(String(parsePrefix('nonsense/8')), /neither an IP address nor an IP prefix/);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 1, max: 32 }),
      (raw, length) => {
        raw.fill(0, 4);
        const address = { family: 4 as const, octets: raw };
        const prefix = { address: maskedAddress(address, length), length };
        assert.ok(prefixHolds(prefix, address), formatPrefix(prefix));
        const flipped = Uint8Array.from(raw);
        flipped[(length - 1) >> 3] = (flipped[(length - 1) >> 3] as number) ^ (0x80 >> ((length - 1) & 7));
        assert.ok(!prefixHolds(prefix, { family: 4, octets: flipped }));
      },
    ),
  );
});

test('distances agree with published great circles', () => {
  const frankfurt = { latitude: 50.0333, longitude: 8.5706 };
  const tokyo = { latitude: 35.7647, longitude: 140.3864 };
  const sydney = { latitude: -33.9461, longitude: 151.1772 };
  assert.ok(Math.abs(distanceKm(frankfurt, tokyo) - 9364) < 30);
  assert.ok(Math.abs(distanceKm(tokyo, sydney) - 7820) < 40);
  assert.equal(distanceKm(sydney, sydney), 0);
});

test('chance is replayable and well spread', () => {
  const [first, second] = [seededRandom(7), seededRandom(7)];
  const draws = Array.from({ length: 4000 }, () => normal(first));
  assert.deepEqual(
    draws.slice(0, 100),
    Array.from({ length: 100 }, () => normal(second)),
  );
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
  const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length;
  assert.ok(Math.abs(mean) < 0.06 && Math.abs(variance - 1) < 0.1, `mean ${mean}, variance ${variance}`);
  assert.notEqual(hashText('FRA'), hashText('FRB'));
});

test('logarithms are as good as those of Math.log to three millionths', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-37, max: 1e38, noNaN: true }), (value) => {
      assert.ok(Math.abs(logOf(value) - Math.log(value)) < 3e-6, `${value}`);
    }),
    { seed: 5, numRuns: 2000 },
  );
  for (let power = -100; power < 100; power++)
    assert.ok(Math.abs(logOf(2 ** power) - power * Math.LN2) < 3e-6);
});

test('an operator error prints one line a problem, as editors read them', () => {
  const error = new OperatorError('bad-zone', [
    { file: 'a.zone', line: 3, column: 7, message: 'no' },
    { file: 'b.zone', message: 'nor this' },
  ]);
  assert.equal(error.message, 'a.zone:3:7: no\nb.zone: nor this');
  assert.equal(formatProblem({ file: 'c', line: 1, message: 'x' }), 'c:1: x');
});

test('keys of networks: every key is of one network, in address order, IPv4 first', () => {
  const prefix = (text: string): Prefix => {
    const read = parsePrefix(text);
    if (typeof read === 'string') throw new Error(read);
    return read;
  };
  const table: [string, number, string][] = [
    ['0.0.0.0/24', 0, '0.0.0.0/24'],
    ['203.0.113.0/24', 0xcb0071, '203.0.113.0/24'],
    ['203.0.113.128/25', 0xcb0071, '203.0.113.0/24'],
    ['203.0.112.0/20', 0xcb0070, '203.0.112.0/24'],
    ['255.255.255.255/32', IPV6_KEYS - 1, '255.255.255.0/24'],
    ['::/48', IPV6_KEYS, '::/48'],
    ['2001:db8:7::/48', IPV6_KEYS + 0x2001_0db8_0007, '2001:db8:7::/48'],
    ['2001:db8:7:8::/64', IPV6_KEYS + 0x2001_0db8_0007, '2001:db8:7::/48'],
    ['ffff:ffff:ffff::/48', NETWORK_KEYS_END - 1, 'ffff:ffff:ffff::/48'],
  ];
  for (const [text, key, network] of table) {
    assert.equal(networkKey(prefix(text)), key, text);
    assert.equal(networkKey(prefix(text).address), key, text);
    assert.equal(formatPrefix(networkOfKey(key)), network);
  }
  const keys = fc.oneof(fc.nat(IPV6_KEYS - 1), fc.integer({ min: IPV6_KEYS, max: NETWORK_KEYS_END - 1 }));
  fc.assert(
    fc.property(keys, keys, fc.uint8Array({ minLength: 16, maxLength: 16 }), (key, other, octets) => {
      const network = networkOfKey(key);
      const { address, length } = network;
      assert.equal(networkKey(network), key);
      const inside = { family: address.family, octets: octets.slice() };
      inside.octets.set(address.octets.subarray(0, length / 8));
      if (address.family === 4) inside.octets.fill(0, 4);
      assert.equal(networkKey(inside), key);
      assert.deepEqual(networkOfKey(networkKey(inside)).address, maskedAddress(inside, length));
      const there = networkOfKey(other).address;
      const order = address.family - there.family || Buffer.compare(address.octets, there.octets);
      assert.equal(Math.sign(key - other), Math.sign(order));
    }),
  );
});
