import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IMAGE_HEADER } from '../src/base/image-file.ts';
import { TYPE } from '../src/wire/constants.ts';
import { formatName, parseName } from '../src/wire/name.ts';
import { emptyNameView, readWireName } from '../src/wire/name-view.ts';
import { openZoneImage, type ZoneImage } from '../src/zone/image.ts';
import { createZoneImageBuilder } from '../src/zone/image-build.ts';
import { emptyHit, findNode, findZone, HIT, type Hit } from '../src/zone/image-find.ts';
import { parseMaster } from '../src/zone/master.ts';
import type { ZoneRecord } from '../src/zone/record.ts';
import { createWorld, zonesOf } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery } from './helpers/message.ts';

const APEX = '$TTL 1h\n@ SOA ns host 42 1 1 1 300\n@ NS ns.other.\n';
const STAMP = { source: '0123456789abcdef', madeAtMs: 1 };
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

test('hints are filled from one service, which is steered', () => {
  for (const [text, line, message] of [
    ['a A 192.0.2.1\na HTTPS 1 . ipv4hint=auto', 5, /a hint "auto", but its target is not steered/],
    [
      'a STEER web\nb STEER plain\na HTTPS 1 . ipv4hint=auto\na HTTPS 2 b ipv4hint=auto',
      6,
      /are filled from one service/,
    ],
  ] as const) {
    const [problem, ...more] = problemsOf(`${APEX}${text}\n`);
    assert.deepEqual([problem?.line, more], [line, []]);
    assert.match(problem?.message ?? '', message);
  }
});

test('a zone needs SOA and NS at its apex', () => {
  const messages = problemsOf('$TTL 1\nwww A 192.0.2.1\n').map(({ message }) => message);
  assert.equal(messages.length, 2);
  assert.match(messages.join(), /no SOA record.*no NS record/);
});

test('a zone that is refused leaves the others as they are, and a zone is there once', () => {
  const builder = createZoneImageBuilder({ services: [] });
  assert.deepEqual(builder.add(origin, recordsOf(APEX)), []);
  assert.equal(builder.add(wire('other.'), recordsOf('', 'other.')).length, 2);
  assert.match(builder.add(wire('EXAMPLE.'), recordsOf(APEX))[0]?.message ?? '', /there twice/);
  const image = opened(builder.finish(STAMP));
  assert.deepEqual([image.zoneCount, image.recordCount, image.nameCount], [1, 2, 1]);
  assert.equal(opened(builder.finish(STAMP)).zoneCount, 0, 'the builder is empty afterwards');
});

test('equal records are one, an RRset has its lowest TTL, but signatures keep theirs', () => {
  const signature = 'RRSIG A 13 2 60 20380101000000 20250101000000 1 example. AAAA';
  const other = 'RRSIG TXT 13 2 90 20380101000000 20250101000000 1 example. AAAA';
  const addresses = 'a 60 A 192.0.2.1\na 30 A 192.0.2.2\na 60 A 192.0.2.1\n';
  const text = `${APEX}${addresses}a 60 ${signature}\na 90 ${other}\n`;
  assert.deepEqual(answersOf(text, 'a.example.', 'A'), [
    'a.example. 30 A 192.0.2.1',
    'a.example. 30 A 192.0.2.2',
  ]);
  const ttls = answersOf(text, 'a.example.', 'RRSIG').map((line) => line.split(' ')[1]);
  assert.deepEqual(ttls, ['60', '90']);
  assert.equal(zonesOf([['example.', text]]).recordCount, 6);
});

test('the SOA of negative answers has the lesser of its TTL and MINIMUM (RFC 2308 §3)', () => {
  for (const [apex, ttl] of [
    [APEX, 300],
    [APEX.replace('1h', '20'), 20],
  ] as const) {
    const world = createWorld([['example.', apex]]);
    const reply = decodeMessage(world.ask(encodeQuery({ name: 'none.example.', type: 'A' })) as Uint8Array);
    assert.deepEqual(reply.sections[1], [`example. ${ttl} SOA ns.example. host.example. 42 1 1 1 300`]);
  }
});

