import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatProblem } from '../src/base/errors.ts';
import { parseName } from '../src/wire/name.ts';
import { formatRecord } from '../src/zone/format.ts';
import type { MasterInput, MasterResult } from '../src/zone/master.ts';
import { parseMaster } from '../src/zone/master.ts';

const origin = parseName('x.example.') as Uint8Array;

function load(text: string, more: Partial<MasterInput> = {}): MasterResult {
  return parseMaster({ text, file: 'zones/x.zone', origin, read: () => undefined, ...more });
}

/** The records' texts; the text must have no fault. */
function records(text: string, files: Readonly<Record<string, string>> = {}): string[] {
  const result = load(text, { read: (path) => files[path] });
  assert.deepEqual(result.problems, []);
  return result.records.map(formatRecord);
}

const problems = (result: MasterResult): string[] => result.problems.map(formatProblem);

test('a TTL comes from the record, $TTL, the record before, or the minimum of the SOA', () => {
  assert.deepEqual(
    records('a 5 A 192.0.2.1\n A 192.0.2.2\n$TTL 7\n A 192.0.2.3\n 9 A 192.0.2.4\n A 192.0.2.5'),
    [
      'a.x.example. 5 IN A 192.0.2.1',
      'a.x.example. 5 IN A 192.0.2.2',
      'a.x.example. 7 IN A 192.0.2.3',
      'a.x.example. 9 IN A 192.0.2.4',
      'a.x.example. 7 IN A 192.0.2.5',
    ],
  );
  const soa = '@ SOA ns a 1 2 3 4 55\n';
  assert.deepEqual(records(`${soa}a A 192.0.2.1`), [
    'x.example. 55 IN SOA ns.x.example. a.x.example. 1 2 3 4 55',
    'a.x.example. 55 IN A 192.0.2.1',
  ]);
});

test('TTLs have units in any case; TTL and class stand in either order or not at all', () => {
  for (const [ttl, seconds] of [
    ['1h30m', 5400],
    ['1W2d3H4M5s', 788_645],
    ['0', 0],
    ['4294967295', 4_294_967_295],
  ] as const)
    for (const head of [`${ttl} IN`, `IN ${ttl}`, ttl, `${ttl} class1`])
      assert.deepEqual(records(`a ${head} A 192.0.2.1`), [`a.x.example. ${seconds} IN A 192.0.2.1`]);
});

test('byte order mark, CRLF, tabs, blank lines, comments and a missing last newline are taken', () => {
  const text =
    '\ufeff; comment\r\n\r\n\t \r\na\t60\tIN\tTXT\t"x;y"\t;"(\r\n\t60 TXT z;w\r\n ; blank\r\nb 6 A 192.0.2.1';
  assert.deepEqual(records(text), [
    'a.x.example. 60 IN TXT "x;y"',
    'a.x.example. 60 IN TXT "z"',
    'b.x.example. 6 IN A 192.0.2.1',
  ]);
});

test('parentheses join lines, anywhere, and within each other', () => {
  const text = '(a 60\n IN) MX (\n; comment )\n 10 ( mail\n) )\n 60 TXT ("a"\n"b")"c"\n';
  assert.deepEqual(records(text), [
    'a.x.example. 60 IN MX 10 mail.x.example.',
    'a.x.example. 60 IN TXT "a" "b" "c"',
  ]);
});

test('the line of a record is where its entry begins', () => {
  const { records } = load('\n\na 60 TXT (\n"b"\n)\nb 60 A 192.0.2.1');
  assert.deepEqual(
    records.map(({ file, line }) => `${file}:${line}`),
    ['zones/x.zone:3', 'zones/x.zone:6'],
  );
});

test('$ORIGIN may be relative, and does not change the last owner', () => {
  const text =
    '$TTL 1\na A 192.0.2.1\n$ORIGIN sub\n A 192.0.2.2\na A 192.0.2.3\n@ A 192.0.2.4\n$origin .\na A 1.2.3.5';
  assert.deepEqual(records(text), [
    'a.x.example. 1 IN A 192.0.2.1',
    'a.x.example. 1 IN A 192.0.2.2',
    'a.sub.x.example. 1 IN A 192.0.2.3',
    'sub.x.example. 1 IN A 192.0.2.4',
    'a. 1 IN A 1.2.3.5',
  ]);
});

test('$INCLUDE reads from beside the including file; origin and owner are as before afterwards', () => {
  const files = {
    'zones/sub/one.zone': '@ A 192.0.2.1\n$ORIGIN deep\n$INCLUDE two.zone\n',
    'zones/sub/two.zone': 'b A 192.0.2.2',
    '/abs.zone': 'c A 192.0.2.3',
  };
  const text =
    '$TTL 1\na A 192.0.2.9\n$INCLUDE "sub/one.zone" inc\n A 192.0.2.8\n$INCLUDE /abs.zone\nd A 192.0.2.7';
  assert.deepEqual(records(text, files), [
    'a.x.example. 1 IN A 192.0.2.9',
    'inc.x.example. 1 IN A 192.0.2.1',
    'b.deep.inc.x.example. 1 IN A 192.0.2.2',
    'a.x.example. 1 IN A 192.0.2.8',
    'c.x.example. 1 IN A 192.0.2.3',
    'd.x.example. 1 IN A 192.0.2.7',
  ]);
});

