import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeNet, type Net, netnsMissing } from './net.ts';
import { MAIN, type Role, startRole, startTool } from './roles.ts';
import {
  CAPACITY_RPS,
  CLIENTS,
  HOSTS,
  INGEST,
  INGEST_POP,
  INGEST_TOKEN,
  NAME,
  NAME_SERVER,
  POP_PORT,
  POPS,
  STORE,
  usualPath,
  usualPaths,
  writeWorld,
} from './world.ts';

/**
 * The real parts over a small real network, with nothing modelled: Redis, a controller, a name server, an
 * agent and an HTTP server at each POP, visitors in each client network, and `dig` from there.
 */

const missing = netnsMissing();
const skip = missing ?? false;
const folder = mkdtempSync(join(tmpdir(), 'isochrone-net-'));
const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** After a change the right answers come within this, ms. */
const WITHIN_MS = 30_000;
/** After it is undone: as soon, and settled for the next. */
const BACK = { stayMs: 3_000 };
/** Answers are then the same for this long, ms: after the start, and after a change. */
const SETTLED_MS = 6_000;
const STAY_MS = 1_000;
/** Visitors are there before the controller is, ms. */
const VISITS_BEFORE_MS = 3_000;
/** So that each POP has something to carry. */
const VISITS_RPS = 10;

let net: Net;
let config: string;
let control: Role;
let nameServer: Role;
const agents: Role[] = [];
const servers = new Map<string, Pick<Role, 'kill'>>();
const USUAL = { berlin: 'FRA', paris: 'AMS', dublin: 'LHR' };

