import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { crc32 } from '../src/steering/crc32.ts';
import {
  candidate,
  choose,
  networkSlot,
  openImage,
  ROW_CANDIDATES,
  rowOf,
  rowTtl,
} from '../src/steering/image.ts';
import { encodeImage, type ImageParts } from '../src/steering/image-encode.ts';

const EXPECTED = { fleetDigest: 0xfedcba98, placesDigest: 7 };

/** Parts for `groups` x (`places` + networks), rows drawn from `rows`. */
function partsOf(options: {
  groups: number;
  places: number;
  networks: readonly [asn: number, place: number][];
  rows: readonly number[][];
}): ImageParts {
  const { groups, places, networks, rows } = options;
  const cellStride = places + networks.length + 3;
  const candidates = new Int16Array(groups * cellStride * ROW_CANDIDATES).fill(-1);
  const ttlSeconds = new Uint16Array(groups * cellStride);
  for (let unit = 0; unit < groups * cellStride; unit++) {
    const row = rows[unit % rows.length] as number[];
    candidates.set(row, unit * ROW_CANDIDATES);
    ttlSeconds[unit] = 20 + (unit % 3);
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
    rows: { cellStride, candidates, ttlSeconds, ttlReason: new Uint8Array(groups * cellStride) },
    termsText: new TextEncoder().encode('{"terms":1}'),
  };
}

const someParts = fc
  .record({
    groups: fc.integer({ min: 1, max: 3 }),
    places: fc.integer({ min: 1, max: 30 }),
    asns: fc.uniqueArray(fc.integer({ min: 1, max: 0xfffff000 }), { maxLength: 30 }),
    rows: fc.array(fc.uniqueArray(fc.nat({ max: 300 }), { minLength: 1, maxLength: ROW_CANDIDATES }), {
      minLength: 1,
      maxLength: 7,
    }),
  })
  .map(({ groups, places, asns, rows }) =>
    partsOf({ groups, places, rows, networks: asns.map((asn, i) => [asn, i % places]) }),
  );

test('an image gives back every row that went in, by place and by network', () => {
  fc.assert(
    fc.property(someParts, (parts) => {
      const image = openImage(encodeImage(parts), EXPECTED);
      assert.ok(typeof image !== 'string', String(image));
      const { rows, placeCount, networkCount } = parts;
      const check = (row: number, unit: number): void => {
        for (let k = 0; k < ROW_CANDIDATES; k++)
          assert.equal(candidate(image, row, k), rows.candidates[unit * ROW_CANDIDATES + k]);
        assert.equal(rowTtl(image, row), rows.ttlSeconds[unit]);
      };
      for (let group = 0; group < parts.groupCount; group++) {
        const first = group * rows.cellStride;
        for (let place = 0; place < placeCount; place++) {
          check(rowOf(image, group, place, 0), first + place);
          assert.equal(rowOf(image, group, place, 0xfffffff0), rowOf(image, group, place, 0));
        }
        for (let i = 0; i < networkCount; i++)
          check(
            rowOf(image, group, parts.networkPlace[i] as number, parts.networkAsn[i] as number),
            first + placeCount + i,
          );
      }
      assert.deepEqual(
        [image.epoch, image.madeAtMs, image.networkCellCount],
        [42, 1.7e12 + 0.5, networkCount],
      );
      assert.equal(new TextDecoder().decode(Uint8Array.from(image.termsText)), '{"terms":1}');
      assert.ok(image.rowCount <= 3 * 7, 'equal rows are stored once');
    }),
  );
});

const fixed = partsOf({
  groups: 1,
  places: 5,
  networks: [
    [3320, 2],
    [0, 1],
  ],
  rows: [
    [0, 1, 2],
    [2, 0],
  ],
});

test('a damaged, cut or foreign image is refused, with the reason', () => {
  const bytes = encodeImage(fixed);
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] as number) ^ flip;
      assert.equal(typeof openImage(damaged, EXPECTED), 'string');
    }),
  );
  for (let length = 0; length < bytes.length; length += 7)
    assert.equal(typeof openImage(bytes.slice(0, length), EXPECTED), 'string');
  assert.equal(openImage(bytes, { ...EXPECTED, fleetDigest: 1 }), 'made for another list of POPs');
  assert.equal(openImage(bytes, { ...EXPECTED, placesDigest: 1 }), 'made for another list of places');
  const older = Uint8Array.from(bytes);
  older[4] = 9;
  assert.match(String(openImage(older, EXPECTED)), /^format version 9/);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  assert.equal(typeof openImage(shifted.subarray(1), EXPECTED), 'object', 'any alignment will do');
});

test('a freed network cell is not in the image', () => {
  const image = openImage(encodeImage(fixed), EXPECTED);
  assert.ok(typeof image !== 'string');
  assert.equal(image.networkCellCount, 1);
  assert.ok(networkSlot(image, 2, 3320) >= 0);
  assert.equal(networkSlot(image, 1, 3320), -1);
  assert.equal(networkSlot(image, 2, 0), -1);
});

test('the first candidate whose POP serves is chosen; the first of all when none does', () => {
  const image = openImage(encodeImage(fixed), EXPECTED);
  assert.ok(typeof image !== 'string');
  const linkPop = Int32Array.of(0, 1, 2);
  const row = rowOf(image, 0, 0, 0);
  const table: [state: number[], link: number][] = [
    [[0, 0, 0], 0],
    [[1, 0, 0], 1],
    [[2, 1, 0], 2],
    [[1, 2, 3], 0],
  ];
  for (const [state, link] of table) assert.equal(choose(image, row, Int32Array.from(state), linkPop), link);
});

test('the checksum is the CRC-32 of zlib', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat({ max: 5 }), (bytes, start) =>
      assert.equal(crc32(bytes, start), zlibCrc32(bytes.subarray(start))),
    ),
  );
});
