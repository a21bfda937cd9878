import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../src/cli/run.ts';
import { processTerminal } from '../../src/cli/terminal.ts';
import { runCli } from '../helpers/cli.ts';
import { SMALL_FOLDER } from './small-world.ts';

const FILES = ['decisions.csv', 'probes.csv', 'report.html', 'summary.json'];
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'isochrone-lab-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (out: string, name: string): string => readFileSync(join(out, name), 'utf8');

test('simulate writes four files and says what came of it; the same again are the same octets', async () => {
  const outs = ['one', 'deep/er/two'].map((name) => join(folder, name));
  for (const out of outs) {
    const {
      code,
      out: printed,
      err,
    } = await runCli('simulate', SMALL_FOLDER, '--out', out, '--bursts-per-cell', '6');
    assert.equal(code, 0, err);
    assert.equal(err, '', 'progress is for terminals');
    assert.match(printed, /^small: 24 cells, 8 POPs, 24 ticks; simulated$/m);
    assert.match(printed, /^regret at the end {4}mean \d+\.\d\d ms, p99 \d+\.\d ms, \d+\.\d % within 5 ms$/m);
    assert.match(printed, /report\.html$/m);
    assert.deepEqual(readdirSync(out).sort(), FILES);
  }
  const [one = '', two = ''] = outs;
  for (const name of FILES) assert.equal(textOf(one, name), textOf(two, name), name);
  const probes = textOf(one, 'probes.csv').trimEnd().split('\n');
  assert.equal(probes.shift(), 'tick,cell,pop,pings');
  const spent = new Map<string, number>();
  for (const row of probes) {
    const cell = row.split(',')[1] as string;
    spent.set(cell, (spent.get(cell) ?? 0) + 1);
  }
  assert.ok([...spent.values()].every((count) => count <= 6));
  assert.ok(textOf(one, 'decisions.csv').startsWith('tick,cell,pop,share\n0,c0,'));
});

test('with the oracle regret is 0; JSON is the summary', async () => {
  const out = join(folder, 'oracle');
  const { code, out: printed } = await runCli(
    'simulate',
    SMALL_FOLDER,
    '--out',
    out,
    '--policy',
    'oracle',
    '--json',
  );
  assert.equal(code, 0);
  const summary = JSON.parse(textOf(out, 'summary.json'));
  assert.deepEqual(JSON.parse(printed), { out, ...summary });
  assert.equal(summary.kind, 'simulated');
  assert.deepEqual(
    [
      summary.regret.end.meanMs,
      summary.regret.average.p99Ms,
      summary.regret.end.within5,
      summary.burstsPerCell,
    ],
    [0, 0, 1, 0],
  );
  assert.equal(summary.byTick.moves.length, 24);
  assert.equal(summary.load.length, 8);
  assert.deepEqual(
    summary.reactions.map(({ event, ticksTo95 }: { event: string; ticksTo95: number }) => [event, ticksTo95]),
    [
      ['add-rtt', 1],
      ['add-rtt', 1],
      ['drain', 1],
      ['restore', 1],
      ['pop-down', 1],
      ['pop-up', 1],
      ['add-rtt', 1],
    ],
  );
});

test('flags: ticks, seed; what is wrong with them, all at once', async () => {
  const out = join(folder, 'flags');
  const few = await runCli('simulate', SMALL_FOLDER, '--out', out, '--ticks', '5', '--seed', '9', '--json');
  const { ticks, seed, byTick } = JSON.parse(few.out);
  assert.deepEqual([ticks, seed, byTick.bursts.length], [5, 9, 5]);
  const wrong = await runCli(
    'simulate',
    SMALL_FOLDER,
    '--policy',
    'best',
    '--ticks',
    '0',
    '--bursts-per-cell',
    '1.5',
  );
  assert.equal(wrong.code, 2);
  assert.deepEqual(wrong.err.trimEnd().split('\n'), [
    'command line: --out DIR is missing: where to write the results',
    'command line: --policy "best" is none of isochrone, geo, round-robin, ewma, oracle',
    'command line: --bursts-per-cell "1.5" is not a number of bursts: a whole number from 0 to 1000000',
    'command line: --ticks "0" is not a number of ticks: a whole number from 1 to 100000',
    'see: isochrone help simulate',
  ]);
  assert.equal((await runCli('simulate')).code, 2);
  const help = await runCli('help', 'simulate');
  assert.match(help.out, /isochrone simulate .* --policy geo/);
});

test('a bad world: every fault of every file at once, nothing written', async () => {
  const bad = join(folder, 'bad');
  cpSync(SMALL_FOLDER, bad, { recursive: true });
  rmSync(join(bad, 'pops.csv'));
  writeFileSync(join(bad, 'events.csv'), 'tick,event,pop,cell,value\n99,pop-down,FRA,,\n1,melt,,,\n');
  writeFileSync(join(bad, 'world.json'), '{ "ticks": 24 }\n');
  const out = join(folder, 'bad-out');
  const { code, err } = await runCli('simulate', bad, '--out', out);
  assert.equal(code, 1);
  const lines = err.trimEnd().split('\n');
  for (const wanted of [
    `${bad}/pops.csv: no such file`,
    `${bad}/world.json:1: "tickSeconds" is missing: a number from 0.1 to 86400`,
    `${bad}/world.json:1: "seed" is missing: a whole number from 0 to 4294967295`,
    `${bad}/events.csv:2: tick "99" is not a whole number from 0 to 23`,
    `${bad}/events.csv:3: event "melt" is none of pop-down, pop-up, capacity, add-rtt, drain, restore, demand`,
  ])
    assert.ok(lines.includes(wanted), `${wanted}\n${err}`);
  assert.equal(lines.length, 5, err);
  assert.equal(existsSync(out), false);
  const missing = await runCli('simulate', join(folder, 'nowhere'), '--out', out, '--json');
  assert.equal(missing.code, 1);
  assert.equal(JSON.parse(missing.out).error.problems[0].message, 'no such file');
  const file = await runCli('simulate', SMALL_FOLDER, '--out', join(bad, 'rtt.csv'));
  assert.deepEqual([file.code, file.err], [1, `${join(bad, 'rtt.csv')}: there is a file of this name\n`]);
});

