import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { distanceKm, type Location } from '../src/base/geodesy.ts';
import { claimLeastMs } from '../src/steering/accept.ts';
import {
  type Cells,
  cellOf,
  createCells,
  ensureCell,
  ensureLeaf,
  networkKey,
  networkOf,
  parentOf,
  placeOf,
  releaseCell,
  releaseLeaf,
} from '../src/steering/cells.ts';
import { putEstimate } from '../src/steering/estimate.ts';
import { createEstimates, type Estimates, findEstimate } from '../src/steering/estimates.ts';
import { agreesWithOthers, LIGHT_MS_PER_KM, lightBetween } from '../src/steering/light.ts';
import { createTrust } from '../src/steering/trust.ts';
import { steeringParams } from './helpers/steering-params.ts';

const params = steeringParams();
const AT = { placeId: 3, asn: 64500 };

/** A measured leaf. */
function leafIn(cells: Cells, network: number, at = AT): number {
  const leaf = ensureLeaf(cells, { network, ...at });
  cells.leafActive[leaf - cells.firstLeaf] = 1;
  return leaf;
}

test('a leaf is one network; it decides once it was measured, and inherits before', () => {
  const cells = createCells(10, { networkMax: 4, leafMax: 4 });
  assert.equal(cellOf(cells, { network: 77, ...AT }), 3);
  const leaf = ensureLeaf(cells, { network: 77, ...AT });
  assert.equal(ensureLeaf(cells, { network: 77, ...AT }), leaf, 'one leaf a network');
  assert.equal(cellOf(cells, { network: 77, ...AT }), 3, 'nothing was measured yet');
  assert.equal(parentOf(cells, leaf), 3);
  const network = ensureCell(cells, AT.placeId, AT.asn);
  assert.equal(parentOf(cells, leaf), network);
  assert.equal(parentOf(cells, network), 3);
  assert.equal(parentOf(cells, 3), -1);
  assert.equal(cellOf(cells, { network: 77, ...AT }), network);
  cells.leafActive[leaf - cells.firstLeaf] = 1;
  assert.equal(cellOf(cells, { network: 77, ...AT }), leaf);
  assert.equal(networkOf(cells, leaf), 77);
  assert.equal(networkOf(cells, network), -1);
  assert.equal(ensureLeaf(cells, { network: -1, ...AT }), -1, 'no single network');
});

test('a leaf moves when the databases say that its network lies elsewhere', () => {
  const cells = createCells(10, { networkMax: 4, leafMax: 4 });
  const leaf = leafIn(cells, 5);
  assert.equal(ensureLeaf(cells, { network: 5, placeId: 8, asn: 0 }), leaf);
  assert.deepEqual([placeOf(cells, leaf), parentOf(cells, leaf)], [8, 8]);
  assert.equal(cellOf(cells, { network: 5, placeId: 8, asn: 0 }), leaf);
});

