import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { ListenAddress } from '../src/server/handler.ts';
import { startNameServer } from '../src/server/supervisor.ts';
import { TYPE } from '../src/wire/constants.ts';
import { formatRecord } from '../src/zone/format.ts';
import { coveredBy } from '../src/zone/secured.ts';
import { ask } from './helpers/ask.ts';
import { hasProgram } from './helpers/daemon.ts';
import { loadEdge } from './helpers/edge.ts';
import { imageOf, makeKeys, signingGroundOf, signText, type ZoneToSign } from './helpers/signed-zones.ts';
import { startUnbound } from './helpers/unbound.ts';

/**
 * Signed zones, as a real validator sees them: Unbound before a real name server; and what it makes of faults
 * that were planted.
 */

const STEERED = 50;
const SUBNETS = 20;
const RECORDS = `$TTL 300
@ SOA ns1 host 1 3600 600 86400 60
@ NS ns1
@ NS ns2
@ MX 10 Mail
ns1 A 127.0.0.1
ns2 A 127.0.0.1
mail A 192.0.2.25
mail AAAA 2001:db8::25
*.wild STEER edge
*.stat A 192.0.2.7
*.stat TXT "w"
*.cn CNAME mail
txt TXT "hello"
A.b.ENT TXT "deep"
alias CNAME s0
chain CNAME x.cn
dn DNAME target
x.target A 192.0.2.9
srv SRV 1 2 3 Mail
naptr NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:a@b!" .
${Array.from({ length: STEERED }, (_, i) => `s${i} STEER edge`).join('\n')}
insecure NS ns.insecure
ns.insecure A 127.0.0.1
child NS ns.child
ns.child A 127.0.0.1
`;
const SMALL =
  '$TTL 60\n@ SOA ns host 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\na A 192.0.2.1\nc A 192.0.2.3\n';

