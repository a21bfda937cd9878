import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { createDeaths } from '../src/server/deaths.ts';
import { BANS_MAX, isQueryOfDeath } from '../src/server/deaths-block.ts';
import { ask } from './helpers/ask.ts';
import { encodeQuery } from './helpers/message.ts';
import { type Program, startProgram } from './helpers/program.ts';

/** With this preload `death.…` throws and `stall.…` never ends: see the file. */
const hook = new URL('helpers/death-hook.ts', import.meta.url);
const SERVE = ['serve', '--config', 'test/bench/edge.yaml', '--workers', '1'];

async function start(context: TestContext) {
  const program = await startProgram(SERVE, { env: { NODE_OPTIONS: `--import=${hook.href}` } });
  context.after(() => program.end('SIGKILL'));
  const server = { host: '127.0.0.1', port: program.port };
  const asked = (name: string, options: object = {}): Promise<string> =>
    ask({ server, name, type: 'A', timeoutMs: 6_000, ...options }).then(
      (answer) => answer.sections[0][0] ?? 'empty',
      () => 'silence',
    );
  const says = async (text: string): Promise<void> => {
    while (!program.output().includes(text)) await sleep(10);
  };
  return { program, asked, says };
}

/** A query of death is let through only while a thread stands by. */
async function standsBy(program: Program): Promise<void> {
  const count = async (): Promise<boolean> =>
    /isochrone_dns_workers_standing_by [1-9]/.test(await (await fetch(`${program.admin}/metrics`)).text());
  while (!(await count())) await sleep(50);
}

const STATIC = 'static.edge.test. 30 A 192.0.2.1';

test('a query that ends a thread twice is dropped from then on, others never', async (context) => {
  const { program, asked, says } = await start(context);
  const harmless = async (): Promise<void> => assert.equal(await asked('static.edge.test.'), STATIC);
  const silence = { timeoutMs: 300 };
  await standsBy(program);
  // Beside a harmless one, which is in the same batch or the next.
  assert.deepEqual(await Promise.all([asked('death.edge.test.', silence), asked('static.edge.test.')]), [
    'silence',
    STATIC,
  ]);
  await says('killed by a query');
  await standsBy(program);
  assert.deepEqual(await Promise.all([asked('deATH.edge.test.', silence), asked('static.edge.test.')]), [
    'silence',
    STATIC,
  ]);
  await says('deATH.edge.test. A ended two serving threads: dropped for the next 600 s');
  for (let i = 0; i < 3; i++) assert.equal(await asked('death.edge.test.', silence), 'silence');
  assert.equal(await asked('death.edge.test.', { ...silence, transport: 'tcp' }), 'silence');
  await harmless();
  const metrics = await (await fetch(`${program.admin}/metrics`)).text();
  assert.match(metrics, /isochrone_dns_worker_restarts_total 2\n/);
  assert.match(metrics, /isochrone_dns_banned_queries 1\n/);
  assert.match(metrics, /isochrone_dns_drops_total\{transport="udp",reason="query-of-death"\} 5\n/);
  assert.match(metrics, /isochrone_dns_drops_total\{transport="tcp",reason="query-of-death"\} 1\n/);
  assert.equal(program.output().split('ended two serving threads').length, 2);
  assert.equal(await program.end(), 0);
});

test('a thread that stands still is replaced, and what waited is answered', async (context) => {
  const { program, asked, says } = await start(context);
  const stalled = asked('stall.edge.test.', { timeoutMs: 500 });
  await sleep(100);
  assert.equal(await asked('static.edge.test.'), STATIC);
  await says('died, starts again in 0 ms: no sign of life for 2000 ms');
  assert.equal(await stalled, 'silence');
  // It stops although its thread is stuck.
  void asked('stall.edge.test.', { timeoutMs: 100 });
  await sleep(100);
  assert.equal(await program.end(), 0);
});