test('cells and leaves: as many as there is room for, each once, whatever comes and goes', () => {
  const step = fc.oneof(
    fc.record({ leaf: fc.nat({ max: 9 }), placeId: fc.nat({ max: 4 }), asn: fc.nat({ max: 3 }) }),
    fc.record({ asn: fc.nat({ max: 5 }), placeId: fc.nat({ max: 4 }) }),
    fc.record({ releaseLeaf: fc.nat({ max: 5 }) }),
    fc.record({ releaseCell: fc.nat({ max: 3 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cells = createCells(5, { networkMax: 4, leafMax: 6 });
      for (const one of steps) {
        if ('leaf' in one) {
          const known = cells.leafIds.get(one.leaf) >= 0;
          const leaf = ensureLeaf(cells, { network: one.leaf, placeId: one.placeId, asn: one.asn });
          assert.equal(leaf < 0, !known && cells.leafIds.size() === 6 && cells.leafIds.get(one.leaf) < 0);
        } else if ('asn' in one) {
          const cell = ensureCell(cells, one.placeId, one.asn);
          assert.equal(placeOf(cells, cell), one.placeId);
        } else if ('releaseLeaf' in one) releaseLeaf(cells, cells.firstLeaf + one.releaseLeaf);
        else releaseCell(cells, cells.placeCount + one.releaseCell);
        assert.ok(cells.leafIds.size() <= 6 && cells.ids.size() <= 4);
        for (const [index, network] of cells.leafKey.entries())
          if (network >= 0) assert.equal(cells.leafIds.get(network), cells.firstLeaf + index);
        assert.equal(cells.leafKey.filter((network) => network >= 0).length, cells.leafIds.size());
        const networks = [...cells.networkAsn.entries()].filter(([, asn]) => asn !== 0);
        assert.equal(networks.length, cells.ids.size());
        for (const [index, asn] of networks)
          assert.equal(cells.ids.get(networkKey(cells.networkPlace[index] as number, asn)), 5 + index);
      }
    }),
    { seed: 31, numRuns: 300 },
  );
});

const somePoint = fc.record({
  latitude: fc.double({ min: -80, max: 80, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});

/** Light's least time to a POP from the claimed place, less what claims may err. */
const claimed =
  (pops: readonly Location[], claim: Location) =>
  (pop: number): number =>
    claimLeastMs(distanceKm(pops[pop] as Location, claim), params);

function know(estimates: Estimates, pop: number, level: number): void {
  const saved = { level, deviation: 1, last: level, bursts: 2, modelled: false, atMs: 1e9 };
  putEstimate(estimates, { cell: 0, pop }, saved);
}

test('bursts that are true are never refused, and make nobody forget, however wrong the claim', () => {
  const world = fc.record({
    pops: fc.array(somePoint, { minLength: 2, maxLength: 8 }),
    network: somePoint,
    claim: somePoint,
    detours: fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { minLength: 8, maxLength: 8 }),
  });
  fc.assert(
    fc.property(world, ({ pops, network, claim, detours }) => {
      const between = lightBetween(pops);
      const estimates = createEstimates(1);
      for (const [pop, location] of pops.entries()) {
        const rttMs = distanceKm(location, network) * LIGHT_MS_PER_KM + 0.1 + (detours[pop] as number);
        const claimLeast = claimed(pops, claim);
        const lit = { cell: 0, pop, rttMs, claimLeastMs: claimLeast, trust: createTrust(pops.length) };
        assert.ok(agreesWithOthers(estimates, between, lit));
        know(estimates, pop, rttMs);
      }
      for (const pop of pops.keys()) assert.ok(findEstimate(estimates, 0, pop) >= 0);
    }),
    { seed: 32, numRuns: 300 },
  );
});

/** Two POPs a quarter of the equator apart: light needs 67 ms there and back. A third beside the first. */
const POPS = [
  { latitude: 0, longitude: 0 },
  { latitude: 0, longitude: 90 },
  { latitude: 0, longitude: 2 },
];

test('of two that contradict each other the one goes that the claim contradicts', () => {
  const between = lightBetween(POPS);
  const at = (longitude: number): Location => ({ latitude: 0, longitude });
  const table: [known: number, burst: number, claim: Location, isTaken: boolean, staysKnown: boolean][] = [
    [0, 1, at(1), false, true],
    [1, 0, at(1), true, false],
    [1, 0, at(89), false, true],
    [0, 1, at(89), true, false],
    // A claim that contradicts both, or none: what is known stays.
    [0, 1, at(45), false, true],
    [1, 0, at(45), false, true],
    [0, 1, at(-170), false, true],
    [0, 2, at(1), true, true],
    [0, 2, at(89), true, true],
  ];
  for (const [known, pop, claim, isTaken, staysKnown] of table) {
    const estimates = createEstimates(1);
    know(estimates, known, 5);
    const trust = createTrust(POPS.length);
    const lit = { cell: 0, pop, rttMs: 4, claimLeastMs: claimed(POPS, claim), trust };
    const words = JSON.stringify({ known, pop, claim });
    assert.equal(agreesWithOthers(estimates, between, lit), isTaken, words);
    assert.equal(findEstimate(estimates, 0, known) >= 0, staysKnown, words);
  }
});

test('a lost burst contradicts nothing, nor does a POP that nobody can place', () => {
  const estimates = createEstimates(1);
  know(estimates, 0, 5);
  const lost = { cell: 0, pop: 1, rttMs: Infinity, claimLeastMs: () => 50, trust: createTrust(POPS.length) };
  assert.ok(agreesWithOthers(estimates, lightBetween(POPS), lost));
  const nowhere = lightBetween([POPS[0] as Location, { latitude: Number.NaN, longitude: Number.NaN }]);
  assert.ok(agreesWithOthers(estimates, nowhere, { ...lost, rttMs: 1 }));
});

test('a burst that is refused makes nobody forget what else was measured', () => {
  // The claim, at 1 degree east, is against POP 1, but not against POP 0 nor POP 3, 8,400 km away.
  const pops = [...POPS, { latitude: 60, longitude: -60 }];
  const estimates = createEstimates(1);
  know(estimates, 1, 5);
  know(estimates, 3, 50.5);
  const claimLeast = claimed(pops, { latitude: 0, longitude: 1 });
  const lit = { cell: 0, pop: 0, rttMs: 0.2, claimLeastMs: claimLeast, trust: createTrust(pops.length) };
  const agrees = agreesWithOthers(estimates, lightBetween(pops), lit);
  assert.equal(agrees, false, 'light needs 56 ms between POP 0 and POP 3');
  assert.ok(findEstimate(estimates, 0, 1) >= 0 && findEstimate(estimates, 0, 3) >= 0);
});
