import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LocatedSample, type Refusal, refusalOf } from '../src/steering/accept.ts';
import { NO_LOSS, poolLoss, poolShift } from '../src/steering/alarm.ts';
import { linkCongestionMs, linkShares, nextCongestionMs, spreadLinks } from '../src/steering/congestion.ts';
import { HEALTH_UNKNOWN, nextHealth, type PopHealth, reportsFlow } from '../src/steering/health.ts';
import { STEERING_PARAMETERS } from '../src/steering/params.ts';
import { placeDistances } from '../src/steering/prior.ts';
import { type Move, moveOf, type Standing, thresholdMs } from '../src/steering/rows.ts';
import { type TtlBasis, ttlOf } from '../src/steering/ttl.ts';
import { steeringParams } from './helpers/steering-params.ts';
import { rowFleet, rowPlaces } from './helpers/steering-world.ts';

const params = steeringParams();

test('every parameter has a default within its bounds; changes replace defaults', () => {
  for (const [name, { default: value, min, max, meaning }] of Object.entries(STEERING_PARAMETERS)) {
    assert.ok(value >= min && value <= max, name);
    assert.ok(meaning.length > 10, name);
  }
  assert.equal(steeringParams({ hysteresisMs: 9, alpha: undefined }).hysteresisMs, 9);
  assert.equal(steeringParams({ alpha: undefined }).alpha, 0.3);
});

test('distances: a tile by its centre, what lies above it by the mean of its tiles', () => {
  const km = placeDistances(rowPlaces([0, 10, 20]), rowFleet([10]).pops);
  const degree = 111.195;
  for (const [place, expected] of [
    [2, 10],
    [3, 0],
    [4, 10],
    [1, 20 / 3],
    [0, 20 / 3],
  ] as const)
    assert.ok(Math.abs((km[place] as number) - expected * degree) < 1, `place ${place}: ${km[place]}`);
});

test('bursts that cannot be true are refused', () => {
  const good: LocatedSample = {
    popIndex: 0,
    placeId: 2,
    network: -1,
    asn: 1,
    rttMs: 20,
    sent: 3,
    lost: 0,
    atMs: 1e9,
    modelled: false,
  };
  const table: [change: Partial<LocatedSample>, km: number | undefined, expected: Refusal | undefined][] = [
    [{}, 100, undefined],
    [{ popIndex: -1 }, 0, 'unknown-pop'],
    [{ placeId: -1 }, 0, 'unknown-network'],
    [{ rttMs: Number.NaN }, 0, 'not-a-number'],
    [{ rttMs: -1 }, 0, 'not-a-number'],
    [{ rttMs: undefined }, 0, 'not-a-number'],
    [{ rttMs: undefined, lost: 3 }, 0, undefined],
    [{ lost: 4 }, 0, 'not-a-number'],
    [{ sent: 0.5 }, 0, 'not-a-number'],
    [{ atMs: 1e9 + 10_001 }, 0, 'from-the-future'],
    [{ atMs: 1e9 - 300_001 }, 0, 'too-old'],
    [{ rttMs: 20 }, 4100, 'faster-than-light'],
    [{ rttMs: 21 }, 4100, undefined],
    [{ rttMs: 1 }, undefined, undefined],
    [{ jitterMs: 3 }, 0, undefined],
    [{ jitterMs: -1 }, 0, 'not-a-number'],
    [{ jitterMs: Number.NaN }, 0, 'not-a-number'],
  ];
  for (const [change, km, expected] of table)
    assert.equal(
      refusalOf({ ...good, ...change }, { nowMs: 1e9, km }, params),
      expected,
      JSON.stringify({ change, km }),
    );
});

