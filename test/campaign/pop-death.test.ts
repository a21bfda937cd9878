import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TraceView } from '../../src/console/api-trace.ts';
import { dig, type Program, runProgram, startProgram } from '../helpers/program.ts';
import { freePort, startRedis, withoutRedis } from '../helpers/redis.ts';
import { smallGeo } from '../helpers/small-geo.ts';

/**
 * `npm run test:pop-death`: clients that keep their answers for their TTL fetch from POPs in processes of
 * their own. One is drained: no request is lost. One is killed: its clients are served elsewhere within 2 s
 * and the TTL, and `trace` shows by which POP, and why not by the nearest.
 */

const TTL_MS = 2_000;
const VERDICT_MS = 2_000;
const CLIENTS = Array.from({ length: 8 }, (_, i) => `203.0.${113 + i}.0/24`);
/** Of all POPs this one has PA farthest. */
const FAR_CLIENT = '198.51.100.0/24';
const NAME = 'www.death.example';
/** Longest time that anything is waited for, ms. */
const WAIT_MS = 60_000;
const STARTS_MS = 180_000;
/** Since when it is down, and who says so. */
const DOWN_WORDS = /PA is [\d.]+ ms nearer, but it is down since \S+Z: \d of \d views: \S/;
/** A request that waits so long is lost, ms: machines may be slow, connections that are cut are not. */
const PATIENCE_MS = 20_000;

const POPS = [
  ['PA', '50.1, longitude: 8.7, country: DE'],
  ['PB', '48.9, longitude: 2.4, country: FR'],
  ['PC', '52.3, longitude: 4.8, country: NL'],
] as const;

function writeWorld(folder: string, port: number): string {
  const pops = POPS.map(
    ([code, place], index) =>
      `  - {code: ${code}, city: ${code}, region: r${index}, latitude: ${place}, capacityRps: 1000,\n` +
      `     links: [{transit: t, capacityMbps: 1000, ipv4: 127.94.${index + 1}.1}]}`,
  );
  const near = 'country: DE, latitude: 50.1, longitude: 8.7';
  writeFileSync(
    join(folder, 'zone'),
    '$ORIGIN death.example.\n@ 60 SOA ns hostmaster 1 60 60 60 60\n@ 60 NS ns\nwww 60 STEER web\n',
  );
  const path = join(folder, 'c.yaml');
  writeFileSync(
    path,
    `cluster: death
zones: [{origin: death.example, file: zone}]
geo: ${smallGeo(folder)}
services: {web: {ttl: {min: ${TTL_MS / 1000}, max: ${TTL_MS / 1000}}}}
networks:
${CLIENTS.map((prefix) => `  - {prefix: ${prefix}, ${near}}`).join('\n')}
  - {prefix: ${FAR_CLIENT}, country: FR, latitude: 48.9, longitude: 2.4}
health:
  viewsMin: 1
  check: {kind: https, verify: false, port: ${port}, path: /healthz, intervalMs: 500, timeoutMs: 500}
pops:
${pops.join('\n')}
`,
  );
  return path;
}

/** A client that asks DNS when its answer is over, and fetches all the time, each with a new connection. */
class Follower {
  readonly #dnsPort: number;
  readonly #popPort: number;
  readonly #subnet: string;
  #address = '';
  #untilMs = 0;
  #failedAtMs: number | undefined;
  #isOver = false;
  served = 0;
  readonly failures: string[] = [];
  /** Longest time from a request that failed to the next that did not, ms. */
  outageMs = 0;

  constructor(subnet: string, ports: { readonly dns: number; readonly pops: number }) {
    this.#subnet = subnet;
    this.#dnsPort = ports.dns;
    this.#popPort = ports.pops;
  }

