import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ListenAddress } from '../../src/server/handler.ts';
import { freePorts } from '../../src/server/listeners.ts';
import { startNameServer } from '../../src/server/supervisor.ts';
import type { KeyState } from '../../src/zone/key-state.ts';
import { ask } from '../helpers/ask.ts';
import { loadEdge } from '../helpers/edge.ts';
import { runTool } from '../helpers/program.ts';
import { imageOf, makeKeys, signingGroundOf, signText, type ZoneToSign } from '../helpers/signed-zones.ts';
import { type Resolve, startUnbound } from '../helpers/unbound.ts';

/**
 * `npm run test:rollover`: a CSK is replaced by a running server, and then the algorithm, TTLs being seconds:
 * the parent follows the CDS records that it sees, late; a validating Unbound with its cache, which insists
 * on every algorithm, is asked all the time and must find every answer secure; and meanwhile one process
 * takes the other's place again and again. Some minutes.
 */

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const PARENT =
  '$TTL 2\n@ SOA ns host 1 3600 600 86400 2\n@ NS ns\nns A 127.0.0.1\nroll NS ns.roll\nns.roll A 127.0.0.1\n';
const CHILD =
  '$TTL 2\n@ SOA ns host 1 3600 600 86400 2\n@ NS ns\nns A 127.0.0.1\n' +
  'www A 192.0.2.1\n*.w A 192.0.2.2\ncdn STEER edge\n';
const PARENT_LATE_MS = 3000;
const STEP_MS = 90_000;

test('a CSK is replaced, every answer secure, another process at every step', (context) =>
  replaceKeys(context, [], ['active published', 'retiring active', 'removed active']));

test('the algorithm changes, every answer secure, another process at every step', (context) =>
  replaceKeys(
    context,
    ['--algorithm', 'ed25519'],
    [
      'active signing',
      'active joining',
      'active offered',
      'leaving active',
      'fading active',
      'removed active',
    ],
  ));

async function replaceKeys(context: TestContext, flags: readonly string[], wanted: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-rollover-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const { registry, anchor, imageWith } = await startRegistry(context, folder);
  const above = registry.addresses[0] as ListenAddress;
  const [below] = await freePorts([{ host: '127.0.0.1', port: 0 }]);
  assert.ok(below);
  const config = join(folder, 'child.yaml');
  const bench = readFileSync(new URL('../bench/edge.yaml', import.meta.url), 'utf8');
  const rollover = `{ checkS: 1, propagationS: 1, dsTtlS: 3, parent: ["127.0.0.1:${above.port}"] }`;
  const zone = `  - { origin: roll.test, file: child.zone, dnssec: { keyTtlS: 2, rollover: ${rollover} } }`;
  writeFileSync(config, bench.replace(/ {2}- \{ origin.*/, zone));
  writeFileSync(join(folder, 'child.zone'), CHILD);
  const zoneAction = async (...args: string[]) => {
    const ended = await runTool(process.execPath, [main, 'zone', ...args, '--config', config]);
    assert.equal(ended.code, 0, ended.err);
    return ended.out;
  };
  await zoneAction('keygen', 'roll.test');
  let process_ = await serve(config, below.port, []);
  context.after(() => process_.kill('SIGTERM'));
  let cds: readonly string[] = [];
  const follow = setInterval(async () => {
    const answer = await ask({ server: below, name: 'roll.test.', type: 'CDS' }).catch(() => undefined);
    const seen = answer?.sections[0].map((line) => line.replace(/^.* CDS /, '')) ?? [];
    if (seen.length === 0 || seen.join() === cds.join()) return;
    const isFirst = cds.length === 0;
    cds = seen;
    const take = (): void => registry.setZones(imageWith(seen));
    if (isFirst) take();
    else setTimeout(take, PARENT_LATE_MS).unref();
  }, 300);
  context.after(() => clearInterval(follow));
  await until(() => cds.length === 1);
  const resolve = await startUnbound(context, {
    server: above,
    zones: ['test.'],
    anchors: [anchor],
    also: { 'roll.test.': below },
  });
  if (resolve === undefined) return;
  const asked = askAllTheTime(context, folder, resolve);
  await zoneAction('roll', 'roll.test', ...flags);
  const seen = watchPhases(context, folder);
  // A start may take longer than a phase: then there is more than one step to a process.
  while (seen.at(-1) !== 'removed active') {
    const before = seen.length;
    process_ = await replace(process_, config, below.port);
    await until(() => seen.length > before);
  }
  process_ = await replace(process_, config, below.port);
  await until(() => cds.length === 1);
  await new Promise((done) => setTimeout(done, 6000));
  assert.deepEqual(seen, wanted);
  assert.deepEqual(asked.insecure, []);
  assert.ok(asked.count > 100, `only ${asked.count} questions were asked`);
  console.log(`${asked.count} answers of Unbound, all secure`);
}

/** The parent: a signed zone that has the DS records it is given. */
async function startRegistry(context: TestContext, folder: string) {
  const edge = loadEdge();
  const ground = signingGroundOf(edge.data, join(folder, 'parent'));
  const parent: ZoneToSign = { origin: 'test.', text: PARENT };
  const anchor = makeKeys(parent, ground.folder);
  const imageWith = (ds: readonly string[]) => {
    const lines = ds.map((rdata) => `roll 2 DS ${rdata}\n`).join('');
    const zone = { ...parent, text: `${PARENT}${lines}` };
    const signed = signText(zone, ground);
    signed.save();
    return imageOf([[zone, signed]], [], ['edge']);
  };
  const registry = await startNameServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    data: { ...edge.data, zones: imageWith([]) },
    workers: 1,
  });
  context.after(() => registry.close());
  return { registry, anchor, imageWith };
}

