import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { distanceKm, type Location } from '../src/base/geodesy.ts';
import { type Atlas, createAtlas } from '../src/steering/atlas.ts';
import { type Belief, believe, emptyBelief, type Measured, TRUST_AT_FIRST } from '../src/steering/belief.ts';
import { type CellGeometry, placeDistances } from '../src/steering/prior.ts';
import { bestRepeat, bestUnmeasured, improvementMs } from '../src/steering/worth.ts';

/** Countries A, around longitude 0, and B, around 90; and their tiles. */
const TILES = [
  ...[0, 5, 10, 15].map((longitude) => ({ latitude: 10, longitude, country: 'A' })),
  ...[85, 90, 95].map((longitude) => ({ latitude: 0, longitude, country: 'B' })),
];
const FIRST_TILE = 3;
const IN_A = 1;

function geometryOf(): CellGeometry {
  const all = [{ country: '' }, { country: 'A' }, { country: 'B' }, ...TILES];
  return {
    count: all.length,
    latitude: Float32Array.from([0, 0, 0, ...TILES.map(({ latitude }) => latitude)]),
    longitude: Float32Array.from([0, 0, 0, ...TILES.map(({ longitude }) => longitude)]),
    key: all.map((_, i) => `place ${i}`),
    name: all.map(() => ''),
    country: all.map(({ country }) => country),
    level: Uint8Array.from([0, 1, 1, ...TILES.map(() => 2)]),
    parent: Int32Array.from([-1, 0, 0, ...TILES.map(({ country }) => (country === 'A' ? 1 : 2))]),
    weight: Float32Array.from([1, 0.6, 0.4, ...TILES.map((_, i) => 0.1 + 0.01 * i)]),
  };
}

const POPS: readonly Location[] = [
  { latitude: 10, longitude: 0 },
  { latitude: 10, longitude: 15 },
  { latitude: 0, longitude: 90 },
  { latitude: 40, longitude: -100 },
];

interface World {
  readonly atlas: Atlas;
  readonly belief: Belief;
  readonly claimKm: (placeId: number) => Float32Array;
  readonly about: (placeId: number, measured: readonly Measured[]) => Float64Array;
}

function world(): World {
  const geometry = geometryOf();
  const atlas = createAtlas(geometry, POPS);
  const belief = emptyBelief(atlas);
  const distances = placeDistances(geometry, POPS);
  const claimKm = (placeId: number) => distances.subarray(placeId * POPS.length, (placeId + 1) * POPS.length);
  return {
    atlas,
    belief,
    claimKm,
    about: (placeId, measured) => {
      const network = { geometry, placeId, claimKm: claimKm(placeId), measured, trust: TRUST_AT_FIRST };
      believe(atlas, network, belief);
      return belief.weight;
    },
  };
}

/** Round-trip time of a path without detours, ms. */
const pathMs = (one: Location, other: Location): number => 7 + 0.0185 * distanceKm(one, other);

/** Weight of what lies within some distance of a point; the claim's own spot is where its place is. */
function weightNear(
  { atlas, about }: World,
  question: { at: Location; km: number },
  known: Parameters<World['about']>,
): number {
  const weight = about(...known);
  const tile = TILES[known[0] - FIRST_TILE];
  let sum = 0;
  for (let spot = 0; spot <= atlas.count; spot++) {
    const [x, y, z] = atlas.vectors.subarray(spot * 3, spot * 3 + 3) as unknown as [number, number, number];
    const at =
      spot === atlas.count
        ? (tile ?? { latitude: Number.NaN, longitude: Number.NaN })
        : { latitude: (Math.asin(z) * 180) / Math.PI, longitude: (Math.atan2(y, x) * 180) / Math.PI };
    if (distanceKm(at, question.at) <= question.km) sum += weight[spot] as number;
  }
  return sum;
}

test('the atlas has the places, thinned out, their weight, and the POPs', () => {
  const geometry = geometryOf();
  const atlas = createAtlas(geometry, [...POPS, { latitude: Number.NaN, longitude: Number.NaN }]);
  assert.equal(atlas.count, TILES.length + POPS.length);
  const masses = [...atlas.mass].slice(0, TILES.length).reduce((sum, mass) => sum + mass, 0);
  assert.ok(Math.abs(masses - TILES.reduce((sum, _, i) => sum + 0.1 + 0.01 * i, 0)) < 1e-6);
  assert.equal(atlas.countries.size, 2);
  for (let spot = 0; spot < atlas.count; spot++) {
    assert.ok(Number.isNaN(atlas.km[spot * 5 + 4]), 'nobody knows how far that POP is');
    assert.equal(atlas.country[spot] === -1, spot >= TILES.length);
  }
  const close = { ...geometry, latitude: new Float32Array(geometry.count) };
  close.longitude = Float32Array.from({ length: geometry.count }, (_, i) => i * 0.5);
  const thinned = createAtlas(close, []);
  assert.ok(thinned.count < TILES.length);
  assert.ok(Math.abs(thinned.mass.reduce((sum, mass) => sum + mass, 0) - masses) < 1e-6, 'no weight is lost');
});

