import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './fuzz.ts';

test('20,000 mutated messages over UDP and TCP harm nothing (more: npm run fuzz)', async () => {
  const { failures, sent, answered, mustBeSilent } = await fuzz({ count: 20_000, seed: 10 });
  assert.deepEqual(failures, []);
  assert.equal(sent, 20_000);
  assert.ok(answered > 5_000 && mustBeSilent > 1_000);
});
