import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import type { LocatedDemand } from '../src/steering/decider-state.ts';
import { createExplainer } from '../src/steering/explain.ts';
import { guardTable } from '../src/steering/guard.ts';
import { candidate, isSplit, ROW_SHARES, rowOf, rowShare } from '../src/steering/image.ts';
import { clearingPrice } from '../src/steering/price.ts';
import { nextShare, pairShare, RAMP_MS } from '../src/steering/split.ts';
import { decodeTerms } from '../src/steering/terms.ts';
import { steeringParams } from './helpers/steering-params.ts';
import { type Driver, drive } from './helpers/steering-world.ts';

const params = steeringParams();

test('a heavy unit leaves its first POP step by step as the price there rises', () => {
  const table: [priceMs: number, share: number][] = [
    [0, 1],
    [10, 1],
    [10 + RAMP_MS / 4, 0.75],
    [10 + RAMP_MS / 2, 0.5],
    [10 + RAMP_MS, 0],
    [50, 0],
  ];
  for (const [onePriceMs, share] of table) {
    const one = { oneMs: 20 + onePriceMs, onePriceMs };
    const other = { otherMs: 30, otherPriceMs: 0 };
    assert.equal(pairShare({ ...one, ...other }, 0), share, `price ${onePriceMs}`);
    const turned = { oneMs: 30, onePriceMs: 0, otherMs: one.oneMs, otherPriceMs: onePriceMs };
    assert.equal(pairShare(turned, 0), 1 - share, `price ${onePriceMs}, seen from the other`);
  }
});

test('shares of a pair add up, and fall as the price rises', () => {
  const ms = fc.double({ min: 0, max: 60, noNaN: true });
  fc.assert(
    fc.property(ms, ms, ms, ms, ms, (one, other, onePriceMs, otherPriceMs, more) => {
      const pair = { oneMs: one + onePriceMs, onePriceMs, otherMs: other + otherPriceMs, otherPriceMs };
      const share = pairShare(pair, 0.5);
      const turned = pairShare(
        { oneMs: pair.otherMs, onePriceMs: otherPriceMs, otherMs: pair.oneMs, otherPriceMs: onePriceMs },
        -0.5,
      );
      if (one - 0.5 !== other) assert.ok(Math.abs(share + turned - 1) < 1e-9);
      const dearer = { ...pair, oneMs: pair.oneMs + more, onePriceMs: onePriceMs + more };
      assert.ok(pairShare(dearer, 0.5) <= share + 1e-9);
    }),
  );
});

test('a share changes when it is off by enough, there is room, and not for a POP without a price', () => {
  const even = { oneMs: 20, onePriceMs: 5, otherMs: 20, otherPriceMs: 4 };
  const table: [share: number, wanted: number, oneRoom: number, otherRoom: number, next: number][] = [
    [0.5, 0.55, 1, 1, 0.5],
    [0.5, 0.75, 1, 1, 0.75],
    [0.5, 0.75, 0.125, 1, 0.625],
    [0.5, 0.75, 0.05, 1, 0.5],
    [0.5, 0.75, -1, 1, 0.5],
    [0.5, 0.25, -1, 1, 0.25],
    [0.5, 0.25, 1, 0, 0.5],
    [0.5, 0.97, 1, 1, 0.9],
    [0.5, 0.03, 1, 1, 0.1],
    [0.5, 1, 1, 1, 1],
    [0.9, 1, 1, 1, 1],
  ];
  for (const [share, wanted, oneRoom, otherRoom, next] of table) {
    const what = `${share} to ${wanted} with room ${oneRoom}, ${otherRoom}`;
    const got = nextShare({ share, pair: even, oneRoom, otherRoom }, wanted);
    assert.ok(Math.abs(got - next) < 1e-9, `${what}: ${got}`);
  }
  const free = { ...even, otherPriceMs: 0 };
  const room = { oneRoom: 1, otherRoom: 1 };
  assert.equal(nextShare({ share: 0.5, pair: free, ...room }, 0.2), 0.5, 'the repair takes what is too much');
  assert.equal(nextShare({ share: 0.5, pair: { ...free, oneMs: 23 }, ...room }, 0), 0, 'all would leave');
});

test('the price at which a heavy unit fills what room is left', () => {
  const market = { values: [30, 20 + RAMP_MS, 10], demands: [4, 8, 2], heavy: [0, 1, 0], beforeMs: 0 };
  const table: [availableRps: number, expected: number][] = [
    [14, 0],
    [13, 10.25],
    [12, 10.25],
    [8, 20 + RAMP_MS / 2],
    [4, 20 + RAMP_MS],
    [3, 30.25],
  ];
  for (const [availableRps, expected] of table)
    assert.equal(clearingPrice({ ...market, availableRps }, params), expected, `${availableRps} rps`);
  const near = 20 + RAMP_MS / 2 + 0.1;
  assert.equal(clearingPrice({ ...market, availableRps: 8, beforeMs: near }, params), near);
});

