import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem } from '../src/base/errors.ts';
import { TYPE } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import { nameView } from '../src/wire/name-view.ts';
import { compileZone } from '../src/zone/compile.ts';
import { parseMaster } from '../src/zone/master.ts';
import {
  createZones,
  findNode,
  findZone,
  HIT,
  type Hit,
  rrsetOf,
  type Zone,
  type ZoneNode,
} from '../src/zone/zone.ts';
import { zoneOf } from './helpers/answer-world.ts';

const APEX = '$TTL 1h\n@ SOA ns host 42 1 1 1 300\n@ NS ns.other.\n';
const origin = wire('example.');

test('what cannot be served is told, all of it, each with its line', () => {
  const faults: readonly (readonly [text: string, line: number, message: RegExp])[] = [
    ['www SOA a b 1 1 1 1 1', 4, /SOA belongs at the apex, not at www\.example\./],
    ['a CNAME b\na A 192.0.2.1', 4, /a CNAME and other records/],
    ['a CNAME b\na CNAME c', 4, /more than one CNAME/],
    ['a DNAME b\na DNAME c', 4, /more than one DNAME/],
    ['@ SOA ns host 43 1 1 1 300', 2, /more than one SOA/],
    ['*.a NS ns', 4, /NS at a wildcard/],
    ['*.a DNAME ns', 4, /DNAME at a wildcard/],
    ['a STEER web\na A 192.0.2.1', 5, /both STEER and A/],
    ['a STEER web\na AAAA ::1', 5, /both STEER and AAAA/],
    ['a STEER web\na HTTPS 1 .', 5, /both STEER and HTTPS/],
    ['a STEER web\na CNAME b', 5, /a CNAME and other records/],
    ['a STEER nope', 4, /there is no service "nope"/],
    ['a STEER web\na STEER plain', 4, /more than one STEER/],
    ['a.outside. A 192.0.2.1', 4, /outside the zone/],
  ];
  for (const [text, line, message] of faults) {
    const problems = problemsOf(`${APEX}${text}\n`);
    assert.equal(problems.length, 1, `${text}: ${JSON.stringify(problems)}`);
    assert.match(problems[0]?.message ?? '', message);
    assert.equal(problems[0]?.line, line, text);
  }
  const all = problemsOf(
    `${APEX}${faults.map(([text], i) => text.replace(/^a\b|^\*\.a/gm, `$&${i}`)).join('\n')}\n`,
  );
  assert.equal(all.length, faults.length);
});

test('a zone needs SOA and NS at its apex', () => {
  const messages = problemsOf('$TTL 1\nwww A 192.0.2.1\n').map(({ message }) => message);
  assert.equal(messages.length, 2);
  assert.match(messages.join(), /no SOA record.*no NS record/);
});

test('equal records are one, an RRset has its lowest TTL, but signatures keep theirs', () => {
  const signature = 'RRSIG A 13 2 60 20380101000000 20250101000000 1 example. AAAA';
  const other = 'RRSIG TXT 13 2 90 20380101000000 20250101000000 1 example. AAAA';
  const zone = zoneOf(
    'example.',
    `${APEX}a 60 A 192.0.2.1\na 30 A 192.0.2.2\na 60 A 192.0.2.1\na 60 ${signature}\na 90 ${other}\n`,
  );
  const node = nodeOf(zone, 'a.example.');
  const addresses = rrsetOf(node, TYPE.A);
  assert.equal(addresses?.records.length, 2);
  assert.equal(addresses?.ttl, 30);
  const ttls = rrsetOf(node, TYPE.RRSIG)?.records.map(({ head }) => head[7]);
  assert.deepEqual(ttls, [60, 90]);
  assert.equal(zone.recordCount, 6);
});

test('the SOA of negative answers has the lesser of its TTL and MINIMUM (RFC 2308 §3)', () => {
  assert.equal(zoneOf('example.', APEX).negativeSoa.ttl, 300);
  assert.equal(zoneOf('example.', APEX.replace('1h', '20')).negativeSoa.ttl, 20);
  assert.equal(zoneOf('example.', APEX).serial, 42);
});

test('names are found as RFC 1034 §4.3.2 step 3 says', () => {
  const zone = zoneOf(
    'example.',
    `${APEX}x.ent A 192.0.2.1
*.w A 192.0.2.1
cut NS ns.cut
ns.cut A 192.0.2.1
deep.cut NS a.
old DNAME new
`,
  );
  const expected: readonly (readonly [name: string, kind: number])[] = [
    ['example.', HIT.NODE],
    ['ENT.example.', HIT.NODE],
    ['x.ent.example.', HIT.NODE],
    ['y.ent.example.', HIT.NXDOMAIN],
    ['w.example.', HIT.NODE],
    ['*.w.example.', HIT.NODE],
    ['a.b.w.example.', HIT.WILDCARD],
    ['a.*.w.example.', HIT.NXDOMAIN],
    ['cut.example.', HIT.DELEGATION],
    ['ns.cut.example.', HIT.DELEGATION],
    ['x.deep.cut.example.', HIT.DELEGATION],
    ['old.example.', HIT.NODE],
    ['x.old.example.', HIT.DNAME],
  ];
  for (const [name, kind] of expected) assert.equal(hitOf(zone, name).kind, kind, name);
  assert.equal(hitOf(zone, 'x.deep.cut.example.').node, hitOf(zone, 'cut.example.').node, 'the highest cut');
  assert.equal(hitOf(zone, 'cut.example.', true).kind, HIT.NODE, 'for DS a cut is on the parent side');
  assert.equal(hitOf(zone, 'x.cut.example.', true).kind, HIT.DELEGATION);
});

test('of many zones the one with the longest apex is taken', () => {
  const origins = ['example.', 'a.example.', 'b.a.example.', 'org.', ...many()];
  const zones = createZones(origins.map((apex) => zoneOf(apex, APEX)));
  const apexOf = (name: string, parentSide = false) => {
    const zone = findZone(zones, nameView(wire(name)), parentSide);
    return zone === undefined ? undefined : origins[zones.zones.indexOf(zone)];
  };
  assert.equal(apexOf('x.b.a.example.'), 'b.a.example.');
  assert.equal(apexOf('B.A.Example.'), 'b.a.example.');
  assert.equal(apexOf('b.a.example.', true), 'a.example.');
  assert.equal(apexOf('org.', true), 'org.', 'without a parent of ours the zone itself answers');
  assert.equal(apexOf('xa.example.'), 'example.');
  assert.equal(apexOf('com.'), undefined);
  assert.equal(apexOf('.'), undefined);
  for (const origin of many()) assert.equal(apexOf(`www.${origin}`), origin);
});

function many(): string[] {
  return Array.from({ length: 200 }, (_, i) => `zone${i}.test.`);
}

function problemsOf(text: string): readonly Problem[] {
  const { records, problems } = parseMaster({ text, file: 'zone', origin, read: () => undefined });
  assert.deepEqual(problems, []);
  const result = compileZone(records, { origin, services: ['web', 'plain'] });
  assert.ok(!('apex' in result), `compiles: ${text}`);
  return result;
}

function nodeOf(zone: Zone, name: string): ZoneNode {
  const { node } = hitOf(zone, name);
  assert.ok(node);
  return node;
}

function hitOf(zone: Zone, name: string, parentSide = false): Hit {
  const hit: Hit = { kind: HIT.NXDOMAIN, node: undefined };
  findNode(zone, nameView(wire(name)), parentSide, hit);
  return hit;
}

function wire(name: string): Uint8Array {
  return parseName(name) as Uint8Array;
}