  get pop(): string {
    return POPS[Number(this.#address.split('.')[2]) - 1]?.[0] ?? '';
  }

  stop(): void {
    this.#isOver = true;
  }

  async run(): Promise<void> {
    while (!this.#isOver) {
      if (performance.now() > this.#untilMs) {
        const [address = this.#address] = await dig(this.#dnsPort, NAME, `+subnet=${this.#subnet}`);
        this.#address = address;
        this.#untilMs = performance.now() + TTL_MS;
      }
      const askedMs = performance.now();
      const failure = await fetchFrom(this.#address, this.#popPort);
      const isServed = failure === undefined;
      if (isServed && this.#failedAtMs !== undefined) {
        this.outageMs = Math.max(this.outageMs, performance.now() - this.#failedAtMs);
        this.#failedAtMs = undefined;
      }
      if (isServed) this.served++;
      else this.failures.push(failure);
      if (!isServed) this.#failedAtMs ??= askedMs;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Why it failed; undefined: it was answered whole. */
function fetchFrom(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const agent = new Agent({ keepAlive: false });
    const options = { host, port, path: '/slow/20', headers: { host: NAME }, agent };
    const asked = request({ ...options, rejectUnauthorized: false, timeout: PATIENCE_MS }, (response) => {
      response.on('error', (error) => resolve(error.message));
      response.on('end', () => resolve(response.statusCode === 200 ? undefined : `${response.statusCode}`));
      response.resume();
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.on('error', (error) => resolve(error.message));
    asked.end();
  });
}

/** What `isochrone trace` says of a client of the nearest POP, asked by a name server; its bars add up. */
async function traced(
  serve: Program,
  pops: { readonly port: number; readonly ca: string },
  client = CLIENTS[0] ?? '',
) {
  const url = `https://${NAME}:${pops.port}/static/a`;
  const asked = ['trace', url, '--client', client, '--ca', pops.ca, '--admin', serve.admin];
  const [json, text] = await Promise.all([runProgram(...asked, '--json'), runProgram(...asked)]);
  assert.deepEqual([json.code, json.err, text.code, text.err], [0, '', 0, '']);
  const view = JSON.parse(json.out) as TraceView;
  for (const { bars, totalMs } of [view, ...view.others])
    assert.ok(Math.abs(bars.reduce((sum, { ms }) => sum + ms, 0) - totalMs) < 1);
  return { view, text: text.out };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (!holds()) {
    assert.ok(performance.now() < deadlineMs, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a POP is drained and another is killed, under load', { skip: withoutRedis() }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-pop-death-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const redis = await startRedis();
  t.after(redis.stop);
  const port = await freePort();
  const flags = ['--config', writeWorld(folder, port), '--store', redis.url];
  const start = async (args: readonly string[], popPort?: number) => {
    // The POPs have one authority.
    const state = join(folder, args[0] ?? '');
    const options = { state, startMs: STARTS_MS, ...(popPort && { port: popPort }) };
    const program = await startProgram([...args, ...flags], options);
    t.after(() => program.end());
    return program;
  };
  const [nearest, serve] = await Promise.all([
    start(['pop', 'PA'], port),
    start(['serve']),
    start(['control']),
  ]);
  await Promise.all(['PB', 'PC'].map((code) => start(['pop', code], port)));
  const clients = CLIENTS.map((subnet) => new Follower(subnet, { dns: serve.port, pops: port }));
  const running = clients.map((client) => client.run());
  const all = (pop: string) => clients.every((client) => client.pop === pop);
  await until(() => all('PA') && clients.every(({ served }) => served > 5), 'the nearest POP serves all');
  const failuresNow = () => clients.flatMap(({ failures }) => failures);
  const failedBefore = failuresNow().length;
  const { code, err } = await runProgram('drain', 'PA', '--admin', serve.admin, '--state', serve.state);
  assert.equal(code, 0, err);
  await until(() => clients.every(({ pop }) => pop !== 'PA'), 'they leave the drained POP');
  const servedAt = clients.map(({ served }) => served);
  await until(() => clients.every(({ served }, i) => served > (servedAt[i] ?? 0) + 10), 'they are served');
  const lost = failuresNow().slice(failedBefore);
  assert.deepEqual(lost, [], 'requests lost to the drain');
  await runProgram('restore', 'PA', '--admin', serve.admin, '--state', serve.state);
  await until(() => all('PA'), 'they come back');
  const ends = { port, ca: join(nearest.state, 'ca.crt') };
  const before = await traced(serve, ends);
  assert.equal(before.view.pop, 'PA');
  assert.equal(before.view.passedOver, undefined);
  for (const client of clients) client.outageMs = 0;
  const killedMs = performance.now();
  void nearest.end('SIGKILL');
  let verdictMs: number | undefined;
  while (verdictMs === undefined && performance.now() < killedMs + WAIT_MS) {
    const [address = ''] = await dig(serve.port, NAME, `+subnet=${CLIENTS[0]}`);
    if (!address.startsWith('127.94.1.')) verdictMs = performance.now() - killedMs;
  }
  await until(() => clients.every((one) => one.pop !== 'PA' && one.outageMs > 0), 'all are served elsewhere');
  const after = await traced(serve, ends);
  assert.notEqual(after.view.pop, 'PA');
  assert.equal(after.view.passedOver?.pop, 'PA');
  assert.match(after.text, DOWN_WORDS);
  const far = await traced(serve, ends, FAR_CLIENT);
  const asked = [far.view, ...far.view.others].map(({ pop }) => pop);
  assert.ok(asked.includes('PB') && !asked.includes('PA'), `asked: ${asked}`);
  for (const client of clients) client.stop();
  await Promise.all(running);
  const outageMs = Math.max(...clients.map((client) => client.outageMs));
  const served = clients.reduce((sum, client) => sum + client.served, 0);
  t.diagnostic(
    `${served} requests; drained: none lost; killed: other answers after ${verdictMs?.toFixed(0)} ms`,
  );
  t.diagnostic(`trace: ${after.view.why}`);
  t.diagnostic(
    `the longest that a client with an answer for ${TTL_MS} ms went without: ${outageMs.toFixed(0)} ms`,
  );
  assert.ok(verdictMs !== undefined && verdictMs < VERDICT_MS, `other answers after ${verdictMs} ms`);
  assert.ok(outageMs < VERDICT_MS + TTL_MS, `served elsewhere after ${outageMs} ms`);
});
