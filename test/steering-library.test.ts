import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { putEstimate } from '../src/steering/estimate.ts';
import { createEstimates } from '../src/steering/estimates.ts';
import { createLibrary } from '../src/steering/library.ts';
import { bestByLikeness } from '../src/steering/worth.ts';

/** No POP has a price. */
const FREE = new Float64Array(4);

/** Networks with these round-trip times by POP, in a library; cell 0 is not in it. */
function libraryOf(networks: readonly (readonly number[])[], popCount: number) {
  const estimates = createEstimates(networks.length + 1);
  const library = createLibrary(estimates, popCount);
  for (const [i, levels] of networks.entries()) {
    for (const [pop, level] of levels.entries()) {
      const saved = { level, deviation: 1, last: level, bursts: 3, modelled: false, atMs: 1e9 };
      putEstimate(estimates, { cell: i + 1, pop }, saved);
    }
    library.renew(i + 1);
  }
  return library;
}

test('a network like one that is known is promised what that one has', () => {
  const networks = [
    [20, 30, 90, 8],
    [22, 31, 88, 9],
    [90, 60, 12, 70],
    [91, 61, 14, 72],
    [50, 20, 60, 40],
  ];
  const library = libraryOf(networks, 4);
  const measured = [
    { pop: 0, ms: 21 },
    { pop: 1, ms: 30.5 },
  ];
  const promise = library.promise(0, measured, 21);
  assert.ok(Math.abs((promise[3] as number) - 12.5) < 2, `${promise}`);
  assert.ok((promise[2] as number) < 2, `${promise}`);
  const best = bestByLikeness(library, 0, { measured, excluded: new Uint8Array(4), extraMs: FREE });
  assert.equal(best?.pop, 3);
  const other = bestByLikeness(library, 0, { measured, excluded: Uint8Array.of(0, 0, 0, 1), extraMs: FREE });
  assert.notEqual(other?.pop, 3);
  const far = [{ pop: 0, ms: 92 }];
  assert.equal(
    bestByLikeness(library, 0, { measured: far, excluded: new Uint8Array(4), extraMs: FREE })?.pop,
    2,
  );
  library.forget(1);
  library.forget(2);
  assert.ok((library.promise(0, measured, 21)[3] as number) < 11, 'what is forgotten promises nothing');
});

test('promises are never negative nor more than all there is; a network learns nothing from itself', () => {
  const levels = fc.array(fc.double({ min: 1, max: 500, noNaN: true }), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.array(levels, { maxLength: 20 }),
      fc.double({ min: 1, max: 500, noNaN: true }),
      (networks, bestMs) => {
        const library = libraryOf(networks, 4);
        const promise = library.promise(0, [{ pop: 1, ms: bestMs }], bestMs);
        assert.ok(promise.every((ms) => ms >= 0 && ms <= bestMs));
        if (networks.length !== 1) return;
        const alone = library.promise(1, [{ pop: 1, ms: bestMs }], bestMs);
        assert.ok(alone.every((ms) => ms >= 0.15 * bestMs && ms <= 0.45 * bestMs));
      },
    ),
    { seed: 44, numRuns: 200 },
  );
});
