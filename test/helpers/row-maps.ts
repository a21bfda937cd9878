import assert from 'node:assert/strict';
import fc from 'fast-check';
import { buildRowMap, findRow, openRowMap, type RowMap } from '../../src/answer/row-map.ts';
import { type Address, formatAddress } from '../../src/base/address.ts';
import { BUCKETS, type ClientImage } from '../../src/geo/client-image.ts';
import { openImage, ROW_CANDIDATES, ROW_SHARES, type SteeringImage } from '../../src/steering/image.ts';
import { encodeImage } from '../../src/steering/image-encode.ts';
import { anyNumber, bitsOf, numbered, numberOf } from './geo-addresses.ts';

/** A client network with a decision of its own. */
export interface TestLeaf {
  /** `networkKey`. */
  readonly key: number;
  readonly place: number;
  readonly asn: number;
  /** By group. */
  readonly links: readonly number[];
  readonly isActive?: boolean;
}

const SOURCE = { fleetDigest: 1, placesDigest: 2 };

/** An image in which each group sends place p to link `links(group, p)`, and tells rows apart by it. */
export function steeringImage(options: {
  groups: number;
  placeCount: number;
  link: (group: number, place: number) => number;
  networks?: readonly (readonly [asn: number, place: number, link: number])[];
  leaves?: readonly TestLeaf[];
  placesDigest?: number;
}): SteeringImage {
  const { groups, placeCount, link, networks = [], leaves = [] } = options;
  const firstLeaf = placeCount + networks.length;
  const cellStride = firstLeaf + leaves.length;
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
      const own = networks[cell - placeCount]?.[2] ?? leaves[cell - firstLeaf]?.links[group] ?? 0;
      const chosen = cell < placeCount ? link(group, cell) : own;
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
    firstLeaf,
    leafCount: leaves.length,
    leafKey: Float64Array.from(leaves, ({ key }) => key),
    leafPlace: Uint32Array.from(leaves, ({ place }) => place),
    leafAsn: Uint32Array.from(leaves, ({ asn }) => asn),
    leafActive: Uint8Array.from(leaves, ({ isActive }) => (isActive === false ? 0 : 1)),
    rows,
    termsText: new Uint8Array(0),
  });
  const image = openImage(bytes, source);
  if (typeof image === 'string') throw new Error(image);
  return image;
}

/** Where runs begin, and the site of each. */
export type Runs = readonly { readonly start: bigint; readonly site: number }[];

export function clientImage(v4: Runs, v6: Runs, siteCount: number): ClientImage {
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

export function opened(clients: ClientImage, steering: SteeringImage): RowMap {
  const map = openRowMap(buildRowMap(clients, steering));
  if (typeof map === 'string') throw new Error(map);
  return map;
}

export function find(map: RowMap, group: number, address: Address): { row: number; scopeLength: number } {
  const hit = { row: -1, scopeLength: -1 };
  findRow(map, group, address, hit);
  return hit;
}

/** What was found against what should be. Millions are compared: words are made for a difference alone. */
export function assertFound(
  got: ReturnType<typeof find>,
  wanted: { readonly row: number | undefined; readonly scopeLength: number },
  address: Address,
): void {
  if (got.row === wanted.row && got.scopeLength === wanted.scopeLength) return;
  assert.deepEqual(got, wanted, formatAddress(address));
}

/** Borders alone and in crowds, as blocks of networks and as single addresses, so that all forms occur. */
export function runs(family: 4 | 6, sites: number): fc.Arbitrary<Runs> {
  const bits = BigInt(bitsOf(family));
  const crowd = fc
    .tuple(anyNumber(family), fc.integer({ min: 0, max: Number(bits) - 1 }), fc.integer({ min: 1, max: 60 }))
    .map(([from, shift, count]) =>
      Array.from({ length: count }, (_, i) => ((from >> BigInt(shift)) + BigInt(i * 3)) << BigInt(shift)),
    );
  const starts = fc.array(fc.oneof(crowd, fc.array(anyNumber(family), { maxLength: 20 })), { maxLength: 6 });
  return fc
    .tuple(starts, fc.array(fc.nat(sites - 1), { minLength: 7, maxLength: 30 }))
    .map(([lists, own]) => {
      const all = [0n, ...lists.flat().filter((start) => start < 1n << bits)];
      const sorted = [...new Set(all)].sort((a, b) => (a < b ? -1 : 1));
      return sorted.map((start, i) => ({ start, site: own[i % own.length] as number }));
    });
}

/** Where each row begins, in address order. */
export type RowRuns = readonly { readonly start: bigint; readonly row: number }[];

/** The row of an address and its scope, from the runs one by one and the prefix bit by bit. */
export function slowFind(list: RowRuns, address: Address) {
  const value = numberOf(address);
  const bits = bitsOf(address.family);
  const at = list.findLastIndex(({ start }) => start <= value);
  const row = list[at]?.row;
  let [first, next] = [at, at + 1];
  while (first > 0 && list[first - 1]?.row === row) first--;
  while (next < list.length && list[next]?.row === row) next++;
  const from = list[first]?.start ?? 0n;
  const to = list[next]?.start ?? 1n << BigInt(bits);
  let scopeLength = 0;
  for (; scopeLength < bits; scopeLength++) {
    const size = 1n << BigInt(bits - scopeLength);
    const begin = (value / size) * size;
    if (begin >= from && begin + size <= to) break;
  }
  return { row, scopeLength };
}

/** Addresses at and beside every border. */
export function besides(family: 4 | 6, list: readonly { readonly start: bigint }[]): Address[] {
  const end = 1n << BigInt(bitsOf(family));
  return list
    .flatMap(({ start }) => [start - 1n, start, start + 1n])
    .concat([0n, end - 1n])
    .filter((value) => value >= 0n && value < end)
    .map((value) => numbered(family, value));
}

/** The image with its buckets, which finding an address needs. */
export function withBuckets(image: ClientImage): ClientImage {
  const bucketsOf = (starts: Uint32Array): Uint32Array =>
    Uint32Array.from({ length: BUCKETS }, (_, top) => starts.filter((start) => start < top * 65_536).length);
  const { v4, v6 } = image;
  return {
    ...image,
    v4: { ...v4, bucket: bucketsOf(v4.start) },
    v6: { ...v6, bucket: bucketsOf(v6.startHigh) },
  };
}
