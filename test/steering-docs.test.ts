import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { linkCongestionMs } from '../src/steering/congestion.ts';
import { doubtMs, errorMs2, putEstimate } from '../src/steering/estimate.ts';
import { createEstimates, deviationMsOf, firstEntry } from '../src/steering/estimates.ts';
import { STEERING_PARAMETERS } from '../src/steering/params.ts';
import { scoreMs } from '../src/steering/score.ts';
import { steeringParams } from './helpers/steering-params.ts';

const page = readFileSync(new URL('../docs/steering.md', import.meta.url), 'utf8');

test('docs/steering.md lists every parameter as it is', () => {
  for (const [name, { default: value, unit, meaning }] of Object.entries(STEERING_PARAMETERS)) {
    const row = `| \`${name}\` | ${value}${unit === '' ? '' : ` ${unit}`} | ${meaning} |`;
    assert.ok(page.includes(row), `missing: ${row}`);
  }
});

test('the page names no parameter that does not exist', () => {
  const units = /`([a-z][A-Za-z]*(?:Ms|Share|Reports|Cells|Deviations|Bursts|Rps|Seconds|MarginMs))`/g;
  const terms = new Set(['shortRps', 'rttMs', 'lossMs', 'congestionMs', 'priceMs', 'biasMs', 'queueMs']);
  for (const [, name] of page.matchAll(units))
    assert.ok(name !== undefined && (terms.has(name) || name in STEERING_PARAMETERS), name);
});

test('the example on the page adds up', () => {
  const params = steeringParams();
  const link = { throughputMbps: 900, capacityMbps: 1000, queueMs: 0, lossRate: 0 };
  const congestionMs = linkCongestionMs(link, params);
  const lossMs = params.lossMsPerUnit * (0.0042 - params.lossIgnored);
  const score = scoreMs(4.74, lossMs, congestionMs, 0, 0).toFixed(2);
  assert.ok(
    page.includes(
      `| FRA | 4.74 | ${lossMs.toFixed(2)} | ${congestionMs.toFixed(2)} | 0 | 0 | **${score}** |`,
    ),
  );
});

test('the page says how much a restless path is doubted, and what its bursts are worth', () => {
  const params = steeringParams();
  const estimates = createEstimates(2);
  const saved = { level: 20, last: 20, bursts: 4, modelled: false, atMs: 0 };
  putEstimate(estimates, { cell: 0, pop: 0 }, { ...saved, deviation: 1 });
  putEstimate(estimates, { cell: 1, pop: 0 }, { ...saved, deviation: 50 });
  const [calm, restless] = [firstEntry(0), firstEntry(1)];
  const doubt = doubtMs(estimates, restless, 1, params) / doubtMs(estimates, calm, 1, params);
  const scatter2 = (deviationMsOf(estimates, restless) / deviationMsOf(estimates, calm)) ** 2;
  const [calm2, restless2] = [calm, restless].map((entry) => errorMs2(estimates, entry, 4, params));
  const worth = (scatter2 * (calm2 as number)) / (restless2 as number);
  assert.equal(worth.toFixed(3), '4.000');
  assert.ok(
    page.includes(`(${doubt.toFixed(1)} times that of a restless one, a burst of which is worth four)`),
  );
});
