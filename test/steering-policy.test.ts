import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTINENTS, continentOf } from '../src/base/continents.ts';
import { serviceGroups } from '../src/steering/groups.ts';
import { candidate, rowOf, rowShare, rowTtlReason, type SteeringImage } from '../src/steering/image.ts';
import { biasedKm, decidePolicy, type Policy, type PolicyClient, standIns } from '../src/steering/policy.ts';
import { TTL_REASONS } from '../src/steering/ttl.ts';
import { places } from './helpers/packaged-geo.ts';
import { drive } from './helpers/steering-world.ts';

const pop = (index: number): Policy => ({ kind: 'pop', pop: index });
const weighted = (...choices: [weight: number, choice: Policy][]): Policy => ({
  kind: 'weighted',
  choices: choices.map(([weight, choice]) => ({ weight, choice })),
});
const failover = (...choices: Policy[]): Policy => ({ kind: 'failover', choices });
const client = (more: Partial<PolicyClient> = {}): PolicyClient => ({
  country: 'DE',
  asn: 0,
  kmTo: (index) => 1000 * (index + 1),
  byScore: () => [{ pop: 9, share: 1 }],
  ranked: () => [9, 8],
  ...more,
});

/** Parts as `POP:percent`, given the POPs that are down. */
function decided(policy: Policy, down: readonly number[] = [], more: Partial<PolicyClient> = {}): string {
  const { parts, together } = decidePolicy(policy, client(more), (one) => !down.includes(one));
  const shares = parts.map((part) => `${part.pop}:${Math.round(part.share * 100)}`).join(' ');
  return together ? `together ${shares}` : shares;
}

test('failover is the first choice of which any POP is up', () => {
  const policy = failover(pop(0), weighted([3, pop(1)], [1, pop(2)]), pop(3));
  const table: [down: number[], parts: string][] = [
    [[], '0:100'],
    [[0], '1:75 2:25'],
    [[0, 1], '2:100'],
    [[0, 1, 2], '3:100'],
    [[0, 1, 2, 3], ''],
  ];
  for (const [down, parts] of table) assert.equal(decided(policy, down), parts, String(down));
  assert.deepEqual(standIns(policy, client()), [0, 1, 2, 3]);
});

test('weights count among choices that are up, those of 0 where no other is; all of 0 are alike', () => {
  const policy = weighted([70, pop(0)], [30, failover(pop(1), pop(2))], [0, pop(3)]);
  assert.equal(decided(policy), '0:70 1:30');
  assert.equal(decided(policy, [1]), '0:70 2:30');
  assert.equal(decided(policy, [0]), '1:100');
  assert.equal(decided(policy, [0, 1, 2]), '3:100');
  assert.equal(decided(weighted([0, pop(0)], [0, pop(1)])), '0:50 1:50');
});

test('all: every choice that is up in one answer, alone or where it is the choice', () => {
  const all: Policy = { kind: 'all', choices: [pop(0), failover(pop(1), pop(2)), pop(3)] };
  assert.equal(decided(all), 'together 0:33 1:33 3:33');
  assert.equal(decided(all, [1, 3]), 'together 0:50 2:50');
  assert.equal(decided(failover(pop(4), all), [4]), 'together 0:33 1:33 3:33');
  assert.equal(decided(weighted([1, pop(4)], [1, all])), '4:50 0:17 1:17 3:17');
  assert.equal(decided(weighted([1, pop(4)], [1, all]), [4]), 'together 0:33 1:33 3:33');
});

test('location: the narrowest choice of which any POP is up', () => {
  const policy: Policy = {
    kind: 'geo',
    networks: new Map([[64_512, pop(0)]]),
    countries: new Map([['DE', pop(1)]]),
    continents: new Map([['EU', pop(2)]]),
    otherwise: pop(3),
  };
  assert.equal(decided(policy, [], { asn: 64_512 }), '0:100');
  assert.equal(decided(policy, [0], { asn: 64_512 }), '1:100');
  assert.equal(decided(policy), '1:100');
  assert.equal(decided(policy, [1]), '2:100');
  assert.equal(decided(policy, [], { country: 'FR' }), '2:100');
  assert.equal(decided(policy, [], { country: 'US' }), '3:100');
  assert.equal(decided(policy, [], { country: '' }), '3:100');
  assert.equal(decided(policy, [1, 2, 3]), '');
});

test('nearest: by distance with bias, as Route 53 documents it', () => {
  const nearest = (bias: number): Policy => ({
    kind: 'nearest',
    choices: [
      { choice: pop(0), at: 0, bias: 0 },
      { choice: failover(pop(1), pop(2)), at: 1, bias },
    ],
  });
  assert.equal(decided(nearest(0)), '0:100');
  // 2000 km x (1 - 60 %) is 800 km, less than 1000.
  assert.equal(decided(nearest(60)), '1:100');
  assert.equal(decided(nearest(60), [1]), '2:100');
  assert.equal(decided(nearest(60), [1, 2]), '0:100');
  assert.equal(biasedKm(2000, 25), 1500);
  assert.equal(biasedKm(1000, -50), 2000);
  assert.equal(decided(nearest(0), [], { kmTo: (one) => (one === 0 ? Number.NaN : 5) }), '1:100');
});