test('a POP alarms when most of its cells shift, not when few cells or few milliseconds do', () => {
  const pool = (residualMs: number[]) => ({
    residualMs,
    standardised: residualMs.map((ms) => ms / 1.5),
    cells: residualMs.map((_, i) => i),
  });
  const up = poolShift(pool([60, 61, 59, 60, 0, 62]), 0, params);
  assert.deepEqual([up.alarmed, up.shiftMs], [true, 60]);
  const back = poolShift(pool([-60, -59, -61, -60, -58]), 60, params);
  assert.deepEqual([back.alarmed, back.shiftMs], [true, 0]);
  assert.equal(poolShift(pool([60, 61, 59, 60]), 0, params).alarmed, false);
  assert.equal(
    poolShift(pool([3.5, 3.5, 3.5, 3.5, 3.5]), 0, steeringParams({ alarmDeviations: 1 })).alarmed,
    false,
  );
  const front = poolShift(pool([60, 60, 0, 0, 0, 0]), 0, params);
  assert.deepEqual([front.alarmed, front.suspected], [false, true]);
  const quiet = new Array<number>(40).fill(0);
  const begun = poolShift(pool([...quiet, 60, 61, 59, 60, 0, 62, 60, 60, 60, 60, 60]), 0, params);
  assert.deepEqual([begun.alarmed, begun.shiftMs], [true, 60], 'the newest bursts alone');
  const few = poolShift(pool([...quiet, 60, 61, 59, 60]), 0, params);
  assert.deepEqual([few.alarmed, few.suspected], [false, true]);
  const fewer = poolShift(pool([...quiet, 60, 61, 59]), 0, params);
  assert.deepEqual([fewer.alarmed, fewer.suspected], [false, false]);
  const short = poolShift(pool([60, 61]), 0, params, pool([...quiet, 60, 60, 61, 60, 60, 61]));
  assert.deepEqual([short.alarmed, short.shiftMs], [true, 60], 'with those of the tick before');
  const oneCell = { ...pool([...quiet, ...new Array<number>(10).fill(60)]) };
  const cells = [...quiet.keys(), ...new Array<number>(10).fill(99)];
  assert.equal(poolShift({ ...oneCell, cells }, 0, params).alarmed, false, 'one cell proves nothing');
});

test('pooled loss jumps at a surprise, both ways, and one lost packet is none', () => {
  let loss = poolLoss({ sent: 30, lost: 1 }, NO_LOSS);
  assert.ok(loss.rate < 0.003);
  loss = poolLoss({ sent: 60, lost: 24 }, loss);
  assert.ok(loss.rate > 0.25, `${loss.rate}`);
  loss = poolLoss({ sent: 60, lost: 20 }, loss);
  loss = poolLoss({ sent: 60, lost: 0 }, loss);
  assert.equal(loss.rate, 0);
  assert.deepEqual(poolLoss({ sent: 0, lost: 0 }, loss), loss);
  loss = poolLoss({ sent: 60, lost: 1 }, loss);
  assert.ok(loss.rate < params.lossIgnored, 'a packet lost after the loss ended');
  loss = poolLoss({ sent: 12, lost: 4 }, NO_LOSS);
  loss = poolLoss({ sent: 12, lost: 1 }, loss);
  for (let tick = 0; tick < 8; tick++) loss = poolLoss({ sent: 12, lost: 0 }, loss);
  assert.equal(loss.rate, 0, 'few packets tick by tick end it too');
});

test('congestion: queue, loss and the knee add up, are bounded, rise fast and fall slower', () => {
  const link = { throughputMbps: 0, capacityMbps: 1000, queueMs: 0, lossRate: 0 };
  const table: [change: Partial<typeof link>, expected: number][] = [
    [{}, 0],
    [{ throughputMbps: 800 }, 0],
    [{ throughputMbps: 900 }, 12.5],
    [{ throughputMbps: 1000 }, 50],
    [{ queueMs: 7, lossRate: 0.01 }, 17],
    [{ queueMs: 9000 }, 500],
    [{ queueMs: Number.NaN }, 0],
  ];
  for (const [change, expected] of table) {
    const ms = linkCongestionMs({ ...link, ...change }, params);
    assert.ok(Math.abs(ms - expected) < 1e-9, `${JSON.stringify(change)}: ${ms}`);
  }
  assert.equal(nextCongestionMs(0, 100, params), 70);
  assert.equal(nextCongestionMs(100, 0, params), 40);
  assert.equal(nextCongestionMs(0.6, 0, params), 0);
  assert.ok(linkShares({ congestionMs: 8, bestMs: 0, shared: true }, params));
  assert.ok(!linkShares({ congestionMs: 4.5, bestMs: 0, shared: false }, params));
});

