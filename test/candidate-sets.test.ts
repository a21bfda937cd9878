import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setsTogether } from '../src/cli/candidate-sets.ts';

test('sets begin with the whole, lack more and more, and are bounded', () => {
  const limits = { max: 256, membersMax: 30 };
  const sets = setsTogether([[0], [1], [2]], limits);
  assert.deepEqual(sets, [
    [0, 1, 2],
    [1, 2],
    [0, 2],
    [0, 1],
  ]);
  const seven = setsTogether(
    Array.from({ length: 7 }, (_, i) => [i]),
    limits,
  );
  assert.equal(seven.length, 127 - 7);
  const twice = setsTogether(
    Array.from({ length: 7 }, (_, i) => [2 * i, 2 * i + 1]),
    limits,
  );
  assert.equal(twice.length, 256);
  assert.ok(
    twice.slice(0, 128).every((set) => set.length === 7),
    'every whole set comes first',
  );
  const many = setsTogether(
    Array.from({ length: 150 }, (_, i) => [i]),
    limits,
  );
  assert.ok(many.length <= 256 && new Set(many.flat()).size <= 30 && many.every((set) => set.length <= 7));
  assert.deepEqual(setsTogether([[0]], limits), []);
});
