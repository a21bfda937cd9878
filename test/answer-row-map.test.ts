import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildRowMap, openRowMap } from '../src/answer/row-map.ts';
import { type Address, formatAddress, maskedAddress } from '../src/base/address.ts';
import { seededRandom } from '../src/base/random.ts';
import { type ClientImage, siteOf } from '../src/geo/client-image.ts';
import { rowOf } from '../src/steering/image.ts';
import { anyNumber, bitsOf, numbered } from './helpers/geo-addresses.ts';
import { compiled, packagedSources, places } from './helpers/packaged-geo.ts';
import {
  assertFound,
  besides,
  clientImage,
  find,
  opened,
  type Runs,
  runs,
  slowFind,
  steeringImage,
} from './helpers/row-maps.ts';

const SITES = 12;
const links = fc.array(fc.nat(3), { minLength: SITES, maxLength: SITES });

test('rows and scopes are what a search bit by bit finds', () => {
  fc.assert(
    fc.property(
      runs(4, SITES),
      runs(6, SITES),
      links,
      links,
      fc.array(anyNumber(4)),
      (v4, v6, one, other, more) => {
        const clients = clientImage(v4, v6, SITES);
        const link = (group: number, place: number) => [one, other, one][group]?.[place] ?? 0;
        const networks = [[1, 4, 7] as const, [2, 5, one[5] ?? 0] as const];
        const steering = steeringImage({ groups: 3, placeCount: SITES, link, networks });
        const map = opened(clients, steering);
        for (const [group, family] of [[0, 4] as const, [1, 4] as const, [1, 6] as const, [2, 6] as const]) {
          const list = (family === 4 ? v4 : v6).map(({ start, site }) => {
            return { start, row: rowOf(steering, group, site, clients.siteAsn[site] as number) };
          });
          const asked = [...besides(family, list), ...(family === 4 ? more.map((v) => numbered(4, v)) : [])];
          for (const address of asked)
            assertFound(find(map, group, address), slowFind(list, address), address);
        }
      },
    ),
    { numRuns: 150, seed: 3 },
  );
});

test('one run is everything; a run may be one address; IPv6 is told apart by 64 bits', () => {
  const everything: Runs = [{ start: 0n, site: 3 }];
  const steering = steeringImage({ groups: 1, placeCount: SITES, link: (_, place) => place });
  const row = rowOf(steering, 0, 3, 0);
  const whole = opened(clientImage(everything, everything, SITES), steering);
  for (const text of [0n, 0xffff_ffffn].map((value) => numbered(4, value)))
    assert.deepEqual(find(whole, 0, text), { row, scopeLength: 0 });
  assert.deepEqual(find(whole, 0, numbered(6, 2n ** 64n - 1n)), { row, scopeLength: 0 });
  const ends = (bits: 32n | 64n): Runs => [
    { start: 0n, site: 1 },
    { start: 1n, site: 2 },
    { start: (1n << bits) - 1n, site: 4 },
  ];
  const map = opened(clientImage(ends(32n), ends(64n), SITES), steering);
  assert.equal(find(map, 0, numbered(4, 0n)).scopeLength, 32);
  assert.equal(find(map, 0, numbered(4, 0xffff_ffffn)).scopeLength, 32);
  const last = numbered(6, 2n ** 64n - 1n);
  last.octets.fill(77, 8);
  assert.deepEqual(find(map, 0, last), { row: rowOf(steering, 0, 4, 1), scopeLength: 64 });
});

test('more rows than 16 bits tell apart', () => {
  const placeCount = 70_000;
  const steering = steeringImage({ groups: 1, placeCount, link: (_, place) => place });
  assert.equal(steering.rowCount, placeCount);
  const list = (shift: bigint): Runs =>
    Array.from({ length: placeCount }, (_, i) => ({ start: BigInt(i) << shift, site: placeCount - 1 - i }));
  const clients = { ...clientImage(list(4n), list(40n), placeCount), siteAsn: new Uint32Array(placeCount) };
  const map = opened(clients, steering);
  for (let i = 0; i < placeCount - 1; i += 7) {
    const row = rowOf(steering, 0, placeCount - 1 - i, 0);
    assert.deepEqual(find(map, 0, numbered(4, (BigInt(i) << 4n) + 5n)), { row, scopeLength: 28 });
    assert.deepEqual(find(map, 0, numbered(6, (BigInt(i) << 40n) + 5n)), { row, scopeLength: 24 });
  }
});