const folder = mkdtempSync(join(tmpdir(), 'isochrone-dnssec-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const edge = loadEdge();
// One POP has no IPv6, so that what a client gets may lack AAAA.
const links = edge.data.fleet.links.map((link) =>
  link.popIndex === 2 ? { ...link, ipv6: undefined } : link,
);
const data = { ...edge.data, fleet: { ...edge.data.fleet, links } };
const ground = signingGroundOf(data as typeof edge.data, folder);

const child: ZoneToSign = { origin: 'child.one.test.', text: SMALL, algorithm: 'ed25519' };
const childDs = makeKeys(child, folder);
const long = Math.floor(Date.now() / 1000) - 30 * 86_400;
const sound: readonly ZoneToSign[] = [
  { origin: 'one.test.', text: `${RECORDS}${childDs}\n` },
  { origin: 'two.test.', text: RECORDS, algorithm: 'ed25519', dnssec: { denial: 'nsec3' } },
  { origin: 'three.test.', text: RECORDS, split: true, dnssec: { denial: 'nsec3' } },
  { origin: 'four.test.', text: RECORDS, split: true, algorithm: 'ed25519' },
];
const isNsec = (owner: string) => (record: Parameters<NonNullable<ZoneToSign['spoil']>>[0]) =>
  (record.type === TYPE.NSEC || coveredBy(record) === TYPE.NSEC) && formatRecord(record).startsWith(owner);
const faulty: readonly ZoneToSign[] = [
  { origin: 'expired.test.', text: SMALL, nowS: long },
  { origin: 'otherkey.test.', text: SMALL },
  { origin: 'nonsec.test.', text: SMALL, spoil: isNsec('a.') },
  { origin: 'unsigned-set.test.', text: SMALL, spoil: (record) => coveredBy(record) === TYPE.A },
];
const late: ZoneToSign = { origin: 'late.test.', text: `${SMALL}www STEER edge\n`, candidatesMax: 3 };
makeKeys(late, folder);
const anchors = [...sound, ...faulty].map((zone) => makeKeys(zone, folder));
// The anchor of another key than the zone is signed with.
const other = { origin: 'otherkey.test.', text: SMALL };
const foreign = makeKeys(other, mkdtempSync(join(folder, 'foreign-')));
anchors[sound.length + 1] = foreign;
const all = [...sound, child, ...faulty, late].map((zone) => [zone, signText(zone, ground)] as const);
const plain = ['insecure.one.test.', 'insecure.two.test.'].map((origin) => [origin, SMALL] as const);
const server = await startNameServer({
  listen: [{ host: '127.0.0.1', port: 0 }],
  data: { ...(data as typeof edge.data), zones: imageOf(all, plain, ['edge']) },
  image: edge.image,
  workers: 1,
});
after(() => server.close());
const ours = server.addresses[0] as ListenAddress;
const zones = [...all.map(([zone]) => zone.origin), ...plain.map(([origin]) => origin)];
const unbound = (context: TestContext) => startUnbound(context, { server: ours, zones, anchors });
const subnets = Array.from({ length: SUBNETS }, (_, i) =>
  i % 4 === 0 ? '192.0.2.0/24' : `${i % 2 === 0 ? 10 : 172}.${i * 7}.${i}.0/24`,
);

test('every kind of answer is secure, with NSEC and NSEC3, by both algorithms', async (context) => {
  const resolve = await unbound(context);
  if (resolve === undefined) return;
  const questions: readonly (readonly [name: string, type: string, rcode: number])[] = [
    ['', 'SOA', 0],
    ['', 'DNSKEY', 0],
    ['', 'CDS', 0],
    ['', 'CDNSKEY', 0],
    ['', 'MX', 0],
    ['mail.', 'AAAA', 0],
    ['MAIL.', 'TXT', 0],
    ['srv.', 'SRV', 0],
    ['naptr.', 'NAPTR', 0],
    ['a.wild.', 'A', 0],
    ['a.b.wild.', 'HTTPS', 0],
    ['a.wild.', 'TXT', 0],
    ['a.stat.', 'A', 0],
    ['a.b.stat.', 'TXT', 0],
    ['a.stat.', 'MX', 0],
    ['q.cn.', 'A', 0],
    ['chain.', 'AAAA', 0],
    ['chain.', 'TXT', 0],
    ['nx.', 'A', 3],
    ['a.b.c.nx.', 'A', 3],
    ['ent.', 'A', 0],
    ['b.ent.', 'A', 0],
    ['x.b.ent.', 'A', 3],
    ['alias.', 'A', 0],
    ['x.dn.', 'A', 0],
    ['y.dn.', 'A', 3],
    ['dn.', 'DNAME', 0],
    ['insecure.', 'DS', 0],
    ['0.', 'A', 3],
    ['zzz.', 'A', 3],
    ['s0.', 'NAPTR', 0],
  ];
  for (const { origin } of sound)
    for (const [name, type, rcode] of questions) {
      const answer = await resolve(`${name}${origin}`, type);
      assert.deepEqual([answer.rcode, answer.isSecure], [rcode, true], `${name}${origin} ${type}`);
    }
  for (const origin of plain.map(([one]) => one)) {
    const answer = await resolve(`a.${origin}`, 'A');
    assert.deepEqual([answer.rcode, answer.isSecure], [0, false], 'an unsigned delegation is insecure');
  }
  const delegated = await resolve('a.child.one.test.', 'A');
  assert.deepEqual([delegated.rcode, delegated.isSecure], [0, true], 'a signed one is secure');
  assert.deepEqual((await resolve('b.child.one.test.', 'A')).isSecure, true);
});

test('what is steered is secure for every client, and so is that there is no AAAA', async (context) => {
  const resolve = await unbound(context);
  if (resolve === undefined) return;
  const seen = new Set<string>();
  const asked: [string, string, string][] = [];
  for (let i = 0; i < STEERED; i++)
    for (const [k, subnet] of subnets.entries())
      asked.push([`s${i}.${sound[(i + k) % 2]?.origin}`, k % 3 === 0 ? 'AAAA' : 'A', subnet]);
  while (asked.length > 0)
    await Promise.all(
      asked.splice(0, 50).map(async ([name, type, subnet]) => {
        const answer = await resolve(name, type, subnet);
        const got = answer.sections[0]
          .find((line) => line.includes(` ${type} `))
          ?.split(' ')
          .at(-1);
        seen.add(`${type} ${got}`);
        assert.deepEqual([answer.rcode, answer.isSecure], [0, true], `${name} ${type} for ${subnet}`);
      }),
    );
  assert.deepEqual(seen.has('AAAA undefined'), true, 'a POP without IPv6 is among the answers');
  assert.ok(seen.size >= 5, [...seen].join());
});

test('planted faults are bogus', async (context) => {
  const resolve = await unbound(context);
  if (resolve === undefined) return;
  for (const [name, type] of [
    ['a.expired.test.', 'A'],
    ['a.otherkey.test.', 'A'],
    ['b.nonsec.test.', 'A'],
    ['a.unsigned-set.test.', 'A'],
  ] as const)
    assert.equal((await resolve(name, type)).rcode, 2, name);
  assert.equal(
    (await resolve('a.nonsec.test.', 'A')).isSecure,
    true,
    'what has no fault is secure beside it',
  );
});

test('delv agrees', (context) => {
  if (!hasProgram(context, 'delv')) return;
  for (const [index, { origin }] of sound.entries()) {
    const [tag, algorithm, type, digest] = (anchors[index] ?? '').split(' DS ')[1]?.split(' ') ?? [];
    const file = join(folder, `${origin}anchor`);
    const words = `"${origin}" static-ds ${tag} ${algorithm} ${type} "${digest}"`;
    writeFileSync(file, `trust-anchors { ${words}; };\n`);
    for (const [name, said] of [
      ['s1', /^; fully validated/m],
      ['a.wild', /^; fully validated/m],
      ['nx', /^; negative response, fully validated/m],
      ['b.ent', /^; negative response, fully validated/m],
    ] as const) {
      const flags = ['-p', `${ours.port}`, '@127.0.0.1', '-a', file, `+root=${origin}`];
      const env = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
      const ended = spawnSync('delv', [...flags, `${name}.${origin}`, 'A'], { env, encoding: 'utf8' });
      assert.match(`${ended.stdout}${ended.stderr}`, said, `${name}.${origin}`);
    }
  }
});

test('dnssec-verify accepts the signed zones, and rejects faulty ones', (context) => {
  if (!hasProgram(context, 'dnssec-verify')) return;
  const path = `${process.env['PATH']}:/usr/sbin:/sbin`;
  const verify = ({ origin, split }: ZoneToSign, lines: readonly string[]) => {
    const file = join(folder, `${origin}signed`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    // -z: one key may sign all.
    const flags = split === true ? ['-o', origin] : ['-z', '-o', origin];
    return spawnSync('dnssec-verify', [...flags, file], { env: { PATH: path }, encoding: 'utf8' });
  };
  for (const [zone, signed] of all.slice(0, sound.length)) {
    // A steered name has A, AAAA and HTTPS in its denial, but no records before a client asks.
    const { origin } = zone;
    const static_ = {
      origin,
      text: zone.text.replaceAll(/^.*STEER.*\n/gm, '').replace('CNAME s0', 'CNAME mail'),
    };
    const own = signText({ ...zone, ...static_ }, ground);
    const good = verify(zone, own.records.map(formatRecord));
    assert.equal(good.status, 0, good.stderr + good.stdout);
    assert.ok(signed.records.length > own.records.length);
    const bad = own.records.filter((record) => coveredBy(record) !== TYPE.MX);
    assert.notEqual(verify(zone, bad.map(formatRecord)).status, 0);
  }
});

test('without DO nothing of it is in answers; queries for what signing made are answered', async () => {
  const question = { server: ours, edns: 1232 };
  const plainAnswer = await ask({ ...question, name: 's0.one.test.', type: 'A' });
  assert.equal(plainAnswer.sections[0].length, 1);
  const denied = await ask({ ...question, name: 'nx.one.test.', type: 'A' });
  assert.deepEqual([denied.rcode, denied.sections[1].length], [3, 1]);
  const nsec = await ask({ ...question, name: 'mail.one.test.', type: 'NSEC' });
  assert.match(nsec.sections[0].join(), /^mail\.one\.test\. 60 NSEC \S+ A AAAA RRSIG NSEC$/);
  const rrsig = await ask({ ...question, name: 'mail.one.test.', type: 'RRSIG' });
  assert.match(rrsig.sections[0].join(), /^mail\.one\.test\. 300 RRSIG A 13 3 300 /);
  const small = await ask({
    server: ours,
    edns: 512,
    dnssecOk: true,
    name: 'a.b.c.nx.three.test.',
    type: 'A',
  });
  assert.match(small.flags, /tc/);
});

test('candidates that are not signed yet are answered to nobody who validates', async () => {
  const question = { server: ours, name: 'www.late.test.', type: 'A', edns: 1232 };
  const made = signText(late, ground);
  assert.equal(made.signing.done.renewAtS, 0, 'the rest is to be signed at once');
  assert.equal((await ask(question)).rcode, 0);
  const rcodes = new Set<number>();
  for (const subnet of ['10.1.1.0/24', '192.0.2.0/24', '127.0.0.0/24'])
    for (const type of ['A', 'AAAA']) {
      const { rcode, sections } = await ask({ ...question, type, subnet, dnssecOk: true });
      rcodes.add(rcode);
      if (rcode === 0) assert.ok([...sections[0], ...sections[1]].some((line) => line.includes(' RRSIG ')));
    }
  assert.deepEqual([...rcodes].sort(), [0, 2]);
  const answer = await ask({ ...question, name: 'a.late.test.', dnssecOk: true });
  assert.equal(answer.sections[0].length, 2, 'static data is signed');
  assert.ok(Number.isFinite(signText({ ...late, candidatesMax: 1000 }, ground).signing.done.renewAtS));
});

test('signatures are kept where nothing changed, and the serial rises where something did', () => {
  const zone: ZoneToSign = { origin: 'kept.test.', text: SMALL };
  makeKeys(zone, folder);
  const first = signText(zone, ground);
  first.save();
  assert.equal(first.signing.done.kept, 0);
  const again = signText(zone, ground);
  again.save();
  assert.deepEqual([again.signing.done.made, again.signing.done.kept], [0, first.signing.done.made]);
  const soa = (signed: typeof first): string =>
    formatRecord(signed.records.find(({ type }) => type === TYPE.SOA) as (typeof first.records)[0]);
  assert.equal(soa(again), soa(first));
  const changed = signText({ ...zone, text: `${SMALL}d A 192.0.2.4\n` }, ground);
  changed.save();
  // The new RRset, its denial, the one before it in the chain, and the SOA.
  assert.equal(changed.signing.done.made, 4);
  assert.match(soa(changed), / 2 3600 600 86400 60$/);
  const later = signText({ ...zone, nowS: Math.floor(Date.now() / 1000) + 15 * 86_400 }, ground);
  assert.equal(later.signing.done.kept, 0, 'what expires soon is renewed');
});