test('weights are a distribution, whatever is claimed and measured', () => {
  const measured = fc.uniqueArray(
    fc.record({ pop: fc.nat({ max: 3 }), ms: fc.double({ min: 0.1, max: 2000, noNaN: true }) }),
    { selector: ({ pop }) => pop, maxLength: 4 },
  );
  const { about, belief } = world();
  fc.assert(
    fc.property(measured, fc.nat({ max: FIRST_TILE + TILES.length - 1 }), (known, placeId) => {
      const weight = about(placeId, known);
      assert.ok(weight.every((share) => share >= 0 && share <= 1));
      assert.ok(Math.abs(weight.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
      assert.ok(Math.abs(belief.offsetMs) <= 8);
      assert.ok(belief.farShare >= 0 && belief.farShare <= 1 + 1e-9);
    }),
    { seed: 41, numRuns: 300 },
  );
});

test('a low round-trip time to a POP puts the network near it', () => {
  const known = world();
  const [first, , far] = POPS as [Location, Location, Location, Location];
  const nearB = { at: far, km: 1200 };
  const before = weightNear(known, nearB, [FIRST_TILE, []]);
  const after = weightNear(known, nearB, [FIRST_TILE, [{ pop: 2, ms: 4 }]]);
  assert.ok(before < 0.15 && after > 0.95, `${before} ${after}`);
  assert.ok(weightNear(known, { at: first, km: 1200 }, [FIRST_TILE, [{ pop: 0, ms: 6 }]]) > 0.95);
});

test('a claim that is contradicted loses its weight; one that is confirmed gains', () => {
  const { atlas, about, belief } = world();
  const claimOf = (measured: readonly Measured[]) => about(FIRST_TILE, measured)[atlas.count] as number;
  const place = TILES[0] as Location;
  const confirming = POPS.map((pop, i) => ({ pop: i, ms: pathMs(place, pop) }));
  const elsewhere = TILES[5] as Location;
  const contradicting = POPS.map((pop, i) => ({ pop: i, ms: pathMs(elsewhere, pop) }));
  const nothing = claimOf([]);
  assert.ok(claimOf(confirming) > nothing);
  assert.ok(belief.farShare < 0.05);
  assert.ok(claimOf(contradicting) < nothing / 20);
  assert.ok(belief.farShare > 0.9);
});

test('what the network adds to all is learned in part', () => {
  const { about, belief } = world();
  const place = TILES[0] as Location;
  const offset = (ms: number): number => {
    about(
      FIRST_TILE,
      POPS.map((pop, i) => ({ pop: i, ms: pathMs(place, pop) + ms })),
    );
    return belief.offsetMs;
  };
  assert.ok(Math.abs(offset(0)) < 1);
  assert.ok(offset(6) > 1 && offset(6) < 6);
});

test('a network that nobody can place is in its country; of no known country, anywhere', () => {
  const { atlas, about } = world();
  const inside = (placeId: number): number =>
    about(placeId, []).reduce((sum, share, spot) => {
      const country = atlas.country[spot] ?? -1;
      return sum + (country === atlas.countries.get('A') ? share : 0);
    }, 0);
  assert.ok(inside(IN_A) > 0.9);
  const whole = TILES.reduce((sum, _, i) => sum + 0.1 + 0.01 * i, 0);
  const ofA = [0, 1, 2, 3].reduce((sum, i) => sum + 0.1 + 0.01 * i, 0);
  assert.ok(Math.abs(inside(0) - ofA / whole) < 0.02, 'by where the addresses are');
  assert.equal(about(IN_A, [])[atlas.count], 0, 'a country is no claim of a point');
});

/** No POP has a price. */
const FREE = new Float64Array(4);

/** Mean of max(0, X), X normal, by the trapezoidal rule. */
function integrated(mean: number, deviation: number): number {
  const steps = 40_000;
  const [from, to] = [mean - 9 * deviation, mean + 9 * deviation];
  const width = (to - from) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const x = from + i * width;
    const density = Math.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * Math.sqrt(2 * Math.PI));
    sum += (i === 0 || i === steps ? 0.5 : 1) * Math.max(0, x) * density * width;
  }
  return sum;
}

