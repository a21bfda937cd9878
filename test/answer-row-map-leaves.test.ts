import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Address, formatAddress } from '../src/base/address.ts';
import { NETWORK_BITS, networkKey, networkOfKey } from '../src/base/network-key.ts';
import { type ClientImage, siteOf } from '../src/geo/client-image.ts';
import { leafSlot, rowOf, type SteeringImage } from '../src/steering/image.ts';
import { addressOf, anyNumber, bitsOf, numbered, numberOf } from './helpers/geo-addresses.ts';
import { compiled, packagedSources, places } from './helpers/packaged-geo.ts';
import {
  assertFound,
  besides,
  clientImage,
  find,
  opened,
  type RowRuns,
  type Runs,
  runs,
  slowFind,
  steeringImage,
  type TestLeaf,
} from './helpers/row-maps.ts';

const SITES = 12;
const GROUPS = 2;

const leafBits = (family: 4 | 6): bigint => BigInt(bitsOf(family) - NETWORK_BITS[family]);

/** Leaves anywhere, at both ends of the addresses, at the borders of runs, and side by side in crowds. */
function leavesNear(family: 4 | 6, list: Runs): fc.Arbitrary<TestLeaf[]> {
  const first = fc.oneof(anyNumber(family), fc.constantFrom(...list.map(({ start }) => start)));
  const crowd = fc.tuple(first, fc.integer({ min: 1, max: 6 })).map(([from, count]) =>
    Array.from({ length: count }, (_, i) => (from >> leafBits(family)) + BigInt(i) - 1n)
      .filter((network) => network >= 0n && network < 1n << BigInt(NETWORK_BITS[family]))
      .map((network) => networkKey(numbered(family, network << leafBits(family)))),
  );
  const rest = fc.record({
    place: fc.nat(SITES - 1),
    asn: fc.nat(3),
    links: fc.array(fc.nat(3), { minLength: GROUPS, maxLength: GROUPS }),
    isActive: fc.integer({ min: 0, max: 5 }).map((chance) => chance > 0),
  });
  return fc.array(crowd, { maxLength: 8 }).chain((keys) => {
    const distinct = [...new Set(keys.flat())];
    return fc
      .array(rest, { minLength: distinct.length, maxLength: distinct.length })
      .map((all) => all.map((one, i) => ({ ...one, key: distinct[i] as number })));
  });
}

const links = fc.array(fc.nat(3), { minLength: SITES, maxLength: SITES });
const world = fc.tuple(runs(4, SITES), runs(6, SITES)).chain(([v4, v6]) =>
  fc.record({
    v4: fc.constant(v4),
    v6: fc.constant(v6),
    four: leavesNear(4, v4),
    six: leavesNear(6, v6),
    links: fc.array(links, { minLength: GROUPS, maxLength: GROUPS }),
    networkLink: fc.nat(5),
  }),
);

/** Whether a leaf has a row that its clients would not get without it, worked out from the parts alone. */
function counts(leaf: TestLeaf, parentLink: (group: number) => number): boolean {
  return leaf.isActive !== false && leaf.links.some((link, group) => link !== parentLink(group));
}

/** Rows in address order: where each range begins, each leaf begins and ends, and the row there. */
function rowRuns(
  family: 4 | 6,
  list: Runs,
  from: { steering: SteeringImage; clients: ClientImage; group: number; leaves: readonly TestLeaf[] },
): RowRuns {
  const { steering, clients, group, leaves } = from;
  const shift = leafBits(family);
  const networks = new Map(
    leaves
      .map((leaf) => ({ leaf, at: numberOf(networkOfKey(leaf.key).address) >> shift }))
      .filter(({ leaf }) => networkOfKey(leaf.key).address.family === family)
      .map(({ leaf, at }) => [at, leaf]),
  );
  const borders = [...networks.keys()].flatMap((at) => [at << shift, (at + 1n) << shift]);
  const starts = [...new Set([...list.map(({ start }) => start), ...borders])]
    .filter((start) => start < 1n << BigInt(bitsOf(family)))
    .sort((a, b) => (a < b ? -1 : 1));
  return starts.map((start) => {
    const leaf = networks.get(start >> shift);
    const site = list.findLast((run) => run.start <= start)?.site ?? 0;
    const asn = clients.siteAsn[site] as number;
    const key = leaf === undefined ? -1 : leaf.key;
    return { start, row: rowOf(steering, group, site, asn, key) };
  });
}

