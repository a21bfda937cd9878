import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatName, namesEqual, parseName } from '../src/wire/name.ts';

const wireName = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 30 }), { maxLength: 6 })
  .map((labels) => Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]));

test('any wire name survives presentation form and back', () => {
  fc.assert(fc.property(wireName, (name) => assert.deepEqual(parseName(formatName(name)), name)));
});

test('names are read below an origin, and bad ones are told apart', () => {
  const origin = parseName('cdn.example.') as Uint8Array;
  assert.equal(formatName(parseName('www', origin) as Uint8Array), 'www.cdn.example.');
  assert.equal(parseName('@', origin), origin);
  assert.equal(formatName(parseName('a\\.b\\032c', origin) as Uint8Array), 'a\\.b\\032c.cdn.example.');
  for (const bad of ['', 'a..b', `${'x'.repeat(64)}.`, 'a\\25', 'a\\256', 'ä', `${'abcdefg.'.repeat(32)}`])
    assert.equal(typeof parseName(bad, origin), 'string', bad);
});

test('comparison ignores ASCII case', () => {
  const name = parseName('WwW.Cdn.Example.') as Uint8Array;
  assert.ok(namesEqual(name, parseName('www.cdn.example.') as Uint8Array));
  assert.ok(!namesEqual(name, parseName('wwx.cdn.example.') as Uint8Array));
});
