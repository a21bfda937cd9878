import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildRowMap, findRow, openRowMap, type RowMap } from '../src/answer/row-map.ts';
import { type Address, formatAddress, maskedAddress } from '../src/base/address.ts';
import { seededRandom } from '../src/base/random.ts';
import { type ClientImage, siteOf } from '../src/geo/client-image.ts';
import { openImage, ROW_CANDIDATES, ROW_SHARES, rowOf, type SteeringImage } from '../src/steering/image.ts';
import { encodeImage } from '../src/steering/image-encode.ts';
import { anyNumber, bitsOf, numbered, numberOf } from './helpers/geo-addresses.ts';
import { compiled, packagedSources, places } from './helpers/packaged-geo.ts';

const SOURCE = { fleetDigest: 1, placesDigest: 2 };

/** An image in which each group sends place p to link `links(group, p)`, and tells rows apart by it. */
function steeringImage(options: {
  groups: number;
  placeCount: number;
  link: (group: number, place: number) => number;
  networks?: readonly (readonly [asn: number, place: number, link: number])[];
  placesDigest?: number;
}): SteeringImage {
  const { groups, placeCount, link, networks = [] } = options;
  const cellStride = placeCount + networks.length;
  const units = groups * cellStride;
  const rows = {
    cellStride,
    candidates: new Int16Array(units * ROW_CANDIDATES).fill(-1),
    ttlSeconds: new Uint16Array(units),
    ttlReason: new Uint8Array(units),
    shares: new Uint16Array(units * ROW_SHARES),
  };
  for (let group = 0; group < groups; group++)
    for (let cell = 0; cell < cellStride; cell++) {
      const unit = group * cellStride + cell;
      const chosen = cell < placeCount ? link(group, cell) : (networks[cell - placeCount]?.[2] ?? 0);
      rows.candidates[unit * ROW_CANDIDATES] = chosen & 0x7fff;
      rows.ttlSeconds[unit] = chosen >>> 15;
    }
  const source = {
    ...SOURCE,
    ...(options.placesDigest !== undefined && { placesDigest: options.placesDigest }),
  };
  const bytes = encodeImage({
    ...source,
    epoch: 1,
    madeAtMs: 0,
    groupCount: groups,
    placeCount,
    networkAsn: Uint32Array.from(networks, ([asn]) => asn),
    networkPlace: Uint32Array.from(networks, ([, place]) => place),
    networkCount: networks.length,
    rows,
    termsText: new Uint8Array(0),
  });
  const image = openImage(bytes, source);
  if (typeof image === 'string') throw new Error(image);
  return image;
}

/** Where runs begin, and the site of each. */
type Runs = readonly { readonly start: bigint; readonly site: number }[];

function clientImage(v4: Runs, v6: Runs, siteCount: number): ClientImage {
  const words = (values: readonly number[]) => Uint32Array.from(values);
  const bucket = new Uint32Array(0);
  return {
    databases: [],
    attribution: [],
    siteCount,
    sitePlace: words(Array.from({ length: siteCount }, (_, i) => i)),
    siteAsn: words(Array.from({ length: siteCount }, (_, i) => i % 3)),
    v4: {
      count: v4.length,
      bucket,
      start: words(v4.map(({ start }) => Number(start))),
      site: words(v4.map(({ site }) => site)),
    },
    v6: {
      count: v6.length,
      bucket,
      startHigh: words(v6.map(({ start }) => Number(start >> 32n))),
      startLow: words(v6.map(({ start }) => Number(start & 0xffff_ffffn))),
      site: words(v6.map(({ site }) => site)),
    },
  };
}

function opened(clients: ClientImage, steering: SteeringImage): RowMap {
  const map = openRowMap(buildRowMap(clients, steering));
  if (typeof map === 'string') throw new Error(map);
  return map;
}

function find(map: RowMap, group: number, address: Address): { row: number; scopeLength: number } {
  const hit = { row: -1, scopeLength: -1 };
  findRow(map, group, address, hit);
  return hit;
}

const SITES = 12;
/** Borders alone and in crowds, as blocks of networks and as single addresses, so that all forms occur. */
function runs(family: 4 | 6): fc.Arbitrary<Runs> {
  const bits = BigInt(bitsOf(family));
  const crowd = fc
    .tuple(anyNumber(family), fc.integer({ min: 0, max: Number(bits) - 1 }), fc.integer({ min: 1, max: 60 }))
    .map(([from, shift, count]) =>
      Array.from({ length: count }, (_, i) => ((from >> BigInt(shift)) + BigInt(i * 3)) << BigInt(shift)),
    );
  const starts = fc.array(fc.oneof(crowd, fc.array(anyNumber(family), { maxLength: 20 })), { maxLength: 6 });
  return fc
    .tuple(starts, fc.array(fc.nat(SITES - 1), { minLength: 7, maxLength: 30 }))
    .map(([lists, sites]) => {
      const all = [0n, ...lists.flat().filter((start) => start < 1n << bits)];
      const sorted = [...new Set(all)].sort((a, b) => (a < b ? -1 : 1));
      return sorted.map((start, i) => ({ start, site: sites[i % sites.length] as number }));
    });
}

/** The row of an address and its scope, from the runs one by one and the prefix bit by bit. */
function slowFind(list: Runs, rowOfSite: (site: number) => number, address: Address) {
  const value = numberOf(address);
  const bits = bitsOf(address.family);
  const rows = list.map(({ site }) => rowOfSite(site));
  const at = list.findLastIndex(({ start }) => start <= value);
  let [first, next] = [at, at + 1];
  while (first > 0 && rows[first - 1] === rows[at]) first--;
  while (next < list.length && rows[next] === rows[at]) next++;
  const from = list[first]?.start ?? 0n;
  const to = list[next]?.start ?? 1n << BigInt(bits);
  let scopeLength = 0;
  for (; scopeLength < bits; scopeLength++) {
    const size = 1n << BigInt(bits - scopeLength);
    const begin = (value / size) * size;
    if (begin >= from && begin + size <= to) break;
  }
  return { row: rows[at], scopeLength };
}

/** Addresses at and beside every border. */
function besides(family: 4 | 6, list: Runs): Address[] {
  const end = 1n << BigInt(bitsOf(family));
  return list
    .flatMap(({ start }) => [start - 1n, start, start + 1n])
    .concat([0n, end - 1n])
    .filter((value) => value >= 0n && value < end)
    .map((value) => numbered(family, value));
}

const links = fc.array(fc.nat(3), { minLength: SITES, maxLength: SITES });

test('rows and scopes are what a search bit by bit finds', () => {
  fc.assert(
    fc.property(runs(4), runs(6), links, links, fc.array(anyNumber(4)), (v4, v6, one, other, more) => {
      const clients = clientImage(v4, v6, SITES);
      const link = (group: number, place: number) => [one, other, one][group]?.[place] ?? 0;
      const networks = [[1, 4, 7] as const, [2, 5, one[5] ?? 0] as const];
      const steering = steeringImage({ groups: 3, placeCount: SITES, link, networks });
      const map = opened(clients, steering);
      for (const [group, family] of [[0, 4] as const, [1, 4] as const, [1, 6] as const, [2, 6] as const]) {
        const list = family === 4 ? v4 : v6;
        const rowOfSite = (site: number) => rowOf(steering, group, site, clients.siteAsn[site] as number);
        const asked = [...besides(family, list), ...(family === 4 ? more.map((v) => numbered(4, v)) : [])];
        for (const address of asked)
          assert.deepEqual(
            find(map, group, address),
            slowFind(list, rowOfSite, address),
            formatAddress(address),
          );
      }
    }),
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
