import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import { createPairs } from '../src/steering/joint-prices.ts';
import {
  createMarket,
  type Market,
  scoreUnit,
  setPrice,
  supplyRps,
  takeTerms,
} from '../src/steering/market.ts';
import { BUCKETS } from '../src/steering/price.ts';
import { emptyPopTerms } from '../src/steering/score.ts';
import { sweepUnits } from '../src/steering/sweep.ts';
import { CANDIDATES, createUnits } from '../src/steering/units.ts';
import { steeringParams } from './helpers/steering-params.ts';

const POPS = 20;
const CELLS = 200;

/** Cells with random costs, half of them with an answer already. */
function randomMarket(seed: number): Market {
  const random = seededRandom(seed);
  const units = createUnits(1, CELLS);
  const demandRps = new Float32Array(CELLS).map(() => 10 * random.next());
  for (let unit = 0; unit < CELLS; unit++) {
    const pops = Array.from({ length: POPS }, (_, pop) => ({ pop, ms: 100 * random.next() }));
    pops.sort((one, other) => one.ms - other.ms);
    for (const [k, { pop, ms }] of pops.slice(0, CANDIDATES).entries()) {
      units.pop[unit * CANDIDATES + k] = pop;
      units.costMs[unit * CANDIDATES + k] = ms;
    }
    units.outsideMs[unit] = Infinity;
    if (unit % 2 === 0) units.incumbent[unit] = pops[unit % 3]?.pop ?? 0;
  }
  const room = () => new Float64Array(POPS).fill(100);
  return createMarket({
    params: steeringParams(),
    units,
    groups: [{ name: 'web', serves: new Uint8Array(POPS).fill(1), biasMs: new Float64Array(POPS) }],
    out: [new Uint8Array(POPS)],
    activeCells: Int32Array.from({ length: CELLS }, (_, cell) => cell),
    demandRps,
    terms: emptyPopTerms(POPS),
    softRps: room(),
    hardRps: room(),
    capacityRps: room(),
  });
}

function sweep(market: Market): void {
  const histograms = {
    own: new Float64Array(POPS * BUCKETS),
    next: new Float64Array(POPS * BUCKETS),
    counted: new Uint8Array(POPS).fill(1),
    shallowMs: 4,
  };
  const shortage = { units: new Int32Array(0), count: 0, widen: () => false };
  sweepUnits(market, { histograms, pairs: createPairs(POPS, 0.1) }, shortage);
}

test('what is wanted after changes, scored only where it may matter, is what scoring all anew gives', () => {
  const change = fc.record({
    pop: fc.nat({ max: POPS - 1 }),
    ms: fc.double({ min: 0, max: 60, noNaN: true }),
    what: fc.constantFrom('price', 'shift', 'out'),
  });
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 8 }), (seed, ticks) => {
      const market = randomMarket(seed);
      const { units, terms, drift } = market;
      for (const changes of ticks) {
        takeTerms(market);
        let fallMs = 0;
        for (const { pop, ms, what } of changes) {
          if (what === 'out') (market.out[0] as Uint8Array)[pop] = ms > 30 ? 1 : 0;
          if (what === 'shift') terms.shiftMs[pop] = ms;
        }
        takeTerms(market);
        for (const { pop, ms, what } of changes) {
          if (what !== 'price') continue;
          fallMs = Math.max(fallMs, (terms.priceMs[pop] as number) - ms);
          setPrice(market, pop, ms);
        }
        drift.fallMs += fallMs;
        // A POP that comes back wakes the cells that have it among their candidates.
        units.slackMs.fill(-Infinity, 0, changes.some(({ what }) => what === 'out') ? CELLS : 0);
        sweep(market);
        const lazy = units.bestPop.slice();
        const wanted = market.wantedRps.slice();
        for (let unit = 0; unit < CELLS; unit++) scoreUnit(market, 0, unit);
        assert.deepEqual(units.bestPop, lazy);
        sweep(market);
        for (const [pop, rps] of wanted.entries())
          assert.ok(Math.abs(rps - (market.wantedRps[pop] as number)) < 1e-9);
      }
    }),
    { numRuns: 200 },
  );
});

test('a POP takes more the dearer it is, from the target up to full', () => {
  const market = { softRps: Float64Array.of(90), hardRps: Float64Array.of(100) };
  const table: [priceMs: number, rps: number][] = [
    [0, 90],
    [0.1, 95],
    [0.9, 99],
    [9.9, 99.9],
  ];
  for (const [priceMs, rps] of table) assert.ok(Math.abs(supplyRps(market, 0, priceMs) - rps) < 1e-9);
  assert.ok(supplyRps(market, 0, 1e6) <= 100);
});
