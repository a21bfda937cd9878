import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePorts } from '../../src/server/listeners.ts';
import { testAuthority } from '../helpers/certificates.ts';
import { runProgram, runTool, startProgram, until } from '../helpers/program.ts';
import { smallGeo } from '../helpers/small-geo.ts';
import { hasPeer, KEY, type Peer, type PeerKind, startPeer } from '../helpers/transfer-peers.ts';

const KINDS = (['nsd', 'knot', 'bind'] as const).filter(hasPeer);
const WITHIN_MS = 60_000;
const SIGNED = ['-y', `${KEY.algorithm}:${KEY.name}:${KEY.secret}`];

/** A zone; `hosts`: names and the last octet of their addresses. */
function zoneText(zone: string, serial: number, hosts: Record<string, number>): string {
  const rows = Object.entries(hosts).map(([name, octet]) => `${name} 300 IN A 192.0.2.${octet}\n`);
  return (
    `$ORIGIN ${zone}.\n$TTL 300\n@ IN SOA ns admin ${serial} 3600 5 100000 60\n@ IN NS ns\n` +
    `ns IN A 127.0.0.1\n@ IN MX 10 mail.ns\nmail.ns IN AAAA 2001:db8::1\nt IN TXT "a b" "c"\n` +
    `*.w IN CNAME ns\nsub IN NS ns.sub\nns.sub IN A 192.0.2.200\n${rows.join('')}`
  );
}

async function short(port: number, ...args: string[]): Promise<string> {
  const { out } = await runTool('dig', [
    '+short',
    '+time=2',
    '+tries=1',
    '-p',
    `${port}`,
    '@127.0.0.1',
    ...args,
  ]);
  return out.trim();
}

async function serialAt(port: number, zone: string): Promise<number> {
  return Number((await short(port, 'SOA', zone)).split(' ')[2]);
}

async function reaches(port: number, zone: string, serial: number, log: () => string): Promise<void> {
  const { held, value } = await until(
    () => serialAt(port, zone),
    (found) => found === serial,
    WITHIN_MS,
  );
  assert.ok(held, `${zone} at port ${port} has serial ${value}, not ${serial}:\n${log()}`);
}

async function statusOf(port: number, name: string): Promise<string> {
  const { out } = await runTool('dig', ['+time=2', '+tries=1', '-p', `${port}`, '@127.0.0.1', 'SOA', name]);
  return /status: (\w+)/.exec(out)?.[1] ?? 'none';
}

async function stage(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-transfer-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const free = await freePorts(Array.from({ length: 10 }, () => ({ host: '127.0.0.1', port: 0 })));
  const [own = 0, dot = 0, bindTls = 0, ...others] = free.map(({ port }) => port);
  const authority = testAuthority(context);
  const pair = authority.issue();
  const files = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key'), ca: authority.caFile };
  writeFileSync(files.certificate, pair.certificate);
  writeFileSync(files.key, pair.key);
  /** BIND is spoken with over TLS, the others are not. */
  const tlsOf = (kind: PeerKind, port: number) =>
    kind === 'bind' ? { tls: { ...files, port, hostname: 'edge.test' } } : {};
  const primaryOf = (kind: PeerKind): string =>
    kind === 'bind'
      ? `127.0.0.1:${bindTls} tls bind key ${KEY.name}`
      : `127.0.0.1:${portsOf(kind)[0]} key ${KEY.name}`;
  const ports = new Map(
    KINDS.map((kind, i) => [kind, [others[2 * i], others[2 * i + 1]] as [number, number]]),
  );
  const portsOf = (kind: PeerKind): [number, number] => ports.get(kind) as [number, number];
  const file = join(folder, 'own.zone');
  const secondaries = KINDS.map(
    (kind) => `  - { origin: ${kind}.example, primary: ['${primaryOf(kind)}'] }\n`,
  );
  const WWW = 'www 60 IN STEER web\nwww 60 IN HTTPS 1 . alpn=h3 ipv4hint=auto\n';
  const steered = (serial: number, hosts: Record<string, number>): string =>
    `${zoneText('own.example', serial, hosts)}${WWW}`;
  const write = (serial: number, hosts: Record<string, number>): void =>
    writeFileSync(file, steered(serial, hosts));
  write(1, { a: 1, b: 2 });
  const config = join(folder, 'isochrone.yaml');
  writeFileSync(
    config,
    `listen: { dns: ['127.0.0.1:${own}'], dot: ['127.0.0.1:${dot}'], admin: '127.0.0.1:0' }
tls: { certificate: tls.crt, key: tls.key }
transferTls: { bind: { hostname: edge.test, ca: ${files.ca} } }
keys: { ${KEY.name}: { algorithm: ${KEY.algorithm}, secret: ${KEY.secret} } }
zones:
  - origin: own.example
    file: own.zone
    transfer: ['127.0.0.1 key ${KEY.name}']
    notify: [${KINDS.map((kind) => `'127.0.0.1:${portsOf(kind)[1]} key ${KEY.name}'`).join(', ')}]
    view: 192.0.2.1
${secondaries.join('')}  - { origin: never.example, primary: ['127.0.0.1:1'] }
services: { web: { ttl: { min: 60, max: 60 } } }
geo: ${smallGeo(folder)}
pops:
  - { code: FRA, city: Frankfurt, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 1000,
      links: [{ transit: x, capacityMbps: 100, ipv4: 198.51.100.1, ipv6: '2001:db8:1::1' }] }
`,
  );
  const state = join(folder, 'state');
  return { folder, own, portsOf, tlsOf, dot, bindTls, write, config, state };
}