test('the report needs nothing but itself, names its units and that it is simulated, and trusts no name', async () => {
  const world = join(folder, 'named');
  cpSync(SMALL_FOLDER, world, { recursive: true });
  for (const name of ['pops.csv', 'rtt.csv', 'events.csv']) {
    const text = readFileSync(join(world, name), 'utf8').replaceAll('FRA', '<script>alert(1)</script>');
    writeFileSync(join(world, name), text);
  }
  const out = join(folder, 'named-out');
  assert.equal((await runCli('simulate', world, '--out', out)).code, 0);
  const html = textOf(out, 'report.html');
  assert.doesNotMatch(html, /<script|<link|<img|https?:|@import|url\(/);
  assert.match(html, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
  for (const words of [
    'Round-trip time',
    'Regret over time',
    'Load against capacity',
    'Moves',
    'Map',
    'Reactions',
    'true round-trip time, ms (simulated)',
    'mean regret, ms (simulated)',
    'nearest by claimed geography',
    'oracle: the best live POP',
    'prefers-color-scheme: dark',
  ])
    assert.ok(html.includes(words), words);
  assert.doesNotMatch(html, /NaN|undefined|Infinity/);
  const opened = html.match(/<(?:svg|g|table|section|div|p|text|tr|td|th)\b/g)?.length;
  const closed = html.match(/<\/(?:svg|g|table|section|div|p|text|tr|td|th)>/g)?.length;
  assert.equal(opened, closed, 'every element is closed');
});

test('a world without locations says so', async () => {
  const world = join(folder, 'unplaced');
  cpSync(SMALL_FOLDER, world, { recursive: true });
  const rows = readFileSync(join(world, 'pops.csv'), 'utf8').split('\n');
  const unplaced = rows.map((row, i) => (i === 0 ? row : row.replace(/^(\w+),[^,]*,[^,]*,/, '$1,,,')));
  writeFileSync(join(world, 'pops.csv'), unplaced.join('\n'));
  const cells = readFileSync(join(world, 'cells.csv'), 'utf8').split('\n');
  const nowhere = cells.map((row, i) => {
    const fields = row.split(',');
    return i === 0 || row === '' ? row : [...fields.slice(0, 2), '', '', '', '', ...fields.slice(-2)].join();
  });
  writeFileSync(join(world, 'cells.csv'), nowhere.join('\n'));
  const out = join(folder, 'unplaced-out');
  const { code, err } = await runCli('simulate', world, '--out', out);
  assert.equal(code, 0, err);
  const html = textOf(out, 'report.html');
  assert.match(html, /This world has no locations: there is nothing to draw\./);
  assert.match(html, /geography \(no locations: the first POP of the list\)/);
  assert.doesNotMatch(html, /NaN/);
});

test('make-world and simulate, one after the other, and what make-world refuses', async () => {
  const world = join(folder, 'made');
  const made = await runCli('make-world', world, '--cells', '30', '--pops', '6', '--ticks', '8', '--json');
  assert.equal(made.code, 0, made.err);
  assert.deepEqual(JSON.parse(made.out), {
    folder: world,
    kind: 'hubs',
    seed: 1,
    pops: 6,
    cells: 30,
    pairs: 180,
  });
  assert.equal((await runCli('simulate', world, '--out', join(folder, 'made-out'))).code, 0);
  const wrong = await runCli('make-world', world, '--kind', 'flat', '--pops', '99');
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /--kind "flat" is none of hubs, random, capacity, shift/);
  assert.match(wrong.err, /--pops "99" is not a number of POPs: a whole number from 2 to 34/);
});

test('on a terminal it says how far it is; a signal ends it, with nothing written', async () => {
  const out = join(folder, 'stopped');
  const stop = new AbortController();
  let shown = '';
  const stream = {
    isTTY: true,
    write: (text: string) => {
      shown += text;
      // The first word of progress is the sign to stop.
      if (/tick \d+ of 90000/.test(text)) stop.abort();
      return true;
    },
  };
  // Of the process the terminal uses what stands here.
  const process = { stdout: stream, stderr: stream, env: {} } as unknown as NodeJS.Process;
  const args = ['simulate', SMALL_FOLDER, '--out', out, '--ticks', '90000'];
  assert.equal(await runCommandLine(args, processTerminal(process, stop.signal)), 1);
  assert.match(shown, /simulating small: isochrone, tick \d+ of 90000/);
  assert.match(shown, /stopped before all 90000 ticks were done: nothing was written/);
  assert.equal(existsSync(out), false);
});
