import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { putEstimate } from '../src/steering/estimate.ts';
import {
  createEstimates,
  ENTRIES,
  type Estimates,
  entryCount,
  findEstimate,
  firstEntry,
  popAt,
} from '../src/steering/estimates.ts';
import { lossOf, putLoss } from '../src/steering/loss.ts';
import { packCell, popHashes, unpackCell } from '../src/steering/pack.ts';
import { someSaved } from './helpers/saved-estimates.ts';

const NOW_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const SAVED = { level: 20, deviation: 1, last: 20, bursts: 3, modelled: false, atMs: NOW_MS };

const CODES = Array.from({ length: 20 }, (_, i) => `P${String.fromCharCode(65 + i)}`);
const { hashes, popOf } = popHashes(CODES);
const pack = (estimates: Estimates) => packCell(estimates, 0, { popHashes: hashes, nowMs: NOW_MS });
const someCell = fc.uniqueArray(fc.tuple(fc.nat({ max: 19 }), someSaved(NOW_MS, 12), fc.nat({ max: 20 })), {
  selector: ([pop]) => pop,
  minLength: 1,
  maxLength: ENTRIES,
});

function made(cell: readonly [pop: number, saved: Parameters<typeof putEstimate>[2], excess: number][]) {
  const estimates = createEstimates(2);
  for (const [pop, saved, excess] of cell) {
    putEstimate(estimates, { cell: 0, pop }, saved);
    putLoss(estimates, findEstimate(estimates, 0, pop), { excess, sent: 40, atMs: saved.atMs });
  }
  return estimates;
}

test('packed estimates come back as they were', () => {
  fc.assert(
    fc.property(someCell, (cell) => {
      const from = made(cell);
      const packed = pack(from) as Uint8Array;
      const into = createEstimates(2);
      const atMs = unpackCell(into, 0, packed, popOf) as number;
      assert.ok(Math.abs(atMs - Math.max(...cell.map(([, saved]) => saved.atMs))) < 2000);
      assert.deepEqual(into.words, from.words);
      for (const [pop] of cell) {
        const own = lossOf(into, findEstimate(into, 0, pop));
        const was = lossOf(from, findEstimate(from, 0, pop));
        assert.deepEqual([own.excess, own.sent], [was.excess, was.sent]);
      }
      assert.deepEqual(pack(into), packed);
    }),
    { seed: 26, numRuns: 300 },
  );
  assert.equal(pack(createEstimates(1)), undefined);
});

test('damaged bytes and other versions change nothing', () => {
  const damage = fc.oneof(
    fc.uint8Array({ maxLength: 120 }).map((noise) => () => noise),
    fc.integer({ min: 1, max: 40 }).map((cut) => (bytes: Uint8Array) => bytes.subarray(0, -cut)),
    fc.integer({ min: 0, max: 255 }).map((version) => (bytes: Uint8Array) => {
      const other = Uint8Array.from(bytes);
      other[0] = version === 2 ? 1 : version;
      return other;
    }),
  );
  fc.assert(
    fc.property(someCell, damage, (cell, spoil) => {
      const into = made([[0, { ...SAVED, level: 77 }, 0]]);
      const before = Uint16Array.from(into.words);
      const spoilt = spoil(pack(made(cell)) as Uint8Array);
      if (unpackCell(into, 0, spoilt, popOf) === undefined) {
        assert.deepEqual(into.words, before);
        assert.deepEqual([into.used, into.losses.size], [1, 0]);
      } else assert.equal(spoilt.length, 4 + 24 * ((spoilt[2] as number) + 256 * (spoilt[3] as number)));
    }),
    { seed: 27, numRuns: 300 },
  );
});

test('what could never have been packed is refused, and changes nothing', () => {
  const two = pack(made([0, 1].map((pop) => [pop, SAVED, 2]))) as Uint8Array;
  const spoilt = (change: (view: DataView) => void): Uint8Array => {
    const bytes = Uint8Array.from(two);
    change(new DataView(bytes.buffer));
    return bytes;
  };
  const SECOND = 4 + 24;
  const many = new Uint8Array(4 + 24 * (ENTRIES + 1));
  for (let i = 0; i <= ENTRIES; i++) many.set(two.subarray(4, SECOND), 4 + 24 * i);
  for (let i = 0; i <= ENTRIES; i++) new DataView(many.buffer).setUint32(4 + 24 * i, i, true);
  many.set([2, 0, ENTRIES + 1, 0]);
  const table: [string, Uint8Array][] = [
    ['no entries', Uint8Array.of(2, 0, 0, 0)],
    ['more than a cell has', many],
    ['the second octet', spoilt((view) => view.setUint8(1, 1))],
    ['one POP twice', spoilt((view) => view.setUint32(SECOND, view.getUint32(4, true), true))],
    ['no time', spoilt((view) => view.setUint32(SECOND + 4, 0, true))],
    ['a deviation that is no number', spoilt((view) => view.setFloat32(SECOND + 8, Number.NaN, true))],
    ['a deviation below 0', spoilt((view) => view.setFloat32(SECOND + 8, -3, true))],
    ['an endless burst', spoilt((view) => view.setFloat32(SECOND + 12, Infinity, true))],
    ['bursts without a level', spoilt((view) => view.setUint16(SECOND + 16, 0, true))],
    ['more lost than sent', spoilt((view) => view.setUint16(SECOND + 18, 0xffff, true))],
    ['more bursts than are counted', spoilt((view) => view.setUint8(SECOND + 22, 32))],
    ['neither measured nor modelled', spoilt((view) => view.setUint8(SECOND + 23, 2))],
  ];
  for (const [what, bytes] of table) {
    const into = made([[5, { ...SAVED, level: 77 }, 0]]);
    const before = Uint16Array.from(into.words);
    assert.equal(unpackCell(into, 0, bytes, popOf), undefined, what);
    assert.deepEqual(into.words, before, what);
    assert.equal(into.losses.size, 0, what);
  }
  assert.notEqual(unpackCell(createEstimates(1), 0, two, popOf), undefined);
});

test('what is half a day older than the last burst is left out', () => {
  const old = { ...SAVED, atMs: NOW_MS - 13 * HOUR_MS };
  const into = createEstimates(1);
  const packed = pack(
    made([
      [0, old, 0],
      [1, SAVED, 0],
    ]),
  ) as Uint8Array;
  assert.equal(unpackCell(into, 0, packed, popOf), NOW_MS);
  assert.deepEqual([findEstimate(into, 0, 0), findEstimate(into, 0, 1)], [-1, 0]);
});

test('POPs that the fleet no longer has are skipped, the others stay', () => {
  fc.assert(
    fc.property(someCell, (cell) => {
      const fewer = new Map([...popOf].filter(([, pop]) => pop % 2 === 0));
      const into = createEstimates(2);
      assert.notEqual(unpackCell(into, 0, pack(made(cell)) as Uint8Array, fewer), undefined);
      const wanted = cell.map(([pop]) => pop).filter((pop) => pop % 2 === 0);
      assert.deepEqual(
        new Set(Array.from({ length: entryCount(into, 0) }, (_, i) => popAt(into, firstEntry(0) + i))),
        new Set(wanted),
      );
    }),
    { seed: 28, numRuns: 200 },
  );
});
