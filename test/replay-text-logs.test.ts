import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, formatPrefix } from '../src/base/address.ts';
import { createLogReader, formatOf } from '../src/replay/log-format.ts';
import { BrokenLog, createQuestions, type LoggedQuestion } from '../src/replay/questions.ts';
import { typeName } from '../src/wire/constants.ts';
import { formatName } from '../src/wire/name.ts';
import { emptyQueryView, HEADER_SIZE, readQuery } from '../src/wire/query.ts';

/** What named 9.18 and pdns_server 4.7 wrote for questions of dig, and lines out of Route 53's manual. */
const BIND =
  'client @0x7fd6a78a5098 127.0.0.1#40921 (www.cdn.example): view main: query: www.cdn.example IN ';
const AT = '28-Nov-2026 00:44:31.964 queries: info: ';
const POWERDNS = 'Nov 28 00:44:32 Remote 127.0.0.1';
const WANTS = "wants 'www.cdn.example|";
const ROUTE53 = '1.0 2017-12-13T08:16:02.130Z Z123412341234 www.cdn.example ';

interface Told {
  readonly at: string;
  readonly text: string;
}

/** A question as a person would write it: client, way, name, type, payload size, DO, subnet. */
function wordsOf({ client, transport, octets }: LoggedQuestion): string {
  const view = emptyQueryView();
  readQuery(view, new DataView(octets.buffer, octets.byteOffset, octets.length), octets.length);
  const { edns } = view;
  const subnet = edns.ecs ? formatPrefix({ address: edns.ecsAddress, length: edns.ecsSourceLength }) : '';
  const name = formatName(octets.slice(HEADER_SIZE, view.questionEnd - 4));
  const opt = edns.present ? `${edns.udpSize}${edns.dnssecOk ? ' do' : ''}` : 'plain';
  return `${formatAddress(client)} ${transport} ${name} ${typeName(view.qtype)} ${opt} ${subnet}`.trimEnd();
}

function read(text: string) {
  const told: Told[] = [];
  const skipped: string[] = [];
  const damaged: string[] = [];
  const reader = createLogReader('text', createQuestions(), {
    port: 53,
    onQuery: (question, atMs) =>
      void told.push({ at: new Date(atMs).toISOString(), text: wordsOf(question) }),
    onSkipped: (why) => void skipped.push(why),
    onDamaged: (place, why) => void damaged.push(`${place}: ${why}`),
  });
  reader.push(Buffer.from(text));
  reader.end();
  return { told, skipped, damaged };
}

test('a line of BIND, PowerDNS or Route 53 is the query that was sent', () => {
  const www = 'www.cdn.example.';
  const rows: readonly [line: string, at: string, question: string][] = [
    [`${AT}${BIND}A +E(0)K (127.0.0.1) [ECS 5.9.0.0/24/0]`, '', `127.0.0.1 udp ${www} A 1232 5.9.0.0/24`],
    [`${AT}${BIND}AAAA +E(0)DK (127.0.0.1)`, '', `127.0.0.1 udp ${www} AAAA 1232 do`],
    [`${AT}${BIND}HTTPS - (127.0.0.1)`, '', `127.0.0.1 udp ${www} HTTPS plain`],
    [
      `2026-11-28T00:44:31.964Z client ::1#5/key t (a): query: a\\032b\\.c.cdn.example IN A +SE(0)TC (::1)`,
      '',
      '::1 tcp a\\032b\\.c.cdn.example. A 1232',
    ],
    [`2026-11-28T01:44:31.964+01:00 host named[7]: ${BIND}A - (::1)`, '', `127.0.0.1 udp ${www} A plain`],
    [
      `${POWERDNS}<-5.9.0.0/24 ${WANTS}A', do = 0, bufsize = 1232: packetcache MISS`,
      '2024-11-28T00:44:32.000Z',
      `127.0.0.1 udp ${www} A 1232 5.9.0.0/24`,
    ],
    [
      `Nov  8 00:44:32 ns pdns_server[7]: TCP Remote ::1 ${WANTS}NS', do = 1, bufsize = 1232 (4096)`,
      '2024-11-08T00:44:32.000Z',
      `::1 tcp ${www} NS 4096 do`,
    ],
    [
      `${POWERDNS} ${WANTS}HTTPS', do = 0, bufsize = 512: `,
      '2024-11-28T00:44:32.000Z',
      `127.0.0.1 udp ${www} HTTPS plain`,
    ],
    [
      `${ROUTE53}A NOERROR UDP FRA6 2001:db8::7334 192.168.222.0/24`,
      '2017-12-13T08:16:02.130Z',
      `2001:db8::7334 udp ${www} A 1232 192.168.222.0/24`,
    ],
    [
      `2017-12-13T08:16:09.000Z ${ROUTE53}TXT NXDOMAIN TCP IAD12 192.168.3.1 -`,
      '2017-12-13T08:16:02.130Z',
      `192.168.3.1 tcp ${www} TXT 1232`,
    ],
  ];
  for (const [line, at, question] of rows) {
    assert.equal(formatOf(Buffer.from(line)), 'text', line);
    const { told, skipped, damaged } = read(line);
    assert.deepEqual([skipped, damaged], [[], []], line);
    assert.deepEqual(told, [{ at: at === '' ? '2026-11-28T00:44:31.964Z' : at, text: question }], line);
  }
});

test('lines of other things are passed over; what cannot be a query is named with its line', () => {
  const good = `${AT}${BIND}A - (127.0.0.1)`;
  const bad = [
    good.replace('127.0.0.1#', '127.0.0.1.9#').replace('query: www.', 'query: www..'),
    `${AT}${BIND}A +E(0)K (127.0.0.1) [ECS 5.9.0.0/33/0]`,
    `${BIND}A - (127.0.0.1)`,
  ];
  const other = [
    'all zones loaded',
    good.replace(' IN A', ' CH TXT'),
    `${AT}${BIND}NOPE - (::1)`,
    'x'.repeat(9000),
  ];
  const { told, skipped, damaged } = read([good, ...bad, ...other, '', `${good}\r`].join('\n'));
  assert.equal(told.length, 2);
  assert.deepEqual(skipped, [
    'lines that tell of no query',
    'queries of another class than IN',
    'queries of unknown types',
    'lines that tell of no query',
  ]);
  assert.match(
    damaged.join('\n'),
    /^line 2: name: .*; client: "127\.0\.0\.1\.9" is no address\nline 3: subnet: .*\nline 4: no time stands/,
  );
});

test('times without a year go on over its end', () => {
  const line = (time: string): string => `${time} Remote 127.0.0.1 ${WANTS}A', do = 0, bufsize = 512: `;
  const { told } = read(['Dec 31 23:59:58', 'Jan  1 00:00:03', 'Jan  1 00:00:04'].map(line).join('\n'));
  const [first = assert.fail(), ...rest] = told.map(({ at }) => Date.parse(at));
  assert.deepEqual(
    rest.map((atMs) => atMs - first),
    [5000, 6000],
  );
});

test('text of any kind ends in events or a broken log, never otherwise', () => {
  const parts = [AT, BIND, POWERDNS, WANTS, ROUTE53, ' [ECS 5.9.0.0/24/0]', "A', do = 1, bufsize = 9", '\n'];
  const text = fc.array(fc.oneof(fc.constantFrom(...parts), fc.string({ unit: 'binary', maxLength: 12 })));
  fc.assert(
    fc.property(text, (all) => {
      try {
        read(all.join(''));
      } catch (error) {
        assert.ok(error instanceof BrokenLog, String(error));
      }
    }),
    { numRuns: 300 },
  );
});
