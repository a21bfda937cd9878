import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePorts } from '../../src/server/listeners.ts';
import { runProgram, runTool, startProgram, until } from '../helpers/program.ts';
import { smallGeo } from '../helpers/small-geo.ts';
import { hasPeer, KEY, knotHead, type Peer, startServer } from '../helpers/transfer-peers.ts';

/** Catalog zones (RFC 9432): from BIND and Knot, and to them. */

const WITHIN_MS = 60_000;
const SIGNED = ['-y', `${KEY.algorithm}:${KEY.name}:${KEY.secret}`];

const zoneText = (octet: number): string =>
  `$TTL 300\n@ SOA ns admin 1 3600 2 100000 60\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.${octet}\n`;
const catalogText = (serial: number, body: string, version = '"2"'): string =>
  `$TTL 0\n@ SOA invalid. invalid. ${serial} 3600 2 100000 0\n@ NS invalid.\nversion TXT ${version}\n${body}`;
const M1 = 'one.zones PTR m1.example.\n';
const M2 = 'two.zones PTR m2.example.\ngroup.two.zones TXT "elsewhere"\n';
const M3 = 'three.zones PTR m3.example.\n';

const bindConf = (folder: string, { own, bind }: Ports): string => `
options { directory "${folder}"; listen-on port ${bind} { 127.0.0.1; }; listen-on-v6 { none; };
  pid-file "${folder}/pid"; session-keyfile "${folder}/session"; recursion no; dnssec-validation no;
  min-refresh-time 1; min-retry-time 1; notify-delay 0; allow-new-zones yes;
  catalog-zones { zone "ours.example" default-primaries { 127.0.0.1 port ${own} key "${KEY.name}"; }
    in-memory no zone-directory "${folder}/db" min-update-interval 1s; }; };
controls { };
key "${KEY.name}" { algorithm ${KEY.algorithm}; secret "${KEY.secret}"; };
server 127.0.0.1 { keys { "${KEY.name}"; }; };
zone "ours.example" { type secondary; file "ours"; primaries port ${own} { 127.0.0.1 key "${KEY.name}"; };
  allow-notify { key "${KEY.name}"; }; };
${['theirs', 'm1', 'm2', 'm3']
  .map(
    (name) => `zone "${name}.example" { type primary; file "${name}"; allow-transfer { key "${KEY.name}"; };
  notify explicit; also-notify { 127.0.0.1 port ${own} key "${KEY.name}"; }; };`,
  )
  .join('\n')}
`;

const knotConf = (
  folder: string,
  { own, knot }: Ports,
): string => `${knotHead(folder, { port: knot, other: own })}template:
  - id: member
    master: other
    acl: other
    file: "${folder}/%s.zone"
zone:
  - domain: kcat.example
    catalog-role: generate
    acl: other
    notify: other
  - domain: k1.example
    file: "${folder}/k1"
    catalog-role: member
    catalog-zone: kcat.example
    catalog-group: nobody
    acl: other
    notify: other
  - domain: ours.example
    master: other
    acl: other
    catalog-role: interpret
    catalog-template: member
`;

interface Ports {
  readonly own: number;
  readonly bind: number;
  readonly knot: number;
}

async function answerOf(port: number, name: string, type = 'A'): Promise<string> {
  const asked = ['+time=2', '+tries=1', '-p', `${port}`, '@127.0.0.1', name, type];
  const { out } = await runTool('dig', asked);
  const status = /status: (\w+)/.exec(out)?.[1] ?? 'none';
  const data = out.split('\n').find((line) => line.toLowerCase().startsWith(`${name}.`));
  return status === 'NOERROR' ? (data?.split(/\s+/).slice(4).join(' ') ?? 'no data') : status;
}

async function comes(port: number, name: string, wanted: string, log: () => string): Promise<void> {
  const { held, value } = await until(
    () => answerOf(port, name),
    (found) => found === wanted,
    WITHIN_MS,
  );
  assert.ok(held, `${name} at port ${port} is ${value}, not ${wanted}:\n${log()}`);
}

async function stage(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-catalog-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const free = await freePorts(Array.from({ length: 3 }, () => ({ host: '127.0.0.1', port: 0 })));
  const [own = 0, bind = 0, knot = 0] = free.map(({ port }) => port);
  for (const [name, octet] of [
    ['a', 11],
    ['b', 12],
  ] as const)
    writeFileSync(join(folder, `${name}.own.zone`), zoneText(octet));
  const config = join(folder, 'isochrone.yaml');
  const told = [bind, knot].map((port) => `'127.0.0.1:${port} key ${KEY.name}'`);
  const way = `transfer: ['127.0.0.1 key ${KEY.name}'], notify: [${told}]`;
  writeFileSync(
    config,
    `listen: { dns: ['127.0.0.1:${own}'], admin: '127.0.0.1:0' }
keys: { ${KEY.name}: { algorithm: ${KEY.algorithm}, secret: ${KEY.secret} } }
zones:
  - { origin: ours.example, produce: { refreshS: 1, retryS: 1 }, ${way} }
  - { origin: a.own, file: a.own.zone, catalog: ours.example, ${way} }
  - { origin: b.own, file: b.own.zone, catalog: ours.example, catalogGroup: fast, ${way} }
  - origin: theirs.example
    primary: ['127.0.0.1:${bind} key ${KEY.name}']
    consume:
      groups:
        elsewhere: { primary: ['127.0.0.1:1', '127.0.0.1:${bind} key ${KEY.name}'], transfer: [127.0.0.1] }
  - { origin: kcat.example, primary: ['127.0.0.1:${knot} key ${KEY.name}'], consume: { membersMax: 2 } }
geo: ${smallGeo(folder)}
pops:
  - { code: FRA, city: Frankfurt, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 1000,
      links: [{ transit: x, capacityMbps: 100, ipv4: 198.51.100.1 }] }
`,
  );
  return { ports: { own, bind, knot }, config, state: join(folder, 'state') };
}

