import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { readCsv } from '../src/base/csv.ts';
import { distanceKm } from '../src/base/geodesy.ts';
import { LEVEL_COUNTRY, readPlaces } from '../src/geo/places.ts';
import { readClientNetworks } from '../src/netmodel/networks.ts';

const folder = new URL('../geo-data/', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
const places = readPlaces(read('places.csv'), 'places.csv');
const networks = readClientNetworks(read('networks.csv'), 'networks.csv');
const [header, ...rows] = readCsv(read('pops.csv'));
const pops = rows.map(({ cells }) => {
  const cell = (name: string): string => cells[header?.cells.indexOf(name) ?? -1] ?? '';
  return { cell, latitude: Number(cell('latitude')), longitude: Number(cell('longitude')) };
});

test('150 POPs, each with two different transits, spread over the continents', () => {
  assert.equal(pops.length, 150);
  assert.equal(new Set(pops.map(({ cell }) => cell('code'))).size, 150);
  for (const { cell } of pops) {
    assert.match(cell('code'), /^[A-Z]{3}$/);
    assert.notEqual(cell('transitA'), cell('transitB'), cell('code'));
    const capacity = Number(cell('capacityRps'));
    assert.ok(capacity >= 15_000 && capacity <= 200_000, cell('code'));
    const linkMbps = Number(cell('capacityMbpsA')) + Number(cell('capacityMbpsB'));
    assert.ok(linkMbps >= capacity * 0.1, `${cell('code')}: links carry less than the POP serves`);
  }
  const least = { eu: 30, na: 30, sa: 12, af: 10, me: 8, 'as-east': 15, 'as-south': 20, oc: 8 };
  for (const [region, count] of Object.entries(least))
    assert.ok(pops.filter(({ cell }) => cell('region').startsWith(region)).length >= count, region);
});

test('every POP lies in its country, within 60 km of a place that has clients', () => {
  for (const { cell, latitude, longitude } of pops) {
    const id = places.find(cell('country'), latitude, longitude);
    const place = { latitude: places.latitude[id] ?? 0, longitude: places.longitude[id] ?? 0 };
    assert.ok(distanceKm({ latitude, longitude }, place) < 60, `${cell('code')} ${places.key[id]}`);
  }
});

test('places are few enough to ship, and say whose they are', () => {
  assert.ok(places.count <= 12_000, `${places.count}`);
  assert.ok(statSync(new URL('places.csv', folder)).size < 700_000);
  assert.match(
    read('places.csv'),
    /^# IP Geolocation by DB-IP \(https:\/\/db-ip\.com\), CC BY 4\.0, modified/,
  );
  const countries = places.key.filter((_, id) => places.level[id] === LEVEL_COUNTRY);
  assert.ok(countries.length >= 245, `${countries.length}`);
  const share = countries.reduce((sum, key) => sum + (places.weight[places.idOf(key)] ?? 0), 0);
  assert.ok(Math.abs(share - 1) < 0.01, `${share}`);
});

test('client networks: real places, a tenth IPv6, every continent, a heavy tail', () => {
  assert.equal(networks.length, 3000);
  assert.equal(new Set(networks.map(({ prefixText }) => prefixText)).size, 3000);
  for (const { prefix, placeKey, prefixText } of networks) {
    assert.ok(places.idOf(placeKey) > 0, prefixText);
    assert.equal(prefix.length, prefix.address.family === 4 ? 24 : 48);
  }
  assert.equal(networks.filter(({ prefix }) => prefix.address.family === 6).length, 300);
  const regions = new Map<string, number>();
  for (const { placeKey } of networks) {
    const id = places.idOf(placeKey);
    const from = { latitude: places.latitude[id] ?? 0, longitude: places.longitude[id] ?? 0 };
    const nearest = pops.reduce((best, pop) => (distanceKm(from, pop) < distanceKm(from, best) ? pop : best));
    const continent = nearest.cell('region').slice(0, 2);
    regions.set(continent, (regions.get(continent) ?? 0) + 1);
  }
  for (const continent of ['eu', 'na', 'sa', 'af', 'me', 'as', 'oc'])
    assert.ok((regions.get(continent) ?? 0) >= 50, `${continent}: ${regions.get(continent)}`);
  const weights = networks.map(({ weight }) => weight).sort((left, right) => right - left);
  const sum = (list: readonly number[]): number => list.reduce((total, weight) => total + weight, 0);
  assert.ok(Math.abs(sum(weights) - 1) < 0.001);
  assert.ok(sum(weights.slice(0, 300)) > 0.4, 'a tenth of the networks brings most of the demand');
});
