import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { buildRowMap } from '../src/answer/row-map.ts';
import { createAnswering } from '../src/server/answering.ts';
import { warmUp } from '../src/server/warm-up.ts';
import { openImage } from '../src/steering/image.ts';
import { loadEdge } from './helpers/edge.ts';
import { noNative, testLibc } from './helpers/native-stage.ts';

/** A thread answers itself before it answers clients. */

const skip = noNative;
const openFiles = (): number => readdirSync('/proc/self/fd').length;

function stage() {
  const { data, image } = loadEdge();
  const answering = createAnswering(data);
  const { fleet, placesDigest } = data;
  const opened = openImage(image, { fleetDigest: fleet.digest, placesDigest });
  assert.ok(typeof opened !== 'string', String(opened));
  const table = answering.setTable(image, buildRowMap(answering.clients(), opened));
  assert.ok(typeof table !== 'string', String(table));
  return { data, answering };
}

test('it asks for names that steer and names that do not, through the loop; nothing stays open', {
  skip,
}, () => {
  const { data, answering } = stage();
  const { context } = answering;
  const seen = new Set<string>();
  let asked = 0;
  const before = openFiles();
  // What was decided last is in the context, and looked at between batches.
  const isWanted = (): boolean => {
    asked++;
    const { kind, rcode, usedEcs, transport } = context.outcome;
    seen.add(`${kind} ${rcode} ${usedEcs} ${transport}`);
    return false;
  };
  const startMs = performance.now();
  warmUp({ libc: testLibc(), answering, data, isWanted });
  assert.ok(performance.now() - startMs < 5_000);
  assert.equal(openFiles(), before);
  assert.ok(asked > 50, `${asked} batches`);
  assert.ok(seen.size >= 3, [...seen].join('; '));
});

test('it leaves off when there is a place to fill, and when something goes wrong', { skip }, () => {
  const { data, answering } = stage();
  const before = openFiles();
  let asked = 0;
  warmUp({ libc: testLibc(), answering, data, isWanted: () => ++asked > 3 });
  assert.ok(asked <= 8, `${asked} batches`);
  const broken = () => {
    throw new Error('a fault');
  };
  warmUp({ libc: testLibc(), answering: { ...answering, clients: broken }, data, isWanted: () => false });
  assert.equal(openFiles(), before);
});
