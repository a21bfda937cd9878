import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DelayStageFacts } from './helpers/delay-stage.ts';
import { runTool, until } from './helpers/program.ts';
import { netnsMissing } from './netns/net.ts';

/** Real delays with real programs, in a network namespace of their own: curl, and kill -9. */

/** Why it cannot be tried here; undefined: it can. */
let missing = netnsMissing();
/** The namespace, kept by a program that does nothing; the POPs in it. */
let keeper: ChildProcess | undefined;
let stage: ChildProcess | undefined;
let said: Interface | undefined;
let facts: DelayStageFacts;
const inside = (...args: string[]): string[] => ['-t', String(keeper?.pid), '-n', ...args];

before(async () => {
  if (missing !== undefined) return;
  keeper = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up && echo up && exec sleep 600']);
  await once(keeper.stdout ?? assert.fail(), 'data');
  const script = fileURLToPath(new URL('helpers/delay-stage.ts', import.meta.url));
  stage = spawn('nsenter', inside(process.execPath, script), { stdio: ['pipe', 'pipe', 'inherit'] });
  said = createInterface({ input: stage.stdout ?? assert.fail() });
  const [line] = await Promise.race([once(said, 'line'), once(stage, 'exit')]);
  const told = JSON.parse(String(line)) as DelayStageFacts | { readonly refused: string };
  if ('refused' in told) missing = told.refused;
  else facts = told;
});
after(async () => {
  if (stage?.exitCode === null && stage.signalCode === null) stage.kill('SIGKILL');
  keeper?.kill('SIGKILL');
});

/** What curl timed, ms: the connection, and TLS after it. */
async function curl(client: string, pop: string, ...more: string[]) {
  const address = facts.addressOf[pop];
  const format = '%{time_connect} %{time_appconnect} %{time_starttransfer} %{http_code}';
  const url = `https://www.cdn.example:${facts.port}/static/a`;
  const where = ['--resolve', `www.cdn.example:${facts.port}:${address}`, '--cacert', facts.caFile];
  const args = ['-s', '-o', '/dev/null', '--interface', client, ...where, '-w', format, ...more, url];
  const { out } = await runTool('nsenter', inside('curl', ...args));
  const [connect = 0, secured = 0, first = 0, status = 0] = out.split(' ').map(Number);
  return {
    tcpMs: connect * 1000,
    tlsMs: (secured - connect) * 1000,
    headMs: (first - secured) * 1000,
    status,
  };
}

test('curl feels the model: five clients on five continents, each round trip', async (t) => {
  if (missing !== undefined) return t.skip(missing);
  const told = facts.clients.map(async ({ address, country, rttMs }) => {
    for (const [pop, more, tlsTrips] of [
      ['FRA', [], 1],
      ['SYD', ['--tls-max', '1.2'], 2],
    ] as const) {
      const rtt = rttMs[pop] ?? 0;
      const what = `${country} to ${pop}, ${rtt.toFixed(1)} ms`;
      // Never faster than the model; and once about as fast, however busy this machine is.
      const { value, held } = await until(
        async () => {
          const timed = await curl(address, pop, ...more);
          assert.equal(timed.status, 200, what);
          assert.ok(timed.tcpMs >= rtt, `${what}: connected in ${timed.tcpMs}`);
          assert.ok(timed.tlsMs >= tlsTrips * rtt, `${what}: TLS in ${timed.tlsMs}`);
          assert.ok(timed.headMs >= rtt, `${what}: answered in ${timed.headMs}`);
          return timed;
        },
        ({ tcpMs, tlsMs }) => tcpMs < rtt * 1.25 + 20 && tlsMs < tlsTrips * rtt * 1.25 + 60,
        20_000,
      );
      assert.ok(held, `${what}: ${JSON.stringify(value)}`);
    }
  });
  await Promise.all(told);
});

test('a change of the model is felt at once; what is no stand-in is not delayed', async (t) => {
  if (missing !== undefined) return t.skip(missing);
  const { address = '', rttMs = {} } = facts.clients.find(({ country }) => country === 'DE') ?? {};
  stage?.stdin?.write('FRA 300\n');
  const slow = await until(
    () => curl(address, 'FRA'),
    ({ tcpMs }) => tcpMs >= 300 + (rttMs['FRA'] ?? 0),
    10_000,
  );
  assert.ok(slow.held, JSON.stringify(slow.value));
  const plain = await until(
    () => curl('127.0.0.9', 'FRA'),
    ({ tcpMs }) => tcpMs < 100,
    10_000,
  );
  assert.ok(plain.held, JSON.stringify(plain.value));
  assert.ok(said !== undefined);
  stage?.stdin?.write('counters\n');
  const [line] = await once(said, 'line');
  const packets = JSON.parse(String(line))[0].samples;
  assert.ok(packets.find(({ values }: { values: string[] }) => values[0] === 'held').value > 100);
});

test('after kill -9 the kernel has neither the queue nor the rules', async (t) => {
  if (missing !== undefined) return t.skip(missing);
  const queues = (): string => readFileSync(`/proc/${keeper?.pid}/net/netfilter/nfnetlink_queue`, 'utf8');
  assert.match(queues(), /^ *53\d\d /);
  assert.ok(stage !== undefined);
  const ended = once(stage, 'exit');
  stage.kill('SIGKILL');
  await ended;
  const gone = await until(
    async () => queues(),
    (text) => text === '',
    10_000,
  );
  assert.ok(gone.held, gone.value);
  // Refused after a moment, not after the 300 ms that were held, nor lost.
  const refused = await until(
    async () => {
      const startedMs = performance.now();
      const { address = '' } = facts.clients[0] ?? {};
      const url = `https://${facts.addressOf['FRA']}:${facts.port}/`;
      const { code } = await runTool('nsenter', inside('curl', '-s', '-m', '5', '--interface', address, url));
      assert.equal(code, 7);
      return performance.now() - startedMs;
    },
    (ms) => ms < 300,
    10_000,
  );
  assert.ok(refused.held, `${refused.value} ms`);
});

test('a wrong client is refused, and so is the option where the kernel says no', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const wrong = await runTool(process.execPath, [main, 'up', '--here', '127.9.9.9', '--real-delays']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /--here "127\.9\.9\.9" is no address or network of `isochrone clients`/);
  if (missing !== undefined) return;
  const flags = ['--inh-caps=-net_admin', '--bounding-set=-net_admin'];
  const refused = await runTool('setpriv', [...flags, process.execPath, main, 'up', '--real-delays']);
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    /--real-delays: delays cannot be made real here: it needs root \(CAP_NET_ADMIN\)/,
  );
});
