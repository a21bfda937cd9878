import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ListenAddress } from '../../src/server/handler.ts';
import { freePorts } from '../../src/server/listeners.ts';
import { startNameServer } from '../../src/server/supervisor.ts';
import type { KeyState } from '../../src/zone/key-state.ts';
import { ask } from '../helpers/ask.ts';
import { loadEdge } from '../helpers/edge.ts';
import { runTool } from '../helpers/program.ts';
import { imageOf, makeKeys, signingGroundOf, signText, type ZoneToSign } from '../helpers/signed-zones.ts';
import { startUnbound } from '../helpers/unbound.ts';

/**
 * `npm run test:rollover`: a CSK is replaced by a running server, TTLs being seconds: the parent follows the
 * CDS records that it sees, late; a validating Unbound with its cache is asked all the time and must find
 * every answer secure; and at every step another process takes the server's place. One to two minutes.
 */

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const PARENT =
  '$TTL 2\n@ SOA ns host 1 3600 600 86400 2\n@ NS ns\nns A 127.0.0.1\nroll NS ns.roll\nns.roll A 127.0.0.1\n';
const CHILD =
  '$TTL 2\n@ SOA ns host 1 3600 600 86400 2\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n*.w A 192.0.2.2\n';
const PARENT_LATE_MS = 3000;
const STEP_MS = 90_000;

test('a CSK is replaced, every answer secure, another process at every step', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-rollover-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
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
  const asked = { count: 0, insecure: [] as string[] };
  const probe = setInterval(async () => {
    const names = ['www.roll.test.', `x${asked.count}.w.roll.test.`, `nx${asked.count}.roll.test.`];
    const name = names[asked.count++ % 3] as string;
    const answer = await resolve(name, 'A').catch((error: Error) => error.message);
    if (typeof answer === 'string') asked.insecure.push(`${name}: ${answer}`);
    else if (!answer.isSecure) asked.insecure.push(`${name}: rcode ${answer.rcode}, ${phases(folder)}`);
  }, 100);
  context.after(() => clearInterval(probe));
  await zoneAction('roll', 'roll.test');
  const seen = [phases(folder)];
  while (seen.at(-1) !== 'removed active') {
    process_ = await replace(process_, config, below.port);
    await until(() => phases(folder) !== seen.at(-1));
    seen.push(phases(folder));
  }
  process_ = await replace(process_, config, below.port);
  await until(() => cds.length === 1);
  await new Promise((done) => setTimeout(done, 6000));
  assert.deepEqual(seen, ['active published', 'retiring active', 'removed active']);
  assert.deepEqual(asked.insecure, []);
  assert.ok(asked.count > 100, `only ${asked.count} questions were asked`);
  console.log(`${asked.count} answers of Unbound, all secure`);
});

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
