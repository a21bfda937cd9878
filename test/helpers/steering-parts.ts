import fc from 'fast-check';
import { NETWORK_KEYS_END } from '../../src/base/network-key.ts';
import { ROW_CANDIDATES, ROW_SHARES, SHARE_WHOLE } from '../../src/steering/image.ts';
import type { ImageParts } from '../../src/steering/image-encode.ts';

/** What images of these parts are for. */
export const EXPECTED = { fleetDigest: 0xfedcba98, placesDigest: 7 };

/** Candidates, and bounds of shares. */
export interface TestRow {
  readonly links: readonly number[];
  readonly bounds: readonly number[];
}

/** Parts for `groups` x (`places` + networks), rows drawn from `rows`. */
export function partsOf(options: {
  groups: number;
  places: number;
  networks: readonly [asn: number, place: number][];
  leaves?: readonly { key: number; place: number; asn: number; isActive: boolean }[];
  rows: readonly TestRow[];
}): ImageParts {
  const { groups, places, networks, rows, leaves = [] } = options;
  const firstLeaf = places + networks.length + 2;
  const cellStride = firstLeaf + leaves.length + 3;
  const candidates = new Int16Array(groups * cellStride * ROW_CANDIDATES).fill(-1);
  const shares = new Uint16Array(groups * cellStride * ROW_SHARES);
  const ttlSeconds = new Uint16Array(groups * cellStride);
  const ttlReason = new Uint8Array(groups * cellStride);
  for (let unit = 0; unit < groups * cellStride; unit++) {
    const row = rows[unit % rows.length] as TestRow;
    candidates.set(row.links, unit * ROW_CANDIDATES);
    shares.set(row.bounds, unit * ROW_SHARES);
    ttlSeconds[unit] = 65_535 - (unit % 3);
    ttlReason[unit] = unit % 2;
  }
  return {
    epoch: 42,
    madeAtMs: 1.7e12 + 0.5,
    ...EXPECTED,
    groupCount: groups,
    placeCount: places,
    networkAsn: Uint32Array.from(networks, ([asn]) => asn),
    networkPlace: Uint32Array.from(networks, ([, place]) => place),
    networkCount: networks.length,
    firstLeaf,
    leafCount: leaves.length,
    leafKey: Float64Array.from(leaves, ({ key }) => key),
    leafPlace: Uint32Array.from(leaves, ({ place }) => place),
    leafAsn: Uint32Array.from(leaves, ({ asn }) => asn),
    leafActive: Uint8Array.from(leaves, ({ isActive }) => Number(isActive)),
    rows: { cellStride, candidates, ttlSeconds, ttlReason, shares },
    termsText: new TextEncoder().encode('{"terms":1}'),
  };
}

const someRow = fc
  .record({
    links: fc.uniqueArray(fc.nat({ max: 300 }), { minLength: 1, maxLength: ROW_CANDIDATES }),
    bounds: fc.uniqueArray(fc.integer({ min: 1, max: SHARE_WHOLE - 1 }), { maxLength: ROW_SHARES }),
  })
  .map(({ links, bounds }) => ({
    links,
    bounds: bounds.slice(0, links.length - 1).sort((one, other) => one - other),
  }));

const someLeaves = fc
  .uniqueArray(
    fc.oneof(
      fc.nat(2 ** 24 - 1),
      fc.nat(40),
      fc.integer({ min: 2 ** 24, max: NETWORK_KEYS_END - 1 }),
      fc.integer({ min: 2 ** 24 + 0xffff, max: 2 ** 24 + 0x1_0009 }),
      fc.constantFrom(2 ** 24 - 1, 2 ** 24, NETWORK_KEYS_END - 1),
    ),
    { maxLength: 60 },
  )
  .chain((keys) =>
    fc.tuple(
      ...keys.map((key) =>
        fc.record({ key: fc.constant(key), place: fc.nat(29), as: fc.nat(40), isActive: fc.boolean() }),
      ),
    ),
  );

/** Parts of all sorts. */
export const someParts = fc
  .record({
    groups: fc.integer({ min: 1, max: 3 }),
    places: fc.integer({ min: 1, max: 30 }),
    asns: fc.uniqueArray(fc.integer({ min: 1, max: 0xfffff000 }), { maxLength: 30 }),
    rows: fc.array(someRow, { minLength: 1, maxLength: 7 }),
    leaves: someLeaves,
  })
  .map(({ groups, places, asns, rows, leaves }) =>
    partsOf({
      groups,
      places,
      rows,
      networks: asns.map((asn, i) => [asn, i % places]),
      leaves: leaves.map(({ place, as, ...rest }) => {
        return { ...rest, place: place % places, asn: asns[as] ?? as };
      }),
    }),
  );
