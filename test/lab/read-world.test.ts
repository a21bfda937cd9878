import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatorError } from '../../src/base/errors.ts';
import { readWorld } from '../../src/lab/read-world.ts';
import type { WorldFile } from '../../src/lab/world.ts';
import { HAND_TEXTS, handSource, handWorld } from './hand-world.ts';

/** What is wrong, as `file:line: message`. */
function faultsOf(changed: Partial<Record<WorldFile, string>>): string[] {
  try {
    readWorld(handSource(changed));
  } catch (error) {
    assert.ok(error instanceof OperatorError, String(error));
    assert.equal(error.code, 'bad-data');
    return error.problems.map(({ file, line, message }) => `${file}:${line ?? ''}: ${message}`);
  }
  return assert.fail('nothing was found wrong');
}

test('a world is read whole', () => {
  const { head, pops, cells, rtts, events } = handWorld();
  assert.deepEqual(head, { name: 'hand', tickSeconds: 10, ticks: 12, seed: 1, source: 'made by hand' });
  assert.equal(pops.length, 3);
  assert.deepEqual(
    cells.map(({ cell }) => cell),
    ['boston', 'oakland', 'johor', 'nowhere'],
  );
  assert.ok(Number.isNaN(cells[3]?.latitude) && Number.isNaN(cells[3]?.longitude));
  assert.equal(rtts.length, 12);
  assert.deepEqual(events, []);
});

test('line ends, quotes, comments, a byte order mark, other columns and their order do not matter', () => {
  const pops = '\uFEFF# POPs\r\ncapacityRps,pop,lon,lat,owner\r\n\r\n1e3,"EA,ST ""1""",-74,40,me\r\n';
  const world = handWorld({
    'pops.csv': `${pops}1000,WEST,-122,37,\r\n1000,FAR,104,1,`,
    'rtt.csv': HAND_TEXTS['rtt.csv'].replaceAll('EAST', '"EA,ST ""1"""').replaceAll('\n', '\r\n'),
    'world.json': `\uFEFF${HAND_TEXTS['world.json'].replace('{', '{ "licence": "none",')}`,
  });
  assert.deepEqual(world.pops[0], { pop: 'EA,ST "1"', latitude: 40, longitude: -74, capacityRps: 1000 });
  assert.deepEqual(world.rtts, handWorld().rtts);
});

test('rows of a pair may come in any order, and a pair may begin late', () => {
  const extra = 'boston,EAST,7,30,29,1,0.5\nboston,EAST,3,20,19,1,0\n';
  const [first, second, third] = handWorld({ 'rtt.csv': HAND_TEXTS['rtt.csv'] + extra }).rtts;
  assert.deepEqual([first?.fromTick, second?.fromTick, third?.fromTick], [0, 3, 7]);
  assert.equal(third?.lossRate, 0.5);
});

