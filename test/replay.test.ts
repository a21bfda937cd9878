import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { replayLines } from '../src/cli/replay-text.ts';
import { loadConfig } from '../src/config/config.ts';
import { createLedger, type Given } from '../src/replay/ledger.ts';
import type { ReplayReport } from '../src/replay/report.ts';
import { putEstimate } from '../src/steering/estimate.ts';
import { createEstimates } from '../src/steering/estimates.ts';
import { packCell, popHashes } from '../src/steering/pack.ts';
import { openRedisStore } from '../src/store/redis.ts';
import { runCli } from './helpers/cli.ts';
import { startRedis, withoutRedis } from './helpers/redis.ts';
import { smallGeo } from './helpers/small-geo.ts';

const folder = mkdtempSync(join(tmpdir(), 'isochrone-replay-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);
const geo = smallGeo(folder);

/** A configuration with POPs in Frankfurt and New York, or with these. */
function config(
  name: string,
  changed: { pops?: readonly string[]; zone?: string; log?: string } = {},
): string {
  const { pops = ['FRA', 'JFK'], zone = 'zone', log = '' } = changed;
  const known: Record<string, string> = {
    FRA: 'country: DE, region: r, latitude: 50.03, longitude: 8.57, capacityRps: 1000',
    AMS: 'country: NL, region: r, latitude: 52.3, longitude: 4.76, capacityRps: 1000',
    JFK: 'country: US, region: r, latitude: 40.64, longitude: -73.78, capacityRps: 1000',
  };
  const lines = pops.map((code, i) => {
    const links = `[{ transit: one, capacityMbps: 1000, ipv4: 192.0.2.${i + 1} }]`;
    return `  - { code: ${code}, city: ${code}, ${known[code]}, links: ${links} }`;
  });
  const zones = `zones: [{ origin: cdn.example, file: ${zone} }]`;
  const text = [
    zones,
    'services: { web: {} }',
    `geo: ${geo}`,
    `state: ${path('state')}`,
    log,
    'pops:',
    ...lines,
    '',
  ];
  writeFileSync(path(name), text.join('\n'));
  return path(name);
}

const ZONE = '@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.53\nwww 60 STEER web\n';
writeFileSync(path('zone'), ZONE);
writeFileSync(path('other'), `${ZONE}new 60 A 192.0.2.99\n`.replace('192.0.2.53', '192.0.2.54'));
/** 20 steered queries of Frankfurt over 20 s, and 10 others. */
const LOG = Array.from({ length: 30 }, (_, i) => {
  const name = i < 20 ? 'www' : i < 25 ? 'ns' : 'new';
  const at = new Date(Date.UTC(2026, 0, 5) + 1000 * (i % 20)).toISOString();
  const asked = { client: '192.0.2.0/24', transport: 'udp', name: `${name}.cdn.example.`, type: 'A' };
  return `${JSON.stringify({ at, ...asked, rcode: 'NOERROR', octets: [40, 60] })}\n`;
});
writeFileSync(path('log'), LOG.join(''));

async function replayed(...flags: string[]): Promise<ReplayReport> {
  const { code, out, err } = await runCli('replay', '--log', path('log'), '--json', ...flags);
  assert.equal(code, 0, err);
  return JSON.parse(out) as ReplayReport;
}

test('without a POP: who moves, how far, and onto whom; as a table and as a page', async () => {
  const file = config('old.yaml', { log: 'log: { queries: { oneOf: 50, json: { file: q.json } } }' });
  const flags = ['--config', file, '--without', 'fra', '--requests-per-query', '2'];
  const { comparison, pops, before, after: world, overCapacity, notes } = await replayed(...flags);
  assert.deepEqual([comparison.queries, comparison.steered, comparison.moved], [1500, 1000, 1000]);
  assert.match(notes.join(), /stands for 50; a query is taken for 2 requests/);
  assert.match(before.basis, /production engine from geography alone \(modelled\)/);
  assert.match(world.name, /old\.yaml without FRA$/);
  const [worst] = comparison.worst;
  assert.deepEqual([worst?.fromPop, worst?.toPop, worst?.queries], ['FRA', 'JFK', 1000]);
  assert.match(worst?.cell ?? '', /^AS64500 in .*, DE$/);
  // 6,200 km of fibre more, there and back.
  assert.ok(
    comparison.rttChangeMs.mean > 60 && comparison.rttChangeMs.mean < 140,
    `${comparison.rttChangeMs.mean} ms`,
  );
  assert.equal(comparison.rttChangeMs.p50, comparison.rttChangeMs.max);
  // 50 queries a second for 20 seconds, of two requests each.
  const load = new Map(pops.map((pop) => [pop.code, pop]));
  const [fra, jfk] = [load.get('FRA'), load.get('JFK')];
  assert.deepEqual([Math.round(fra?.beforeRps ?? 0), fra?.afterRps], [100, 0]);
  assert.deepEqual([jfk?.beforeRps, Math.round(jfk?.afterRps ?? 0)], [0, 100]);
  assert.deepEqual(overCapacity, []);
  const html = path('report.html');
  const shown = await runCli('replay', '--log', path('log'), ...flags, '--one-of', '5000', '--html', html);
  assert.match(shown.out, /^over +JFK$/m);
  assert.match(shown.out, /^another POP +100 000 +66\.7 % +www\.cdn\.example\. A$/m);
  assert.match(shown.out, /^AS64500 in [^\n]*FRA > JFK/m);
  const page = readFileSync(html, 'utf8');
  for (const words of ['prefers-color-scheme: dark', 'JFK (over)', 'another POP', 'FRA → JFK', '<svg'])
    assert.ok(page.includes(words), words);
  assert.ok(!/<script|https?:\/\/(?!www\.w3)/.test(page), 'the page needs nothing else');
});

test('with estimates from a store: how sure the loads are', { skip: withoutRedis() }, async (t) => {
  const redis = await startRedis();
  t.after(redis.stop);
  const codes = ['FRA', 'AMS', 'JFK'];
  const file = config('measured.yaml', { pops: codes });
  const estimates = createEstimates(1);
  const atMs = Date.now() - 5000;
  const saved = { deviation: 2, bursts: 5, modelled: false, atMs };
  for (const [pop, level] of [6, 14, 90].entries())
    putEstimate(estimates, { cell: 0, pop }, { ...saved, level, last: level });
  const { hashes } = popHashes(codes);
  const packed = packCell(estimates, 0, { popHashes: hashes, nowMs: atMs });
  assert.ok(packed !== undefined);
  const { cluster } = loadConfig({
    text: readFileSync(file, 'utf8'),
    file,
    read: (name) => readFileSync(name, 'utf8'),
  });
  const store = await openRedisStore({ url: redis.url, cluster, pops: codes });
  await store.putEstimates(new Map([['192.0.2.0/24', packed]]));
  await store.close();
  const html = path('measured.html');
  const flags = ['--config', file, '--without', 'FRA', '--store', redis.url];
  const report = await replayed(...flags, '--html', html);
  assert.match(report.after.basis, /from the estimates of 1 cells in the store/);
  const [fra, ams] = ['FRA', 'AMS'].map((code) => report.pops.find((pop) => pop.code === code));
  assert.deepEqual([fra?.afterPeakRps, fra?.afterLowRps, fra?.afterHighRps], [0, 0, 0]);
  const { afterPeakRps = 0, afterLowRps = 0, afterHighRps = 0 } = ams ?? {};
  assert.ok(0 < afterLowRps && afterLowRps < afterPeakRps && afterPeakRps < afterHighRps);
  assert.ok(afterHighRps - afterLowRps < 0.05 * afterPeakRps, 'JFK is far: nobody doubts that');
  const likely = /(\d[\d.]*) - (\d[\d.]*)/;
  assert.match(replayLines(report, html).join('\n'), new RegExp(`^AMS .* ${likely.source} `, 'm'));
  assert.match(readFileSync(html, 'utf8'), new RegExp(`<td>AMS</td>.*<td>${likely.source}</td>`));
});

test('another configuration: POPs by code, and answers that differ by what differs', async () => {
  const old = config('before.yaml');
  const file = config('after.yaml', { pops: ['JFK', 'AMS', 'FRA'], zone: 'other' });
  const { comparison, pops } = await replayed('--config', file, '--against', old);
  assert.equal(comparison.moved, 0);
  const kinds = comparison.differences.map(({ kind, queries, examples }) => [kind, queries, ...examples]);
  assert.deepEqual(kinds.toSorted(), [
    ['rcode', 5, 'new.cdn.example. A'],
    ['records', 5, 'ns.cdn.example. A'],
    ['ttl', 20, 'www.cdn.example. A'],
  ]);
  assert.deepEqual(
    pops.map(({ code }) => code),
    ['AMS', 'FRA', 'JFK'],
  );
  const same = await replayed('--config', old, '--against', old);
  assert.deepEqual(same.comparison.differences, []);
});

test('what would mislead is said: no POP left, and a log of other zones', async () => {
  const file = config('open.yaml');
  writeFileSync(path('log'), LOG.join('').replaceAll('www.cdn.example', 'www.other.test'));
  const all = await replayed('--config', file, '--without', 'FRA', '--without', 'JFK');
  writeFileSync(path('log'), LOG.join(''));
  assert.equal(all.comparison.steered, 0);
  assert.match(all.notes.join('\n'), /No query asks for a steered name.*\nNo POP is left: .*fail open/);
});

test('everything that is wrong with the command line, at once', async () => {
  const none = await runCli('replay', '--port', '0', '--one-of', 'x');
  assert.equal(none.code, 2);
  for (const words of [
    '--log is missing',
    '--config is missing',
    'nothing to compare',
    '--port "0"',
    '--one-of "x"',
  ])
    assert.ok(none.err.includes(words), `${words} in ${none.err}`);
  const file = config('one.yaml');
  const wrong = await runCli('replay', '--log', path('log'), '--config', file, '--without', 'NRT');
  assert.match(wrong.err, /--without NRT: .*one\.yaml has no such POP/);
  const missing = await runCli('replay', '--log', path('none'), '--config', file, '--without', 'FRA');
  assert.deepEqual([missing.code, /none: no such file/.test(missing.err)], [1, true]);
});

test('the first thing in which answers differ names the difference', () => {
  const given: Given = { kind: 4, rcode: 0, pop: 'A', link: 'A-a', ttl: 60, scopeLength: 24, rttMs: 10 };
  const cases: [string, Partial<Given>][] = [
    ['rcode', { rcode: 3, pop: '', kind: 7 }],
    ['steered', { pop: '', link: '', kind: 3 }],
    ['pop', { pop: 'B', link: 'B-a', ttl: 30, rttMs: 15 }],
    ['link', { link: 'A-b', ttl: 30 }],
    ['ttl', { ttl: 30, scopeLength: 20 }],
    ['scope', { scopeLength: 20 }],
    ['records', {}],
  ];
  for (const [kind, changed] of cases) {
    const ledger = createLedger(['A', 'B'], 2);
    const words = { cell: () => 'cell', question: () => 'question' };
    ledger.add({ before: given, after: { ...given, ...changed }, isSame: false, queries: [3, 1], ...words });
    const { differences, moved, pops, histogram, worst } = ledger.comparison([2, 2]);
    assert.deepEqual(differences, [{ kind, queries: 4, examples: ['question'] }]);
    assert.equal(moved, kind === 'pop' ? 4 : 0);
    assert.deepEqual([pops[0]?.beforeQps, pops[0]?.beforePeakQps], [1, 1.5]);
    if (kind !== 'pop') continue;
    assert.deepEqual(
      histogram.filter(({ share }) => share > 0),
      [{ upToMs: 5, share: 1 }],
    );
    assert.deepEqual(worst, [{ cell: 'cell', fromPop: 'A', toPop: 'B', fromMs: 10, toMs: 15, queries: 4 }]);
  }
});
