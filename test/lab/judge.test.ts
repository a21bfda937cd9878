import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJudge, type Figures } from '../../src/lab/judge.ts';
import { quantile } from '../../src/lab/numbers.ts';
import type { Share } from '../../src/lab/steerer.ts';
import { openTruth } from '../../src/lab/truth.ts';
import type { World } from '../../src/lab/world.ts';
import { HAND_TEXTS, handWorld } from './hand-world.ts';

/** Judges decisions that a test makes: shares by tick and cell. */
function judged(world: World, decide: (tick: number, cell: number) => readonly Share[]): Figures {
  const truth = openTruth(world);
  const judge = createJudge(truth, world.head);
  for (let tick = 0; tick < world.head.ticks; tick++) {
    judge.happened(tick, truth.advance(tick));
    const load = new Float64Array(world.pops.length);
    judge.observe(tick, { sharesOf: (cell) => decide(tick, cell), load, bursts: 0 });
  }
  return judge.figures(0);
}

const whole = (pop: number): readonly Share[] => [{ pop, share: 1 }];
const EVENTS = 'tick,event,pop,cell,value\n';

test('regret is the share-weighted RTT less that of the best live POP', () => {
  const half = [
    { pop: 0, share: 0.5 },
    { pop: 1, share: 0.5 },
  ];
  const { end, cells, average } = judged(handWorld(), (_, cell) => (cell === 0 ? half : whole(1)));
  assert.deepEqual(
    cells.map(({ regretMs }) => regretMs),
    [30, 0, 186, 0],
  );
  assert.equal(end.meanMs, 54);
  assert.equal(average.meanMs, 54);
  assert.equal(end.within5, 0.5);
  assert.equal(end.p50Ms, 15);
});

test('regret is weighted by demand where it says so, and counted from the live POPs alone', () => {
  const events = `${EVENTS}0,demand,,johor,7\n6,pop-down,FAR,,\n`;
  const { end, ticks } = judged(handWorld({ 'events.csv': events }), () => whole(1));
  assert.deepEqual(ticks[0]?.meanRegretMs, (60 + 0 + 186 + 0) / 4);
  assert.equal(ticks[6]?.meanRegretMs, 15, 'johor now has nothing better than WEST');
  assert.equal(end.weightedMs, 60 / 10);
});

test('overflow is the share of demand that decisions put over capacities, or at a dead POP', () => {
  const pops = HAND_TEXTS['pops.csv'].replace('WEST,37,-122,1000', 'WEST,37,-122,250');
  const events = `${EVENTS}6,pop-down,WEST,,\n`;
  const {
    ticks,
    overflowMax,
    pops: load,
  } = judged(handWorld({ 'pops.csv': pops, 'events.csv': events }), () => whole(1));
  assert.equal(ticks[0]?.overflow, 150 / 400);
  assert.equal(ticks[6]?.overflow, 1);
  assert.equal(overflowMax, 1);
  assert.deepEqual(load[1], { capacityRps: 250, decidedRps: 400, clientRps: 0, state: 'down' });
});

test('flaps are changes of the first POP after ten ticks that nothing forced', () => {
  const world = handWorld({ 'events.csv': `${EVENTS}11,drain,FAR,,\n` });
  const { ticks, flapsPerCellHour } = judged(world, (tick, cell) => {
    if (cell === 0) return whole(tick < 5 ? 1 : 0); // While it learns: no flap.
    if (cell === 1) return whole(tick === 10 ? 0 : 1); // Away and back: two flaps.
    if (cell === 2) return whole(tick < 11 ? 2 : 1); // Driven out.
    return [
      { pop: 1, share: tick < 11 ? 0.9 : 0.6 },
      { pop: 0, share: tick < 11 ? 0.1 : 0.4 },
    ];
  });
  assert.deepEqual(
    ticks.map(({ moves }) => moves),
    [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2],
  );
  // Two flaps of four cells in two ticks of ten seconds.
  assert.equal(flapsPerCellHour, 2 / 4 / (20 / 3600));
});

test('reactions: which cells had better move, and when 95 % had', () => {
  const events = `${EVENTS}2,add-rtt,WEST,*,100\n7,add-rtt,WEST,*,0\n10,pop-down,EAST,,\n`;
  const { reactions } = judged(handWorld({ 'events.csv': events }), (tick, cell) => {
    if (cell === 0) return whole(tick < 11 ? 0 : 1);
    if (cell === 2) return whole(2);
    // WEST is best for both; at 100 ms more EAST is better: oakland by 60 ms, nowhere by 90 ms.
    if (cell === 1) return whole(tick >= 3 && tick < 8 ? 0 : 1);
    return whole(tick >= 4 ? 0 : 1);
  });
  const told = reactions.map(({ tick, event, affected, followed, ticksTo95, secondsTo95 }) => {
    return [tick, event, affected, followed, ticksTo95, secondsTo95];
  });
  assert.deepEqual(told, [
    [2, 'add-rtt', 2, 1, 3, 30],
    [7, 'add-rtt', 2, 0.5, -1, -1],
    [10, 'pop-down', 2, 0.5, -1, -1],
  ]);
});

test('reactions: back is for cells that had the POP; those that never knew it are no part of it', () => {
  const events = `${EVENTS}2,add-rtt,WEST,*,100\n5,add-rtt,WEST,*,120\n7,add-rtt,WEST,*,0\n`;
  const { reactions } = judged(handWorld({ 'events.csv': events }), (tick, cell) => {
    // WEST would be better for the last one too, all the time but for the five ticks.
    return whole(cell === 1 && (tick < 3 || tick >= 8) ? 1 : 0);
  });
  assert.deepEqual(
    reactions.map(({ affected, ticksTo95 }) => [affected, ticksTo95]),
    [
      [1, 2],
      [0, 1],
      [1, 2],
    ],
  );
});

test('fresh values: what was served against the best fixed choice, where both were measured', () => {
  // EAST is measured at ticks 0, 4 and 8 (10, 20, 30 ms), WEST at 0 and 6 (70, 12 ms), FAR once.
  const extra = 'boston,EAST,4,20,20,0,0\nboston,EAST,8,30,30,0,0\nboston,WEST,6,12,12,0,0\n';
  const world = handWorld({ 'rtt.csv': HAND_TEXTS['rtt.csv'] + extra });
  const only: World = {
    ...world,
    cells: world.cells.slice(0, 1),
    rtts: world.rtts.filter(({ cell }) => cell === 0),
  };
  const { fresh } = judged(only, (tick) => whole(tick < 6 ? 0 : 1));
  // Served fresh: EAST at 0 and 4, WEST at 6: 14 ms. Best fixed: EAST, 20 ms; WEST's mean is 41 ms.
  assert.deepEqual(fresh, { servedMs: 14, bestFixedMs: 20, over: -0.3, values: 3 });
});

test('quantiles lie between neighbours', () => {
  assert.equal(quantile([1, 2, 3, 4, 5], 0.5), 3);
  assert.equal(quantile([0, 10], 0.9), 9);
  assert.equal(quantile([7], 0.99), 7);
  assert.equal(quantile([], 0.5), 0);
});
