import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { distanceKm } from '../src/base/geodesy.ts';
import { readPlaces } from '../src/geo/places.ts';
import { readClientNetworks } from '../src/netmodel/networks.ts';
import { createRotation, NEAR_POPS, type Target, targetsOf } from '../src/probe/rotation.ts';
import { smallFleet } from './helpers/fleet.ts';

function targets(count: number): Target[] {
  return Array.from({ length: count }, (_, index) => ({
    network: `10.${index >> 8}.${index & 255}.0/24`,
    placeId: 0,
    asn: 1,
    weight: ((index * 7919) % count) / count,
    pops: Int16Array.from({ length: 18 }, (_, k) => k),
  }));
}

test('any rotation keeps its budget, visits everybody in their period, and the heavy more often', () => {
  const sizes = fc.record({
    count: fc.integer({ min: 1, max: 400 }),
    budget: fc.integer({ min: 20, max: 2_000 }),
  });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 200 }), ({ count, budget }, stepMs) => {
      const list = targets(count);
      const rotation = createRotation(list, budget);
      const longestMs = Math.max(...rotation.periodsMs);
      const visits = new Array<number>(count).fill(0);
      let bursts = 0;
      let atMs = 0;
      while (atMs < 2 * longestMs) {
        rotation.advance(stepMs, (targetIndex) => {
          visits[targetIndex] = (visits[targetIndex] ?? 0) + 1;
          bursts++;
        });
        atMs += stepMs;
      }
      assert.ok(bursts <= (budget * atMs) / 1000 + 2 * (NEAR_POPS + 1), `${bursts} in ${atMs} ms`);
      const perVisit = NEAR_POPS + 1;
      assert.ok(visits.every((number) => number >= perVisit));
      const byWeight = list.map(({ weight }, index) => ({ weight, number: visits[index] ?? 0 }));
      byWeight.sort((left, right) => right.weight - left.weight);
      assert.ok((byWeight[0]?.number ?? 0) + perVisit >= (byWeight.at(-1)?.number ?? 0));
    }),
    { numRuns: 50 },
  );
});

test('farther POPs take turns', () => {
  const rotation = createRotation(targets(1), 1_000);
  const seen = new Set<number>();
  for (let i = 0; i < 12; i++) rotation.advance(2_000, (_target, popIndex) => seen.add(popIndex));
  assert.equal(seen.size, 18);
});

test('after a pause no more than one round is made up for', () => {
  let bursts = 0;
  createRotation(targets(10), 1_000).advance(3_600_000, () => bursts++);
  assert.equal(bursts, 10 * (NEAR_POPS + 1));
});

test('networks are measured by the POPs that are nearest on the sphere', () => {
  const geoData = new URL('../geo-data/', import.meta.url);
  const places = readPlaces(readFileSync(new URL('places.csv', geoData), 'utf8'), 'places.csv');
  const networks = readClientNetworks(readFileSync(new URL('networks.csv', geoData), 'utf8'), 'networks.csv');
  const fleet = smallFleet();
  const found = targetsOf(networks, { fleet, places });
  assert.ok(found.length > 0.99 * networks.length, `${found.length} of ${networks.length}`);
  for (const { placeId, pops } of found.slice(0, 300)) {
    const from = {
      latitude: places.latitude[placeId] as number,
      longitude: places.longitude[placeId] as number,
    };
    const kms = Array.from(pops, (popIndex) => distanceKm(from, fleet.pops[popIndex] ?? from));
    assert.deepEqual(
      kms,
      [...kms].sort((left, right) => left - right),
    );
    assert.equal(new Set(pops).size, fleet.pops.length);
  }
});
