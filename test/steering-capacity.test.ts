import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CAPACITY_UNKNOWN,
  type CapacityState,
  nextCapacity,
  nextMbpsPerRps,
} from '../src/steering/capacity.ts';
import { fillLevel, roomRps } from '../src/steering/levels.ts';
import { BUCKETS, bucketMs, bucketOf, loweredPrice, raisedPrice } from '../src/steering/price.ts';
import { steeringParams } from './helpers/steering-params.ts';
import { drive } from './helpers/steering-world.ts';

const params = steeringParams();

/** A POP at price `priceMs` where units with these margins and demands want to be, or would come next. */
function popMarket(
  units: readonly (readonly [marginMs: number, rps: number])[],
  at: { wantedRps: number; priceMs: number; takesRps: number },
) {
  const demandRps = new Float64Array(BUCKETS);
  for (const [marginMs, rps] of units) {
    const bucket = bucketOf(marginMs);
    demandRps[bucket] = (demandRps[bucket] as number) + rps;
  }
  const { wantedRps, priceMs, takesRps } = at;
  return { demandRps, first: 0, wantedRps, priceMs, supplyRps: () => takesRps };
}

test('buckets of margins are in order, and no wider than a sixteenth of where they begin', () => {
  const ms = fc.double({ min: 0, max: 2000, noNaN: true }).map(Math.fround);
  fc.assert(
    fc.property(ms, ms, (one, other) => {
      const bucket = bucketOf(one);
      assert.ok(bucketMs(bucket) <= one && one < bucketMs(bucket + 1));
      if (bucket > 0 && bucket < BUCKETS - 1)
        assert.ok(bucketMs(bucket + 1) - bucketMs(bucket) <= bucketMs(bucket) / 16 + 1e-9);
      if (one <= other) assert.ok(bucket <= bucketOf(other));
    }),
  );
  assert.equal(bucketOf(-3), 0);
  assert.equal(bucketOf(1e9), BUCKETS - 1);
});

test('a price rises to where what is still wanted fits, and no further', () => {
  const units = [
    [2, 4],
    [10, 4],
    [30, 4],
  ] as const;
  const table: [takesRps: number, least: number, most: number][] = [
    [12, 5, 5.04],
    [9, 7, 7.2],
    [8, 7, 7.2],
    [5, 15, 15.7],
    [4, 15, 15.7],
    [1, 35, 36.1],
    [0, 35, 36.1],
  ];
  for (const [takesRps, least, most] of table) {
    const price = raisedPrice(popMarket(units, { wantedRps: 12, priceMs: 5, takesRps }), params.priceMaxMs);
    assert.ok(price >= least && price <= most, `${takesRps} rps: ${price}`);
  }
  const stuck = popMarket([], { wantedRps: 12, priceMs: 5, takesRps: 1 });
  assert.equal(raisedPrice(stuck, params.priceMaxMs), params.priceMaxMs);
});

test('a price falls as far as what would come still fits', () => {
  const units = [
    [2, 4],
    [10, 4],
  ] as const;
  const table: [takesRps: number, least: number, most: number][] = [
    [3, 38, 38.2],
    [4, 30, 30.7],
    [8, 0, 0],
  ];
  for (const [takesRps, least, most] of table) {
    const price = loweredPrice(popMarket(units, { wantedRps: 0, priceMs: 40, takesRps }), 0);
    assert.ok(price >= least && price <= most, `${takesRps} rps: ${price}`);
  }
  assert.equal(loweredPrice(popMarket([], { wantedRps: 0, priceMs: 40, takesRps: 9 }), 10), 10);
});

test('steps of a price: up until it fits, down while it fits; more room never raises it', () => {
  const unit = fc.tuple(fc.double({ min: 0, max: 500, noNaN: true }), fc.integer({ min: 1, max: 100 }));
  fc.assert(
    fc.property(
      fc.array(unit, { maxLength: 40 }),
      fc.nat({ max: 2000 }),
      fc.nat({ max: 500 }),
      (units, takesRps, more) => {
        const wantedRps = units.reduce((sum, [, rps]) => sum + rps, 0);
        const up = popMarket(units, { wantedRps, priceMs: 0, takesRps });
        const price = raisedPrice(up, 1000);
        const roomier = raisedPrice({ ...up, supplyRps: () => takesRps + more }, 1000);
        assert.ok(roomier <= price + 1e-9);
        const down = popMarket(units, { wantedRps: 0, priceMs: 600, takesRps });
        const lowered = loweredPrice(down, 0);
        const comes = units.reduce((sum, [marginMs, rps]) => sum + (600 - lowered > marginMs ? rps : 0), 0);
        assert.ok(comes <= takesRps);
      },
    ),
  );
});

