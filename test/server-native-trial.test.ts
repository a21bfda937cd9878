import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../src/base/random.ts';
import { createTrial, noteTrial } from '../src/server/native-trial.ts';

/** Times batches one way and the other, with noise of a third; how often the choice changed. */
function time(
  trial: ReturnType<typeof createTrial>,
  queryMs: { isWith: number; isWithout: number },
  batches: number,
): number {
  const random = seededRandom(7);
  let changes = 0;
  for (let i = 0; i < batches; i++) {
    const before = trial.pays;
    const base = trial.isWith ? queryMs.isWith : queryMs.isWithout;
    noteTrial(trial, base * (1 + (random.next() - 0.5) / 1.5));
    if (trial.pays !== before) changes++;
  }
  return changes;
}

test('foreseeing is left off where it costs more than it saves, and taken up where it saves', () => {
  const trial = createTrial();
  assert.equal(trial.pays, true);
  time(trial, { isWith: 0.0006, isWithout: 0.0004 }, 200);
  assert.equal(trial.pays, false);
  time(trial, { isWith: 0.0009, isWithout: 0.0014 }, 400);
  assert.equal(trial.pays, true);
});

test('both ways are timed in turn, and a choice that is clear stays', () => {
  const trial = createTrial();
  const turns = [trial.isWith];
  noteTrial(trial, 1);
  turns.push(trial.isWith);
  noteTrial(trial, 1);
  turns.push(trial.isWith);
  assert.deepEqual(turns, [false, true, false]);
  const clear = createTrial();
  time(clear, { isWith: 0.0005, isWithout: 0.0006 }, 200);
  assert.equal(time(clear, { isWith: 0.0005, isWithout: 0.0006 }, 20_000), 0);
});

test('a batch that was interrupted changes nothing', () => {
  const trial = createTrial();
  time(trial, { isWith: 0.0009, isWithout: 0.0014 }, 200);
  for (let i = 0; i < 50; i++) {
    if (trial.isWith) noteTrial(trial, 0.06);
    assert.equal(trial.pays, true);
    assert.equal(time(trial, { isWith: 0.0009, isWithout: 0.0014 }, 61), 0);
  }
});