test('zones go to and come from NSD, Knot and BIND, signed, whole and as differences', async (context) => {
  if (KINDS.length === 0) return context.skip('neither NSD nor Knot nor BIND is installed');
  const { own, portsOf, tlsOf, dot, bindTls, write, config, state } = await stage(context);
  const primaries = new Map<PeerKind, Peer>();
  for (const kind of KINDS) {
    const zone = `${kind}.example`;
    const [primary] = portsOf(kind);
    const text = zoneText(zone, 10, { a: 1, b: 2 });
    primaries.set(
      kind,
      await startPeer(context, kind, { port: primary, other: own, zone, text, ...tlsOf(kind, bindTls) }),
    );
  }
  const start = () => startProgram(['serve', '--config', config, '--workers', '1'], { state, port: own });
  let program = await start();
  context.after(() => program.end());
  // Those that come before their primary would wait before they come again.
  const secondaries = new Map<PeerKind, Peer>();
  for (const kind of KINDS) {
    const setup = { port: portsOf(kind)[1], other: own, zone: 'own.example', ...tlsOf(kind, dot) };
    secondaries.set(kind, await startPeer(context, kind, setup));
  }
  const log = (): string => program.output();

  await context.test('what comes for the first time comes whole', async () => {
    for (const kind of KINDS) {
      await reaches(own, `${kind}.example`, 10, log);
      const [port] = portsOf(kind);
      for (const [name, type] of [
        ['a', 'A'],
        ['t', 'TXT'],
        ['x.w', 'A'],
        ['nothing', 'A'],
      ] as const) {
        const asked = [`${name}.${kind}.example`, type];
        assert.equal(await short(own, ...asked), await short(port, ...asked), `${asked}`);
      }
      assert.equal(await short(own, `a.${kind}.example`, 'A'), '192.0.2.1');
    }
    assert.equal(await statusOf(own, 'never.example'), 'SERVFAIL');
  });

  await context.test('others get what is served, steered names as the view sees them', async () => {
    for (const kind of KINDS) {
      const [, port] = portsOf(kind);
      await reaches(port, 'own.example', 1, () => log() + secondaries.get(kind)?.log());
      assert.equal(await short(port, 'b.own.example', 'A'), '192.0.2.2');
      assert.equal(await short(port, 'www.own.example', 'A'), '198.51.100.1');
      assert.equal(await short(port, 'www.own.example', 'AAAA'), '2001:db8:1::1');
      assert.equal(await short(port, 'www.own.example', 'HTTPS'), '1 . alpn="h3" ipv4hint=198.51.100.1');
    }
  });

  await context.test('a changed file goes out as differences', async () => {
    write(2, { a: 1, c: 3 });
    for (const kind of KINDS) {
      const [, port] = portsOf(kind);
      await reaches(port, 'own.example', 2, () => log() + secondaries.get(kind)?.log());
      assert.equal(await short(port, 'c.own.example', 'A'), '192.0.2.3');
      assert.equal(await short(port, 'b.own.example', 'A'), '');
    }
    const { out } = await runTool('dig', ['-p', `${own}`, '@127.0.0.1', ...SIGNED, 'own.example', 'IXFR=1']);
    const records = out.split('\n').filter((line) => /^\S+\s+\d+\s+IN\s/.test(line));
    assert.deepEqual(
      records.map((line) => line.split(/\s+/).slice(0, 5).join(' ')).filter((line) => !line.includes('SOA')),
      ['b.own.example. 300 IN A 192.0.2.2', 'c.own.example. 300 IN A 192.0.2.3'],
    );
  });

  await context.test('what changes elsewhere comes as differences, at NOTIFY', async () => {
    for (const kind of KINDS) {
      const text = zoneText(`${kind}.example`, 11, { a: 1, c: 3 });
      await primaries.get(kind)?.change(text);
      await reaches(own, `${kind}.example`, 11, () => log() + primaries.get(kind)?.log());
      assert.equal(await short(own, `c.${kind}.example`, 'A'), '192.0.2.3');
      assert.equal(await short(own, `b.${kind}.example`, 'A'), '');
    }
    assert.match(log(), /came by IXFR from 127\.0\.0\.1: serial 11/);
  });

  await context.test('the figures tell of it', async () => {
    const text = await (await fetch(`${program.admin}/metrics`)).text();
    const value = (series: string): number =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`isochrone_${series} `))
          ?.split(' ')
          .at(-1),
      );
    const count = KINDS.length;
    assert.equal(value('zone_sources{source="secondary"}'), count + 1);
    assert.equal(value('secondary_zones{state="current"}'), count);
    assert.equal(value('secondary_zones{state="empty"}'), 1);
    assert.equal(value('zone_serial{zone="own.example"}'), 2);
    assert.ok(value('transfers_in_total{result="axfr"}') >= count);
    assert.ok(value('transfers_in_total{result="ixfr"}') >= 1);
    assert.ok(value('transfers_in_total{result="failed"}') >= 1, 'never.example');
    assert.ok(value('transfer_in_octets_total') > 1000);
    assert.ok(value('transfers_out_total{kind="axfr",result="sent"}') >= count);
    assert.ok(value('transfers_out_total{kind="ixfr",result="sent"}') >= 1);
    assert.ok(value('transfer_out_octets_total') > 1000);
    if (KINDS.includes('bind')) assert.ok(value('dns_tls_accepted_total{transport="tls"}') >= 1);
    assert.ok(value('notifies_in_total{result="taken"}') >= count);
    assert.ok(value('notifies_out_total{result="answered"}') >= count);
    const nowS = Date.now() / 1000;
    for (const kind of KINDS) {
      const zone = `${kind}.example`;
      assert.ok(nowS - value(`zone_confirmed_timestamp_seconds{zone="${zone}"}`) < 60);
      assert.ok(Math.abs(value(`zone_expiry_timestamp_seconds{zone="${zone}"}`) - nowS - 100_000) < 60);
      assert.equal(value(`zone_serial{zone="${zone}"}`), 11);
    }
  });

  await context.test('SIGHUP ends nothing: a changed file is read at once', async () => {
    const before = log().length;
    process.kill(program.pid, 'SIGHUP');
    const said = async (): Promise<string> => log().slice(before);
    const { held, value } = await until(
      said,
      (text) => text.includes('SIGHUP: read again: zones'),
      WITHIN_MS,
    );
    assert.ok(held, value);
    assert.equal(await serialAt(own, 'own.example'), 2);
  });

  await context.test('without the key, or with another, there is nothing', async () => {
    const asked = ['-p', `${own}`, '@127.0.0.1', 'own.example', 'AXFR'];
    assert.match((await runTool('dig', asked)).out, /Transfer failed/);
    const wrong = ['-y', `${KEY.algorithm}:${KEY.name}:${Buffer.from('another secret').toString('base64')}`];
    assert.match((await runTool('dig', [...wrong, ...asked])).out, /failed|BADSIG|NOTAUTH/);
  });

  await context.test('a broken file changes nothing; a serial that stays needs --force', async () => {
    const zone = join(state, '..', 'own.zone');
    const before = readFileSync(zone, 'utf8');
    writeFileSync(zone, `${before.replace(' 2 3600', ' 3 3600')}broken IN A 300.1.1.1\n`);
    const admin = ['--admin', program.admin, '--state', program.state];
    const broken = await runProgram('zone', 'reload', 'own.example', ...admin);
    assert.equal(broken.code, 1);
    assert.match(broken.out, /own\.zone:\d+.*300\.1\.1\.1/);
    assert.equal(await serialAt(own, 'own.example'), 2);
    writeFileSync(zone, `${before}d 300 IN A 192.0.2.4\n`);
    const same = await runProgram('zone', 'reload', 'own.example', ...admin);
    assert.equal(same.code, 1);
    assert.match(same.out, /serial 2 is not newer than 2/);
    const shown = await runProgram('zone', 'diff', 'own.example', '--force', ...admin);
    assert.match(shown.out, /^\+ d\.own\.example\. 300 IN A 192\.0\.2\.4$/m);
    const forced = await runProgram('zone', 'reload', 'own.example', '--force', ...admin);
    assert.equal(forced.code, 0, forced.out + forced.err);
    assert.equal(await short(own, 'd.own.example', 'A'), '192.0.2.4');
  });

  await context.test('copies outlast a restart without their primaries, until they expire', async () => {
    for (const peer of primaries.values()) await peer.stop();
    await program.end();
    const [expiring, ...lasting] = KINDS;
    const confirmed = join(state, 'secondary', `${expiring}.example.zone.state`);
    const { serial, expireS } = JSON.parse(readFileSync(confirmed, 'utf8'));
    assert.deepEqual([serial, expireS], [11, 100_000]);
    const confirmedAtMs = Date.now() - expireS * 1000;
    writeFileSync(confirmed, JSON.stringify({ serial, expireS, confirmedAtMs }));
    program = await start();
    for (const kind of lasting) assert.equal(await short(own, `c.${kind}.example`, 'A'), '192.0.2.3');
    assert.equal(await statusOf(own, `${expiring}.example`), 'SERVFAIL');
    const { out, code } = await runProgram('zone', 'transfers', '--admin', program.admin);
    assert.equal(code, 1);
    assert.match(out, new RegExp(`${expiring}\\.example\\.  serial 11, .*expired`));
  });
});