before(async () => {
  if (missing !== undefined) return;
  net = await makeNet(HOSTS);
  await net.setPaths(usualPaths());
  config = writeWorld(folder);
  const redis = [
    '--bind',
    STORE.address,
    '--port',
    '6379',
    '--protected-mode',
    'no',
    '--save',
    '',
    '--dir',
    folder,
  ];
  await startTool(net, STORE.name, 'redis-server', redis, 'Ready to accept connections');
  for (const { name, code } of POPS) await startPop(name, code);
  const state = (role: string) => ['--config', config, '--state', join(folder, role)];
  const serve = ['serve', ...state('serve'), '--workers', '1', '--ingest-listen', INGEST];
  nameServer = await startRole(net, NAME_SERVER.name, serve);
  const ingest = ['--ingest', `https://${INGEST}`, '--ingest-ca', join(folder, 'ingest.crt')];
  for (const { name, code } of POPS) {
    const way = code === INGEST_POP ? [...ingest, '--token', INGEST_TOKEN] : [];
    agents.push(await startRole(net, name, ['agent', '--pop', code, '--config', config, ...way]));
  }
  for (const { name } of CLIENTS) startVisitors(name);
  // Who is seen by those that visitors go to before anything is decided is known from the first decision on.
  await sleep(VISITS_BEFORE_MS);
  control = await startRole(net, STORE.name, ['control', ...state('control')]);
});
after(() => {
  net?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startPop(host: string, code: string): Promise<void> {
  const args = [program('pop.ts'), code, String(POP_PORT), String(CAPACITY_RPS)];
  servers.set(code, await startTool(net, host, process.execPath, args, 'ready'));
}

function startVisitors(host: string): void {
  const args = [program('visitor.ts'), NAME_SERVER.address, NAME, String(POP_PORT), String(VISITS_RPS)];
  net.start(host, process.execPath, args);
}

/** The POP that a client is answered with; '' for none. */
async function answerOf(client: string): Promise<string> {
  const args = ['+short', '+time=1', '+tries=1', `@${NAME_SERVER.address}`, NAME, 'A'];
  const { out } = await net.run(client, 'dig', args);
  return POPS.find(({ address }) => address === out.trim())?.code ?? out.trim();
}

/** Answers by client. */
type Answers = Readonly<Record<string, string>>;

/**
 * Asks from every client network until the answers are those, and stay; prints how long that took. Clients in
 * `untouched` must have had no other answer meanwhile.
 */
async function expectAnswers(
  what: string,
  expected: Answers,
  {
    untouched = [],
    withinMs = WITHIN_MS,
    stayMs = STAY_MS,
  }: { untouched?: readonly string[]; withinMs?: number; stayMs?: number } = {},
): Promise<void> {
  const begunMs = performance.now();
  let rightMs: number | undefined;
  let seen: Answers = {};
  for (;;) {
    const pairs = CLIENTS.map(async ({ name }) => [name, await answerOf(name)] as const);
    seen = Object.fromEntries(await Promise.all(pairs));
    const nowMs = performance.now() - begunMs;
    for (const client of untouched) assert.equal(seen[client], expected[client], `${what}: ${client} moved`);
    if (CLIENTS.every(({ name }) => seen[name] === expected[name])) rightMs ??= nowMs;
    else rightMs = undefined;
    if (rightMs !== undefined && nowMs - rightMs >= stayMs) break;
    if (nowMs >= withinMs + stayMs)
      assert.fail(`${what}: ${JSON.stringify(seen)} after ${withinMs} ms\n${await told()}`);
  }
  console.log(`${what}: ${JSON.stringify(seen)} after ${((rightMs ?? 0) / 1000).toFixed(1)} s`);
}

/** What the roles last said, and why each client is answered as it is: for whoever reads of a failure. */
async function told(): Promise<string> {
  const why = CLIENTS.map(async ({ address }) => {
    const args = [MAIN, 'explain', NAME, '--client', address, '--admin', 'http://127.0.0.1:5380'];
    return (await net.run(NAME_SERVER.name, process.execPath, args)).out;
  });
  const said = [control, nameServer, ...agents].map((role) => role.output().slice(-3000));
  return [...said, ...(await Promise.all(why))].join('\n');
}

test('after the start each client network gets the POP with the least delay', { skip }, async () => {
  await expectAnswers('start', USUAL, { stayMs: SETTLED_MS });
});

test('a cut link between a client network and its POP moves that client', { skip }, async () => {
  const path = usualPath('paris', 'AMS');
  await net.setPaths([{ ...path, lossRate: 1 }]);
  await expectAnswers('paris to AMS cut', { ...USUAL, paris: 'FRA' }, { untouched: ['berlin', 'dublin'] });
  await net.setPaths([path]);
  await expectAnswers('paris to AMS mended', USUAL, BACK);
});

test('a POP whose process is killed is answered no more; back again it is', { skip }, async () => {
  servers.get('LHR')?.kill('SIGKILL');
  await expectAnswers('LHR dead', { ...USUAL, dublin: 'AMS' }, { untouched: ['berlin', 'paris'] });
  await startPop('lhr', 'LHR');
  await expectAnswers('LHR back', USUAL, BACK);
});

test('a drained POP is answered no more; restored it is', { skip }, async () => {
  await isochrone('drain', 'FRA', '--for', '10m', '--reason', 'a test');
  await expectAnswers('FRA drained', { ...USUAL, berlin: 'AMS' }, { untouched: ['paris', 'dublin'] });
  await isochrone('restore', 'FRA');
  await expectAnswers('FRA restored', USUAL, BACK);
});

test('a POP that can serve less than is asked of it gives clients away', { skip }, async () => {
  await setCapacity('ams', VISITS_RPS / 2);
  await expectAnswers('AMS overloaded', { ...USUAL, paris: 'FRA' }, { untouched: ['berlin', 'dublin'] });
  await setCapacity('ams', CAPACITY_RPS);
  await expectAnswers('AMS with room', USUAL, BACK);
});

test('60 ms more on one path move that client, no other, and not for ever', { skip }, async () => {
  const path = usualPath('berlin', 'FRA');
  await net.setPaths([{ ...path, rttMs: path.rttMs + 60 }]);
  await expectAnswers(
    'berlin to FRA +60 ms',
    { ...USUAL, berlin: 'AMS' },
    { untouched: ['paris', 'dublin'] },
  );
  await net.setPaths([path]);
  await expectAnswers('berlin to FRA as before', USUAL, BACK);
});

/** `isochrone …` on the name server's host, with the cluster's store. */
async function isochrone(...args: string[]): Promise<void> {
  const store = ['--store', `redis://${STORE.address}:6379`, '--cluster', 'net'];
  const { code, err } = await net.run(NAME_SERVER.name, process.execPath, [MAIN, ...args, ...store]);
  assert.equal(code, 0, err);
}

async function setCapacity(host: string, rps: number): Promise<void> {
  const url = `http://127.0.0.1:${POP_PORT}/capacity?${rps}`;
  const { code, err } = await net.run(host, 'curl', ['--silent', '--show-error', '-X', 'POST', url]);
  assert.equal(code, 0, err);
}