/** Asks the resolver for what is there, by a wildcard, steered, and what is not; notes what is not secure. */
function askAllTheTime(context: TestContext, folder: string, resolve: Resolve) {
  const asked = { count: 0, insecure: [] as string[] };
  const probe = setInterval(async () => {
    const { count } = asked;
    const names = ['www', `x${count}.w`, `nx${count}`, 'cdn'];
    const name = `${names[asked.count++ % names.length]}.roll.test.`;
    const answer = await resolve(name, 'A').catch((error: Error) => error.message);
    if (typeof answer === 'string') asked.insecure.push(`${name}: ${answer}`);
    else if (!answer.isSecure) asked.insecure.push(`${name}: rcode ${answer.rcode}, ${phases(folder)}`);
  }, 100);
  context.after(() => clearInterval(probe));
  return asked;
}

/** Every state of the keys, as they come. */
function watchPhases(context: TestContext, folder: string): string[] {
  const seen = [phases(folder)];
  const timer = setInterval(() => {
    if (seen.at(-1) === 'removed active') return clearInterval(timer);
    const now = phases(folder);
    if (now !== seen.at(-1)) seen.push(now);
  }, 50);
  context.after(() => clearInterval(timer));
  return seen;
}

function phases(folder: string): string {
  const text = readFileSync(join(folder, 'state/dnssec/roll.test.keys.json'), 'utf8');
  return (JSON.parse(text) as KeyState[]).map(({ phase }) => phase).join(' ');
}

async function serve(config: string, port: number, more: readonly string[]): Promise<ChildProcess> {
  const words = [
    main,
    'serve',
    '--config',
    config,
    '--port',
    `${port}`,
    '--admin-port',
    '0',
    '--workers',
    '1',
  ];
  const child = spawn(process.execPath, [...words, '--json', ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

/** Another process takes over the sockets. */
async function replace(old: ChildProcess, config: string, port: number): Promise<ChildProcess> {
  const ended = old.exitCode === null ? once(old, 'exit') : undefined;
  const next = await serve(config, port, ['--replace']);
  await ended;
  return next;
}

async function until(holds: () => boolean): Promise<void> {
  for (let left = STEP_MS / 100; left > 0; left--) {
    if (holds()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail('it did not come in time');
}