test('at the price what is wanted fits, heavy or not; more room never raises it', () => {
  const unit = fc.tuple(
    fc.double({ min: -50, max: 500, noNaN: true }),
    fc.integer({ min: 1, max: 100 }),
    fc.nat({ max: 1 }),
  );
  const units = fc.array(unit, { maxLength: 30 });
  fc.assert(
    fc.property(units, fc.nat({ max: 2000 }), fc.nat({ max: 500 }), (list, availableRps, more) => {
      const market = {
        values: list.map(([value]) => value),
        demands: list.map(([, demand]) => demand),
        heavy: list.map(([, , heavy]) => heavy),
        beforeMs: 0,
      };
      const price = clearingPrice({ ...market, availableRps }, params);
      const wanted = list.map(([value, demand, heavy]) =>
        heavy === 1
          ? demand * Math.max(0, Math.min(1, (value - price) / RAMP_MS))
          : value > price
            ? demand
            : 0,
      );
      const load = wanted.reduce((sum, rps) => sum + rps, 0);
      assert.ok(load <= availableRps + 1e-6, `${load} of ${availableRps}`);
      assert.ok(clearingPrice({ ...market, availableRps: availableRps + more }, params) <= price + 1e-9);
    }),
  );
});

const TOWN = 2;

/** One cell that PA cannot hold alone, PB beyond it, and small cells around. */
function heavyWorld(): { driver: Driver; demand: LocatedDemand[] } {
  const driver = drive({ pops: [0, 8], tiles: [3, 0, 0.5, 1, 1.5], capacityRps: [1000, 1000] });
  const demand = [800, 100, 100, 100, 100].map((rps, i) => ({ placeId: TOWN + i, asn: 0, group: -1, rps }));
  return { driver, demand };
}

/** Share of a place's clients that each POP gets. */
function sharesOf(driver: Driver, placeId: number): Map<string, number> {
  const image = driver.image();
  const row = rowOf(image, 0, placeId, 0);
  const shares = new Map<string, number>();
  for (let k = 0; k <= ROW_SHARES; k++) {
    const share = rowShare(image, row, k);
    const pop = driver.fleet.pops[driver.fleet.links[candidate(image, row, k)]?.popIndex ?? -1];
    if (share > 0) shares.set(pop?.code ?? '', (shares.get(pop?.code ?? '') ?? 0) + share);
  }
  return shares;
}

test('a cell that no longer fits is divided, evenly loads both POPs, and stays so', () => {
  const { driver, demand } = heavyWorld();
  const random = seededRandom(9);
  const seen: number[] = [];
  let changes = 0;
  for (let tick = 0; tick < 60; tick++) {
    const noisy = demand.map((one) => ({ ...one, rps: one.rps * (0.98 + 0.04 * random.next()) }));
    const { moves } = driver.tick({
      reports: driver.reports(),
      demand: noisy,
      samples: driver.samples(() => random.next() * 0.5),
    });
    if (tick >= 10) changes += Object.values(moves).reduce((sum, count) => sum + count, 0);
    seen.push(sharesOf(driver, TOWN).get('PA') ?? 0);
    const [a, b] = driver.decider.terms().pops;
    const total = noisy.reduce((sum, { rps }) => sum + rps, 0);
    assert.ok((a?.share ?? 0) * total <= 900.01 && (b?.share ?? 0) * total <= 900.01);
  }
  const last = seen.at(-1) as number;
  assert.ok(last > 0.2 && last < 0.95, `PA has ${last}`);
  assert.ok(changes <= 6, `${changes} changes in 50 ticks`);
});

test('the demand falls: the cell comes home whole; it rises: it is divided again', () => {
  const { driver, demand } = heavyWorld();
  const run = (factor: number): Map<string, number> => {
    const scaled = demand.map((one) => ({ ...one, rps: one.rps * factor }));
    for (let i = 0; i < 20; i++) driver.tick({ reports: driver.reports(), demand: scaled });
    return sharesOf(driver, TOWN);
  };
  assert.equal(run(1).size, 2);
  assert.deepEqual([...run(0.5).keys()], ['PA']);
  assert.equal(run(1).size, 2);
});

