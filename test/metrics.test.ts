import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { metricsPage } from '../deploy/prometheus/source/page.ts';
import { misspelt } from './helpers/metric-names.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Files that speak of metrics. */
const SPEAKING = [
  'README.md',
  ...['docs', 'docs/decisions', 'deploy/grafana/dashboards', 'deploy/prometheus'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => /\.(?:md|json|yml)$/.test(name))
      .map((name) => `${folder}/${name}`),
  ),
];

test('docs/metrics.md is as the code makes it', () => {
  assert.equal(read('docs/metrics.md'), metricsPage(), 'npm run metrics');
});

test('documents, dashboards and alerts name metrics, labels and values that there are', () => {
  const wrong = SPEAKING.flatMap((path) => misspelt(read(path)).map((what) => `${path}: ${what}`));
  assert.deepEqual(wrong, []);
});

test('planted misspellings are found', () => {
  const dashboard = read('deploy/grafana/dashboards/overview.json');
  for (const [right, wrong] of [
    ['isochrone_dns_queries_total', 'isochrone_dns_querys_total'],
    ['state=\\"up\\"', 'stat=\\"up\\"'],
    ['kind=\\"failed\\"', 'kind=\\"faild\\"'],
  ] as const) {
    assert.ok(dashboard.includes(right), right);
    assert.notDeepEqual(misspelt(dashboard.replace(right, wrong)), [], wrong);
  }
});