test('names are found as RFC 1034 §4.3.2 step 3 says', () => {
  const image = zonesOf([
    [
      'example.',
      `${APEX}x.ent A 192.0.2.1
*.w A 192.0.2.1
cut NS ns.cut
ns.cut A 192.0.2.1
deep.cut NS a.
old DNAME new
`,
    ],
  ]);
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
  for (const [name, kind] of expected) assert.equal(hitOf(image, name).kind, kind, name);
  const cut = hitOf(image, 'cut.example.').node;
  assert.equal(hitOf(image, 'x.deep.cut.example.').node, cut, 'the highest cut');
  assert.equal(hitOf(image, 'cut.example.', true).kind, HIT.NODE, 'for DS a cut is on the parent side');
  assert.equal(hitOf(image, 'x.cut.example.', true).kind, HIT.DELEGATION);
});

test('of many zones the one with the longest apex is taken', () => {
  const many = Array.from({ length: 200 }, (_, i) => `zone${i}.test.`);
  const origins = ['example.', 'a.example.', 'b.a.example.', 'org.', ...many];
  const image = zonesOf(origins.map((apex) => [apex, APEX]));
  const blockOf = (name: string, parentSide = false) => {
    const hit = emptyHit();
    const view = emptyNameView();
    readWireName(view, wire(name), 0);
    return findZone(image, view, parentSide, hit) ? hit.block : undefined;
  };
  const apexOf = (name: string, parentSide = false) => {
    const block = blockOf(name, parentSide);
    return block === undefined ? undefined : origins.find((apex) => blockOf(apex) === block);
  };
  assert.equal(apexOf('x.b.a.example.'), 'b.a.example.');
  assert.equal(apexOf('B.A.Example.'), 'b.a.example.');
  assert.equal(apexOf('b.a.example.', true), 'a.example.');
  assert.equal(apexOf('org.', true), 'org.', 'without a parent of ours the zone itself answers');
  assert.equal(apexOf('xa.example.'), 'example.');
  assert.equal(apexOf('com.'), undefined);
  assert.equal(apexOf('.'), undefined);
  for (const apex of many) assert.equal(apexOf(`www.${apex}`), apex);
});

test('the root zone is a zone like others', () => {
  const world = createWorld([['.', `${APEX}a.b A 192.0.2.1\ncut NS ns.cut\nns.cut A 192.0.2.2\n`]]);
  const ask = (name: string, type: string) =>
    decodeMessage(world.ask(encodeQuery({ name, type })) as Uint8Array).sections;
  assert.deepEqual(ask('.', 'NS'), [['. 3600 NS ns.other.'], [], []]);
  assert.deepEqual(ask('a.b.', 'A')[0], ['a.b. 3600 A 192.0.2.1']);
  assert.deepEqual(ask('x.', 'A')[1], ['. 300 SOA ns. host. 42 1 1 1 300']);
  assert.deepEqual(ask('x.cut.', 'A').slice(1), [['cut. 3600 NS ns.cut.'], ['ns.cut. 3600 A 192.0.2.2']]);
});

test('an image that is damaged, cut, of another version or for other services is refused in words', () => {
  const builder = createZoneImageBuilder({ services: ['web'] });
  builder.add(origin, recordsOf(`${APEX}www STEER web\n`));
  const bytes = builder.finish(STAMP);
  const services = ['web'];
  const fault = (octets: Uint8Array, names: readonly string[] = services): string => {
    const image = openZoneImage(octets, { services: names });
    return typeof image === 'string' ? image : 'opened';
  };
  assert.equal(fault(bytes), 'opened');
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assert.equal(fault(shifted.subarray(3)), 'opened', 'wherever it lies');
  assert.match(fault(bytes, ['web', 'more']), /made for another list of services/);
  assert.match(fault(bytes.subarray(0, 100)), /octets long, its header says/);
  assert.match(fault(bytes.subarray(0, 10)), /only 10 octets/);
  const changed = (at: number, value: number): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    copy[at] = value;
    return copy;
  };
  assert.match(fault(changed(IMAGE_HEADER.VERSION, 9)), /format version 9/);
  assert.match(fault(changed(IMAGE_HEADER.KIND, 3)), /a steering image, not a zone image/);
  assert.match(fault(changed(0, 0)), /not a zone image/);
  for (const at of [IMAGE_HEADER.SOURCE, IMAGE_HEADER.OCTETS, bytes.length - 1])
    assert.match(fault(changed(at, (bytes[at] as number) ^ 1)), /damaged/);
});