test('one of the two POPs goes out: the other has all; a new controller keeps the shares', () => {
  const { driver, demand } = heavyWorld();
  for (let i = 0; i < 10; i++) driver.tick({ reports: driver.reports(), demand });
  const before = sharesOf(driver, TOWN);
  const { driver: fresh } = heavyWorld();
  const image = driver.image();
  fresh.decider.adopt(image, decodeTerms(image.termsText));
  fresh.tick({ reports: fresh.reports(), demand });
  for (const [pop, share] of before)
    assert.ok(Math.abs((sharesOf(fresh, TOWN).get(pop) ?? 0) - share) < 0.15, `${pop} had ${share}`);
  const override = { pop: 'PA', reason: '', untilMs: driver.nowMs() + 60_000 };
  driver.tick({ reports: driver.reports(), demand, overrides: [override] });
  assert.deepEqual([...sharesOf(driver, TOWN).keys()], ['PB']);
  assert.deepEqual(driver.decider.guard(), []);
});

test('explain shows the shares, the part of the client, and says why', () => {
  const { driver, demand } = heavyWorld();
  for (let i = 0; i < 10; i++) driver.tick({ reports: driver.reports(), demand });
  const { fleet, geometry } = driver;
  const explainer = createExplainer({ fleet, geometry });
  const image = driver.image();
  assert.ok(isSplit(image, rowOf(image, 0, TOWN, 0)));
  const explain = (clientHash: number) =>
    explainer.explain({
      image,
      groupIndex: 0,
      placeId: TOWN,
      asn: 0,
      clientHash,
      popState: new Int32Array(2),
      packedPlace: undefined,
      packedNetwork: undefined,
    });
  const chosen = new Set<string>();
  for (const hash of [0, 0x40000000, 0x80000000, 0xc0000000, 0xffffffff]) {
    const { split, chosen: answer, held, notes, pops } = explain(hash);
    assert.ok(split !== undefined && held === undefined);
    assert.ok(Math.abs(split.parts.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
    assert.deepEqual(answer, { pop: split.parts[split.part]?.pop, link: split.parts[split.part]?.link });
    assert.equal(pops.find(({ pop }) => pop === answer.pop)?.link, answer.link);
    assert.match(
      notes.join(' '),
      /clients are divided, as one POP has no room for all: \d+ % P[AB], \d+ % P/,
    );
    chosen.add(answer.pop);
  }
  assert.deepEqual(chosen, new Set(['PA', 'PB']));
});

test('the guard looks at every POP that clients start from', () => {
  const shares = new Uint16Array(ROW_SHARES);
  const rows = { cellStride: 1, candidates: new Int16Array(8).fill(-1), shares };
  rows.candidates.set([0, 1, 2]);
  const table = {
    rows: { ...rows, ttlSeconds: new Uint16Array(1), ttlReason: new Uint8Array(1) },
    groupCount: 1,
    activeCells: Int32Array.of(0),
    linkPop: Int32Array.of(0, 1, 2),
    groupOut: [Uint8Array.of(0, 1, 0)],
    rowsMax: 1,
  };
  assert.deepEqual(guardTable(table), []);
  shares[0] = 9000;
  assert.deepEqual(guardTable(table), ['cell 0 of group 0 answers POP 1, which is out']);
});

const sumAt = (demand: readonly LocatedDemand[], placeId: number): number =>
  demand.reduce((sum, one) => sum + (one.placeId === placeId ? one.rps : 0), 0);

test('demand of any sizes, room enough: after a few ticks no POP is over, and none is later', () => {
  const place = fc.record({ rps: fc.integer({ min: 1, max: 900 }), at: fc.nat({ max: 19 }) });
  fc.assert(
    fc.property(fc.array(place, { minLength: 3, maxLength: 20 }), fc.nat(), (cells, seed) => {
      const tiles = Array.from({ length: 20 }, (_, i) => i * 2);
      const total = cells.reduce((sum, { rps }) => sum + rps, 0);
      const random = seededRandom(seed);
      const parts = [0, 1, 2, 3].map(() => 0.3 + random.next());
      const whole = parts.reduce((sum, part) => sum + part, 0);
      const capacityRps = parts.map((part) => ((part / whole) * total * 1.3) / params.utilisationTarget);
      const driver = drive({ pops: [2, 12, 24, 36], tiles, capacityRps });
      const demand = cells.map(({ rps, at }) => ({ placeId: TOWN + at, asn: 0, group: -1, rps }));
      // A cell has two POPs at most: one that two of them cannot hold is not for this test.
      const most = Math.max(...tiles.map((_, i) => sumAt(demand, TOWN + i)));
      fc.pre(most <= 0.6 * Math.min(...capacityRps));
      for (let tick = 0; tick < 12; tick++) {
        driver.tick({ reports: driver.reports(), demand });
        for (const { code, share, availableRps } of driver.decider.terms().pops)
          if (tick >= 6) assert.ok(share * total <= availableRps * 1.0001 + 1e-6, `${code} at tick ${tick}`);
      }
    }),
    { numRuns: 60 },
  );
});
