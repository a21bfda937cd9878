import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schedule } from 'node-cron';
import { type Cron, isCronTime, parseCron } from '../src/steering/cron.ts';
import { activeOverrides, type FleetOverride } from '../src/steering/fleet-state.ts';
import { createMaintenance, type MaintenanceWindow, withMaintenance } from '../src/steering/maintenance.ts';

const at = (text: string): number => Date.parse(`${text}Z`);

function cron(text: string): Cron {
  const parsed = parseCron(text);
  assert.ok(typeof parsed !== 'string', String(parsed));
  return parsed;
}

test('cron: what is wrong is said', () => {
  const table: readonly (readonly [text: string, message: RegExp])[] = [
    ['* * * *', /is not five fields: minute, hour, day of the month, month, day of the week/],
    ['60 * * * *', /"60" is no minute, 0 to 59/],
    ['* 24 * * *', /"24" is no hour/],
    ['* * 0 * *', /"0" is no day of the month/],
    ['* * * foo *', /"foo" is no month/],
    ['* * * * 8', /"8" is no day of the week/],
    ['5-1 * * * *', /"5-1" is no minute/],
    ['*/0 * * * *', /is no minute/],
    ['1,,2 * * * *', /"" is no minute/],
  ];
  for (const [text, message] of table) assert.match(String(parseCron(text)), message, text);
});

test('cron: the times of a month are those that node-cron has', async () => {
  for (const text of ['17 3 * * *', '*/20 1-3 * * mon', '0 2 1,15 * *', '30 4 * jun-aug 0', '5 0 * * 6-7']) {
    const task = schedule(text, () => undefined, { timezone: 'UTC' });
    const nexts = task.getNextRuns(20).map((date) => date.getTime());
    await task.destroy();
    const own: number[] = [];
    const parsed = cron(text);
    const lastMs = nexts.at(-1) ?? 0;
    for (let ms = Math.floor(Date.now() / 60_000) * 60_000 + 60_000; ms <= lastMs; ms += 60_000) {
      const date = new Date(ms);
      const wall = {
        minute: date.getUTCMinutes(),
        hour: date.getUTCHours(),
        day: date.getUTCDate(),
        month: date.getUTCMonth() + 1,
        weekday: date.getUTCDay(),
      };
      if (isCronTime(parsed, wall)) own.push(ms);
    }
    assert.deepEqual(own, nexts, text);
  }
});

const nightly: MaintenanceWindow = {
  pop: 'FRA',
  reason: 'disks',
  cron: cron('0 2 * * 0'),
  timezone: 'Europe/Berlin',
  durationMs: 90 * 60_000,
};

test('a window drains in time and restores after, also in a process that starts within it', () => {
  // A Sunday in winter: 02:00 in Berlin is 01:00 UTC.
  const table: readonly (readonly [time: string, until: string | undefined])[] = [
    ['2026-11-29T00:59:59', undefined],
    ['2026-11-29T01:00:00', '2026-11-29T02:30:00'],
    ['2026-11-29T02:29:59', '2026-11-29T02:30:00'],
    ['2026-11-29T02:30:00', undefined],
    ['2026-11-30T01:30:00', undefined],
    // In summer: 00:00 UTC.
    ['2026-07-05T00:10:00', '2026-07-05T01:30:00'],
  ];
  const kept = createMaintenance([nightly]);
  for (const [time, until] of table) {
    const expected =
      until === undefined ? [] : [{ pop: 'FRA', reason: 'maintenance: disks', untilMs: at(until) }];
    assert.deepEqual(createMaintenance([nightly]).drains(at(time)), expected, time);
    assert.deepEqual(kept.drains(at(time)), expected, `${time}, in a process that ran before`);
  }
  for (let ms = at('2026-11-29T00:00:00'); ms < at('2026-11-29T04:00:00'); ms += 7000)
    assert.equal(
      kept.drains(ms).length,
      ms >= at('2026-11-29T01:00:00') && ms < at('2026-11-29T02:30:00') ? 1 : 0,
    );
});

test('a window from a time to another', () => {
  const [fromMs, toMs] = [at('2026-12-01T22:00:00'), at('2026-12-02T04:00:00')];
  const { drains } = createMaintenance([{ pop: 'AMS', reason: 'move', fromMs, toMs }]);
  assert.deepEqual(
    [fromMs - 1, fromMs, toMs - 1, toMs].map((ms) => drains(ms).length),
    [0, 1, 1, 0],
  );
});

test('with an operator’s drain, the one that ends last counts', () => {
  const nowMs = at('2026-11-29T01:30:00');
  const drains = createMaintenance([nightly]).drains(nowMs);
  const reasonWith = (...overrides: FleetOverride[]): string | undefined =>
    activeOverrides(withMaintenance(overrides, drains), nowMs).get('FRA')?.reason;
  assert.equal(reasonWith(), 'maintenance: disks');
  assert.equal(reasonWith({ pop: 'FRA', reason: 'for good' }), 'for good');
  assert.equal(reasonWith({ pop: 'FRA', reason: 'a minute', untilMs: nowMs + 60_000 }), 'maintenance: disks');
  assert.equal(reasonWith({ pop: 'FRA', reason: 'a day', untilMs: nowMs + 86_400_000 }), 'a day');
  assert.equal(reasonWith({ pop: 'FRA', reason: 'past', untilMs: nowMs - 1 }), 'maintenance: disks');
});
