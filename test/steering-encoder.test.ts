import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openImage, ROW_CANDIDATES, ROW_SHARES, rowOf, type SteeringImage } from '../src/steering/image.ts';
import { createImageEncoder, encodeImage, type ImageParts } from '../src/steering/image-encode.ts';
import { EXPECTED, partsOf, type TestRow } from './helpers/steering-parts.ts';

const PLACES = 9;
const LEAVES = 5;
const ROWS: readonly TestRow[] = Array.from({ length: 6 }, (_, i) => ({
  links: [i, i + 1, 9 - i],
  bounds: i % 2 === 0 ? [] : [1000 * i],
}));

const opened = (bytes: Uint8Array): SteeringImage => {
  const image = openImage(bytes, EXPECTED);
  if (typeof image === 'string') throw new Error(image);
  return image;
};

/** A table of two groups that stays in its place while rows, networks and leaves in it change. */
function world(): ImageParts & { networkCount: number } {
  const networks = Array.from({ length: 12 }, (_, i): [number, number] => [
    i % 4 === 3 ? 0 : i + 1,
    i % PLACES,
  ]);
  const leaves = Array.from({ length: LEAVES }, (_, i) => {
    return { key: i * 3 + (i % 2) * 2 ** 30, place: i, asn: i, isActive: true };
  });
  return { ...partsOf({ groups: 2, places: PLACES, networks, leaves, rows: ROWS }), networkCount: 6 };
}

function setRow({ rows }: ImageParts, unit: number, row: TestRow, ttl: number): void {
  rows.candidates.fill(-1, unit * ROW_CANDIDATES, (unit + 1) * ROW_CANDIDATES);
  rows.candidates.set(row.links, unit * ROW_CANDIDATES);
  rows.shares?.fill(0, unit * ROW_SHARES, (unit + 1) * ROW_SHARES);
  rows.shares?.set(row.bounds, unit * ROW_SHARES);
  rows.ttlSeconds[unit] = ttl;
}

/** Rows of all cells in words: places, networks, leaves, in each group. */
function rowsOf(image: SteeringImage, parts: ImageParts): string[] {
  const text = (row: number): string => image.rows.slice(row * 16, row * 16 + 16).join();
  return numbersOf(image, parts).map(text);
}

function numbersOf(image: SteeringImage, parts: ImageParts): number[] {
  const { groupCount, networkAsn, networkPlace, leafKey } = parts;
  return Array.from({ length: groupCount }, (_, group) => [
    ...Array.from({ length: PLACES }, (_, place) => rowOf(image, group, place, 0)),
    ...Array.from(networkAsn, (asn, i) => rowOf(image, group, networkPlace[i] as number, asn)),
    ...Array.from(leafKey, (key, i) => rowOf(image, group, parts.leafPlace[i] as number, 0, key)),
  ]).flat();
}

const change = fc.record({
  unit: fc.nat(2 * (PLACES + 12 + 2 + LEAVES + 3) - 1),
  row: fc.nat(ROWS.length - 1),
  ttl: fc.constantFrom(20, 20, 90, 91),
  /** Units from there on that change alike. */
  alike: fc.constantFrom(1, 1, 1, 9),
  networks: fc.constantFrom(0, 0, 0, 1, 2, -1),
  leaf: fc.option(fc.tuple(fc.nat(LEAVES - 1), fc.boolean())),
});

test('one encoder for many tables gives the same rows as a new one for each, stored once', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 12 }), (ticks) => {
      const parts = world();
      const encoder = createImageEncoder();
      const units = parts.rows.ttlSeconds.length;
      for (const changes of [[], ...ticks]) {
        for (const { unit, row, ttl, alike, networks, leaf } of changes) {
          for (let k = 0; k < alike; k++) setRow(parts, (unit + k) % units, ROWS[row] as TestRow, ttl);
          parts.networkCount = Math.max(0, Math.min(12, parts.networkCount + networks));
          if (networks < 0) parts.networkAsn[0] = parts.networkAsn[0] === 0 ? 77 : 0;
          if (leaf !== null) parts.leafActive[leaf[0]] = Number(leaf[1]);
        }
        const image = opened(encoder.encode(parts));
        const fresh = opened(encodeImage(parts));
        assert.deepEqual(rowsOf(image, parts), rowsOf(fresh, parts));
        assert.deepEqual([...image.networkStart], [...fresh.networkStart]);
        assert.deepEqual([...image.leafIpv4], [...fresh.leafIpv4]);
        const used = [...new Set(numbersOf(image, parts))];
        const texts = used.map((row) => image.rows.slice(row * 16, row * 16 + 16).join());
        assert.equal(new Set(texts).size, used.length, 'equal rows have one number');
      }
    }),
    { numRuns: 300, seed: 11 },
  );
});

test('a cell whose row stays keeps its number, and so does a row that changes for all that have it', () => {
  const parts = world();
  const encoder = createImageEncoder();
  const before = numbersOf(opened(encoder.encode(parts)), parts);
  assert.deepEqual(numbersOf(opened(encoder.encode(parts)), parts), before);
  for (const [unit, ttl] of parts.rows.ttlSeconds.entries())
    parts.rows.ttlSeconds[unit] = ttl === 65_535 ? 7 : ttl;
  const after = opened(encoder.encode(parts));
  assert.deepEqual(numbersOf(after, parts), before, 'each row with that TTL now says another');
  setRow(parts, 4, { links: [200, 201], bounds: [] }, 30);
  const moved = numbersOf(opened(encoder.encode(parts)), parts);
  const elsewhere = moved.filter((row, i) => row !== before[i]);
  assert.ok(elsewhere.length <= 1, 'its own cell alone');
});

test('numbers of rows that nobody has are given again: their count stays bounded', () => {
  const parts = world();
  const encoder = createImageEncoder();
  let most = 0;
  for (let tick = 0; tick < 4000; tick++) {
    setRow(parts, tick % PLACES, { links: [tick % 300, 301 + (tick % 41)], bounds: [] }, 20 + (tick % 97));
    most = Math.max(most, opened(encoder.encode(parts)).rowCount);
  }
  assert.ok(most < 60, `${most} rows for some 50 units`);
});

test('an encoder that goes on from an image gives the same numbers to what stays as it is', () => {
  const parts = world();
  const encoder = createImageEncoder();
  encoder.encode(parts);
  setRow(parts, 1, ROWS[4] as TestRow, 91);
  setRow(parts, 3, ROWS[5] as TestRow, 90);
  const last = opened(encoder.encode(parts));
  const next = createImageEncoder();
  next.adopt(last, parts);
  const same = opened(next.encode(parts));
  assert.deepEqual(numbersOf(same, parts), numbersOf(last, parts));
  assert.deepEqual(rowsOf(same, parts), rowsOf(last, parts));
  setRow(parts, 2, ROWS[3] as TestRow, 77);
  const changed = opened(next.encode(parts));
  assert.deepEqual(rowsOf(changed, parts), rowsOf(opened(encodeImage(parts)), parts));
  const before = numbersOf(last, parts);
  const others = numbersOf(changed, parts).filter((number, i) => number !== before[i]);
  assert.ok(others.length <= 3, `${others.length} numbers changed, of a place and what inherits from it`);
  const other = createImageEncoder();
  other.adopt({ ...last, placeCount: last.placeCount + 1 }, parts);
  assert.deepEqual(
    rowsOf(opened(other.encode(parts)), parts),
    rowsOf(changed, parts),
    'of no use: left alone',
  );
});
