import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { compileService } from '../src/answer/service.ts';
import type { Fleet } from '../src/base/fleet.ts';
import { popStateWords } from '../src/base/pop-state.ts';
import { openZoneImage } from '../src/zone/image.ts';
import { createWorld, tableOf } from './helpers/answer-world.ts';
import { hasProgram } from './helpers/daemon.ts';
import { decodeMessage, encodeQuery, type Message } from './helpers/message.ts';
import { imageOf, makeKeys, signingGroundOf, signText, type ZoneToSign } from './helpers/signed-zones.ts';
import { startUnbound } from './helpers/unbound.ts';

/**
 * Signed answers of several addresses, aliases, additional data and what is asked of signing itself, as a
 * real validator sees them. POPs FRA (two links), IAD, NRT (no IPv6) and a foreign one, with an alias.
 */

const LINKS = [
  { id: 'FRA-a', popIndex: 0, ipv4: '192.0.2.1', ipv6: '2001:db8::1' },
  { id: 'FRA-b', popIndex: 0, ipv4: '192.0.2.2', ipv6: '2001:db8::2' },
  { id: 'IAD-a', popIndex: 1, ipv4: '192.0.2.3', ipv6: '2001:db8::3' },
  { id: 'NRT-a', popIndex: 2, ipv4: '192.0.2.4' },
  { id: 'CDN-a', popIndex: 3, cname: 'edge.nsec3.test.' },
];
const bounds = { ttlMin: 20, ttlMax: 120 };
const SERVICES = [
  { name: 'web', groupIndex: 0, ...bounds, https: { alpn: ['h2'] } },
  { name: 'every', groupIndex: 1, ...bounds },
  { name: 'mixed', groupIndex: 0, ...bounds },
];
const TOGETHER = [0, 2, 3];
const TEXT = `$TTL 300
@ SOA ns host 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
edge A 192.0.2.99
edge TXT "foreign"
every STEER every
every TXT "beside it"
web STEER web
mixed STEER mixed
*.wild STEER every
*.text TXT "w"
_443._tcp.web STEER web
_dns.web STEER every
mx MX 10 every
mx MX 20 web
srv SRV 0 0 443 a.wild
https HTTPS 0 web
hinted STEER every
hinted HTTPS 1 . alpn=h3 ipv4hint=auto ipv6hint=auto
hinted HTTPS 2 . alpn=h2 ipv6hint=auto
_dns.web SVCB 1 web alpn=dot ipv4hint=auto ipv6hint=auto
*.hw STEER web
*.hw HTTPS 1 . ipv4hint=auto ipv6hint=auto
hintalias HTTPS 0 a.hw
hintother HTTPS 1 web ipv6hint=auto
`;
const fleet: Fleet = {
  pops: [],
  links: LINKS.map((link, index) => ({ ...link, index, transit: 'transit', capacityMbps: 1000 })),
  digest: 1,
};
const folder = mkdtempSync(join(tmpdir(), 'isochrone-dnssec-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const ground = signingGroundOf({ fleet, services: SERVICES }, folder, [[[0], [1], [2]]]);
const zones: readonly ZoneToSign[] = [
  { origin: 'nsec.test.', text: TEXT },
  { origin: 'nsec3.test.', text: TEXT, algorithm: 'ed25519', split: true, dnssec: { denial: 'nsec3' } },
];
const anchors = zones.map((zone) => makeKeys(zone, folder));
const signed = zones.map((zone) => [zone, signText(zone, ground)] as const);
const services = SERVICES.map(({ name }) => name);
const image = openZoneImage(imageOf(signed, [], services), { services });
assert.ok(typeof image !== 'string', String(image));
const popState = popStateWords(4);
const world = createWorld([], {
  zones: image,
  services: SERVICES.map((spec) => compileService(spec, fleet)),
  popState,
  linkPop: Int32Array.from(LINKS, ({ popIndex }) => popIndex),
  table: tableOf(LINKS.length, TOGETHER),
});

const socket = createSocket('udp4');
socket.on('message', (query, { address, port }) => {
  const reply = world.ask(query, { from: address, port });
  if (reply !== undefined) socket.send(reply, port, address);
});
await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
after(() => socket.close());
const server = { host: '127.0.0.1', port: socket.address().port };
const origins = zones.map(({ origin }) => origin);

function askDirectly(
  name: string,
  type: string,
  options: { subnet?: string; dnssecOk?: boolean } = {},
): Message {
  const reply = world.ask(encodeQuery({ name, type, edns: 1232, ...options }), { transport: 'tcp' });
  assert.ok(reply);
  return decodeMessage(reply);
}

const dataOf = (lines: readonly string[], type: string): string[] =>
  lines.filter((line) => line.split(' ')[2] === type).map((line) => line.split(' ').slice(3).join(' '));

test('every set of POPs that are up is answered whole, and is secure', async (context) => {
  const resolve = await startUnbound(context, { server, zones: origins, anchors });
  if (resolve === undefined) return;
  context.after(() => popState.fill(0));
  for (let out = 0; out < 8; out++) {
    for (let pop = 0; pop < 3; pop++) popState[pop] = (out >> pop) & 1;
    // With none up all are answered.
    const up = TOGETHER.filter((link) => out === 7 || popState[LINKS[link]?.popIndex ?? 0] === 0);
    for (const origin of origins)
      for (const [type, key] of [
        ['A', 'ipv4'],
        ['AAAA', 'ipv6'],
      ] as const) {
        // All clients get the same: what was answered before is kept for all.
        const name = `out${out}.wild.${origin}`;
        const answer = await resolve(name, type, '2.0.0.0/24');
        const addresses = up.flatMap((link) => LINKS[link]?.[key] ?? []).sort();
        assert.deepEqual([answer.rcode, answer.isSecure], [0, true], `${name} ${type}`);
        assert.deepEqual(dataOf(answer.sections[0], type).sort(), addresses, `${name} ${type}`);
      }
  }
});

test('aliases, additional data, names with _ and what signing made are secure', async (context) => {
  const resolve = await startUnbound(context, { server, zones: origins, anchors });
  if (resolve === undefined) return;
  for (const origin of origins) {
    const check = async (name: string, type: string, subnet: string, has: (message: Message) => boolean) => {
      const answer = await resolve(`${name}.${origin}`, type, subnet);
      assert.deepEqual([answer.rcode, answer.isSecure], [0, true], `${name}.${origin} ${type} for ${subnet}`);
      assert.ok(has(answer), `${name}.${origin} ${type}: ${JSON.stringify(answer.sections)}`);
    };
    const answers = (type: string, data: string) => (message: Message) =>
      dataOf(message.sections[0], type).includes(data);
    const adds = (type: string, data: string) => (message: Message) =>
      dataOf(message.sections[2], type).includes(data);
    const denies = (message: Message) => dataOf(message.sections[1], 'SOA').length === 1;
    await check('web', 'A', '2.0.0.0/24', answers('A', '192.0.2.3'));
    await check('_443._tcp.web', 'A', '2.0.0.0/24', answers('A', '192.0.2.3'));
    await check(
      '_443._tcp.web',
      'HTTPS',
      '2.0.0.0/24',
      answers('HTTPS', '1 . alpn="h2" no-default-alpn ipv4hint=192.0.2.3 ipv6hint=2001:db8::3'),
    );
    await check('_dns.web', 'AAAA', '2.0.0.0/24', answers('AAAA', '2001:db8::1'));
    await check('_tcp.web', 'A', '2.0.0.0/24', denies);
    await check('mx', 'MX', '2.0.0.0/24', adds('A', '192.0.2.4'));
    await check('mx', 'MX', '2.0.0.0/24', adds('AAAA', '2001:db8::3'));
    await check(
      'https',
      'HTTPS',
      '2.0.0.0/24',
      (message) => dataOf(message.sections[2], 'HTTPS').length === 1,
    );
    await check('hinted', 'HTTPS', '2.0.0.0/24', answers('HTTPS', '2 . alpn="h2" ipv6hint=2001:db8::1'));
    const dot = '1 web.ORIGIN alpn="dot" ipv4hint=192.0.2.3 ipv6hint=2001:db8::3'.replace('ORIGIN', origin);
    await check('_dns.web', 'SVCB', '2.0.0.0/24', answers('SVCB', dot));
    await check(
      '_dns.web',
      'SVCB',
      '3.0.0.0/24',
      answers('SVCB', `1 web.${origin} alpn="dot" ipv4hint=192.0.2.4`),
    );
    await check(
      'x.hw',
      'HTTPS',
      '2.0.0.0/24',
      answers('HTTPS', '1 . ipv4hint=192.0.2.3 ipv6hint=2001:db8::3'),
    );
    await check('hintalias', 'HTTPS', '3.0.0.0/24', adds('HTTPS', '1 . ipv4hint=192.0.2.4'));
    await check('srv', 'SRV', '2.0.0.0/24', answers('SRV', `0 0 443 a.wild.${origin}`));
    // A client of a POP with addresses; of the one without IPv6; and of the alias.
    await check('mixed', 'A', '2.0.0.0/24', answers('A', '192.0.2.3'));
    await check('mixed', 'HTTPS', '2.0.0.0/24', denies);
    await check('mixed', 'TXT', '2.0.0.0/24', denies);
    await check('mixed', 'AAAA', '3.0.0.0/24', denies);
    popState[2] = 1;
    await check('mixed', 'A', '7.0.0.0/24', answers('CNAME', 'edge.nsec3.test.'));
    await check('mixed', 'AAAA', '11.0.0.0/24', answers('CNAME', 'edge.nsec3.test.'));
    await check('mixed', 'HTTPS', '15.0.0.0/24', answers('CNAME', 'edge.nsec3.test.'));
    await check('mixed', 'TXT', '19.0.0.0/24', answers('TXT', '"foreign"'));
    popState[2] = 0;
  }
  const nsec = await resolve('a.text.nsec.test.', 'NSEC');
  assert.deepEqual([nsec.rcode, nsec.isSecure], [0, true]);
  assert.equal(dataOf(nsec.sections[0], 'NSEC').length, 1);
  const hashed = await resolve('a.text.nsec3.test.', 'NSEC');
  assert.deepEqual([hashed.rcode, hashed.isSecure, hashed.sections[0]], [0, true, []]);
});

test('signatures are asked for: one RRset of a steered name, TTLs as in its answers', () => {
  for (const origin of origins) {
    const answer = askDirectly(`web.${origin}`, 'A', { subnet: '2.0.0.0/24', dnssecOk: true });
    const asked = askDirectly(`web.${origin}`, 'RRSIG', { subnet: '2.0.0.0/24' });
    assert.equal(asked.rcode, 0);
    assert.deepEqual(
      asked.sections[0],
      answer.sections[0].filter((line) => line.includes(' RRSIG ')),
    );
    assert.ok(asked.sections[0].length >= 1);
    assert.equal(asked.ecs?.scope, 8);
  }
  const filled = askDirectly('hintother.nsec.test.', 'RRSIG', { subnet: '2.0.0.0/24' });
  assert.match(filled.sections[0].join(), /^hintother\S+ 60 RRSIG HTTPS /);
  assert.deepEqual([filled.sections[0].length, filled.sections[2].length], [1, 0]);
  const several = askDirectly('every.nsec.test.', 'RRSIG');
  assert.match(several.sections[0].join(), /RRSIG TXT/);
});

test('additional data have their signatures or are left out, and never set TC', () => {
  const whole = askDirectly('mx.nsec.test.', 'MX', { subnet: '2.0.0.0/24', dnssecOk: true });
  const [, , additional] = whole.sections;
  assert.deepEqual(dataOf(additional, 'A').sort(), ['192.0.2.1', '192.0.2.3', '192.0.2.3', '192.0.2.4']);
  assert.equal(dataOf(additional, 'RRSIG').length, 4);
  assert.equal(whole.ecs?.scope, 8);
  const alias = askDirectly('https.nsec.test.', 'HTTPS', { subnet: '2.0.0.0/24', dnssecOk: true });
  assert.deepEqual(dataOf(alias.sections[2], 'AAAA'), ['2001:db8::3']);
  assert.equal(dataOf(alias.sections[2], 'RRSIG').length, 3);
  let fewer = 0;
  for (let size = 512; size <= 1232; size += 24) {
    const query = encodeQuery({
      name: 'mx.nsec3.test.',
      type: 'MX',
      edns: size,
      dnssecOk: true,
      subnet: '2.0.0.0/24',
    });
    const reply = world.ask(query) as Uint8Array;
    const { flags, sections } = decodeMessage(reply);
    assert.ok(reply.length <= size);
    assert.equal(flags, 'aa');
    // By owner and type: as many signatures as keys sign data, one here.
    const owners = new Set(
      sections[2]
        .filter((line) => !line.includes(' RRSIG '))
        .map((line) => line.split(' ').slice(0, 3).join()),
    );
    assert.equal(dataOf(sections[2], 'RRSIG').length, owners.size);
    if (owners.size < 4) fewer++;
  }
  assert.ok(fewer > 0, 'a size at which not all fit');
});

test('delv agrees', async (context) => {
  if (!hasProgram(context, 'delv')) return;
  const [tag, algorithm, type, digest] = (anchors[0] ?? '').split(' DS ')[1]?.split(' ') ?? [];
  const file = join(folder, 'anchor');
  const words = `"nsec.test." static-ds ${tag} ${algorithm} ${type} "${digest}"`;
  writeFileSync(file, `trust-anchors { ${words}; };\n`);
  const flags = ['-p', `${server.port}`, '@127.0.0.1', '-a', file, '+root=nsec.test.'];
  const env = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  const run = promisify(execFile);
  await Promise.all(
    (
      [
        ['every', 'AAAA', /^; fully validated/m],
        ['_dns.web', 'A', /^; fully validated/m],
        ['a.text', 'NSEC', /^; fully validated/m],
        ['mixed', 'TXT', /^; negative response, fully validated/m],
      ] as const
    ).map(async ([name, qtype, said]) => {
      const { stdout, stderr } = await run('delv', [...flags, `${name}.nsec.test.`, qtype], { env });
      assert.match(`${stdout}${stderr}`, said, `${name} ${qtype}`);
    }),
  );
});