test('leaves lie over the ranges: rows and scopes are what a search bit by bit finds', () => {
  fc.assert(
    fc.property(world, ({ v4, v6, four, six, links, networkLink }) => {
      const clients = clientImage(v4, v6, SITES);
      const link = (group: number, place: number) => links[group]?.[place] ?? 0;
      const networks = [[1, 4, networkLink] as const];
      const leaves = [...four, ...six].toSorted((one, other) => (one.key % 7) - (other.key % 7));
      const steering = steeringImage({ groups: GROUPS, placeCount: SITES, link, networks, leaves });
      const parent = ({ place, asn }: TestLeaf, group: number): number =>
        place === 4 && asn === 1 ? networkLink : link(group, place);
      const counting = leaves.filter((leaf) => counts(leaf, (group) => parent(leaf, group)));
      assert.equal(steering.leafIpv4.length + steering.leafIpv6.length, counting.length);
      for (const leaf of leaves)
        assert.equal(leafSlot(steering, leaf.key) >= 0, counting.includes(leaf), 'merged, free, or there');
      for (const leaf of counting)
        for (let group = 0; group < GROUPS; group++) {
          const row = rowOf(steering, group, 0, 0, leaf.key);
          assert.equal(steering.rows[row * 16], leaf.links[group]);
        }
      const map = opened(clients, steering);
      for (let group = 0; group < GROUPS; group++)
        for (const family of [4, 6] as const) {
          const list = rowRuns(family, family === 4 ? v4 : v6, { steering, clients, group, leaves });
          for (const address of besides(family, list))
            assertFound(find(map, group, address), slowFind(list, address), address);
        }
    }),
    { numRuns: 200, seed: 5 },
  );
});

test('a leaf of the same row as its neighbours ends no scope', () => {
  const list: Runs = [
    { start: 0n, site: 0 },
    { start: 0x0a00_0000n, site: 1 },
    { start: 0x0b00_0000n, site: 0 },
  ];
  const leaf = (text: string, link: number): TestLeaf => {
    return { key: networkKey(addressOf(text)), place: 0, asn: 0, links: [link] };
  };
  const leaves = [leaf('10.1.2.0', 1), leaf('10.1.3.0', 7), leaf('10.2.4.0', 7), leaf('10.2.5.0', 7)];
  const steering = steeringImage({ groups: 1, placeCount: 2, link: (_, place) => place, leaves });
  const map = opened(clientImage(list, [{ start: 0n, site: 0 }], 2), steering);
  const row = (text: string) => find(map, 0, addressOf(text));
  const [own, place] = [row('10.1.3.9').row, row('10.200.0.1').row];
  assert.notEqual(own, place);
  assert.deepEqual(
    row('10.1.2.77'),
    { row: place, scopeLength: 24 },
    'its own leaf, as its range: as far as 10.1.3.0',
  );
  assert.deepEqual(row('10.1.3.255'), { row: own, scopeLength: 24 });
  assert.deepEqual(row('10.2.4.1'), { row: own, scopeLength: 23 }, 'two leaves side by side are one run');
  assert.deepEqual(row('10.2.6.0'), { row: place, scopeLength: 23 });
  assert.deepEqual(row('10.128.0.0'), { row: place, scopeLength: 9 });
});

test('a hundred thousand leaves over the packaged databases: each is found, and what is beside it', () => {
  const clients = compiled(packagedSources());
  const leaves = Array.from({ length: 100_000 }, (_, i): TestLeaf => {
    const key = i % 4 === 0 ? 2 ** 24 + 0x2001_0000_0000 + i * 37 : (i * 167) % 2 ** 24;
    return { key, place: 0, asn: 0, links: [500 + (i % 90)] };
  });
  const link = (_: number, place: number) => Math.floor((places.longitude[place] ?? 0) + 180);
  const { digest } = places;
  const steering = steeringImage({ groups: 1, placeCount: places.count, link, leaves, placesDigest: digest });
  const map = opened(clients, steering);
  const expected = (address: Address): number => {
    const site = siteOf(clients, address);
    const asn = clients.siteAsn[site] as number;
    return rowOf(steering, 0, clients.sitePlace[site] as number, asn, networkKey(address));
  };
  for (const { key } of leaves) {
    const { address, length } = networkOfKey(key);
    const { row, scopeLength } = find(map, 0, address);
    assert.equal(row, expected(address));
    assert.ok(scopeLength <= length);
    const [before, after] = [networkOfKey(Math.max(0, key - 1)), networkOfKey(key + 1)];
    for (const other of [before, after])
      assert.equal(find(map, 0, other.address).row, expected(other.address), formatAddress(other.address));
  }
});
