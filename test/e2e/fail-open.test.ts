import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { dig, type Program, until } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';
import { command, explain, opened } from './steps.ts';

const POPS = [
  { code: 'FRA', country: 'DE', latitude: 50.03, longitude: 8.57 },
  { code: 'JFK', country: 'US', latitude: 40.64, longitude: -73.78 },
  { code: 'NRT', country: 'JP', latitude: 35.76, longitude: 140.38 },
];
/** A client in Germany. */
const CLIENT = '5.9.0.0/24';
/** How explain begins where the table itself knows that every POP is out. */
const KNOWN_OPEN = 'No POP of the service is up:';

test('when every POP is out, all are answered as if up, and explain and status say so', async (t) => {
  const open = opened(t);
  const folder = open.folder();
  writeFileSync(
    join(folder, 'zone'),
    '@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.1\nwww STEER web\n',
  );
  writeFileSync(join(folder, 'config.yaml'), configuration());
  const flags = ['--config', join(folder, 'config.yaml'), '--pop-port', String(await freePort())];
  const up = await open.program(['up', ...flags]);
  await sleep(2500);
  assert.deepEqual(await answer(up), ['127.66.1.1']);
  await command(up, 'model', 'FRA', '--outage');
  await become(up, ['127.66.2.1']);
  await command(up, 'model', 'JFK', '--outage');
  await become(up, ['127.66.3.1']);
  await command(up, 'model', 'NRT', '--outage');
  const openMs = await become(up, ['127.66.1.1']);
  // From the last word on explain says so; which is first depends on the table, and the next one knows all.
  assert.match((await explain(up, CLIENT)).notes.join(' '), /fail open/);
  const { value: view } = await until(
    () => explain(up, CLIENT),
    ({ notes, chosen }) => chosen.pop === 'FRA' && notes.some((note) => note.startsWith(KNOWN_OPEN)),
    5000,
  );
  assert.equal(view.chosen.pop, 'FRA');
  assert.match(view.notes.join(' '), /fail open/);
  await become(up, ['127.66.1.1']);
  assert.match(await command(up, 'status'), /down/);
  await command(up, 'drain', 'FRA');
  await sleep(1500);
  assert.equal((await answer(up)).length, 1, 'with all out, a drain too leaves an answer');
  await command(up, 'restore', 'FRA');
  await command(up, 'model', '--reset');
  await until(
    () => explain(up, CLIENT),
    ({ notes }) => !notes.some((note) => note.includes('fail open')),
    8000,
  );
  const backMs = await become(up, ['127.66.1.1']);
  t.diagnostic(`failed open after ${openMs} ms; the first choice again after ${backMs} ms`);
});

function configuration(): string {
  const pops = POPS.map(({ code, country, latitude, longitude }, index) => {
    const links = `[{ transit: one, capacityMbps: 10000, ipv4: 127.66.${index + 1}.1 }]`;
    const where = `country: ${country}, region: all, latitude: ${latitude}, longitude: ${longitude}`;
    return `  - { code: ${code}, city: ${code}, ${where}, capacityRps: 100000, links: ${links} }`;
  });
  const zones = 'zones: [{ origin: cdn.example, file: zone }]';
  return [zones, 'services: { web: { pops: all } }', 'pops:', ...pops, ''].join('\n');
}

const answer = (up: Program): Promise<string[]> => dig(up.port, 'www.cdn.example', `+subnet=${CLIENT}`);

/** Milliseconds from now until dig says so. */
async function become(up: Program, wanted: readonly string[]): Promise<number> {
  const isWanted = (got: readonly string[]): boolean => got.join() === wanted.join();
  const { value, ms, held } = await until(() => answer(up), isWanted, 5000);
  assert.ok(held, `${value}, not ${wanted}`);
  return Math.round(ms);
}