test('catalogs come from BIND and Knot, and go to them', async (context) => {
  if (!hasPeer('bind') || !hasPeer('knot')) return context.skip('BIND or Knot is not installed');
  const { ports, config, state } = await stage(context);
  const { own, bind, knot } = ports;
  const others = new Map<'bind' | 'knot', Peer>();
  const files = { theirs: catalogText(1, M1 + M2), m1: zoneText(1), m2: zoneText(2), m3: zoneText(3) };
  const start = () => startProgram(['serve', '--config', config, '--workers', '1'], { state, port: own });
  let program = await start();
  context.after(() => program.end());
  others.set(
    'bind',
    await startServer(context, 'bind', { conf: (folder) => bindConf(folder, ports), files }),
  );
  const knotFiles = { k1: zoneText(4) };
  others.set(
    'knot',
    await startServer(context, 'knot', { conf: (folder) => knotConf(folder, ports), files: knotFiles }),
  );
  const log = (): string => program.output() + [...others.values()].map((peer) => peer.log()).join('\n');
  // Whatever started first: those that were not there are asked again at once.
  const again = async (names: readonly (readonly [string, string])[]): Promise<void> => {
    process.kill(program.pid, 'SIGHUP');
    for (const [name, wanted] of names) await comes(own, name, wanted, log);
  };

  await context.test('zones that catalogs name are served', async () => {
    await again([
      ['www.m1.example', '192.0.2.1'],
      ['www.m2.example', '192.0.2.2'],
      ['www.k1.example', '192.0.2.4'],
    ]);
    // In the group that goes on to others.
    const asked = ['-p', `${own}`, '@127.0.0.1', '+short', 'AXFR'];
    assert.match((await runTool('dig', [...asked, 'm2.example'])).out, /192\.0\.2\.2/);
    assert.doesNotMatch((await runTool('dig', [...asked, 'm1.example'])).out, /192\.0\.2\.1/);
    assert.equal(await answerOf(own, 'www.m3.example'), 'REFUSED');
    const figures = await (await fetch(`${program.admin}/metrics`)).text();
    for (const [source, count] of [
      ['file', 2],
      ['catalog', 3],
      ['member', 3],
    ] as const)
      assert.ok(figures.includes(`isochrone_zone_sources{source="${source}"} ${count}\n`), source);
  });

  await context.test('a catalog of ours is taken by both, and shows nobody its zones', async () => {
    for (const port of [bind, knot]) {
      await comes(port, 'www.a.own', '192.0.2.11', log);
      await comes(port, 'www.b.own', '192.0.2.12', log);
    }
    const { out } = await runTool('dig', [
      '-p',
      `${own}`,
      '@127.0.0.1',
      ...SIGNED,
      '+short',
      'ours.example',
      'AXFR',
    ]);
    assert.match(out, /^a\.own\.$/m);
    assert.match(out, /^"fast"$/m);
    for (const name of ['version.ours.example', 'one.zones.theirs.example'])
      assert.equal(await answerOf(own, name, 'ANY'), 'NXDOMAIN');
  });

  await context.test('zones go and come with the catalog; a broken one changes nothing', async () => {
    const peer = others.get('bind') as Peer;
    const copy = join(state, 'secondary', 'm1.example.zone');
    assert.ok(existsSync(copy));
    // A second change within a second of the first is told too.
    await peer.change(catalogText(2, M2), 'theirs');
    await peer.change(catalogText(3, M2 + M3), 'theirs');
    await comes(own, 'www.m3.example', '192.0.2.3', log);
    await comes(own, 'www.m1.example', 'REFUSED', log);
    assert.ok(!existsSync(copy));
    const broken = catalogText(4, `${M3}three.zones PTR m1.example.\n`);
    await peer.change(broken, 'theirs');
    const words = 'theirs.example: the catalog changes nothing, serial 4: three.zones has 2 PTR records';
    const said = await until(
      async () => program.output(),
      (output) => output.includes(words),
      WITHIN_MS,
    );
    assert.ok(said.held, said.value);
    assert.equal(await answerOf(own, 'www.m2.example'), '192.0.2.2');
    assert.equal(await answerOf(own, 'www.m3.example'), '192.0.2.3');
  });

  await context.test('they outlast a restart without their primaries', async () => {
    for (const peer of others.values()) await peer.stop();
    await program.end();
    program = await start();
    assert.equal(await answerOf(own, 'www.m3.example'), '192.0.2.3');
    assert.equal(await answerOf(own, 'www.k1.example'), '192.0.2.4');
    assert.equal(await answerOf(own, 'www.m1.example'), 'REFUSED');
    const { out } = await runProgram('zone', 'transfers', '--admin', program.admin);
    assert.match(out, /^m3\.example\. {2}serial 1,/m);
    assert.doesNotMatch(out, /m1\.example/);
  });
});
