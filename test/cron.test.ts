import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCron } from '../src/cli/cron.ts';
import { until } from './contract/harness.ts';

test('a job that is late says so in one plain line, and no more for ten minutes', async (t) => {
  const printed = ['log', 'info', 'warn', 'error'].map((name) => t.mock.method(console, name as 'log'));
  const lines: string[] = [];
  let [runs, nowMs] = [0, 0];
  const run = async (): Promise<void> => {
    runs++;
  };
  const log = (line: string): unknown => lines.push(line);
  const end = startCron({ name: 'snapshot', cron: '* * * * * *', run }, { nowMs: () => nowMs, log });
  t.after(end);
  /** The process stands still, so that a time or two is missed. */
  const standStill = async (): Promise<void> => {
    const before = runs;
    await until(() => runs > before, 'the job runs');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2600);
    const after = runs;
    await until(() => runs > after, 'the job runs again');
  };
  await standStill();
  assert.deepEqual(lines, ['snapshot: its time was missed: the process was busy or stood still']);
  nowMs += 600_000;
  await standStill();
  assert.match(lines[1] ?? '', /^snapshot: its time was missed: .*still( \(and \d+ times before\))?$/);
  assert.equal(lines.length, 2);
  for (const { mock } of printed) assert.equal(mock.callCount(), 0);
});

test('a job that is still running, and one that fails, are told of in the same way', async (t) => {
  const lines: string[] = [];
  let finish = (): void => undefined;
  const run = (): Promise<void> =>
    new Promise((_, reject) => {
      finish = () => reject(new Error('no room on the disk'));
    });
  const log = (line: string): unknown => lines.push(line);
  const end = startCron({ name: 'campaign', cron: '* * * * * *', run }, { nowMs: () => 0, log });
  t.after(end);
  await until(() => lines.length > 0, 'it is said that it still runs');
  finish();
  await until(() => lines.length > 1, 'and that it failed');
  assert.match(lines[0] ?? '', /^campaign: task still running/);
  assert.equal(lines[1], 'campaign: no room on the disk');
});
