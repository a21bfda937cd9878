import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTool } from './helpers/program.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const alerts = readFileSync(`${root}deploy/prometheus/alerts.yml`, 'utf8');
const names = [...alerts.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = '']) => name);

test('the dashboards are as their source makes them', async () => {
  const { code, err } = await runTool(process.execPath, [`${root}deploy/grafana/write.ts`, '--check']);
  assert.equal(code, 0, err);
});

test('every alert has a page of what to do, and a case that fires and one that does not', () => {
  const pages = readFileSync(`${root}docs/operations.md`, 'utf8');
  const cases = readFileSync(`${root}deploy/prometheus/alerts.test.yml`, 'utf8');
  assert.ok(names.length >= 12);
  for (const name of names) {
    assert.match(pages, new RegExp(`^### ${name}$`, 'm'));
    assert.match(alerts, new RegExp(`runbook: docs/operations.md#${name.toLowerCase()}$`, 'm'));
    const results = [...cases.matchAll(new RegExp(`alertname: ${name}\\n +exp_alerts:( \\[\\])?`, 'g'))];
    assert.deepEqual(new Set(results.map(([, none]) => none === undefined)), new Set([true, false]), name);
  }
});

test('promtool accepts alerts and their tests, and sees a planted fault', async (t) => {
  const folder = `${root}deploy/prometheus/`;
  const { code, out, err } = await runTool('promtool', ['test', 'rules', `${folder}alerts.test.yml`]);
  if (String(code) === 'ENOENT') return t.skip('no promtool on this machine');
  assert.equal(code, 0, out + err);
  const bad = await runTool('promtool', ['check', 'rules', `${root}package.json`]);
  assert.notEqual(bad.code, 0);
});
