import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  answersOf,
  fixture,
  listenOn,
  rdataOf,
  subnetOf,
  useCityDatabase,
  writeCityDatabase,
} from '../helpers/imported.ts';
import { type Program, runProgram, startProgram, until } from '../helpers/program.ts';

/**
 * An export with each routing policy of Route 53, imported, checked and served, answers as the policies mean.
 */

/** Ports of the health checks `hc-tcp` and `hc-1`. */
const TCP_PORT = 18_081;
const HTTP_PORT = 18_080;
const folder = mkdtempSync(join(tmpdir(), 'isochrone-route53-'));
const out = join(folder, 'out');
const config = join(out, 'isochrone.yaml');
const web = createServer((request, response) => {
  const isAsked = request.url === '/health' && request.headers.host?.startsWith('www.r53.example') === true;
  response.writeHead(isAsked ? 200 : 500).end('all is fine');
});
let program: Program;
let shut: () => void = () => undefined;
let notes = '';

before(async () => {
  const files = ['records.json', 'checks.json'].map((name) => fixture(`route53/${name}`));
  const imported = await runProgram('import', 'route53', ...files, '--out', out, '--json');
  assert.equal(imported.code, 0, imported.out + imported.err);
  notes = readFileSync(join(out, 'not-carried-over.txt'), 'utf8');
  const told = JSON.parse(imported.out) as { ok: boolean; notes: readonly unknown[] };
  assert.deepEqual([told.ok, told.notes.length], [true, notes.trimEnd().split('\n').length]);
  const city = join(folder, 'city.mmdb');
  writeCityDatabase(city);
  useCityDatabase(config, city);
  // Ten seconds is the least that Route 53 has: nobody here waits so long.
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll('intervalMs: 10000', 'intervalMs: 500'));
  assert.equal((await runProgram('check', '--config', config)).code, 0);
  // The primary is up, as is one of those that have many values.
  shut = await listenOn(['127.80.3.1', '127.80.6.1'], TCP_PORT);
  // A prober that sees nobody up is no witness: this one stays.
  web.listen({ host: '127.80.1.1', port: HTTP_PORT });
  program = await startProgram(['serve', '--config', config]);
});

after(async () => {
  await program?.end();
  shut();
  web.close();
  rmSync(folder, { recursive: true, force: true });
});

const asked = async (name: string, type = 'A', subnet?: string): Promise<string> =>
  (await rdataOf(program.port, `${name}.r53.example`, type, subnet)).join(' ');

test('each policy answers as it means', async () => {
  const table: readonly (readonly [name: string, type: string, subnet: string, answers: string])[] = [
    ['simple', 'A', '', '127.80.0.1 127.80.0.2'],
    ['simple', 'AAAA', '', '2001:db8:80::1'],
    ['anything.wild', 'A', '', '127.80.0.4'],
    ['failover', 'A', '', '127.80.3.1'],
    ['geo', 'A', subnetOf('DE'), '127.80.4.1'],
    ['geo', 'A', subnetOf('FR'), '127.80.4.2'],
    ['geo', 'A', subnetOf('US'), '127.80.4.4'],
    ['geo', 'A', subnetOf('JP'), '127.80.4.5'],
    ['geo', 'A', '', '127.80.4.5'],
    ['near', 'A', subnetOf('US'), '127.80.5.1'],
    ['near', 'A', subnetOf('FR'), '127.80.5.2'],
    ['near', 'A', subnetOf('BR'), '127.80.5.2'],
    ['multi', 'A', '', '127.80.6.1 127.80.6.2 127.80.6.3'],
    ['tree', 'A', subnetOf('JP'), '127.80.3.1'],
    ['dual', 'A', '', '127.80.7.1'],
    ['dual', 'AAAA', '', '2001:db8:80::7'],
    ['cdn', 'A', '', 'one.cdn.example.net.'],
    ['cdn', 'AAAA', '', 'one.cdn.example.net.'],
    ['elb', 'A', '', 'dualstack.web-1.us-east-1.elb.amazonaws.com.'],
    ['cidr', 'A', '', '127.80.8.2'],
  ];
  for (const [name, type, subnet, expected] of table) {
    const what = `${name} ${type} ${subnet}`;
    const where = subnet === '' ? undefined : subnet;
    assert.equal(await asked(name, type, where), expected, what);
    if (name !== 'geo') continue;
    const dug = await answersOf(program.port, `${name}.r53.example`, type, where);
    assert.equal(dug.join(' '), expected, `dig: ${what}`);
  }
  assert.deepEqual(await rdataOf(program.port, 'r53.example', 'A'), ['127.80.0.1', '127.80.0.2']);
});

test('latency: the region that a client is next to; weights: their shares, in a tree too', async () => {
  // What latency means is measured: the modelled internet has a region next door to these clients.
  const near = async () => [
    await asked('latency', 'A', subnetOf('US')),
    await asked('latency', 'A', subnetOf('JP')),
  ];
  assert.deepEqual(await near(), ['127.80.1.2', '127.80.1.3']);
  const count = 240;
  for (const [name, subnets] of [
    ['weighted', Array.from({ length: count }, (_, i) => `203.0.${i}.0/24`)],
    ['tree', []],
  ] as const) {
    if (subnets.length === 0) {
      assert.match(await asked(name, 'A', subnetOf('DE')), /^127\.80\.2\.[12]$/);
      continue;
    }
    const answers = await Promise.all(subnets.map((subnet) => asked(name, 'A', subnet)));
    const blue = answers.filter((answer) => answer === '127.80.2.1').length / count;
    assert.deepEqual([...new Set(answers)].sort(), ['127.80.2.1', '127.80.2.2']);
    // Six standard deviations of what chance does.
    assert.ok(Math.abs(blue - 0.7) < 6 * Math.sqrt(0.21 / count), `blue: ${blue}`);
  }
});

test('health checks of the export are made: what fails is left out, and the secondary answers', async () => {
  shut();
  // No controller is here to write new rows: the secondary's first address answers until then.
  const told = await until(
    async () =>
      `${await asked('failover')}; ${await asked('multi')}; ${await asked('tree', 'A', subnetOf('JP'))}`,
    (text) => text === '127.80.3.2; 127.80.6.2 127.80.6.3; 127.80.3.2',
    40_000,
  );
  assert.ok(told.held, told.value);
});

test('what could not be carried over is listed with file and line', () => {
  for (const pattern of [
    /records\.json:\d+: lost: geo\.r53\.example\. for US-CA: parts of countries/,
    /records\.json:\d+: lost: health check hc-gone: it is not in the files/,
    /records\.json:\d+: changed: elb\.r53\.example\. alias of dualstack/,
    /records\.json:\d+: lost: txt\.r53\.example\. TXT t2/,
    /records\.json:\d+: lost: cidr\.r53\.example\. for office/,
    /records\.json:\d+: changed: NS of r53\.example\./,
  ])
    assert.match(notes, pattern);
});
