import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IMAGE_HEADER, IMAGE_KIND, sealImage } from '../src/base/image-file.ts';
import {
  candidate,
  networkSlot,
  openImage,
  ROW_CANDIDATES,
  ROW_SHARES,
  rowOf,
  rowShare,
  rowTtl,
  rowTtlReason,
  SHARE_WHOLE,
  STEERING_VERSION,
  sourceOf,
} from '../src/steering/image.ts';
import { encodeImage, type ImageParts } from '../src/steering/image-encode.ts';

const EXPECTED = { fleetDigest: 0xfedcba98, placesDigest: 7 };

interface TestRow {
  readonly links: readonly number[];
  readonly bounds: readonly number[];
}

/** Parts for `groups` x (`places` + networks), rows drawn from `rows`. */
function partsOf(options: {
  groups: number;
  places: number;
  networks: readonly [asn: number, place: number][];
  rows: readonly TestRow[];
}): ImageParts {
  const { groups, places, networks, rows } = options;
  const cellStride = places + networks.length + 3;
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

const someParts = fc
  .record({
    groups: fc.integer({ min: 1, max: 3 }),
    places: fc.integer({ min: 1, max: 30 }),
    asns: fc.uniqueArray(fc.integer({ min: 1, max: 0xfffff000 }), { maxLength: 30 }),
    rows: fc.array(someRow, { minLength: 1, maxLength: 7 }),
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
        assert.equal(rowTtlReason(image, row), rows.ttlReason[unit]);
        let upTo = 0;
        for (let k = 0; k <= ROW_SHARES; k++) {
          upTo += rowShare(image, row, k) * SHARE_WHOLE;
          const bound = rows.shares?.[unit * ROW_SHARES + k] ?? 0;
          assert.equal(upTo, k === ROW_SHARES || bound === 0 ? SHARE_WHOLE : bound);
        }
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
      assert.ok(image.rowCount <= 6 * 7, 'equal rows are stored once');
    }),
  );
});

test('many distinct rows and networks: all are found again', () => {
  const links = Array.from({ length: 3000 }, (_, i) => ({
    links: [i % 70, 70 + (i % 300), i >> 6],
    bounds: [],
  }));
  const networks = Array.from({ length: 5000 }, (_, i): [number, number] => [1 + (i >> 1), i % 97]);
  const parts = partsOf({ groups: 2, places: 97, networks, rows: links });
  const image = openImage(encodeImage(parts), EXPECTED);
  assert.ok(typeof image !== 'string');
  const { rows } = parts;
  for (let group = 0; group < 2; group++)
    for (const [i, [asn, place]] of networks.entries()) {
      const unit = group * rows.cellStride + 97 + i;
      const row = rowOf(image, group, place, asn);
      for (let k = 0; k < 3; k++)
        assert.equal(candidate(image, row, k), rows.candidates[unit * ROW_CANDIDATES + k]);
    }
});

const fixed = partsOf({
  groups: 1,
  places: 5,
  networks: [
    [3320, 2],
    [0, 1],
  ],
  rows: [
    { links: [0, 1, 2], bounds: [9000] },
    { links: [2, 0], bounds: [] },
  ],
});

test('the sum of an image is not looked at where another thread found it right', () => {
  const damaged = encodeImage(fixed);
  damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
  assert.equal(typeof openImage(damaged, EXPECTED), 'string');
  assert.equal(typeof openImage(damaged, { ...EXPECTED, isSummed: true }), 'object');
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
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  assert.equal(typeof openImage(shifted.subarray(1), EXPECTED), 'object', 'any alignment will do');
});

test('an older version and an image of another kind are refused, however sound', () => {
  const stamp = { source: sourceOf(EXPECTED), madeAtMs: 0 };
  const older = encodeImage(fixed);
  sealImage(older, { ...stamp, kind: IMAGE_KIND.STEERING, version: STEERING_VERSION - 1 });
  assert.equal(openImage(older, EXPECTED), 'format version 2, this program reads 3');
  const other = encodeImage(fixed);
  sealImage(other, { ...stamp, kind: IMAGE_KIND.CLIENTS, version: STEERING_VERSION });
  assert.equal(openImage(other, EXPECTED), 'a client image, not a steering image');
  const short = encodeImage(fixed).slice(0, IMAGE_HEADER.OCTETS);
  sealImage(short, { ...stamp, kind: IMAGE_KIND.STEERING, version: STEERING_VERSION });
  assert.equal(openImage(short, EXPECTED), 'its counts do not match its length');
});

test('a freed network cell is not in the image', () => {
  const image = openImage(encodeImage(fixed), EXPECTED);
  assert.ok(typeof image !== 'string');
  assert.equal(image.networkCellCount, 1);
  assert.ok(networkSlot(image, 2, 3320) >= 0);
  assert.equal(networkSlot(image, 1, 3320), -1);
  assert.equal(networkSlot(image, 2, 0), -1);
});