test('twenty thousand zones are all found, names as they are spelt elsewhere too', () => {
  const builder = createZoneImageBuilder({ services: [] });
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    const apex = wire(`Zone${i}.example.`);
    assert.deepEqual(builder.add(apex, smallZone(apex)), []);
  }
  const image = opened(builder.finish(STAMP));
  assert.deepEqual([image.zoneCount, image.recordCount], [count, count * 3]);
  for (let i = 0; i < count; i++) assert.equal(hitOf(image, `WWW.zone${i}.Example.`).kind, HIT.NODE);
  assert.equal(hitOf(image, `x.zone7.example.`).kind, HIT.NXDOMAIN);
});

test('an RRset of any size is taken, and one that no message holds is truncated over TCP too', () => {
  const host = (i: number): string => `many A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`;
  const lines = Array.from({ length: 40_000 }, (_, i) => host(i % 30_000)).join('');
  const names = Array.from({ length: 5000 }, (_, i) => `mx MX 1 ${'long'.repeat(9)}${i}\n`).join('');
  const world = createWorld([['example.', `${APEX}${lines}${names}many TXT "a"\n`]]);
  assert.equal(world.context.zones.recordCount, 2 + 30_000 + 5000 + 1);
  for (const [name, type] of [
    ['many.example.', 'A'],
    ['mx.example.', 'MX'],
  ] as const) {
    const reply = world.ask(encodeQuery({ name, type }), { transport: 'tcp' });
    assert.equal(decodeMessage(reply as Uint8Array).flags, 'aa tc');
  }
  const reply = world.ask(encodeQuery({ name: 'many.example.', type: 'TXT' }));
  assert.deepEqual(decodeMessage(reply as Uint8Array).sections[0], ['many.example. 3600 TXT "a"']);
});

function smallZone(apex: Uint8Array): ZoneRecord[] {
  const at = { ttl: 60, file: formatName(apex), line: 1 };
  const soa = Uint8Array.of(0, 0, ...new Array<number>(20).fill(1));
  return [
    { owner: apex, type: TYPE.SOA, rdata: soa, ...at },
    { owner: apex, type: TYPE.NS, rdata: Uint8Array.of(2, 0x6e, 0x73, 0), ...at },
    { owner: Uint8Array.of(3, 0x77, 0x57, 0x77, ...apex), type: TYPE.A, rdata: new Uint8Array(4), ...at },
  ];
}

function recordsOf(text: string, apex = 'example.'): ZoneRecord[] {
  const { records, problems } = parseMaster({
    text,
    file: 'zone',
    origin: wire(apex),
    read: () => undefined,
  });
  assert.deepEqual(problems, []);
  return records;
}

function problemsOf(text: string) {
  return createZoneImageBuilder({ services: ['web', 'plain'] }).add(origin, recordsOf(text));
}

function opened(bytes: Uint8Array): ZoneImage {
  const image = openZoneImage(bytes, { services: [] });
  assert.ok(typeof image !== 'string', String(image));
  return image;
}

function answersOf(text: string, name: string, type: string): string[] {
  const reply = createWorld([['example.', text]]).ask(encodeQuery({ name, type }), { transport: 'tcp' });
  return decodeMessage(reply as Uint8Array).sections[0];
}

function hitOf(image: ZoneImage, name: string, parentSide = false): Hit {
  const hit = emptyHit();
  const view = emptyNameView();
  readWireName(view, wire(name), 0);
  assert.ok(findZone(image, view, parentSide, hit));
  findNode(image.words, view, parentSide, hit);
  return hit;
}

function wire(name: string): Uint8Array {
  return parseName(name) as Uint8Array;
}