test('links have clients by capacity; one that leaves takes only its own along', () => {
  const link = (index: number, capacityMbps: number) => ({
    id: `${index}`,
    index,
    popIndex: 0,
    transit: '',
    capacityMbps,
    ipv4: '',
  });
  const links = [link(4, 6000), link(5, 3000), link(6, 1000)];
  const all = spreadLinks(links);
  const shares = links.map(({ index }) => all.filter((one) => one === index).length / all.length);
  for (const [i, wanted] of [0.6, 0.3, 0.1].entries())
    assert.ok(Math.abs((shares[i] as number) - wanted) < 0.08, `${shares}`);
  for (const [slot, index] of spreadLinks(links.slice(1)).entries())
    assert.ok(all[slot] === 4 || all[slot] === index);
  assert.deepEqual(spreadLinks(links.slice(0, 1)), [4]);
});

test('health: bad reports, recovery, silence, and a POP that never reported', () => {
  const look = (before: PopHealth, nowMs: number, healthy?: boolean, othersReport = true): PopHealth =>
    nextHealth(
      before,
      {
        report: healthy === undefined ? undefined : { atMs: nowMs, healthy },
        nowMs,
        flowingSinceMs: othersReport ? 0 : Infinity,
      },
      params,
    );
  assert.equal(look(HEALTH_UNKNOWN, 99_000).state, 'up');
  let health = look(HEALTH_UNKNOWN, 1000, true);
  health = look(health, 2000, true);
  health = look(health, 3000, false);
  assert.equal(health.state, 'down', 'reports a second apart are believed at once');
  for (const [nowMs, healthy, state] of [
    [4000, true, 'down'],
    [5000, true, 'down'],
    [6000, true, 'up'],
  ] as const) {
    health = look(health, nowMs, healthy);
    assert.equal(health.state, state);
  }
  let fast = look(HEALTH_UNKNOWN, 1000, true);
  for (let nowMs = 1250; nowMs <= 4000; nowMs += 250) fast = look(fast, nowMs, true);
  fast = look(fast, 4250, false);
  assert.equal(fast.state, 'up', 'frequent reports need two bad ones');
  assert.equal(look(fast, 4500, false).state, 'down');
  assert.equal(look(health, 9500).state, 'down');
  assert.equal(look(health, 9500).why, 'its reports stopped');
  assert.equal(look(health, 9500, undefined, false).state, 'up', 'silence of all is not the fault of one');
  assert.equal(look(health, 8500).state, 'up');
  assert.ok(reportsFlow([health, HEALTH_UNKNOWN], 6500, params));
  assert.ok(!reportsFlow([health, { ...health, seenAtMs: 500 }, { ...health, seenAtMs: 500 }], 6500, params));
});

const standing: Standing = {
  incumbentOut: false,
  incumbentMs: 20,
  gainMs: 4,
  deviationMs: 0.2,
  lead: 0,
  incumbentPriced: false,
  rivalPriced: false,
  incumbentAlarmed: false,
  rivalIsHome: false,
  isYoung: false,
};

