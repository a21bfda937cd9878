import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openTruth } from '../../src/lab/truth.ts';
import { HAND_TEXTS, handWorld } from './hand-world.ts';

const LAB = new URL('../../src/lab/', import.meta.url);
/** The network that answers pings, the oracle, who judges, and the run that puts them together. */
const MAY_READ = ['network.ts', 'oracle.ts', 'run.ts', 'judge.ts', 'judge-fresh.ts', 'judge-reactions.ts'];
/** Files that handle a world as a whole, its truth with it, and decide nothing. */
const MAY_HOLD = [
  'world.ts',
  'truth.ts',
  'read-world.ts',
  'read-truth.ts',
  'write-world.ts',
  'make-world.ts',
];

test('nothing that decides imports the truth, or a world that has it', () => {
  for (const name of readdirSync(LAB)) {
    const text = readFileSync(new URL(name, LAB), 'utf8');
    if (!MAY_READ.includes(name)) assert.doesNotMatch(text, /from '\.\/truth\.ts'/, name);
    if (!MAY_HOLD.includes(name)) assert.doesNotMatch(text, /\brtts\b|\bWorldRtt\b/, name);
  }
  for (const name of ['steerer.ts', 'baselines.ts', 'engine.ts', 'claimed-places.ts']) {
    const text = readFileSync(new URL(name, LAB), 'utf8');
    const imported = [...text.matchAll(/import (?:type )?\{([^}]*)\} from '\.\/(?:world|truth|run)\.ts'/g)];
    const names = imported.flatMap((match) => (match[1] as string).split(',').map((word) => word.trim()));
    assert.deepEqual(
      names.filter((word) => !['type', 'WorldCell', 'WorldHead', 'WorldPop', ''].includes(word)),
      [],
      name,
    );
  }
});

test('each pair has the row in force; before its first row the first', () => {
  const late = HAND_TEXTS['rtt.csv'].replace('boston,EAST,0,10,10', 'boston,EAST,2,10,10');
  const truth = openTruth(handWorld({ 'rtt.csv': `${late}boston,EAST,5,30,29,2,0.5\n` }));
  const seen = [...Array(7).keys()].map((tick) => {
    truth.advance(tick);
    return [truth.rttMs(0, 0), truth.isFresh(0, 0)];
  });
  const old = [10, false];
  assert.deepEqual(seen, [old, old, [10, true], old, old, [30, true], [30, false]]);
  assert.equal(truth.minMs(0, 0), 29);
  assert.equal(truth.jitterMs(0, 0), 2);
  assert.equal(truth.lossRate(0, 0), 0.5);
  assert.equal(truth.isFresh(0, 1), true, 'a pair with one row is always fresh');
});

test('events happen at the start of their tick, and last', () => {
  const events = [
    'tick,event,pop,cell,value',
    '1,add-rtt,EAST,*,60',
    '1,add-rtt,WEST,boston,5',
    '2,add-rtt,EAST,boston,0',
    '3,pop-down,EAST,,',
    '3,drain,WEST,,',
    '4,capacity,FAR,,7',
    '4,demand,,johor,3',
    '5,pop-up,EAST,*,',
    '6,restore,WEST,,',
    '7,demand,,*,0.5',
    '8,add-rtt,EAST,*,0',
  ];
  const truth = openTruth(handWorld({ 'events.csv': events.join('\n') }));
  assert.deepEqual(truth.advance(0), []);
  assert.equal(truth.bestPop(0), 0);
  assert.equal(truth.advance(1).length, 2);
  assert.deepEqual([truth.rttMs(0, 0), truth.minMs(0, 0), truth.rttMs(1, 0)], [70, 70, 125]);
  assert.deepEqual([truth.rttMs(0, 1), truth.rttMs(1, 1)], [75, 25]);
  assert.equal(truth.bestPop(0), 0, '70 against 75');
  truth.advance(2);
  assert.deepEqual([truth.rttMs(0, 0), truth.rttMs(1, 0)], [10, 125]);
  truth.advance(3);
  assert.deepEqual([truth.isUp(0), truth.isDrained(1), truth.bestPop(0)], [false, true, 2]);
  truth.advance(4);
  assert.deepEqual([truth.capacityRps(2), truth.demandRps(2), truth.demandRps(1)], [7, 300, 100]);
  truth.advance(7);
  assert.deepEqual([truth.isUp(0), truth.isDrained(1)], [true, false]);
  assert.deepEqual([truth.demandRps(2), truth.demandRps(1)], [50, 50]);
  truth.advance(8);
  assert.equal(truth.rttMs(1, 0), 65);
});

test('when no POP may serve, the best of all is', () => {
  const all = ['EAST', 'WEST', 'FAR'].map((pop) => `0,drain,${pop},,`);
  const truth = openTruth(handWorld({ 'events.csv': ['tick,event,pop,cell,value', ...all].join('\n') }));
  truth.advance(0);
  assert.equal(truth.bestPop(2), 2);
});
