import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createThinking, EXPLORED_MAX } from '../src/control/thinking.ts';

/** Plans at the given times, each network taking so long; what they took, ms. */
function plansOf(exploringMs: number, elapsed: readonly number[]): number[] {
  const thinking = createThinking();
  return elapsed.map((elapsedMs) => {
    const tookMs = exploringMs * thinking.exploredMax(elapsedMs);
    thinking.took(tookMs, elapsedMs);
    return tookMs;
  });
}

test('a new controller explores at once, then falls to a twentieth of its time', () => {
  const took = plansOf(0.3, new Array(300).fill(1000));
  assert.ok(took.slice(0, 15).every((ms) => ms >= 100 && ms <= 151));
  assert.ok(
    took.slice(100).every((ms) => ms >= 40 && ms <= 63),
    `${took.slice(100)}`,
  );
});

test('where thinking is cheap all are explored; where it is dear, some still are', () => {
  assert.ok(plansOf(0.05, new Array(300).fill(1000)).every((ms) => ms === 0.05 * EXPLORED_MAX));
  assert.ok(plansOf(50, new Array(300).fill(1000)).every((ms) => ms >= 50));
});

test('whatever the machine and the ticks, no more than a twentieth in the long run', () => {
  const ticks = fc.array(fc.integer({ min: 40, max: 3_000 }), { minLength: 200, maxLength: 400 });
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 2, noNaN: true }), ticks, (exploringMs, elapsed) => {
      const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
      const took = sum(plansOf(exploringMs, elapsed));
      // The first plans find out what the machine can do.
      const first = 4 * exploringMs * EXPLORED_MAX;
      assert.ok(took <= 0.065 * sum(elapsed) + 2_000 + first, `${took} of ${sum(elapsed)} ms`);
    }),
    { numRuns: 100 },
  );
});
