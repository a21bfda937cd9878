import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readSnapshot, writeSnapshot } from '../src/control/snapshot.ts';
import { drive, PLACES_DIGEST } from './helpers/steering-world.ts';

const directory = await mkdtemp(join(tmpdir(), 'isochrone-snapshot-'));
after(() => rm(directory, { recursive: true }));
const driver = drive({ pops: [0, 9], tiles: [1, 2] });
driver.tick();
const { bytes } = driver.image();
const expected = { fleetDigest: driver.fleet.digest, placesDigest: PLACES_DIGEST };

test('a snapshot comes back as it was written, and replaces the one before', async () => {
  const state = join(directory, 'new', 'state');
  assert.equal(await readSnapshot(state, expected), undefined);
  await writeSnapshot(state, bytes);
  await writeSnapshot(state, bytes);
  const read = await readSnapshot(state, expected);
  assert.ok(read !== undefined && typeof read !== 'string');
  assert.deepEqual(Uint8Array.from(read.bytes), Uint8Array.from(bytes));
  assert.ok(read.bytes.buffer instanceof SharedArrayBuffer);
  assert.deepEqual(await readdir(state), ['steering.image']);
});

test('a damaged, cut or foreign snapshot is named with its fault', async () => {
  await writeSnapshot(directory, bytes);
  const path = join(directory, 'steering.image');
  assert.match(
    String(await readSnapshot(directory, { ...expected, fleetDigest: 5 })),
    /: made for another list of POPs$/,
  );
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, 200));
  assert.match(
    String(await readSnapshot(directory, expected)),
    /steering\.image: 200 octets long, its header says/,
  );
  await writeFile(path, '');
  assert.match(String(await readSnapshot(directory, expected)), /: only 0 octets long$/);
  assert.match(String(await readSnapshot(path, expected)), /ENOTDIR/);
});