test('what is no row map is refused', () => {
  const list: Runs = [{ start: 0n, site: 0 }];
  const steering = steeringImage({ groups: 1, placeCount: 1, link: () => 0 });
  const bytes = buildRowMap(clientImage(list, list, 1), steering);
  assert.equal(typeof openRowMap(bytes), 'object');
  assert.match(String(openRowMap(bytes.subarray(0, bytes.length - 4))), /^cut/);
  assert.match(String(openRowMap(new Uint8Array(80))), /^not a row map$/);
  bytes[8] = 99;
  assert.match(String(openRowMap(bytes)), /another format/);
});

test('the packaged databases: scopes are true, and none could be one bit shorter', () => {
  const clients = compiled(packagedSources());
  const link = (_: number, place: number) => Math.floor((places.longitude[place] ?? 0) + 180);
  const networks = Array.from({ length: 2000 }, (_, i) => {
    const site = Math.floor((i * clients.siteCount) / 2000);
    return [clients.siteAsn[site] as number, clients.sitePlace[site] as number, 500 + i] as const;
  }).filter(([asn]) => asn !== 0);
  const { digest } = places;
  const steering = steeringImage({
    groups: 1,
    placeCount: places.count,
    link,
    networks,
    placesDigest: digest,
  });
  const map = opened(clients, steering);
  const random = seededRandom(9);
  const rowAt = (address: Address): number => {
    const site = siteOf(clients, address);
    return rowOf(steering, 0, clients.sitePlace[site] as number, clients.siteAsn[site] as number);
  };
  const flipped = (address: Address, bit: number): Address => {
    const octets = Uint8Array.from(address.octets);
    octets[bit >> 3] = (octets[bit >> 3] as number) ^ (0x80 >> (bit & 7));
    return { family: address.family, octets };
  };
  for (let i = 0; i < 20_000; i++) {
    const address = randomClient(clients, i, random.next);
    const { row, scopeLength } = find(map, 0, address);
    assert.equal(row, rowAt(address));
    const bits = bitsOf(address.family);
    const inside = maskedAddress(address, scopeLength);
    for (let bit = scopeLength; bit < bits; bit++)
      if (random.next() < 0.5) inside.octets.set(flipped(inside, bit).octets);
    assert.equal(
      find(map, 0, inside).row,
      row,
      `${formatAddress(inside)} in the scope of ${formatAddress(address)}`,
    );
    assert.equal(find(map, 0, inside).scopeLength, scopeLength);
    // The other half of the prefix one bit shorter has another row somewhere: at its first address, or where
    // a run begins in it.
    if (scopeLength === 0) continue;
    const sister = maskedAddress(flipped(address, scopeLength - 1), scopeLength);
    const there = find(map, 0, sister);
    assert.ok(there.row !== row || there.scopeLength > scopeLength, formatAddress(address));
  }
});

/** Clients anywhere, and at the borders of runs. */
function randomClient(clients: ClientImage, i: number, next: () => number): Address {
  const octets = Uint8Array.from({ length: 16 }, () => Math.floor(next() * 256));
  if (i % 2 === 0) return { family: 4, octets: octets.fill(0, 4) };
  const { count, startHigh, startLow } = clients.v6;
  const run = Math.floor(next() * count);
  const start = (BigInt(startHigh[run] as number) << 32n) | BigInt(startLow[run] as number);
  const address = numbered(6, start);
  if (i % 4 === 1) address.octets.set(octets.subarray(6), 6);
  return address;
}
