import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IMAGE_HEADER, IMAGE_KIND, sealImage } from '../src/base/image-file.ts';
import {
  candidate,
  leafSlot,
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
import { STEERING_HEADER } from '../src/steering/image-layout.ts';
import { EXPECTED, partsOf, someParts } from './helpers/steering-parts.ts';

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

/** A unit's row as text. */
function rowText({ rows }: ImageParts, unit: number): string {
  const { candidates, shares = new Uint16Array(0), ttlSeconds, ttlReason } = rows;
  const own = [
    candidates.subarray(unit * ROW_CANDIDATES, (unit + 1) * ROW_CANDIDATES),
    shares.subarray(unit * ROW_SHARES, (unit + 1) * ROW_SHARES),
  ];
  return `${own.join(' ')} ${ttlSeconds[unit]} ${ttlReason[unit]}`;
}

test('an image has the leaves that differ from what they inherit, and gives back their rows', () => {
  fc.assert(
    fc.property(someParts, (parts) => {
      const image = openImage(encodeImage(parts), EXPECTED);
      assert.ok(typeof image !== 'string', String(image));
      const { groupCount, placeCount, firstLeaf, leafCount, leafKey, rows } = parts;
      const groups = Array.from({ length: groupCount }, (_, group) => group * rows.cellStride);
      let kept = 0;
      for (let leaf = 0; leaf < leafCount; leaf++) {
        const [placeId, asn] = [parts.leafPlace[leaf] as number, parts.leafAsn[leaf] as number];
        const at = parts.networkAsn.findIndex(
          (other, i) => asn !== 0 && other === asn && parts.networkPlace[i] === placeId,
        );
        const parent = at < 0 ? placeId : placeCount + at;
        const isKept =
          parts.leafActive[leaf] === 1 &&
          groups.some((first) => rowText(parts, first + firstLeaf + leaf) !== rowText(parts, first + parent));
        const key = leafKey[leaf] as number;
        kept += Number(isKept);
        assert.equal(leafSlot(image, key) >= 0, isKept);
        for (const [group, first] of groups.entries()) {
          const row = rowOf(image, group, placeId, asn, key);
          const unit = first + (isKept ? firstLeaf + leaf : parent);
          for (let k = 0; k < ROW_CANDIDATES; k++)
            assert.equal(candidate(image, row, k), rows.candidates[unit * ROW_CANDIDATES + k]);
          assert.equal(rowTtl(image, row), rows.ttlSeconds[unit]);
        }
        for (const other of [key - 1, key + 1])
          if (!leafKey.includes(other)) assert.equal(leafSlot(image, other), -1);
      }
      assert.equal(image.leafIpv4.length + image.leafIpv6.length, kept);
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
  leaves: [
    { key: 2 ** 24 + 77, place: 1, asn: 0, isActive: true },
    { key: 9, place: 2, asn: 3320, isActive: true },
    { key: 5, place: 2, asn: 0, isActive: true },
    { key: 6, place: 2, asn: 0, isActive: false },
    { key: -1, place: 2, asn: 0, isActive: true },
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
  assert.equal(
    openImage(older, EXPECTED),
    `format version ${STEERING_VERSION - 1}, this program reads ${STEERING_VERSION}`,
  );
  const other = encodeImage(fixed);
  sealImage(other, { ...stamp, kind: IMAGE_KIND.CLIENTS, version: STEERING_VERSION });
  assert.equal(openImage(other, EXPECTED), 'a client image, not a steering image');
  const short = encodeImage(fixed).slice(0, STEERING_HEADER.OCTETS);
  sealImage(short, { ...stamp, kind: IMAGE_KIND.STEERING, version: STEERING_VERSION });
  assert.equal(openImage(short, EXPECTED), 'its counts do not match its length');
  const header = encodeImage(fixed).slice(0, IMAGE_HEADER.OCTETS);
  sealImage(header, { ...stamp, kind: IMAGE_KIND.STEERING, version: STEERING_VERSION });
  assert.equal(openImage(header, EXPECTED), 'only 64 octets long');
});

test('a free leaf, one without a decision, and one like its parent are not in the image', () => {
  const image = openImage(encodeImage(fixed), EXPECTED);
  assert.ok(typeof image !== 'string');
  const { rows } = fixed;
  const row = (key: number): number => rowOf(image, 0, 2, 0, key);
  assert.deepEqual([...image.leafIpv4], [5, 9]);
  assert.equal(image.leafIpv6.length, 1);
  assert.equal(candidate(image, row(5), 0), rows.candidates[(fixed.firstLeaf + 2) * ROW_CANDIDATES]);
  assert.equal(row(6), rowOf(image, 0, 2, 0));
});

test('a freed network cell is not in the image', () => {
  const image = openImage(encodeImage(fixed), EXPECTED);
  assert.ok(typeof image !== 'string');
  assert.equal(image.networkCellCount, 1);
  assert.ok(networkSlot(image, 2, 3320) >= 0);
  assert.equal(networkSlot(image, 1, 3320), -1);
  assert.equal(networkSlot(image, 2, 0), -1);
});
