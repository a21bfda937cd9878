import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from './helpers/cli.ts';

/** The ten faults of test/fixtures/planted.yaml and planted.zone: file, line, and words of the message. */
const PLANTED: readonly (readonly [file: string, line: number, words: RegExp])[] = [
  ['planted.yaml', 2, /cluster: "Planted"/],
  ['planted.yaml', 4, /listen\.dns\[0\]: "127\.0\.0\.1:53000000"/],
  ['planted.yaml', 10, /services\.web\.pops\[1\]: no POP has the code "XYZ"/],
  ['planted.yaml', 11, /services\.web\.ttl: min \(60\) is greater than max \(30\)/],
  ['planted.yaml', 17, /pops\[0\]\.latitude: 500\.3: at most 90/],
  ['planted.yaml', 22, /stering: no such key; did you mean "steering"/],
  ['planted.zone', 4, /"192\.0\.2\.530" is not an IPv4 address/],
  ['planted.zone', 6, /no service "webb"; did you mean "web"/],
  ['planted.zone', 7, /"ten" is not a number/],
  ['planted.zone', 8, /alias\.planted\.example\. has CNAME and TXT/],
];

test('check names all ten planted faults with file and line, and fails', async () => {
  const { code, out, err } = await runCli('check', '--config', 'test/fixtures/planted.yaml');
  assert.equal(code, 1);
  assert.equal(err, '');
  const lines = out.trimEnd().split('\n');
  assert.equal(lines.pop(), 'bad: 1 zone, 6 records: 10 errors, 0 warnings');
  assert.equal(lines.length, PLANTED.length, out);
  for (const [i, [file, line, words]] of PLANTED.entries()) {
    assert.match(lines[i] as string, words);
    assert.ok(lines[i]?.startsWith(`test/fixtures/${file}:${line}:`), lines[i]);
  }
});

test('check as JSON says the same', async () => {
  const { code, out } = await runCli('check', '--config', 'test/fixtures/planted.yaml', '--json');
  assert.equal(code, 1);
  const { ok, errors } = JSON.parse(out) as { ok: boolean; errors: { file: string; line: number }[] };
  assert.equal(ok, false);
  assert.deepEqual(
    errors.map(({ file, line }) => [file, line]),
    PLANTED.map(([file, line]) => [`test/fixtures/${file}`, line]),
  );
});

test('the demo and the example are good', async () => {
  const own = ['geo-data/demo/demo.yaml', 'deploy/isochrone.yaml', 'deploy/edge-security/edge-security.yaml'];
  for (const file of own) {
    const { code, out } = await runCli('check', '--config', file);
    assert.equal(code, 0, out);
    assert.match(out, /^good: 1 zone, \d+ records: 0 errors, 0 warnings\n$/);
  }
  assert.equal((await runCli('check')).code, 0, 'without --config it is the demo');
});

test('zones alone: any service will do, unless a configuration is named', async () => {
  const zone = 'deploy/edge.example.zone';
  assert.equal((await runCli('check', zone, '--origin', 'edge.example')).code, 0);
  const strict = await runCli('check', 'test/fixtures/planted.zone', '--origin', 'planted.example');
  assert.equal(strict.code, 1);
  assert.doesNotMatch(strict.out, /webb/);
  const two = await runCli('check', zone, zone, '--origin', 'edge.example');
  assert.equal(two.code, 2);
  assert.match(two.err, /2 ZONEFILEs, but --origin 1 times/);
  const missing = await runCli('check', 'nowhere.zone', '--origin', 'a.example');
  assert.equal(missing.code, 1);
  assert.match(missing.out, /cannot read the zone file "nowhere\.zone"/);
});

test('a configuration that is not there', async () => {
  const { code, err } = await runCli('check', '--config', 'nowhere.yaml');
  assert.equal(code, 1);
  assert.equal(err, 'nowhere.yaml: no such file\n');
});

test('a service that may answer with an alias stands alone at its name, and not at the apex', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-check-'));
  const link = 'links: [{ transit: t, capacityMbps: 9, cname: cdn.example.net }]';
  const place = 'city: C, country: US, region: us, latitude: 40, longitude: -74, capacityRps: 9';
  writeFileSync(
    join(folder, 'c.yaml'),
    `zones: [{ origin: a.example, file: a.zone }]
services: { web: {} }
pops: [{ code: CDN, ${place}, ${link} }]
`,
  );
  const head = '$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns.example.net.\n';
  writeFileSync(
    join(folder, 'a.zone'),
    `${head}@ STEER web\nx STEER web\nx MX 1 mx.example.net.\ny STEER web\n`,
  );
  const { code, out } = await runCli('check', '--config', join(folder, 'c.yaml'));
  rmSync(folder, { recursive: true });
  assert.equal(code, 1);
  assert.match(out, /a\.zone:4: STEER: the service "web" may answer with an alias, .* at the apex/);
  assert.match(out, /a\.zone:5: STEER: the service "web" may answer with an alias, .* beside MX/);
  assert.match(out, /: 2 errors/);
});
