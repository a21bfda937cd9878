import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { buildConsole } from '../src/console/build.ts';
import { ownersOf } from '../src/console/web/catchment-raster.ts';
import { readLink, writeLink } from '../src/console/web/deep-link.ts';
import { type FleetPop, fleetAt, listed } from '../src/console/web/fleet.ts';
import { changesBetween, happeningsOf, joined } from '../src/console/web/happenings.ts';
import { markAt, marksOf, nextMark } from '../src/console/web/map-marks.ts';
import type { CatchmentPlace, LiveState } from '../src/console/web/replies.ts';
import { TINTS, tintsOf, touchingPops } from '../src/console/web/tints.ts';

/** The web application: what is checked in is what its sources give, and its parts without a screen. */

const DIST = fileURLToPath(new URL('../src/console/dist', import.meta.url));
const FIRST_LOAD_OCTETS_MAX = 300_000;

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();

test('what is checked in is built from the sources: npm run console', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-console-'));
  try {
    await buildConsole(folder);
    assert.deepEqual(filesIn(DIST), filesIn(folder), 'other files: run npm run console');
    for (const name of filesIn(DIST)) {
      if (/\.(?:br|gz)$/.test(name)) continue;
      const octets = readFileSync(join(DIST, name));
      assert.ok(octets.equals(readFileSync(join(folder, name))), `${name} differs: run npm run console`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('compressed variants are the files themselves, and the first load is small with either', () => {
  for (const [ending, decompress] of [
    ['.br', brotliDecompressSync],
    ['.gz', gunzipSync],
  ] as const) {
    let total = 0;
    for (const name of filesIn(DIST).filter((one) => /\.(?:html|js|css|json|svg)$/.test(one))) {
      const variant = join(DIST, name + ending);
      const isImage = name.endsWith('.svg');
      const plain = readFileSync(join(DIST, name));
      if (!isImage) assert.ok(decompress(readFileSync(variant)).equals(plain), name + ending);
      total += isImage ? plain.length : statSync(variant).size;
    }
    assert.ok(total < FIRST_LOAD_OCTETS_MAX, `${ending}: ${total} octets`);
  }
});

test('the policy holds: no inline script or style, nothing from elsewhere', () => {
  const html = readFileSync(join(DIST, 'index.html'), 'utf8');
  assert.doesNotMatch(html, /<script(?![^>]* src=)|<style| style=| on\w+=|https?:/);
  for (const [, url = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g))
    assert.match(url, /^\/(?:assets|api|metrics)/);
});

const place = (latitude: number, longitude: number, pop = 0): CatchmentPlace => [
  `XX/${latitude},${longitude}`,
  'X',
  latitude,
  longitude,
  0.1,
  pop,
  1,
];
/** Places on the tiles that the server's have. */
const places = fc.uniqueArray(
  fc.tuple(fc.integer({ min: -110, max: 140 }), fc.integer({ min: -360, max: 359 })),
  { minLength: 1, maxLength: 40, selector: ([latitude, longitude]) => `${latitude} ${longitude}` },
);

test('each position belongs to the nearest place, or to none where all are far', () => {
  const km = (from: readonly [number, number], to: readonly [number, number]): number => {
    const [a, b, c, d] = [...from, ...to].map((degrees) => (degrees * Math.PI) / 180) as [
      number,
      number,
      number,
      number,
    ];
    const cosine = Math.sin(a) * Math.sin(c) + Math.cos(a) * Math.cos(c) * Math.cos(b - d);
    return 6371 * Math.acos(Math.min(1, Math.max(-1, cosine)));
  };
  fc.assert(
    fc.property(
      places,
      fc.double({ min: -56, max: 72, noNaN: true }),
      fc.double({ min: -180, max: 179.9, noNaN: true }),
      (tiles, latitude, longitude) => {
        const all = tiles.map(([down, right]) => place(down / 2 + 0.25, right / 2 + 0.25));
        const owner = ownersOf(all).at(longitude, latitude);
        const distances = all.map((one) => km([latitude, longitude], [one[2], one[3]]));
        const least = Math.min(...distances);
        // On a grid of half a degree an owner is at most a cell's width farther than the nearest.
        if (owner === -1) assert.ok(least > 820, `${least} km away, yet nobody's`);
        else assert.ok((distances[owner] as number) <= least + 80, `${distances[owner]} km, not ${least}`);
      },
    ),
    { numRuns: 12, seed: 8 },
  );
});

test('areas that touch get different colours, which stay when the table changes', () => {
  const all = Array.from({ length: 60 }, (_, i) => place(10 + 2 * Math.floor(i / 10), 20 + 2 * (i % 10), i));
  const owners = ownersOf(all);
  const touching = touchingPops(owners, all);
  const tints = tintsOf(touching, 60);
  const clashes = [...touching].flatMap(([pop, others]) =>
    [...others].filter((other) => tints[pop] === tints[other]),
  );
  assert.ok(clashes.length <= 2, `${clashes.length} clashes`);
  assert.ok(tints.every((tint) => tint >= 0 && tint < TINTS));
  assert.deepEqual(tintsOf(touching, 60, tints).filter((tint, pop) => tint !== tints[pop]).length <= 2, true);
});

const pop = (code: string, rest: Partial<FleetPop> = {}): FleetPop => ({
  ...{ code, city: 'Frankfurt am Main', country: 'DE', region: 'eu-central', latitude: 50, longitude: 8.5 },
  ...{
    state: 'up',
    capacityRps: 1000,
    loadRps: 500,
    priceMs: 0,
    biasMs: 0,
    share: 0.1,
    links: [],
    agentStanding: 1,
  },
  ...rest,
});

test('what is told of now is not taken for what was', () => {
  const now = [pop('FRA', { expectedRps: 800, expectedInMs: 4_000, why: 'down' }), pop('AMS')];
  const then = { code: 'FRA', state: 'up', capacityRps: 900, loadRps: 300, priceMs: 1, share: 0.2 } as const;
  const [fra, ams] = fleetAt(now, [then]);
  const { expectedRps: _, expectedInMs: _in, why: _why, ...rest } = now[0] as FleetPop;
  assert.deepEqual(fra, { ...rest, ...then });
  assert.equal(ams, now[1], 'nothing is known of it then');
  const [rising] = fleetAt(now, [{ ...then, expectedRps: 500, expectedInMs: 3_000 }]);
  assert.deepEqual([rising?.loadRps, rising?.expectedRps, rising?.expectedInMs], [300, 500, 3_000]);
});

test('the list: any words in any case and without accents, trouble first, ties by code', () => {
  const pops = [
    pop('FRA', { loadRps: 900 }),
    pop('GRU', { city: 'São Paulo', country: 'BR', region: 'sa-east', state: 'drained' }),
    pop('GIG', { city: 'Rio de Janeiro', country: 'BR', region: 'sa-east', state: 'down' }),
    pop('AMS', { city: 'Amsterdam', country: 'NL', region: 'eu-west' }),
  ];
  const codes = (key: Parameters<typeof listed>[1]['key'], down: boolean, words = ''): string =>
    listed(pops, { key, down, words })
      .map(({ code }) => code)
      .join(' ');
  assert.equal(codes('state', false), 'GIG GRU AMS FRA');
  assert.equal(codes('load', true), 'FRA AMS GIG GRU');
  assert.equal(codes('code', true), 'GRU GIG FRA AMS');
  assert.equal(codes('code', false, 'SAO  br'), 'GRU');
  assert.equal(codes('code', false, 'sa-east down'), 'GIG');
  assert.equal(codes('code', false, 'nowhere'), '');
});

test('marks: codes do not cover one another, those out have theirs; arrows go where they point', () => {
  const pops = [
    pop('AAA'),
    pop('BBB', { longitude: 8.6 }),
    pop('CCC', { longitude: 60, state: 'down' }),
    pop('DDD', { latitude: -30 }),
  ];
  const at = (longitude: number, latitude: number) => [longitude * 5 + 100, 300 - latitude * 3] as const;
  const marks = marksOf(pops, at, { width: 900, height: 500, chosen: undefined, letter: 14 });
  const labelOf = (code: string) => marks.find((mark) => mark.pop.code === code)?.label;
  assert.equal(labelOf('CCC'), 'right');
  const sides = [labelOf('AAA'), labelOf('BBB')];
  assert.ok(new Set(sides).size === 2, `both at ${sides}`);
  assert.equal(nextMark(marks, 'BBB', 'ArrowRight'), 'CCC');
  assert.equal(nextMark(marks, 'AAA', 'ArrowDown'), 'DDD');
  assert.equal(nextMark(marks, 'CCC', 'ArrowRight'), undefined);
  assert.equal(nextMark(marks, 'CCC', 'x'), undefined);
  for (const { pop, x, y } of marks) assert.equal(markAt(marks, x, y), pop.code);
  assert.equal(markAt([], 1, 1), undefined);
});

test('events: from the kept hour and from the stream, each once', () => {
  const point = (atMs: number, down: string[], drained: string[]) => ({
    atMs,
    epoch: 1,
    qps: 1,
    down,
    drained,
  });
  const kept = happeningsOf([
    point(0, [], []),
    point(20, ['FRA'], []),
    point(40, [], ['FRA']),
    point(60, [], []),
  ]);
  assert.deepEqual(
    kept.map(({ atMs, kind, pop: code }) => [atMs, kind, code]),
    [
      [60, 'up', 'FRA'],
      [40, 'drained', 'FRA'],
      [20, 'down', 'FRA'],
    ],
  );
  const state = (atMs: number, word: 'up' | 'down', ready = true): LiveState => ({
    ...{ atMs, epoch: 1, tableAgeMs: 0, ready, queryRates: {} },
    pops: [{ code: 'FRA', state: word, why: 'refused', capacityRps: 1, priceMs: 0, share: 0 }],
  });
  const seen = changesBetween(state(0, 'up'), state(18, 'down', false));
  assert.deepEqual(
    seen.map(({ words }) => words),
    ['went down: refused', 'the process is not ready'],
  );
  assert.deepEqual(changesBetween(state(0, 'up'), state(2, 'up')), []);
  assert.deepEqual(
    joined(seen, kept, 20).map(({ atMs, kind }) => [atMs, kind]),
    [
      [60, 'up'],
      [40, 'drained'],
      [18, 'down'],
      [18, 'not-ready'],
    ],
  );
});

test('deep links say where the console is; what is no link is none', () => {
  for (const here of [{ pop: 'FRA' }, { explain: { name: 'www.cdn.example', client: '2001:db8::/48' } }, {}])
    assert.deepEqual(readLink(writeLink(here)), here);
  for (const hash of ['', '#', '#pop=', '#explain=www', '#explain=,1.2.3.4', '#else=1'])
    assert.deepEqual(readLink(hash), {});
});