const pops = (capacityRps: readonly number[], usedRps: readonly number[] = capacityRps.map(() => 0)) => ({
  capacityRps: Float64Array.from(capacityRps),
  usedRps: Float64Array.from(usedRps),
  isFull: new Uint8Array(capacityRps.length),
});

test('POPs are filled up to full while that suffices, and equally beyond when it does not', () => {
  const out = new Uint8Array(3);
  const level = (demandRps: number, before = 0, of = pops([100, 200, 700])) =>
    fillLevel(of, { demandRps, out }, before);
  assert.equal(level(1000), 1);
  assert.ok(Math.abs(level(1500) - 1.5) < 0.01);
  assert.equal(level(1500, 1.507), 1.507, 'a little more than needed stays');
  const shared = level(1000, 0, pops([100, 200, 700], [100, 0, 0]));
  assert.ok(Math.abs(shared - 1.1) < 0.01, 'load of others counts');
  assert.ok(
    Math.abs(fillLevel(pops([100, 200, 700]), { demandRps: 600, out: Uint8Array.of(0, 0, 1) }, 0) - 2) < 0.02,
  );
  const full = { ...pops([100, 200, 700], [95, 0, 0]), isFull: Uint8Array.of(1, 0, 0) };
  assert.equal(roomRps(full, 0, 1), 0);
});

test('load that our own steering explains is not taken for others', () => {
  const input = {
    capacityRps: 1000,
    reportedRps: 600,
    predictedRps: 600,
    leftRps: 0,
    returnedRps: 0,
    cameRps: 0,
    elapsedMs: 1000,
  };
  const own = nextCapacity(CAPACITY_UNKNOWN, input, params);
  assert.equal(own.externalRps, 0);
  const left = nextCapacity(own, { ...input, predictedRps: 100, leftRps: 500 }, params);
  assert.ok(left.externalRps < 1, 'the report still shows what old TTLs bring');
  const swapped = nextCapacity(own, { ...input, reportedRps: 900, leftRps: 400, cameRps: 400 }, params);
  assert.ok(swapped.externalRps < 1, 'as many came as left: for a while both are there');
  const back = nextCapacity(left, { ...input, cameRps: 500, returnedRps: 490 }, params);
  const again = nextCapacity(back, { ...input, reportedRps: 1600 }, params);
  assert.ok(again.externalRps > 950, `${again.externalRps}: those who are back are not on their way out too`);
  const others = nextCapacity(own, { ...input, reportedRps: 1300 }, params);
  assert.deepEqual([others.externalRps, others.isFull], [700, false]);
  const came = nextCapacity(others, { ...input, reportedRps: 1300, predictedRps: 900, cameRps: 300 }, params);
  assert.ok(came.externalRps > 699, 'those who come are not there yet: the others stay counted');
  const more = nextCapacity(others, { ...input, reportedRps: 1300, predictedRps: 900 }, params);
  assert.ok(more.externalRps < 402, 'demand that grew is there already');
  const full = nextCapacity(own, { ...input, reportedRps: 1500 }, params);
  assert.ok(full.isFull);
  const barely = nextCapacity(full, { ...input, reportedRps: 1480 }, params);
  assert.ok(barely.isFull, 'room again only clearly below the target');
  assert.equal(nextCapacity(full, { ...input, reportedRps: undefined }, params).isFull, false);
});

