import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createNumberMap, MISSING } from '../src/base/number-map.ts';

test('it does what Map does, whatever comes and goes', () => {
  const key = fc.oneof(fc.nat({ max: 40 }), fc.maxSafeNat());
  const step = fc.record({ key, value: fc.nat(), isDelete: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const map = createNumberMap(400);
      const oracle = new Map<number, number>();
      for (const { key: one, value, isDelete } of steps) {
        if (isDelete) {
          map.delete(one);
          oracle.delete(one);
        } else {
          map.set(one, value);
          oracle.set(one, value);
        }
        assert.equal(map.size(), oracle.size);
      }
      for (const { key: one } of steps) assert.equal(map.get(one), oracle.get(one) ?? MISSING);
    }),
    { seed: 4 },
  );
});

test('it is full when it is full, and comes and goes for ever', () => {
  const map = createNumberMap(100);
  for (let round = 0; round < 1000; round++) {
    for (let key = 0; key < 100; key++) map.set(round * 100 + key, key);
    assert.throws(() => map.set(1e9, 1), /at most 100 keys/);
    for (let key = 0; key < 100; key++) map.delete(round * 100 + key);
  }
  assert.equal(map.size(), 0);
  assert.equal(map.get(5), MISSING);
});