test('expected improvement is what integration says, never negative, more the more is hoped for', () => {
  const mean = fc.double({ min: -60, max: 60, noNaN: true });
  const deviation = fc.double({ min: 0.2, max: 40, noNaN: true });
  fc.assert(
    fc.property(mean, deviation, (one, spread) => {
      const won = improvementMs(one, spread);
      assert.ok(Math.abs(won - integrated(one, spread)) < 1e-4 * spread, `${won}`);
      assert.ok(won >= 0 && won >= one - 1e-9);
      assert.ok(improvementMs(one + 1, spread) >= won - 1e-5 * spread);
      assert.ok(improvementMs(one, spread + 1) >= won - 1e-4 * spread);
    }),
    { seed: 42, numRuns: 100 },
  );
});

test('a POP that is excluded or measured is never the best of those not measured', () => {
  const { atlas, about, belief, claimKm } = world();
  const some = fc.record({
    excluded: fc.array(fc.nat({ max: 1 }), { minLength: 4, maxLength: 4 }),
    measured: fc.uniqueArray(
      fc.record({ pop: fc.nat({ max: 3 }), ms: fc.double({ min: 1, max: 300, noNaN: true }) }),
      { selector: ({ pop }) => pop, maxLength: 4 },
    ),
    extraMs: fc.array(fc.constantFrom(0, 3, 900, Infinity), { minLength: 4, maxLength: 4 }),
    placeId: fc.nat({ max: FIRST_TILE + TILES.length - 1 }),
  });
  fc.assert(
    fc.property(some, ({ excluded, extraMs, measured, placeId }) => {
      about(placeId, measured);
      const prospect = { measured, excluded: Uint8Array.from(excluded), extraMs: Float64Array.from(extraMs) };
      const best = bestUnmeasured(atlas, claimKm(placeId), belief, prospect);
      const left = [...POPS.keys()].filter(
        (pop) => excluded[pop] === 0 && !measured.some((one) => one.pop === pop),
      );
      assert.equal(best === undefined, left.length === 0);
      if (best === undefined) return;
      assert.ok(best.ms >= 0 && excluded[best.pop] === 0);
      assert.ok(!measured.some(({ pop }) => pop === best.pop));
    }),
    { seed: 43, numRuns: 300 },
  );
});

test('the first burst goes to the nearest POP; a network that is well served promises little', () => {
  const { atlas, about, belief, claimKm } = world();
  const next = (measured: readonly Measured[]) => {
    about(FIRST_TILE, measured);
    return bestUnmeasured(atlas, claimKm(FIRST_TILE), belief, {
      measured,
      excluded: new Uint8Array(4),
      extraMs: FREE,
    });
  };
  assert.equal(next([])?.pop, 0);
  assert.ok((next([{ pop: 0, ms: 5 }])?.ms ?? 9) < 1);
  const slow = next([{ pop: 0, ms: 120 }]);
  assert.ok((slow?.ms ?? 0) > 5, `${slow?.ms}`);
});

test('a burst again is worth something only where it may change the order', () => {
  assert.equal(bestRepeat([], FREE), undefined);
  assert.equal(bestRepeat([{ pop: 1, ms: 10, bursts: 1 }], FREE), undefined);
  const close = bestRepeat(
    [
      { pop: 1, ms: 10, bursts: 4 },
      { pop: 2, ms: 10.5, bursts: 1 },
      { pop: 3, ms: 90, bursts: 1 },
    ],
    FREE,
  );
  assert.equal(close?.pop, 2, 'the less sure of the two');
  assert.ok((close?.ms ?? 0) > 0.3);
  const clear = bestRepeat(
    [
      { pop: 1, ms: 10, bursts: 1 },
      { pop: 2, ms: 60, bursts: 1 },
    ],
    FREE,
  );
  assert.ok((clear?.ms ?? 1) < 1e-3);
  const dear = Float64Array.of(0, 0, 50, 0);
  const priced = bestRepeat(
    [
      { pop: 1, ms: 60, bursts: 1 },
      { pop: 2, ms: 10, bursts: 1 },
    ],
    dear,
  );
  assert.ok((priced?.ms ?? 0) > 0.3, 'a price makes them close');
});
