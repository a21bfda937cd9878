import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StatusView } from '../../src/console/api.ts';
import { ANSWER_MS, CLIENT, NAME, VERDICT_MS, writeHealthCluster } from '../helpers/health-cluster.ts';
import { until } from '../helpers/program.ts';
import { withoutRedis } from '../helpers/redis.ts';
import { SERVICE } from '../helpers/service.ts';
import { seenAnswers, WATCH_ANSWERS } from '../helpers/watch-answers.ts';
import { makeNet, type Net, type NetHost, netnsMissing } from './net.ts';
import { type Role, startRole } from './roles.ts';

/** Packets that vanish: three POPs, two name servers and Redis, each a host of its own. No controller. */

const ADDRESSES = { PA: '198.18.1.10', PB: '198.18.2.10', PC: '198.18.3.10' } as const;
const POPS = ['pa', 'pb', 'pc'] as const;
const SERVERS = ['n1', 'n2'] as const;
type Server = (typeof SERVERS)[number];
const HOSTS: readonly NetHost[] = [
  { name: 'pa', address: ADDRESSES.PA },
  { name: 'pb', address: ADDRESSES.PB },
  { name: 'pc', address: ADDRESSES.PC },
  { name: 'n1', address: '198.18.11.10' },
  { name: 'n2', address: '198.18.12.10' },
  { name: 'redis', address: '198.18.20.10' },
];
const PORT = 8080;
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const missing = netnsMissing() ?? (withoutRedis() || undefined);
/** As long as any verdict of what is watched would take, and more, ms. */
const QUIET_MS = 5000;

let net: Net;
const roles = {} as Record<Server, Role>;
const printed: Record<Server, string> = { n1: '', n2: '' };
const folder = mkdtempSync(join(tmpdir(), 'isochrone-health-'));

before(async () => {
  if (missing !== undefined) return;
  net = await makeNet(HOSTS);
  const redis = ['--bind', '198.18.20.10', '--protected-mode', 'no', '--save', '', '--dir', folder];
  net.start('redis', 'redis-server', redis).stdout.resume();
  for (const pop of POPS)
    net
      .start(pop, process.execPath, [
        SERVICE,
        JSON.stringify({ kind: 'http', address: '0.0.0.0', port: PORT }),
      ])
      .stdout.resume();
  const config = writeHealthCluster(folder, { addresses: ADDRESSES, port: PORT });
  const start = async (server: Server): Promise<void> => {
    const state = join(folder, server);
    mkdirSync(state);
    const flags = ['--config', config, '--store', 'redis://198.18.20.10:6379', '--state', state];
    roles[server] = await startRole(net, server, ['serve', ...flags, '--workers', '1']);
    const watch = [WATCH_ANSWERS, '127.0.0.1', '5300', NAME, CLIENT];
    net
      .start(server, process.execPath, watch)
      .stdout.setEncoding('utf8')
      .on('data', (text: string) => {
        printed[server] += text;
      });
  };
  await Promise.all(SERVERS.map(start));
});
after(() => {
  net?.close();
  rmSync(folder, { recursive: true, force: true });
});

const last = (server: Server) => seenAnswers(printed[server]).at(-1) ?? { atMs: 0, answer: 'nothing yet' };

/** Waits until both name servers answer so. */
async function bothAnswer(address: string, withinMs: number, what: string): Promise<void> {
  const answers = async () => SERVERS.map((server) => last(server).answer);
  const seen = await until(answers, (all) => all.every((one) => one === address), withinMs);
  const said = SERVERS.map((server) => roles[server].output()).join('\n');
  assert.ok(seen.held, `${what}: ${seen.value.join(' and ')} after ${Math.round(seen.ms)} ms; ${said}`);
}

/** Cuts a name server off from hosts, silently, or lets it have them again. */
function cut(servers: readonly Server[], from: readonly string[], lossRate = 1): Promise<void> {
  const paths = servers.flatMap((server) =>
    from.map((host) => ({ between: [server, host] as const, rttMs: 1, lossRate })),
  );
  return net.setPaths(paths);
}

test('packets to a POP vanish: a verdict in 2 s, and 100 ms later no name server answers with it', {
  skip: missing ?? false,
}, async (t) => {
  await bothAnswer(ADDRESSES.PA, 10_000, 'at first');
  await probersSettle();
  const atMs = Date.now();
  await cut(SERVERS, ['pa']);
  await bothAnswer(ADDRESSES.PB, 8000, 'cut off');
  const verdicts = SERVERS.map((server) => {
    const lines = roles[server].output().matchAll(/^(\S+Z) PA is down: /gm);
    return Date.parse([...lines].at(-1)?.[1] ?? '');
  });
  const verdictMs = Math.min(...verdicts);
  const answersMs = SERVERS.map((server) => last(server).atMs - verdictMs);
  t.diagnostic(`verdict after ${verdictMs - atMs} ms, answers ${answersMs.join(' and ')} ms after it`);
  assert.ok(verdictMs - atMs > 0 && verdictMs - atMs <= VERDICT_MS, `${verdictMs - atMs} ms`);
  for (const one of answersMs) assert.ok(one <= ANSWER_MS, `${one} ms`);
  await cut(SERVERS, ['pa'], 0);
  await bothAnswer(ADDRESSES.PA, 6000, 'when it is reached again');
});

test('a name server that loses its own network takes no POP down, here or elsewhere', {
  skip: missing ?? false,
}, async (t) => {
  await bothAnswer(ADDRESSES.PA, 10_000, 'at first');
  await probersSettle();
  const before = { ...printed };
  await cut(['n1'], POPS);
  await sleep(QUIET_MS);
  const { probers, pops } = await statusOf('n2');
  const downs = probers.map(({ up, down }) => `${up} up, ${down.length} down`);
  t.diagnostic(`of the probers one sees ${downs[0]}, the other ${downs[1]}`);
  assert.deepEqual(downs.toSorted(), ['0 up, 3 down', '3 up, 0 down']);
  assert.deepEqual(
    pops.map(({ state }) => state),
    ['up', 'up', 'up'],
  );
  await cut(['n1'], ['redis']);
  await sleep(2 * QUIET_MS);
  assert.deepEqual(printed, before, 'no answer changed, with the store out of reach either');
  await cut(['n1'], [...POPS, 'redis'], 0);
  await probersSettle();
  assert.deepEqual(printed, before);
});

async function statusOf(server: Server): Promise<StatusView> {
  const { out, err } = await net.run(server, process.execPath, [MAIN, 'status', '--json']);
  assert.notEqual(out, '', err);
  return JSON.parse(out) as StatusView;
}

/** Waits until both see all three POPs, and each other. */
async function probersSettle(): Promise<void> {
  const seen = await until(
    () => statusOf('n2'),
    ({ probers }) => probers.length === 2 && probers.every(({ up }) => up === POPS.length),
    15_000,
  );
  assert.ok(seen.held, JSON.stringify(seen.value.probers));
}
