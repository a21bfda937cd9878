import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../src/wire/name.ts';
import { checkZone } from '../src/zone/check.ts';
import { parseMaster } from '../src/zone/master.ts';

const origin = parseName('x.example.') as Uint8Array;
/** Lines 1 to 4 of every zone here. */
const HEAD = '$TTL 60\n@ SOA ns1 admin 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n';

/** Problems as `line severity message`, of a zone that reads well. */
function check(text: string, head = HEAD): string[] {
  const { records, problems } = parseMaster({ text: head + text, file: 'f', origin, read: () => undefined });
  assert.deepEqual(problems, []);
  return checkZone(records, origin).map(({ line, severity, message }) => `${line} ${severity} ${message}`);
}

const bad: readonly (readonly [zone: string, ...problems: string[]])[] = [
  ['a CNAME b.example.\n A 192.0.2.1', '5 error a.x.example. has CNAME and A (RFC 1034 §3.6.2)'],
  ['a CNAME b.example.\n CNAME c.example.', '6 error a.x.example. has more than one CNAME'],
  ['@ SOA ns2 admin 2 2 3 4 5', '5 error x.example. has more than one SOA'],
  ['a SOA ns1 admin 1 2 3 4 5', '5 error SOA belongs at the apex, not at a.x.example.'],
  ['d DNAME a.example.\n DNAME b.example.', '6 error d.x.example. has more than one DNAME'],
  [
    'd DNAME a.example.\na.b.d A 192.0.2.1',
    '6 error a.b.d.x.example. is below the DNAME at d.x.example. (RFC 6672 §2.4)',
  ],
  [
    'd DNAME a.example.\n NS ns.example.',
    '5 error d.x.example. has DNAME and NS below the apex (RFC 6672 §2.3)',
    '5 warning d.x.example. DNAME is never answered: d.x.example. is delegated away',
  ],
  ['*.d DNAME a.example.', '5 error *.d.x.example.: DNAME at a wildcard has no meaning (RFC 4592 §4)'],
  ['a.example. A 192.0.2.1', '5 error a.example. is outside the zone x.example.'],
  ['xx.example. A 192.0.2.1', '5 error xx.example. is outside the zone x.example.'],
  ['a 2147483648 A 192.0.2.1', '5 error TTL 2147483648 is over 2147483647 (RFC 2181 §8)'],
  [
    'a 1 A 192.0.2.1\nA 2 A 192.0.2.2',
    '6 warning a.x.example. A has TTLs 1 and 2: the lowest is used (RFC 2181 §5.2)',
  ],
  ['@ STEER web\n A 192.0.2.1', '5 error x.example. has STEER and A: the steered service makes the answers'],
  [
    'a STEER web\n AAAA 2001:db8::1',
    '5 error a.x.example. has STEER and AAAA: the steered service makes the answers',
  ],
  [
    'a STEER web\n CNAME b.example.',
    '5 error a.x.example. has STEER and CNAME: the steered service makes the answers',
  ],
  ['a STEER web\n STEER api', '6 error a.x.example. has more than one STEER'],
  ['@ NS gone', '5 warning NS target gone.x.example. does not exist in the zone'],
  ['@ MX 10 gone', '5 warning MX target gone.x.example. does not exist in the zone'],
  ['@ MX 10 txt\ntxt TXT a', '5 warning MX target txt.x.example. has no A or AAAA'],
  [
    '_s._tcp SRV 0 0 1 alias\nalias CNAME ns1',
    '5 warning SRV target alias.x.example. is an alias (CNAME), which RFC 2181 §10.3 forbids',
  ],
  ['d NS ns.d', '5 warning NS target ns.d.x.example. lies in the zone it serves and has no glue (A or AAAA)'],
  [
    'd NS ns.example.\nwww.d TXT a',
    '6 warning www.d.x.example. TXT is never answered: d.x.example. is delegated away',
  ],
  [
    'd NS ns.example.\nd STEER web',
    '6 warning d.x.example. STEER is never answered: d.x.example. is delegated away',
  ],
];

for (const [zone, ...problems] of bad)
  test(`refused or warned of: ${JSON.stringify(zone)}`, () => assert.deepEqual(check(zone), problems));

test('an empty zone lacks SOA and NS', () => {
  assert.deepEqual(check('a A 192.0.2.1', '$TTL 1\n'), [
    '1 error the zone x.example. has no SOA at its apex',
    '1 error the zone x.example. has no NS at its apex',
  ]);
});

test('a DNAME at the apex stands beside SOA and NS', () => {
  const head = '$TTL 60\n@ SOA ns1.example. admin 1 2 3 4 5\n NS ns1.example.\n DNAME other.example.\n';
  assert.deepEqual(check('', head), []);
});

const good = [
  '',
  'a A 192.0.2.1\n A 192.0.2.1\nA A 192.0.2.1',
  'a CNAME b\n CNAME b\nb A 192.0.2.1',
  '@ STEER web\n MX 0 .\n TXT a\nwww STEER web\n MX 10 @',
  '@ MX 10 a.wild\n*.wild A 192.0.2.1',
  'd NS ns.d\n NS ns.e\n DS 1 8 7 00\nns.d A 192.0.2.1\ne NS ns.e\nns.e AAAA 2001:db8::1',
  '@ MX 10 mail.d\nd NS ns.example.',
  '@ MX 10 mail.d\nd DNAME other.example.',
  'xn--a NS ns.xx.example.',
];

for (const zone of good) test(`fine: ${JSON.stringify(zone)}`, () => assert.deepEqual(check(zone), []));
