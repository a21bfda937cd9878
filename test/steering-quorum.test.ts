import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DownBy, downBy, type Verdict } from '../src/steering/quorum.ts';

test('what was told and what the views say make one word, in one place', () => {
  const table: readonly (readonly [told: DownBy, live: Verdict['state'], word: DownBy])[] = [
    ['', 'unknown', ''],
    ['', 'up', ''],
    ['', 'down', 'views'],
    // A POP that calls itself unhealthy is believed, whoever reaches it.
    ['report', 'unknown', 'report'],
    ['report', 'up', 'report'],
    ['report', 'down', 'report'],
    // Its agent went silent, but it serves: the agent died, and not the POP.
    ['silence', 'unknown', 'silence'],
    ['silence', 'up', ''],
    ['silence', 'down', 'views'],
    // A table made before the views changed.
    ['views', 'unknown', 'views'],
    ['views', 'up', ''],
    ['views', 'down', 'views'],
  ];
  for (const [told, live, word] of table) assert.equal(downBy(told, live), word, `${told} ${live}`);
});
