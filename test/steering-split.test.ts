import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mix32 } from '../src/base/random.ts';
import {
  choose,
  isSplit,
  openImage,
  ROW_CANDIDATES,
  ROW_SHARES,
  rowShare,
  SHARE_WHOLE,
  type SteeringImage,
  startOf,
} from '../src/steering/image.ts';
import { encodeImage, NO_LEAVES } from '../src/steering/image-encode.ts';

const HASHES = Array.from({ length: 10_000 }, (_, i) => mix32(i + 1));
const ALL_UP = new Int32Array(10);
const linkPop = Int32Array.from({ length: 10 }, (_, link) => link);

/** An image of one place, whose row has these links and bounds. */
function imageOf(links: readonly number[], bounds: readonly number[]): SteeringImage {
  const candidates = new Int16Array(ROW_CANDIDATES).fill(-1);
  candidates.set(links);
  const shares = new Uint16Array(ROW_SHARES);
  shares.set(bounds);
  const expected = { fleetDigest: 1, placesDigest: 2 };
  const bytes = encodeImage({
    epoch: 1,
    madeAtMs: 0,
    ...expected,
    groupCount: 1,
    placeCount: 1,
    networkAsn: new Uint32Array(0),
    networkPlace: new Uint32Array(0),
    networkCount: 0,
    ...NO_LEAVES,
    rows: {
      cellStride: 1,
      candidates,
      ttlSeconds: Uint16Array.of(20),
      ttlReason: new Uint8Array(1),
      shares,
    },
    termsText: new Uint8Array(0),
  });
  const image = openImage(bytes, expected);
  assert.ok(typeof image !== 'string');
  return image;
}

const down = (...pops: readonly number[]): Int32Array =>
  Int32Array.from({ length: 10 }, (_, pop) => (pops.includes(pop) ? 1 : 0));

test('the first candidate whose POP serves is chosen; the first of all when none does', () => {
  const image = imageOf([0, 1, 2], []);
  assert.ok(!isSplit(image, 0));
  const table: [state: Int32Array, link: number][] = [
    [ALL_UP, 0],
    [down(0), 1],
    [down(0, 1), 2],
    [down(0, 1, 2), 0],
  ];
  for (const [state, link] of table)
    for (const hash of [0, 0x7fffffff, 0x80000000, 0xffffffff])
      assert.equal(choose(image, 0, state, linkPop, hash), link);
  assert.equal(choose(imageOf([], []), 0, ALL_UP, linkPop, 5), -1);
});

test('of 10,000 clients each candidate has its share', () => {
  for (const bounds of [[16_384], [3277], [8192, 16_384, 24_576], [29_491, 31_130]]) {
    const image = imageOf([4, 3, 2, 1, 0], bounds);
    assert.ok(isSplit(image, 0));
    const counts = new Map<number, number>();
    for (const hash of HASHES) {
      const link = choose(image, 0, ALL_UP, linkPop, hash);
      counts.set(link, (counts.get(link) ?? 0) + 1);
    }
    for (let k = 0; k < 5; k++) {
      const seen = (counts.get(4 - k) ?? 0) / HASHES.length;
      assert.ok(Math.abs(seen - rowShare(image, 0, k)) < 0.015, `${bounds}: candidate ${k} has ${seen}`);
    }
  }
});

test('a larger share takes clients and gives none up', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: SHARE_WHOLE - 1 }),
      fc.integer({ min: 1, max: SHARE_WHOLE - 1 }),
      fc.array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 20, maxLength: 20 }),
      (one, other, hashes) => {
        const less = imageOf([0, 1], [Math.min(one, other)]);
        const more = imageOf([0, 1], [Math.max(one, other)]);
        for (const hash of hashes)
          if (choose(less, 0, ALL_UP, linkPop, hash) === 0)
            assert.equal(choose(more, 0, ALL_UP, linkPop, hash), 0);
      },
    ),
  );
});

test('in a split row too, POPs that are down are passed over: the next in order, around', () => {
  const image = imageOf([0, 1, 2], [SHARE_WHOLE / 2]);
  const low = 0;
  const high = 0xffffffff;
  const table: [state: Int32Array, low: number, high: number][] = [
    [ALL_UP, 0, 1],
    [down(0), 1, 1],
    [down(1), 0, 2],
    [down(1, 2), 0, 0],
    [down(0, 1), 2, 2],
    [down(0, 1, 2), 0, 1],
  ];
  for (const [state, forLow, forHigh] of table) {
    assert.equal(choose(image, 0, state, linkPop, low), forLow);
    assert.equal(choose(image, 0, state, linkPop, high), forHigh);
  }
});

test('every client starts somewhere, and gets a POP that is up while there is one', () => {
  const row = fc
    .record({
      links: fc.uniqueArray(fc.nat({ max: 9 }), { minLength: 1, maxLength: ROW_CANDIDATES }),
      bounds: fc.uniqueArray(fc.integer({ min: 1, max: SHARE_WHOLE - 1 }), { maxLength: ROW_SHARES }),
    })
    .map(({ links, bounds }) =>
      imageOf(
        links,
        bounds.slice(0, links.length - 1).sort((one, other) => one - other),
      ),
    );
  fc.assert(
    fc.property(row, fc.uniqueArray(fc.nat({ max: 9 })), fc.nat({ max: 0xffffffff }), (image, out, hash) => {
      const state = down(...out);
      const links = [...image.rows.subarray(0, ROW_CANDIDATES)].filter((link) => link >= 0);
      const start = startOf(image, 0, hash);
      const expected = [...links.slice(start), ...links.slice(0, start)].find((link) => state[link] === 0);
      assert.equal(choose(image, 0, state, linkPop, hash), expected ?? links[start]);
      assert.ok(rowShare(image, 0, start) > 0);
    }),
  );
});
