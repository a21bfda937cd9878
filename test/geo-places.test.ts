import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatorError } from '../src/base/errors.ts';
import { LEVEL_TILE, readPlaces, tileKey } from '../src/geo/places.ts';

const header = 'key,country,name,latitude,longitude,weight\n';
const text = `# made for a test
${header}world,,World,40,-30,1
DE,DE,Germany,50.1,8.7,0.03
FJ,FJ,Fiji,-17.8,177.9,0.0001
"DE/50.0,8.5",DE,"Frankfurt, Main",50.11,8.68,0.01
"DE/52.5,13.0",DE,Berlin,52.52,13.4,0.01
"FJ/-17.0,179.5",FJ,Labasa,-16.7,179.9,0.0001
`;
const places = readPlaces(text, 'places.csv');
const keyOf = (country: string, latitude: number, longitude: number): string | undefined =>
  places.key[places.find(country, latitude, longitude)];

test('a point is in its tile, else the nearest of its country, else the country, else the world', () => {
  assert.equal(tileKey('DE', 50.49, 8.99), 'DE/50.0,8.5');
  assert.equal(tileKey('BR', -0.1, -0.6), 'BR/-0.5,-1.0');
  assert.equal(keyOf('DE', 50.2, 8.6), 'DE/50.0,8.5');
  assert.equal(keyOf('DE', 51.9, 12.4), 'DE/52.5,13.0');
  assert.equal(keyOf('DE', 47.6, 13.0), 'DE');
  assert.equal(keyOf('FR', 50.2, 8.6), 'world');
  assert.equal(keyOf('', 50.9, 9.6), 'DE/50.0,8.5', 'whatever country');
  assert.equal(keyOf('FJ', -16.6, -179.9), 'FJ/-17.0,179.5', 'across the date line');
  assert.equal(keyOf('DE', 51.9, 12.4), 'DE/52.5,13.0', 'the same when asked again');
});

test('rows, levels and parents', () => {
  assert.equal(places.count, 6);
  assert.deepEqual([...places.parent], [-1, 0, 0, 1, 1, 2]);
  assert.equal(places.level[3], LEVEL_TILE);
  assert.equal(places.name[3], 'Frankfurt, Main');
  assert.deepEqual([places.idOf('DE/52.5,13.0'), places.idOf('AT')], [4, -1]);
  assert.notEqual(places.digest, readPlaces(text.replace('52.5,13.0', '52.5,13.5'), 'other.csv').digest);
});

test('every bad row is named with its line', () => {
  const bad = `${header}world,,World,0,0,1
DE,DE,Germany,95,8.7,0.03
DE,DE,Germany,50,8.7,2
"AT/48.0,16.0",AT,Vienna,48.2,16.4,0.1
"de/48.0,16.0",de,Vienna,48.2,16.4,0.1
FR,FR,France,x,2,0.1
FR,FR,France
world,,World,0,0,1
`;
  assert.throws(
    () => readPlaces(bad, 'places.csv'),
    (error) =>
      error instanceof OperatorError && error.problems.map(({ line }) => line).join() === '3,4,5,6,7,8,9',
  );
  assert.throws(
    () => readPlaces('key,country\n', 'places.csv'),
    /places.csv:1: the first line that is no comment/,
  );
  assert.throws(() => readPlaces(header, 'places.csv'), /at least the row "world"/);
});