test('every fault of every file at once, with file, line and value', () => {
  const faults = faultsOf({
    'world.json': '{ "name": "x",\n "tickSeconds": 0,\n "ticks": 1.5,\n "source": 7 }',
    'pops.csv': 'pop,lat,lon,capacityRps\nEAST,95,-74,1000\nEAST,37,-122,-1\nFAR,1,,many\n',
    'cells.csv': [
      'cell,prefix,lat,lon,country,city,demandRps,lastMileMs',
      'boston,10.0.0.0/33,42,-71,usa,Boston,100,0',
      'oakland,10.0.1.0/24,41,-73,US,Oakland,0x10,0',
      'johor,10.0.1.0/25,1.5,103.7,MY,Johor,100,-1',
      'nowhere,10.0.3.0/24,,,,,100',
    ].join('\n'),
    'rtt.csv':
      'cell,pop,fromTick,rttMs,minMs,jitterMs,lossRate\nbostn,EAST,0,10,11,0,0\nboston,EST,-1,x,0,0,2\n',
    'events.csv':
      'tick,event,pop,cell,value\n12,pop-down,EAST,,\n1,explode,,,\n2,add-rtt,EAST,paris,-5\n3,drain,,,\n',
  });
  const expected = [
    /^hand\/world\.json:2: "tickSeconds": 0 is not a number from 0\.1 to 86400$/,
    /^hand\/world\.json:3: "ticks": 1\.5 is not a whole number/,
    /^hand\/world\.json:1: "seed" is missing: a whole number/,
    /^hand\/world\.json:4: "source": 7 is not a text$/,
    /^hand\/pops\.csv:2: lat "95" is not a number from -90 to 90$/,
    /^hand\/pops\.csv:3: pop "EAST" stands twice: first on line 2$/,
    /^hand\/pops\.csv:3: capacityRps "-1" is not a number/,
    /^hand\/pops\.csv:4: one of lat and lon is empty$/,
    /^hand\/pops\.csv:4: capacityRps "many" is not a number/,
    /^hand\/cells\.csv:2: prefix "10\.0\.0\.0\/33"/,
    /^hand\/cells\.csv:2: country "usa" is not two capital letters$/,
    /^hand\/cells\.csv:3: demandRps "0x10" is not a number/,
    /^hand\/cells\.csv:4: lastMileMs "-1" is not a number/,
    /^hand\/cells\.csv:4: prefix "10\.0\.1\.0\/25" shares a \/24 with line 3$/,
    /^hand\/cells\.csv:5: 7 cells where the header names 8 columns$/,
    /^hand\/rtt\.csv:2: minMs 11 is more than rttMs 10$/,
    /^hand\/rtt\.csv:2: no cell has the name "bostn"; did you mean "boston"\?$/,
    /^hand\/rtt\.csv:3: no POP has the name "EST"; did you mean "EAST"\?$/,
    /^hand\/rtt\.csv:3: fromTick "-1" is not a whole number/,
    /^hand\/rtt\.csv:3: rttMs "x" is not a number/,
    /^hand\/rtt\.csv:3: lossRate "2" is not a number from 0 to 1$/,
    /^hand\/rtt\.csv:: no row for cell "boston" and POP "EAST"$/,
    /^hand\/events\.csv:3: event "explode" is none of pop-down, pop-up/,
    /^hand\/events\.csv:4: no cell has the name "paris"$/,
    /^hand\/events\.csv:4: value "-5" is not a number/,
    /^hand\/events\.csv:5: no POP has the name ""$/,
  ];
  for (const pattern of expected)
    assert.equal(faults.filter((fault) => pattern.test(fault)).length, 1, `${pattern}\n${faults.join('\n')}`);
});

test('an event after the last tick, a row that stands twice, and pairs without a row', () => {
  assert.deepEqual(faultsOf({ 'events.csv': 'tick,event,pop,cell,value\n12,pop-down,EAST,,\n' }), [
    'hand/events.csv:2: tick "12" is not a whole number from 0 to 11',
  ]);
  assert.deepEqual(faultsOf({ 'rtt.csv': `${HAND_TEXTS['rtt.csv']}boston,EAST,0,11,10,0,0\n` }), [
    'hand/rtt.csv:14: cell, pop and fromTick are those of line 2',
  ]);
  const without = HAND_TEXTS['rtt.csv'].replace(/oakland,FAR.*\n/, '');
  assert.deepEqual(faultsOf({ 'rtt.csv': without }), [
    'hand/rtt.csv:: no row for cell "oakland" and POP "FAR"',
  ]);
});

test('missing columns and empty files are one fault each, not one for each row', () => {
  const cells = HAND_TEXTS['cells.csv'].replace('lastMileMs', 'lastMile').replace('demandRps', 'city');
  assert.deepEqual(faultsOf({ 'cells.csv': cells, 'events.csv': '', 'world.json': '[1]' }), [
    'hand/world.json:: must hold one JSON object',
    'hand/cells.csv:1: the column "demandRps" is missing',
    'hand/cells.csv:1: the column "lastMileMs" is missing; is "lastMile" meant?',
    'hand/cells.csv:1: the column "city" stands twice',
    'hand/events.csv:1: empty: the first line must be "tick,event,pop,cell,value"',
  ]);
  assert.match(faultsOf({ 'world.json': '{"name": }' }).join(), /^hand\/world\.json:: is no JSON: /);
});

test('a file full of faults is told of up to a bound, with how many more there are', () => {
  const bad = 'boston,EAST,0,x,1,0,0\n'.repeat(300);
  const faults = faultsOf({ 'rtt.csv': HAND_TEXTS['rtt.csv'] + bad });
  assert.equal(faults.length, 101);
  assert.match(faults.at(-1) as string, /^world:: and \d+ more faults like these$/);
});

test('what every cell needs is there: a world without cells or POPs is none', () => {
  const none = faultsOf({ 'pops.csv': 'pop,lat,lon,capacityRps\n' });
  assert.ok(none.includes('hand/pops.csv:: only the header is there'), none.join('\n'));
});
