import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import { chooseGains, type Gain } from '../src/steering/churn.ts';
import type { LocatedDemand } from '../src/steering/decider-state.ts';
import { createExplainer } from '../src/steering/explain.ts';
import { guardLoad, guardTable } from '../src/steering/guard.ts';
import { candidate, isSplit, ROW_SHARES, rowOf, rowShare } from '../src/steering/image.ts';
import { decodeTerms } from '../src/steering/terms.ts';
import { movePart, moveUnit, partsOf, shareOf } from '../src/steering/unit-moves.ts';
import { createUnits, PARTS_MAX } from '../src/steering/units.ts';
import { steeringParams } from './helpers/steering-params.ts';
import { type Driver, drive } from './helpers/steering-world.ts';

const params = steeringParams();

test('parts of a unit add up, are as many as a row can say, and what moves is counted', () => {
  const step = fc.record({
    from: fc.nat({ max: 9 }),
    to: fc.nat({ max: 9 }),
    part: fc.double({ min: 0.01, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const units = createUnits(1, 1);
      const [leftRps, cameRps] = [new Float64Array(10), new Float64Array(10)];
      const returnedRps = new Float64Array(10);
      const moving = { units, demandRps: Float32Array.of(80), leftRps, cameRps, returnedRps, params };
      moveUnit(moving, 0, { pop: 0, event: false, nowMs: 0 });
      for (const { from, to, part } of steps) {
        const here = shareOf(units, 0, from);
        if (here === 0 || from === to) continue;
        const there = shareOf(units, 0, to);
        leftRps.fill(0);
        cameRps.fill(0);
        const share = here * part;
        const parts = partsOf(units, 0).length;
        const moved = movePart(moving, 0, { from, to, share, nowMs: 1 });
        if (!moved) {
          assert.ok(parts === PARTS_MAX && there === 0);
          continue;
        }
        assert.ok(Math.abs(shareOf(units, 0, to) - there - share) < 1e-4);
        assert.ok(Math.abs((leftRps[from] as number) - 80 * share) < 0.01);
        assert.ok(Math.abs((cameRps[to] as number) - 80 * share) < 0.01);
        const now = partsOf(units, 0);
        assert.ok(now.length <= PARTS_MAX);
        assert.ok(Math.abs(now.reduce((sum, one) => sum + one.share, 0) - 1) < 1e-9);
        assert.equal(units.incumbent[0], now[0]?.pop);
        assert.equal(units.splits.has(0), now.length > 1);
      }
    }),
  );
});

test('gains beyond the bound of churn wait: most gain x demand first, as far as there is room', () => {
  const gain = (unit: number, gainMs: number, rps: number, pop = 0) => ({
    unit,
    pop,
    event: false,
    gainMs,
    rps,
  });
  const pick = (gains: Gain[], budgetRps: number, room: number[]) => {
    const { chosen, chosenRps, waitingRps } = chooseGains(gains, budgetRps, Float64Array.from(room));
    return { chosen: chosen.map(({ unit, share }) => [unit, share]), chosenRps, waitingRps };
  };
  const gains = [gain(1, 5, 10), gain(2, 50, 2), gain(3, 1, 30), gain(4, 9, 0)];
  assert.deepEqual(pick(gains, 13, [100]), {
    chosen: [
      [2, 1],
      [1, 1],
      [4, 1],
    ],
    chosenRps: 12,
    waitingRps: 30,
  });
  assert.deepEqual(pick([gain(3, 1, 30)], 13, [100]).chosen, [[3, 1]], 'one moves, however large');
  assert.deepEqual(
    pick([gain(3, 1, 30)], 100, [15]).chosen,
    [[3, 0.5]],
    'a part where there is no room for all',
  );
  assert.deepEqual(pick([gain(3, 1, 30)], 100, [1]).chosen, []);
});

const TOWN = 2;

/** One cell that PA cannot hold alone, PB beyond it, and small cells around. */
function heavyWorld(): { driver: Driver; demand: LocatedDemand[] } {
  const driver = drive({ pops: [0, 8], tiles: [3, 0, 0.5, 1, 1.5], capacityRps: [1000, 1000] });
  const demand = [800, 100, 100, 100, 100].map((rps, i) => ({
    network: -1,
    placeId: TOWN + i,
    asn: 0,
    group: -1,
    rps,
  }));
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
    assert.ok((a?.share ?? 0) * total <= 1000.01 && (b?.share ?? 0) * total <= 1000.01);
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

test('demand that comes and goes: a divided cell without clients fills no room, loads stay numbers', () => {
  const tiles = [3, 4, 11, 12, 0, 16, 7, 9];
  // The last two of 17,000 once divided a cell without clients into parts that were not numbers.
  for (const seed of [1, 2, 3, 4, 5, 976, 5848]) {
    const random = seededRandom(seed);
    const driver = drive({ pops: [0, 8, 16], tiles, capacityRps: [1000, 1000, 1000] });
    for (let tick = 0; tick < 40; tick++) {
      const demand = [700, 600, 700, 600, 100, 100, 300, 200].map((rps, i) => ({
        network: -1,
        placeId: TOWN + i,
        asn: 0,
        group: -1,
        rps: random.next() < 0.3 ? 0 : rps * (0.5 + 0.6 * random.next()),
      }));
      driver.tick({ reports: driver.reports(), demand });
      assert.deepEqual(driver.decider.guard(), [], `seed ${seed}, tick ${tick}`);
      for (const { share } of driver.decider.terms().pops) assert.ok(Number.isFinite(share));
    }
  }
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

test('the guard: too much moved for its gain, or a POP too full while others have room', () => {
  const load = {
    loadRps: Float64Array.of(100, 50, 0),
    hardRps: Float64Array.of(100, 100, 100),
    usable: Uint8Array.of(1, 1, 1),
    crammed: new Uint8Array(3),
    totalRps: 150,
    largestRps: 1,
    churnRps: 3,
    churnShare: 0.02,
  };
  const table: [change: Partial<typeof load>, expected: RegExp | undefined][] = [
    [{}, undefined],
    [{ churnRps: 4 }, /^4 requests\/s would move for their gain, more than 3$/],
    [{ churnRps: 4, largestRps: 5 }, undefined],
    [{ loadRps: Float64Array.of(130, 20, 0) }, /^POP 0 would get 30 requests\/s too many/],
    [{ loadRps: Float64Array.of(130, 20, 0), crammed: Uint8Array.of(1, 0, 0) }, undefined],
    [{ loadRps: Float64Array.of(400, 20, 0) }, undefined],
    [{ loadRps: Float64Array.of(130, 20, 0), usable: Uint8Array.of(1, 0, 0) }, undefined],
  ];
  for (const [change, expected] of table) {
    const reasons = guardLoad({ ...load, ...change });
    if (expected === undefined) assert.deepEqual(reasons, []);
    else assert.match(reasons.join('; '), expected);
  }
});

test('demand of any sizes, room enough: no POP is over, from the first tick on', () => {
  const place = fc.record({ rps: fc.integer({ min: 1, max: 900 }), at: fc.nat({ max: 19 }) });
  fc.assert(
    fc.property(fc.array(place, { minLength: 3, maxLength: 20 }), fc.nat(), (cells, seed) => {
      const tiles = Array.from({ length: 20 }, (_, i) => i * 2);
      const total = cells.reduce((sum, { rps }) => sum + rps, 0);
      const random = seededRandom(seed);
      const parts = [0, 1, 2, 3].map(() => 0.3 + random.next());
      const whole = parts.reduce((sum, part) => sum + part, 0);
      const capacityRps = parts.map((part) => (part / whole) * total * 1.3);
      const driver = drive({ pops: [2, 12, 24, 36], tiles, capacityRps });
      const demand = cells.map(({ rps, at }) => ({
        network: -1,
        placeId: TOWN + at,
        asn: 0,
        group: -1,
        rps,
      }));
      for (let tick = 0; tick < 12; tick++) {
        driver.tick({ reports: driver.reports(), demand });
        for (const { code, share, availableRps } of driver.decider.terms().pops)
          assert.ok(share * total <= availableRps * 1.0001 + 1e-6, `${code} at tick ${tick}`);
      }
    }),
    { numRuns: 60 },
  );
});