test('$INCLUDE of itself ends at the depth allowed, many at the number allowed', () => {
  const deep = load('$TTL 1\n$INCLUDE x.zone', { read: () => 'a 1 A 192.0.2.1\n$INCLUDE x.zone' });
  assert.equal(deep.records.length, 10);
  assert.deepEqual(problems(deep), [
    'zones/x.zone:2:10: $INCLUDE "x.zone": more than 10 files within each other',
  ]);
  const wide = load('$INCLUDE x', {
    read: () => '$INCLUDE x\n$INCLUDE x',
    limits: { includeDepthMax: 99, includesMax: 50 },
  });
  assert.ok(problems(wide).some((line) => line.includes('more than 50 files in all')));
});

test('STEER names a service, at any owner', () => {
  assert.deepEqual(records('$TTL 1\n@ STEER web\nwww IN 30 steer "api-2"'), [
    'x.example. 1 IN STEER web',
    'www.x.example. 30 IN STEER api-2',
  ]);
});

test('bounds end the reading with a problem', () => {
  const many = 'a 1 A 192.0.2.1\n'.repeat(20);
  const counted = load(many, { limits: { recordsMax: 5 } });
  assert.equal(counted.records.length, 5);
  assert.deepEqual(problems(counted), ['zones/x.zone:6:1: more than 5 records: reading stops here']);
  assert.deepEqual(problems(load(many, { limits: { charsMax: 30 } })), [
    'zones/x.zone:1:1: more than 30 characters: reading stops here',
  ]);
  const long = load(`a 1 TXT ${'x '.repeat(100)}\nb 1 A 192.0.2.1\n`, { limits: { entryCharsMax: 60 } });
  assert.deepEqual(problems(long), ['zones/x.zone:1:1: the entry is longer than 60 characters']);
  assert.equal(long.records.length, 1);
  const bad = load('a\n'.repeat(100), { limits: { problemsMax: 3 } });
  assert.equal(bad.problems.length, 4);
  assert.match(problems(bad).at(-1) as string, /more than 3 problems: reading stops here/);
});

test('reading goes on after a fault, and every one is reported with its place', () => {
  const text = `$TTL 1h
@ SOA ns1 admin 1 2 3 4 5
www A 192.0.2.300
  AAAA 2001:db8::1::2
$TTL soon
mail MX ten mail
ok A 192.0.2.1
txt TXT "never closed
a..b A 192.0.2.1
 A 192.0.2.2
paren MX ( 10 mail
ok2 A 192.0.2.3
`;
  const result = load(text);
  assert.deepEqual(problems(result), [
    'zones/x.zone:3:7: address: "192.0.2.300" is not an IPv4 address',
    'zones/x.zone:4:8: address: "2001:db8::1::2" is not an IPv6 address',
    'zones/x.zone:5:6: "soon" is not a TTL: seconds, or as 1h30m',
    'zones/x.zone:6:9: preference: "ten" is not a number from 0 to 65535',
    'zones/x.zone:8:9: the quoted string is not closed on its line',
    'zones/x.zone:9:1: owner: "a..b" has an empty label',
    'zones/x.zone:11:10: "(" is never closed',
  ]);
  assert.deepEqual(result.records.slice(1).map(formatRecord), [
    'ok.x.example. 3600 IN A 192.0.2.1',
    'ok2.x.example. 3600 IN A 192.0.2.3',
  ]);
});

test('a file that is not UTF-8 is warned about', () => {
  const { records, problems } = load('a 1 A 192.0.2.1\nb 1 TXT "\ufffd"\n');
  assert.equal(records.length, 2);
  assert.deepEqual(problems, [
    { file: 'zones/x.zone', line: 2, column: 10, message: 'the file is not UTF-8 here', severity: 'warning' },
  ]);
});

test('what is written is read back the same, whatever the owner', () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 20 });
  const property = fc.property(fc.array(label, { maxLength: 4 }), fc.nat(2 ** 31 - 1), (labels, ttl) => {
    const owner = Uint8Array.from([...labels.flatMap((each) => [each.length, ...each]), 0]);
    const text = formatRecord({ owner, ttl, type: 16, rdata: Uint8Array.of(1, 0x3b) });
    const read = load(text);
    assert.deepEqual(read.problems, []);
    assert.deepEqual(read.records[0]?.owner, owner);
    assert.equal(read.records[0]?.ttl, ttl);
  });
  fc.assert(property, { seed: 20_261_122, numRuns: 300 });
});

test('any text is read or refused, never thrown at, and every problem has its place', () => {
  const piece = fc.constantFrom(
    'a',
    ' ',
    '\n',
    '(',
    ')',
    '"',
    ';',
    '\\',
    '$TTL',
    '$ORIGIN',
    '$INCLUDE',
    ' 1 ',
    ' IN ',
    ' A ',
    ' 192.0.2.1',
    ' TXT ',
    ' \\# ',
    ' HTTPS ',
    '\r',
    '=',
    '@',
    'é',
    '\\1',
  );
  const property = fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 60 }), (pieces) => {
    const result = load(pieces.join(''), { read: (path) => path, limits: { includesMax: 5 } });
    for (const { line, column } of result.problems) assert.ok((line ?? 0) >= 1 && (column ?? 0) >= 1);
  });
  fc.assert(property, { seed: 20_261_122, numRuns: 3000 });
});