test('what clients in flight may explain is never taken for others, whatever moves and however late', () => {
  const step = fc.record({ came: fc.nat({ max: 300 }), left: fc.nat({ max: 300 }) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.nat({ max: 3 }), (steps, late) => {
      const ttlTicks = 30;
      let state = CAPACITY_UNKNOWN;
      let planned = 300;
      let before = { leftRps: 0, cameRps: 0 };
      const seen: number[] = [];
      const moves: { left: number; came: number }[] = [];
      for (const { came, left } of steps) {
        // Of what moved k ticks ago the part whose TTL has not run out is still at its former POP.
        const inFlight = (of: 'left' | 'came'): number =>
          moves.reduce(
            (sum, move, i) => sum + move[of] * Math.max(0, 1 - (moves.length - 1 - i) / ttlTicks),
            0,
          );
        seen.push(Math.max(0, planned + inFlight('left') - inFlight('came')));
        const reportedRps = seen[Math.max(0, seen.length - 1 - late)] as number;
        const input = {
          capacityRps: 1000,
          reportedRps,
          predictedRps: planned,
          returnedRps: 0,
          elapsedMs: 10_000,
        };
        state = nextCapacity(state, { ...input, ...before }, params);
        assert.ok(state.externalRps < 1e-6, `${state.externalRps} requests/s of nobody`);
        const goes = Math.min(left, planned);
        planned += came - goes;
        moves.push({ left: goes, came });
        before = { leftRps: goes, cameRps: came };
      }
    }),
    { numRuns: 300 },
  );
});

test('steered load that the rows do not explain takes room, slowly and within bounds', () => {
  const input = {
    capacityRps: 1000,
    reportedRps: 700,
    steeredRps: 700,
    predictedRps: 600,
    leftRps: 0,
    returnedRps: 0,
    cameRps: 0,
    elapsedMs: 1000,
  };
  const first = nextCapacity(CAPACITY_UNKNOWN, input, params);
  assert.ok(first.strayRps > 0 && first.strayRps < 5, `${first.strayRps}`);
  const run = (change: Partial<typeof input>, ticks: number) => {
    let state: CapacityState = CAPACITY_UNKNOWN;
    for (let i = 0; i < ticks; i++) state = nextCapacity(state, { ...input, ...change }, params);
    return state;
  };
  const settled = run({}, 600);
  assert.ok(Math.abs(settled.strayRps - 100) < 1);
  assert.ok(run({ steeredRps: 2000 }, 600).strayRps <= 300, 'half of what the rows send at most');
  assert.equal(run({ steeredRps: 500, reportedRps: 500 }, 600).strayRps, 0);
  assert.equal(run({ predictedRps: 0 }, 1).strayRps, 0, 'no demand is known: nothing is stray');
});

test('a POP whose links carry less than its servers serve is filled only as far as they do', () => {
  const driver = drive({ pops: [0, 8], tiles: [1, 2, 3], capacityRps: [1000, 5000] });
  const demand = [0, 1, 2].map((i) => ({ network: -1, placeId: 2 + i, asn: 0, group: -1, rps: 300 }));
  const rpsAtA = (): number => 900 * (driver.decider.terms().pops[0]?.share ?? 0);
  const seen: number[] = [];
  for (let tick = 0; tick < 140; tick++) {
    // Each request is 3.2 Mbit/s of the POP's 2000: at the knee of 0.8 they carry 500 requests/s.
    const mbps = (tick === 0 ? 900 : rpsAtA()) * 3.2;
    const links = (driver.fleet.pops[0]?.links ?? []).map(({ id, capacityMbps }) => ({
      id,
      capacityMbps,
      throughputMbps: Math.min(capacityMbps, mbps / 2),
      queueMs: 0,
      lossRate: 0,
    }));
    const loadRps = tick === 0 ? 900 : rpsAtA();
    driver.tick({ demand, reports: driver.reports({ PA: { links, loadRps, steeredRps: loadRps } }) });
    seen.push(rpsAtA());
  }
  const last = seen.slice(100);
  assert.ok(Math.max(...last) - Math.min(...last) < 10, `it goes back and forth: ${last.map(Math.round)}`);
  assert.ok((last[0] as number) > 450 && (last[0] as number) < 530, `${last[0]}`);
});

test('octets a request are learned at once when they fall, slowly when they rise', () => {
  const table: [before: number, seen: number, isFull: boolean, next: number][] = [
    [Number.NaN, 0.4, false, 0.4],
    [0.4, 0.2, false, 0.34],
    [0.4, 0.2, true, 0.4],
    [0.4, 1.4, true, 0.45],
    [0.4, 0, false, 0.4],
    [0.4, Number.NaN, false, 0.4],
  ];
  for (const [before, seen, isFull, next] of table)
    assert.ok(Math.abs(nextMbpsPerRps(before, seen, isFull) - next) < 1e-9, `${before}, ${seen}`);
});
