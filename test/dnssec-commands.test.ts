import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isSignatureBy } from '../src/cli/key-files.ts';
import type { ListenAddress } from '../src/server/handler.ts';
import { startNameServer } from '../src/server/supervisor.ts';
import { TYPE } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import type { ZoneRecord } from '../src/zone/record.ts';
import { coveredBy } from '../src/zone/secured.ts';
import { verifyZone } from '../src/zone/verify.ts';
import { runCli } from './helpers/cli.ts';
import { hasProgram } from './helpers/daemon.ts';
import { loadEdge } from './helpers/edge.ts';
import { imageOf, makeKeys, signingGroundOf, signText, type ZoneToSign } from './helpers/signed-zones.ts';

const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;
const TEXT = `$TTL 300
@ SOA ns1 host 7 3600 600 86400 60
@ NS ns1
ns1 A 127.0.0.1
www STEER edge
www HTTPS 1 . alpn=h2 ipv4hint=auto ipv6hint=auto
_dns.www SVCB 1 www alpn=dot ipv4hint=auto
*.any STEER edge
a.b TXT "x"
sub NS ns.sub
ns.sub A 192.0.2.53
`;

const folder = mkdtempSync(join(tmpdir(), 'isochrone-zone-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const config = join(folder, 'isochrone.yaml');
const bench = readFileSync(new URL('bench/edge.yaml', import.meta.url), 'utf8');
const signedAs = (dnssec: string, state = join(folder, 'state')): string =>
  `  - { origin: edge.test, file: edge.zone, dnssec: ${dnssec} }\nstate: ${state}`;
writeFileSync(config, bench.replace(/ {2}- \{ origin.*/, signedAs('{}')));
writeFileSync(join(folder, 'edge.zone'), TEXT);
const edge = loadEdge();
const run = (...args: string[]) => runCli('zone', ...args, '--config', config);

test('keys are made, shown, and rolled; the DS is that of dnssec-dsfromkey', async (context) => {
  const absent = await run('ds', 'edge.test');
  assert.equal(absent.code, 1);
  const unchecked = await runCli('check', '--config', config);
  assert.match(
    unchecked.out,
    /no key of edge\.test\., which is to be signed: isochrone zone keygen edge\.test\./,
  );
  const made = await run('keygen', 'EDGE.test.', '--split', '--algorithm', 'ed25519');
  assert.equal(made.code, 0, made.err);
  const [ksk = '', zsk = ''] = made.out.trim().split('\n');
  assert.match(ksk, /Kedge\.test\.\+015\+\d{5}\.key$/);
  assert.equal((await run('keygen', 'edge.test')).code, 2, 'a zone that has keys gets no others');
  assert.equal((await runCli('check', '--config', config)).code, 0);
  const ds = await run('ds', 'edge.test');
  const shown = await run('keys', 'edge.test');
  assert.match(shown.out, /ksk +active/);
  assert.match(shown.out, /zsk +active/);
  const change = async (algorithm: string) => (await run('roll', 'edge.test', '--algorithm', algorithm)).err;
  assert.match(await change('rsa'), /--algorithm "rsa" is not ecdsap256sha256 or ed25519/);
  assert.match(await change('ed25519'), /the zone has that algorithm/);
  const rolled = await run('roll', 'edge.test', '--role', 'zsk');
  assert.match(rolled.out, /zsk +published .*to be served/);
  assert.match((await run('roll', 'edge.test', '--role', 'zsk')).err, /one rollover at a time/);
  assert.match(await change('ecdsap256sha256'), /one rollover at a time/);
  assert.match((await run('roll', 'edge.test', '--ds-published')).err, /no key waits for that/);
  assert.match((await run('nothing', 'edge.test')).err, /no such action: "nothing"/);
  if (!hasProgram(context, 'dnssec-dsfromkey')) return;
  const theirs = spawnSync('dnssec-dsfromkey', ['-2', ksk], { env: { PATH }, encoding: 'utf8' });
  const digest = (text: string): string =>
    text
      .trim()
      .replace(/^.*DS /, '')
      .replaceAll(' ', '');
  assert.equal(digest(ds.out), digest(theirs.stdout));
  assert.notEqual(zsk, '');
});

test('keys of dnssec-keygen sign; what is damaged is told', async (context) => {
  if (!hasProgram(context, 'dnssec-keygen')) return;
  const keys = mkdtempSync(join(folder, 'keys-'));
  const own = join(keys, 'keys');
  mkdirSync(own);
  const zone: ZoneToSign = { origin: 'other.test.', text: TEXT.replaceAll('STEER edge', 'A 192.0.2.1') };
  const theirs = spawnSync('dnssec-keygen', ['-K', own, '-a', 'ECDSAP256SHA256', '-f', 'KSK', 'other.test'], {
    env: { PATH },
    encoding: 'utf8',
  });
  assert.equal(theirs.status, 0, theirs.stderr);
  const ground = { ...signingGroundOf(edge.data, keys), folder: keys };
  const signed = signText(zone, ground);
  const nowS = Math.floor(Date.now() / 1000);
  const origin = parseName(zone.origin) as Uint8Array;
  assert.deepEqual(verifyZone(origin, signed.records, { nowS, isBy: isSignatureBy }).problems, []);
  const faults: readonly (readonly [string, (record: ZoneRecord) => boolean, number])[] = [
    ['has no signature', (record) => coveredBy(record) !== TYPE.TXT, nowS],
    ['has no NSEC', (record) => record.type !== TYPE.NSEC || record.owner[0] !== 1, nowS],
    ['has expired', () => true, nowS + 20 * 86_400],
    ['not valid yet', () => true, nowS - 86_400],
    ['lists', (record) => record.type !== TYPE.CDS && coveredBy(record) !== TYPE.CDS, nowS],
  ];
  for (const [message, keeps, at] of faults) {
    const { problems } = verifyZone(origin, signed.records.filter(keeps), { nowS: at, isBy: isSignatureBy });
    assert.ok(
      problems.some((problem) => problem.message.includes(message)),
      message,
    );
  }
  const changed = signed.records.map((record) =>
    record.type === TYPE.TXT ? { ...record, rdata: Uint8Array.of(1, 0x79) } : record,
  );
  const wrong = verifyZone(origin, changed, { nowS, isBy: isSignatureBy }).problems;
  assert.match(
    wrong.map(({ message }) => message).join(),
    /a\.b\.other\.test\. TXT: the signature by \d+ is wrong/,
  );
});

for (const denial of ['nsec', 'nsec3'] as const)
  test(`the exported zone, as a client sees it, verifies: ${denial}`, async (context) => {
    const state = mkdtempSync(join(folder, 'state-'));
    const own = join(folder, `${denial}.yaml`);
    const keys = `{ keys: ${join(state, 'dnssec/keys')}, denial: ${denial} }`;
    writeFileSync(own, bench.replace(/ {2}- \{ origin.*/, signedAs(keys, state)));
    const ground = signingGroundOf(edge.data, join(state, 'dnssec'));
    const zone: ZoneToSign = { origin: 'edge.test.', text: TEXT, dnssec: { denial } };
    makeKeys(zone, ground.folder);
    const signed = signText(zone, ground);
    signed.save();
    const server = await startNameServer({
      listen: [{ host: '127.0.0.1', port: 0 }],
      data: { ...edge.data, zones: imageOf([[zone, signed]], [], ['edge']) },
      image: edge.image,
      workers: 1,
    });
    context.after(() => server.close());
    const { port } = server.addresses[0] as ListenAddress;
    const from = ['--server', `127.0.0.1:${port}`, '--client', '10.1.2.3', '--config', own];
    const exported = await runCli('zone', 'export', 'edge.test', ...from);
    assert.equal(exported.code, 0, exported.err);
    assert.match(exported.out, /^www\.edge\.test\. 30 IN A 192\.0\.2\.2$/m);
    assert.match(
      exported.out,
      /^www\.edge\.test\. 30 IN HTTPS 1 \. alpn="h2" ipv4hint=192\.0\.2\.2 ipv6hint=/m,
    );
    assert.match(
      exported.out,
      /^_dns\.www\.edge\.test\. 30 IN SVCB 1 www\.edge\.test\. .*ipv4hint=192\.0\.2\.2$/m,
    );
    const file = join(state, 'exported');
    writeFileSync(file, exported.out);
    for (const how of [from, ['--file', file, '--config', own]]) {
      const verified = await runCli('zone', 'verify', 'edge.test', ...how);
      assert.equal(verified.code, 0, verified.out + verified.err);
      assert.doesNotMatch(verified.out, /made now/, 'every signature is one that is served');
    }
    writeFileSync(
      file,
      exported.out.replace(/^www\.edge\.test\. 30 IN A .*$/m, 'www.edge.test. 30 IN A 192.0.2.9'),
    );
    assert.equal((await runCli('zone', 'verify', 'edge.test', '--file', file, '--config', own)).code, 1);
    if (!hasProgram(context, 'dnssec-verify')) return;
    writeFileSync(file, exported.out);
    const theirs = spawnSync('dnssec-verify', ['-z', '-o', 'edge.test', file], {
      env: { PATH },
      encoding: 'utf8',
    });
    assert.equal(theirs.status, 0, theirs.stdout + theirs.stderr);
  });