test('two deaths within ten minutes ban a query, for ten minutes; of others nothing is held', () => {
  const deaths = createDeaths();
  const query = encodeQuery({ name: 'a.example.', type: 'A' });
  const isBanned = (octets: Uint8Array): boolean =>
    deaths.block[0] !== 0 && isQueryOfDeath(deaths.block, octets, octets.length);
  assert.equal(deaths.note(query, 0), undefined);
  // The first is too long ago.
  assert.equal(deaths.note(query, 600_000), undefined);
  assert.equal(isBanned(query), false);
  assert.deepEqual(deaths.note(query, 700_000), { question: 'a.example. A', forMs: 600_000 });
  assert.equal(isBanned(query), true);
  assert.equal(deaths.note(query, 700_001), undefined, 'said once');
  assert.equal(isBanned(encodeQuery({ name: 'a.example.', type: 'AAAA' })), false);
  assert.equal(isBanned(encodeQuery({ name: 'A.exAmple.', type: 'A' })), true);
  assert.equal(isBanned(query.slice(0, -1)), false);
  const otherId = Uint8Array.from(query);
  otherId[0] = 77;
  assert.equal(isBanned(otherId), true);
  deaths.expire(1_299_999);
  assert.equal(isBanned(query), true);
  deaths.expire(1_300_000);
  assert.equal(isBanned(query), false);
  assert.equal(deaths.block[0], 0);
});

test('a query that ended one thread is held off while none stands by', () => {
  const deaths = createDeaths();
  const [query, other] = ['a.example.', 'b.example.'].map((name) => encodeQuery({ name, type: 'A' }));
  assert.ok(query !== undefined && other !== undefined);
  const isHeldOff = (octets: Uint8Array): boolean =>
    deaths.block[0] !== 0 && isQueryOfDeath(deaths.block, octets, octets.length);
  deaths.note(query, 0);
  assert.equal(isHeldOff(query), false);
  deaths.setCovered(false, 10);
  deaths.note(other, 20);
  assert.deepEqual([isHeldOff(query), isHeldOff(other), deaths.banned()], [true, true, 0]);
  deaths.setCovered(true, 30);
  assert.deepEqual([isHeldOff(query), isHeldOff(other)], [false, false]);
  deaths.note(query, 40);
  deaths.setCovered(false, 50);
  deaths.setCovered(true, 60);
  assert.deepEqual([isHeldOff(query), isHeldOff(other), deaths.banned()], [true, false, 1]);
  deaths.setCovered(false, 600_010);
  assert.deepEqual([isHeldOff(query), isHeldOff(other)], [true, true]);
  deaths.setCovered(true, 600_020);
  deaths.setCovered(false, 600_030);
  assert.equal(isHeldOff(other), false, 'long ago');
});

test('more queries held off than there is room for take no ban its place', () => {
  const deaths = createDeaths();
  const named = (name: string) => encodeQuery({ name, type: 'A' });
  const banned = named('banned.example.');
  deaths.note(banned, 0);
  assert.ok(deaths.note(banned, 1));
  deaths.setCovered(false, 2);
  for (let i = 0; i < BANS_MAX; i++) deaths.note(named(`a${i}.example.`), 3);
  assert.equal(deaths.block[0], BANS_MAX);
  assert.ok(isQueryOfDeath(deaths.block, banned, banned.length));
});

test('whatever kills threads, bans stay within their bound and match what they were made of', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 60 }), (queries) => {
      const deaths = createDeaths();
      const last = queries.at(-1);
      for (const query of queries) {
        deaths.note(query, 1);
        const banned = deaths.note(query, 2);
        if (banned !== undefined) assert.match(banned.question, /^[\x21-\x7e ]+$/);
      }
      assert.ok(deaths.banned() >= Math.min(new Set(queries.map(String)).size, 1));
      assert.ok((deaths.block[0] as number) <= BANS_MAX);
      if (last !== undefined) assert.ok(isQueryOfDeath(deaths.block, last, last.length));
    }),
    { seed: 3, numRuns: 300 },
  );
});
