import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import {
  createTrust,
  judgeTrust,
  noteConflict,
  noteStretch,
  noteWitness,
  type Trust,
} from '../src/steering/trust.ts';

const POPS = 8;
const NOW_MS = 1_700_000_000_000;
/** Networks next door to each POP. */
const NEXT_DOOR = 10;

/** Light's time between two POPs that stand in a row, ms. */
const lightMs = (one: number, other: number): number => 20 * Math.abs(one - other);

/**
 * Every POP measures the networks next door to every other; `told` makes of a true time what the agent tells.
 * Paths take 2.3 to 2.7 times as long as light.
 */
function measure(trust: Trust, told: (pop: number, rttMs: number) => number, seed = 1): void {
  const random = seededRandom(seed);
  const cellOf = (pop: number, i: number): number => pop * NEXT_DOOR + i;
  for (let pop = 0; pop < POPS; pop++)
    for (let i = 0; i < NEXT_DOOR; i++) noteWitness(trust, pop, cellOf(pop, i), told(pop, 5));
  for (let round = 0; round < 4; round++)
    for (let pop = 0; pop < POPS; pop++)
      for (let other = 0; other < POPS; other++)
        for (let i = 0; i < NEXT_DOOR && other !== pop; i++) {
          const otherMs = told(other, 3 + 4 * random.next());
          const trueMs = lightMs(pop, other) * (2.3 + 0.4 * random.next()) + 3;
          const times = { rttMs: told(pop, trueMs), otherMs, lightMs: lightMs(pop, other) };
          trust.bursts[pop] = (trust.bursts[pop] as number) + 1;
          if (times.rttMs + otherMs < times.lightMs) noteConflict(trust, pop, other, cellOf(other, i));
          noteStretch(trust, { pop, other, cell: cellOf(other, i) }, times);
        }
}

test('an agent whose times are too short beside all others is held, and no other', () => {
  const lies: readonly [words: string, lie: (rttMs: number) => number, isHeld: boolean][] = [
    ['the truth', (ms) => ms, false],
    ['5 % less: as paths differ', (ms) => 0.95 * ms, false],
    ['a fifth less', (ms) => 0.8 * ms, true],
    ['half', (ms) => 0.5 * ms, true],
    ['1 ms, whatever it is', () => 1, true],
    ['40 ms less', (ms) => Math.max(1, ms - 40), true],
    ['more than it is', (ms) => 1.5 * ms, false],
  ];
  for (const [words, lie, isHeld] of lies)
    for (const liar of [0, 3, 7]) {
      const trust = createTrust(POPS);
      measure(trust, (pop, ms) => (pop === liar ? lie(ms) : ms));
      assert.deepEqual(judgeTrust(trust, NOW_MS), isHeld ? [liar] : [], `${words}, POP ${liar}`);
      assert.equal(trust.held[liar], isHeld ? 1 : 0, words);
      assert.ok((trust.standing[liar] as number) <= (isHeld ? 0.5 : 1), words);
    }
});

test('honest agents are believed, however their paths wind', () => {
  const world = fc.record({ seed: fc.nat(), winding: fc.double({ min: 0, max: 0.1, noNaN: true }) });
  fc.assert(
    fc.property(world, ({ seed, winding }) => {
      const trust = createTrust(POPS);
      measure(trust, (pop, ms) => ms * (1 + winding * Math.sin(pop + seed)), seed);
      assert.deepEqual(judgeTrust(trust, NOW_MS), []);
      assert.deepEqual([...trust.held], new Array(POPS).fill(0));
    }),
    { seed: 5, numRuns: 50 },
  );
});

test('one that tells the truth again is let go after half an hour, not before', () => {
  const trust = createTrust(POPS);
  measure(trust, (pop, ms) => (pop === 2 ? 0.5 * ms : ms));
  assert.deepEqual(judgeTrust(trust, NOW_MS), [2]);
  for (let round = 0; round < 20; round++) measure(trust, (_, ms) => ms, round);
  assert.deepEqual(judgeTrust(trust, NOW_MS + 60_000), []);
  assert.deepEqual(judgeTrust(trust, NOW_MS + 1_800_000), [2]);
  assert.equal(trust.held[2], 0);
});

test('of two that contradict each other alone nobody can say who lies', () => {
  const trust = createTrust(POPS);
  for (let i = 0; i < 50; i++) noteConflict(trust, 1, 4, i);
  assert.deepEqual(judgeTrust(trust, NOW_MS), []);
  for (let i = 0; i < 50; i++) noteConflict(trust, 1, 6, 100 + i);
  assert.deepEqual(judgeTrust(trust, NOW_MS), [1], 'one contradicts two');
});

test('networks that are near every POP, as anycast ones, condemn nobody', () => {
  const trust = createTrust(POPS);
  for (let round = 0; round < 1_000; round++) noteConflict(trust, round % POPS, (round * 3 + 1) % POPS, 7);
  assert.deepEqual(judgeTrust(trust, NOW_MS), [], 'one network');
  const random = seededRandom(3);
  for (let cell = 0; cell < 2_000; cell++) {
    const pop = Math.floor(POPS * random.next());
    noteConflict(trust, pop, (pop + 1 + Math.floor((POPS - 1) * random.next())) % POPS, 100 + cell);
  }
  assert.deepEqual(judgeTrust(trust, NOW_MS), [], 'many');
});

test('fewer than four POPs that can be held against each other say nothing', () => {
  const trust = createTrust(3);
  for (let i = 0; i < 100; i++)
    for (const [pop, other] of [
      [0, 1],
      [0, 2],
      [1, 0],
      [1, 2],
    ] as const)
      noteStretch(trust, { pop, other, cell: 0 }, { rttMs: 20, otherMs: 1, lightMs: 20 });
  assert.deepEqual(judgeTrust(trust, NOW_MS), []);
  assert.ok(Number.isNaN(trust.fleetStretch));
});
