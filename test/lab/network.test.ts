import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Prefix, parsePrefix } from '../../src/base/address.ts';
import { networkKey } from '../../src/base/network-key.ts';
import { seededRandom } from '../../src/base/random.ts';
import { chanceOf, gamma } from '../../src/lab/chance.ts';
import { createClients } from '../../src/lab/load.ts';
import { createNetwork } from '../../src/lab/network.ts';
import type { Answer } from '../../src/lab/steerer.ts';
import { openTruth } from '../../src/lab/truth.ts';
import { HAND_TEXTS, handWorld } from './hand-world.ts';

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

test('gamma variates have the mean and the deviation that were asked for', () => {
  const random = seededRandom(5);
  for (const [wanted, deviation] of [
    [3, 1],
    [2, 6],
    [0.5, 8],
  ] as const) {
    const drawn = [...Array(40_000).keys()].map(() => gamma(random, wanted, deviation));
    const seen = mean(drawn);
    const spread = Math.sqrt(mean(drawn.map((x) => (x - seen) ** 2)));
    assert.ok(Math.abs(seen - wanted) < 0.05 * deviation, `mean ${seen} for ${wanted}`);
    assert.ok(Math.abs(spread / deviation - 1) < 0.1, `deviation ${spread} for ${deviation}`);
    assert.ok(drawn.every((x) => x >= 0));
  }
  assert.equal(gamma(random, 4, 0), 4);
  assert.equal(gamma(random, 0, 4), 0);
});

test('a burst is the least of three pings: least time, gamma noise and the last mile', () => {
  const rtt = HAND_TEXTS['rtt.csv'].replace('boston,EAST,0,10,10,0,0', 'boston,EAST,0,13,10,2,0');
  const cells = HAND_TEXTS['cells.csv'].replace('US,Boston,100,0', 'US,Boston,100,6');
  const truth = openTruth(handWorld({ 'rtt.csv': rtt, 'cells.csv': cells }));
  truth.advance(0);
  const network = createNetwork(truth, 9);
  const times = [...Array(20_000).keys()].map((nth) => {
    const { rttMs = Number.NaN, sent, lost } = network.burst({ cell: 0, pop: 0, tick: 0, nth });
    assert.deepEqual([sent, lost], [3, 0]);
    assert.ok(rttMs >= 10);
    return rttMs;
  });
  // By simulation apart from this code: min of three of 10 + gamma(mean 3, sd 2) + exp(6).
  const random = seededRandom(77);
  const ping = (): number => 10 + gamma(random, 3, 2) - 6 * Math.log(1 - random.next());
  const expected = mean([...Array(20_000).keys()].map(() => Math.min(ping(), ping(), ping())));
  assert.ok(Math.abs(mean(times) - expected) < 0.1, `${mean(times)} for ${expected}`);
});

test('lost pings, a POP that is down, and pings that time out', () => {
  const rtt = HAND_TEXTS['rtt.csv']
    .replace('boston,EAST,0,10,10,0,0', 'boston,EAST,0,10,10,0,0.5')
    .replace('oakland,EAST,0,65,65,0,0', 'oakland,EAST,0,20000,20000,0,0');
  const events = 'tick,event,pop,cell,value\n1,pop-down,WEST,,\n';
  const truth = openTruth(handWorld({ 'rtt.csv': rtt, 'events.csv': events }));
  truth.advance(0);
  const network = createNetwork(truth, 9);
  const bursts = [...Array(4000).keys()].map((nth) => network.burst({ cell: 0, pop: 0, tick: 0, nth }));
  const lost = bursts.reduce((sum, burst) => sum + burst.lost, 0);
  assert.ok(Math.abs(lost / 12_000 - 0.5) < 0.02, String(lost));
  for (const burst of bursts) assert.equal(burst.rttMs === undefined, burst.lost === 3);
  assert.equal(network.burst({ cell: 1, pop: 0, tick: 0, nth: 0 }).lost, 3, 'over ten seconds');
  assert.equal(network.burst({ cell: 0, pop: 1, tick: 0, nth: 0 }).rttMs, 70);
  truth.advance(1);
  assert.deepEqual(network.burst({ cell: 0, pop: 1, tick: 1, nth: 0 }), {
    rttMs: undefined,
    jitterMs: 0,
    sent: 3,
    lost: 3,
  });
});

test('what one policy measures changes no noise of another', () => {
  const cells = HAND_TEXTS['cells.csv'].replaceAll(',100,0', ',100,6');
  const truth = openTruth(handWorld({ 'cells.csv': cells }));
  truth.advance(0);
  const [busy, lazy] = [createNetwork(truth, 3), createNetwork(truth, 3)];
  for (let nth = 0; nth < 50; nth++) busy.burst({ cell: nth % 3, pop: 1, tick: 0, nth });
  const pair = { cell: 0, pop: 0, tick: 0, nth: 0 };
  const burst = lazy.burst(pair);
  assert.deepEqual(busy.burst(pair), burst);
  for (const other of [
    { ...pair, tick: 1 },
    { ...pair, nth: 1 },
    { ...pair, pop: 1 },
    { ...pair, cell: 1 },
  ])
    assert.notEqual(
      Number(lazy.burst(other).rttMs) - truth.minMs(other.cell, other.pop),
      Number(burst.rttMs) - 10,
    );
  assert.notDeepEqual(createNetwork(truth, 4).burst(pair), burst, 'another seed');
});

test('streams of chance differ by each of their keys', () => {
  const first = (...keys: number[]): number => chanceOf(7, ...keys).next();
  const drawn = new Set<number>();
  for (let a = 0; a < 30; a++) for (let b = 0; b < 30; b++) drawn.add(first(1, a, b)).add(first(2, a, b));
  assert.equal(drawn.size, 1800);
});

test('clients keep an answer for its TTL: load follows decisions as TTLs run out', () => {
  const clients = createClients({ cellCount: 1, popCount: 2, seed: 1 });
  let answer: Answer = { shares: [{ pop: 0, share: 1 }], ttlSeconds: 50 };
  const loadAt = (second: number): number[] => {
    clients.ask(1_000_000 + 1000 * second, () => answer);
    return [...clients.loadRps(() => 100)];
  };
  assert.deepEqual(loadAt(0), [100, 0]);
  answer = { shares: [{ pop: 1, share: 1 }], ttlSeconds: 20 };
  const moved = [10, 20, 30, 40, 50].map((second) => Math.round(loadAt(second)[1] as number));
  assert.deepEqual(moved, [20, 40, 60, 80, 100]);
  answer = {
    shares: [
      { pop: 0, share: 0.25 },
      { pop: 1, share: 0.75 },
    ],
    ttlSeconds: 20,
  };
  loadAt(60);
  const [left, right] = loadAt(70);
  assert.ok(Math.abs(Number(left) - 25) < 1e-9 && Math.abs(Number(right) - 75) < 1e-9);
});

test('networks are told apart by /24 and by /48', () => {
  const key = (text: string): number => networkKey(parsePrefix(text) as Prefix);
  assert.equal(key('0.0.1.0/24'), 1);
  assert.equal(key('10.1.2.0/24'), 0x0a0102);
  assert.equal(key('10.1.2.128/25'), key('10.1.2.0/24'));
  assert.equal(key('::/48'), 2 ** 24);
  assert.equal(key('2001:db8:7::/48'), 2 ** 24 + 0x20010db80007);
  assert.equal(key('2001:db8:7:5::/64'), key('2001:db8:7::/48'));
});
