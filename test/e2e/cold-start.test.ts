import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomClients } from '../helpers/answers.ts';
import type { Program } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';
import { linksOf, opened, statusOf } from './steps.ts';

test('a cold start without Redis answers: from the snapshot, without one from geography', async (t) => {
  const open = opened(t);
  const nobody = `redis://127.0.0.1:${await freePort()}`;
  const state = open.folder();
  const up = ['up', '--pop-port', String(await freePort())];
  const subnets = randomClients(300, 11);
  const first = await open.program(up, { state, borrows: true });
  await sleep(15_000);
  const wanted = await linksOf(first, subnets);
  await first.end();
  for (const args of [up, ['serve']]) {
    const what = args[0] ?? '';
    const cold = await open.program([...args, '--store', nobody]);
    const fromGeography = await linksOf(cold, subnets);
    assert.equal(fromGeography.filter((link) => !/^[A-Z]{3}-[ab]$/.test(link)).length, 0, what);
    assert.equal(await originOf(cold), 'geography', what);
    await cold.end();
    const warm = await open.program([...args, '--store', nobody], { state });
    await sleep(1500);
    const got = await linksOf(warm, subnets);
    const others = got.filter((link, i) => link !== wanted[i]).length;
    t.diagnostic(`${what}: ${others} of ${got.length} answers differ from those before the restart`);
    // A tick may have followed the questions; the snapshot is that of the last table.
    assert.ok(others <= 0.02 * got.length, what);
    assert.equal(await originOf(warm), 'snapshot', what);
    await warm.end();
  }
});

async function originOf(program: Program): Promise<string | undefined> {
  return (await statusOf(program)).table?.origin;
}