test('the rule of moves', () => {
  const table: [change: Partial<Standing>, expected: Move][] = [
    [{}, 'stay'],
    [{ gainMs: 5.1 }, 'gain'],
    [{ gainMs: 5.1, incumbentMs: 80 }, 'stay'],
    [{ gainMs: 14.9 }, 'gain'],
    [{ gainMs: 15.1 }, 'alarm'],
    [{ gainMs: 8.1, incumbentMs: 80 }, 'gain'],
    [{ lead: 1 }, 'gain'],
    [{ lead: 1, rivalPriced: true }, 'gain'],
    [{ lead: 30, gainMs: 0.45, deviationMs: 0 }, 'stay'],
    [{ lead: 30, gainMs: 0.55, deviationMs: 0 }, 'gain'],
    [{ lead: 30, gainMs: 0.95 }, 'stay'],
    [{ lead: 30, gainMs: 1.05 }, 'gain'],
    [{ lead: 30, gainMs: 1.05, deviationMs: 1 }, 'stay'],
    [{ incumbentOut: true, gainMs: -9 }, 'out'],
    [{ incumbentPriced: true, gainMs: 6.1, deviationMs: 3 }, 'overflow'],
    [{ incumbentPriced: true, gainMs: 5.9, deviationMs: 3, lead: 0, incumbentMs: 80 }, 'stay'],
    [{ incumbentPriced: true, gainMs: 0.45 }, 'overflow'],
    [{ incumbentPriced: true, gainMs: 0.35 }, 'stay'],
    [{ incumbentAlarmed: true, gainMs: 1.1 }, 'alarm'],
    [{ incumbentAlarmed: true, gainMs: 0.9 }, 'stay'],
    [{ rivalIsHome: true, gainMs: 0.6, deviationMs: 3 }, 'home'],
    [{ rivalIsHome: true, gainMs: 0.6, rivalPriced: true }, 'stay'],
    [{ incumbentAlarmed: true, rivalIsHome: true, gainMs: 0 }, 'stay'],
    [{ isYoung: true, gainMs: 0.6, deviationMs: 3 }, 'learned'],
    [{ isYoung: true, gainMs: 0.4 }, 'stay'],
    [{ isYoung: true, gainMs: 0.6, rivalPriced: true }, 'stay'],
    [{ isYoung: true, incumbentOut: true, gainMs: -9 }, 'out'],
  ];
  for (const [change, expected] of table)
    assert.equal(moveOf({ ...standing, ...change }, params), expected, JSON.stringify(change));
});

test('the threshold never rises while a rival leads, and never falls under its floor', () => {
  fc.assert(
    fc.property(fc.nat({ max: 29 }), fc.double({ min: 0, max: 50, noNaN: true }), (lead, deviationMs) => {
      const now = thresholdMs({ ...standing, lead, deviationMs }, params);
      assert.ok(now >= thresholdMs({ ...standing, lead: lead + 1, deviationMs }, params));
      assert.ok(now >= params.hysteresisFloorMs && now >= params.hysteresisDeviations * deviationMs);
    }),
  );
});

test('TTL by margin, shortest after a change', () => {
  const basis: TtlBasis = { marginMs: 30, sinceMoveMs: Infinity, alarmed: false, failOpen: false };
  const table: [change: Partial<TtlBasis>, seconds: number, reason: string][] = [
    [{}, 300, 'margin'],
    [{ marginMs: 10 }, 160, 'margin'],
    [{ marginMs: 4.9 }, 20, 'margin'],
    [{ marginMs: -3 }, 20, 'margin'],
    [{ marginMs: 10, before: 300 }, 160, 'margin'],
    [{ marginMs: 9, before: 160 }, 160, 'margin'],
    [{ marginMs: 8.4, before: 160 }, 90, 'margin'],
    [{ marginMs: 11, before: 90 }, 90, 'margin'],
    [{ marginMs: 11.6, before: 90 }, 160, 'margin'],
    [{ marginMs: -3, before: 90 }, 20, 'margin'],
    [{ marginMs: Infinity }, 300, 'only'],
    [{ sinceMoveMs: 59_000 }, 20, 'recent'],
    [{ sinceMoveMs: 60_000 }, 300, 'margin'],
    [{ alarmed: true }, 20, 'alarm'],
    [{ failOpen: true }, 20, 'fail-open'],
  ];
  for (const [change, seconds, reason] of table)
    assert.deepEqual(ttlOf({ ...basis, ...change }, params), { seconds, reason }, JSON.stringify(change));
});
