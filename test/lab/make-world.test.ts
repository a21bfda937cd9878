import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distanceKm } from '../../src/base/geodesy.ts';
import { layBackbone } from '../../src/lab/make-backbone.ts';
import { drawCities, drawHubs, regionOf } from '../../src/lab/make-cities.ts';
import { quantile } from '../../src/lab/numbers.ts';
import { readWorld } from '../../src/lab/read-world.ts';
import { startRun } from '../../src/lab/run.ts';
import type { World } from '../../src/lab/world.ts';
import { worldTexts } from '../../src/lab/write-world.ts';
import { gazetteer, made } from './made-worlds.ts';

const SEEDS = [1, 2, 3, 4, 5, 6];

/** What nearest-by-claimed-geography scores. */
function geoScore(world: World): { meanMs: number; p99Ms: number; within5: number } {
  const run = startRun({ world, policy: 'geo', ticks: 1 });
  while (run.step());
  return run.result().figures.end;
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

test('the same wishes make the same world, another seed another', () => {
  assert.deepEqual(worldTexts(made('hubs')), worldTexts(made('hubs')));
  assert.notDeepEqual(worldTexts(made('hubs')), worldTexts(made('hubs', { seed: 2 })));
});

test('what is made can be read back', () => {
  for (const kind of ['hubs', 'random', 'capacity', 'shift'] as const) {
    const world = made(kind, { cells: 300 });
    const texts = worldTexts(world);
    const back = readWorld({ folder: '', texts: new Map(Object.entries(texts)) as never });
    assert.deepEqual(worldTexts(back), texts);
    assert.equal(back.cells.length, 300);
    assert.equal(back.rtts.length, 300 * back.pops.length);
  }
});

test('claimed locations are wrong by 190 km at the median and 1,450 km at p90', () => {
  const errors = SEEDS.flatMap((seed) => {
    const cities = drawCities(gazetteer, 246, seed);
    return made('hubs', { seed }).cells.map((cell, i) =>
      distanceKm(cell, cities[i] as (typeof cities)[number]),
    );
  }).sort((left, right) => left - right);
  const [median, p90] = [quantile(errors, 0.5), quantile(errors, 0.9)];
  assert.ok(median > 160 && median < 220, `median ${median}`);
  assert.ok(p90 > 1200 && p90 < 1700, `p90 ${p90}`);
});

test('geography scores on made worlds as it does on measured ones', () => {
  const hubs = SEEDS.map((seed) => geoScore(made('hubs', { seed })));
  const random = SEEDS.map((seed) => geoScore(made('random', { seed })));
  const marks = [hubs, random].map((scores) => ({
    meanMs: mean(scores.map(({ meanMs }) => meanMs)),
    p99Ms: mean(scores.map(({ p99Ms }) => p99Ms)),
    within5: mean(scores.map(({ within5 }) => within5)),
  }));
  // Known of measured worlds: 10.9 ms, 82 ms, 59 %; and 24 ms, 236 ms, 48 %.
  const near = (value: number, mark: number, share: number): boolean => Math.abs(value / mark - 1) < share;
  const told = JSON.stringify(marks);
  assert.ok(near(marks[0]?.meanMs ?? 0, 10.9, 0.2) && near(marks[1]?.meanMs ?? 0, 24, 0.2), told);
  assert.ok(near(marks[0]?.within5 ?? 0, 0.59, 0.15) && near(marks[1]?.within5 ?? 0, 0.48, 0.15), told);
  assert.ok(near(marks[0]?.p99Ms ?? 0, 82, 0.5) && near(marks[1]?.p99Ms ?? 0, 236, 0.2), told);
});

test('no path is faster than light in fibre, and none is a function of distance', () => {
  const world = made('random');
  const cities = drawCities(gazetteer, 246, 1);
  const stretch = world.rtts.map(({ cell, pop, minMs }) => {
    const km = distanceKm(cities[cell] as (typeof cities)[number], world.pops[pop] as World['pops'][number]);
    const leastMs = (2 * km) / 204.2;
    // Places of cells are tiles, which a city's POP may lie in.
    assert.ok(minMs >= leastMs, `${cell} ${pop}: ${minMs} ms for ${km} km`);
    return { km, ratio: minMs / leastMs };
  });
  const far = stretch.filter(({ km }) => km > 2500).map(({ ratio }) => ratio);
  far.sort((left, right) => left - right);
  assert.ok(quantile(far, 0.9) / quantile(far, 0.1) > 1.5, 'spread of paths of one length');
});

test('fibre reaches every city, over Europe or America where no cable is', () => {
  const { airports } = gazetteer;
  const cities = drawCities(gazetteer, 246, 4);
  const { fibreKm, indexOf } = layBackbone(airports, cities, 4);
  const from = fibreKm(indexOf('FRA'));
  assert.ok(from.every((km) => km < 45_000));
  const over = (a: string, b: string): number => fibreKm(indexOf(a))[indexOf(b)] as number;
  const straight = (a: string, b: string): number => {
    const [left, right] = [airports[indexOf(a)], airports[indexOf(b)]];
    return distanceKm(left as (typeof airports)[number], right as (typeof airports)[number]);
  };
  assert.ok(over('SCL', 'SYD') > 1.8 * straight('SCL', 'SYD'), 'no cable over the south Pacific');
  assert.ok(over('CAI', 'NBO') < over('CAI', 'LOS'));
  assert.ok(over('FRA', 'AMS') < 1.9 * straight('FRA', 'AMS'));
});

test('a capacity world has just so much, elsewhere than the demand, and loses its biggest POP', () => {
  const world = made('capacity', { cells: 3000, capacity: 1.3 });
  const demandRps = world.cells.reduce((sum, cell) => sum + cell.demandRps, 0);
  const capacityRps = world.pops.reduce((sum, pop) => sum + pop.capacityRps, 0);
  assert.ok(Math.abs(capacityRps / demandRps - 1.3) < 1e-9);
  const biggest = Math.max(...world.pops.map((pop) => pop.capacityRps));
  const [event, ...more] = world.events;
  assert.deepEqual([event?.event, event?.tick, more.length], ['pop-down', 20, 0]);
  assert.equal(world.pops[event?.pop ?? -1]?.capacityRps, biggest);
  const { figures } = (() => {
    const run = startRun({ world, policy: 'oracle', ticks: 1 });
    while (run.step());
    return run.result();
  })();
  assert.ok(figures.overflowMax > 0.1, 'the best POPs of all cells do not fit');
});

test('a shift world makes the POP that most cells want slower for a while', () => {
  const { events, rtts, cells } = made('shift');
  assert.deepEqual(
    events.map(({ tick, event, cell, value }) => [tick, event, cell, value]),
    [
      [20, 'add-rtt', -1, 60],
      [40, 'add-rtt', -1, 0],
    ],
  );
  const best = cells.map((_, cell) =>
    rtts.filter((row) => row.cell === cell).reduce((least, row) => (row.rttMs < least.rttMs ? row : least)),
  );
  const wanted = best.filter(({ pop }) => pop === events[0]?.pop).length;
  assert.ok(wanted > cells.length / 22, String(wanted));
});

test('several cells of a city share its ways, but not their claims', () => {
  const { cells, rtts, pops } = made('hubs', { cells: 600, cities: 40 });
  assert.equal(cells.length, 600);
  assert.ok(new Set(cells.map(({ latitude, longitude }) => `${latitude} ${longitude}`)).size > 200);
  const rttOf = (cell: number): number[] =>
    rtts.slice(cell * pops.length, (cell + 1) * pops.length).map((r) => r.rttMs);
  const all = cells.map((_, cell) => rttOf(cell));
  const alike = (a: readonly number[], b: readonly number[]): boolean =>
    mean(a.map((ms, i) => Math.abs(ms - (b[i] as number)))) < 10;
  const paired = all.slice(40).filter((one) => all.some((other) => other !== one && alike(one, other)));
  assert.ok(paired.length > 0.9 * 560, String(paired.length));
});

test('hubs are spread over the world, and every country of a region is known once', () => {
  for (const seed of SEEDS) {
    const codes = drawHubs(22, seed);
    assert.equal(new Set(codes).size, 22);
    for (const code of ['FRA', 'IAD', 'SIN', 'GRU', 'SYD', 'JNB']) assert.ok(codes.includes(code));
  }
  assert.equal(regionOf('DE')?.name, 'west europe');
  assert.equal(regionOf('AQ'), undefined);
});