test('every place of the packaged table lies in a continent', () => {
  const { country, level } = places;
  const without = country.filter((code, id) => level[id] === 1 && continentOf(code) === '');
  assert.deepEqual(without, []);
  assert.equal(continentOf(''), '');
  assert.deepEqual(['DE', 'US', 'BR', 'JP', 'NZ', 'ZA', 'AQ'].map(continentOf).sort(), CONTINENTS.toSorted());
});

/** The row of a place: `PB:70 PA:30 then PC`. */
function row(image: SteeringImage, group: number, placeId: number, asn = 0): string {
  const at = rowOf(image, group, placeId, asn);
  const named = (k: number): string => `P${'ABCDEFGHIJ'[candidate(image, at, k) >> 1]}`;
  const starts: string[] = [];
  const rest: string[] = [];
  for (let k = 0; k < 8 && candidate(image, at, k) >= 0; k++) {
    const share = rowShare(image, at, k);
    if (share > 0) starts.push(`${named(k)}:${Math.round(share * 100)}`);
    else rest.push(named(k));
  }
  return `${starts.join(' ')}${rest.length > 0 ? ` then ${rest.join(' ')}` : ''}`;
}

test('rows of policies stand beside those of scores, and follow what goes out and comes back', () => {
  const latency: Policy = { kind: 'latency', popIndexes: [0, 2], biasMs: [] };
  const byScore = { name: 'web', popIndexes: [0, 1, 2], biasMs: [] };
  const own = (name: string, policy: Policy) => ({ name, popIndexes: [], biasMs: [], policy });
  const services = [
    own('share', weighted([70, pop(1)], [30, pop(0)])),
    byScore,
    own('order', failover(pop(2), latency)),
    own('same', weighted([70, pop(1)], [30, pop(0)])),
  ];
  const driver = drive({ pops: [0, 20, 40], tiles: [1, 39], services });
  const { groups, groupOf } = serviceGroups(3, services);
  // By score among all, among two; the policies after these, those alike once.
  assert.deepEqual(
    groups.map(({ name }) => name),
    ['web', 'order: by score', 'share', 'order'],
  );
  assert.deepEqual(groupOf, [2, 0, 3, 2]);
  driver.tick();
  const [west, east] = [2, 3];
  assert.equal(row(driver.image(), 2, west), 'PB:70 PA:30');
  assert.equal(row(driver.image(), 3, west), 'PC:100 then PA');
  assert.deepEqual(driver.decider.guard(), []);
  const drain = (...codes: string[]) => codes.map((code) => ({ pop: code, reason: 'test' }));
  driver.tick({ overrides: drain('PC', 'PB') });
  assert.equal(row(driver.image(), 2, east), 'PA:100');
  assert.equal(row(driver.image(), 3, east), 'PA:100');
  assert.deepEqual(driver.decider.guard(), []);
  driver.tick({ overrides: drain('PA', 'PB') });
  assert.equal(row(driver.image(), 2, east), 'PB:70 PA:30', 'all out: as if all were up');
  assert.equal(TTL_REASONS[rowTtlReason(driver.image(), rowOf(driver.image(), 2, east, 0))], 'fail-open');
  assert.deepEqual(driver.decider.guard(), []);
  driver.tick();
  assert.equal(row(driver.image(), 2, east), 'PB:70 PA:30');
  assert.equal(TTL_REASONS[rowTtlReason(driver.image(), rowOf(driver.image(), 2, east, 0))], 'policy');
});

test('a policy inside which the score decides follows it, cell by cell', () => {
  const policy = failover({ kind: 'latency', popIndexes: [0, 2], biasMs: [] }, pop(1));
  const services = [{ name: 'near', popIndexes: [], biasMs: [], policy }];
  const driver = drive({ pops: [0, 20, 40], tiles: [1, 39], services });
  for (let i = 0; i < 5; i++) driver.tick({ samples: driver.samples(() => 0) });
  assert.equal(row(driver.image(), 1, 2), 'PA:100 then PC PB');
  assert.equal(row(driver.image(), 1, 3), 'PC:100 then PA PB');
  for (let i = 0; i < 60; i++)
    driver.tick({ samples: driver.samples((one, place) => (one === 0 && place === 2 ? 2000 : 0)) });
  assert.equal(row(driver.image(), 1, 2), 'PC:100 then PA PB');
  driver.tick({ overrides: ['PA', 'PC'].map((code) => ({ pop: code, reason: 'test' })) });
  assert.equal(row(driver.image(), 1, 2), 'PB:100');
  assert.deepEqual(driver.decider.guard(), []);
});
