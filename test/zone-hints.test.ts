import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileToCheck, readZone } from '../src/cli/zone-file.ts';
import { formatRecord } from '../src/zone/format.ts';

const HEAD = '$TTL 60\n@ SOA ns host 1 1 1 1 60\n@ NS ns\nns A 192.0.2.53\n';

/** What is read of a zone file, from its fifth line on, and what is wrong with it. */
function read(text: string): { lines: string[]; problems: string[] } {
  const zone = {
    origin: 'x.example',
    file: 'x.zone',
    services: ['web', 'api'],
    namedAt: { file: 'c', line: 1 },
  };
  const { records, problems } = readZone(zone, { readText: () => HEAD + text, compile: compileToCheck });
  return {
    lines: records.slice(3).map(formatRecord),
    problems: problems.map(({ line, severity, message }) => `${line} ${severity} ${message}`),
  };
}

test('hints of targets with addresses are filled when the zone is read', () => {
  const text = `a A 192.0.2.1
a A 192.0.2.2
a AAAA 2001:db8::1
four A 192.0.2.4
`;
  for (const [record, filled] of [
    [
      'a HTTPS 1 . alpn=h2 ipv4hint=auto ipv6hint=auto',
      '1 . alpn="h2" ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1',
    ],
    ['a HTTPS 1 . ipv6hint=auto port=8443', '1 . port=8443 ipv6hint=2001:db8::1'],
    ['s HTTPS 1 four ipv4hint=auto ipv6hint=auto', '1 four.x.example. ipv4hint=192.0.2.4'],
    [
      's SVCB 2 A.X.example. ipv4hint=192.0.2.9 ipv6hint=auto',
      '2 A.X.example. ipv4hint=192.0.2.9 ipv6hint=2001:db8::1',
    ],
    ['s HTTPS 1 four ipv6hint=auto', '1 four.x.example.'],
  ] as const) {
    const { lines, problems } = read(`${text}${record}\n`);
    assert.deepEqual(problems, [], record);
    assert.equal(lines.at(-1)?.split(' ').slice(4).join(' '), filled, record);
  }
});

test('those of steered targets stay as they are, to be filled for each client', () => {
  const { lines, problems } = read('a STEER web\na HTTPS 1 . ipv4hint=auto\ns SVCB 1 a ipv6hint=auto\n');
  assert.deepEqual(problems, []);
  assert.deepEqual(lines.slice(1), [
    'a.x.example. 60 IN HTTPS 1 . ipv4hint=auto',
    's.x.example. 60 IN SVCB 1 a.x.example. ipv6hint=auto',
  ]);
});

test('what cannot be filled is told, all of it, each with its line', () => {
  const { problems } = read(`a STEER web
b STEER api
a HTTPS 1 elsewhere.example. ipv4hint=auto
b HTTPS 1 gone ipv6hint=auto
b HTTPS 2 . mandatory=ipv4hint ipv4hint=auto
`);
  assert.deepEqual(problems, [
    '7 error a.x.example. HTTPS has a hint "auto", but elsewhere.example. has no A, AAAA or STEER here',
    '8 error b.x.example. HTTPS has a hint "auto", but gone.x.example. has no A, AAAA or STEER here',
    '9 error b.x.example. HTTPS has a hint "auto" that is mandatory: a target may lack it',
  ]);
  const { problems: mixed } = read(
    'a STEER web\nb STEER api\ns HTTPS 1 a ipv4hint=auto\ns HTTPS 2 b ipv4hint=auto\n',
  );
  assert.deepEqual(mixed, [
    '7 error s.x.example. HTTPS: hints "auto" of one name and type are filled from one service',
  ]);
  for (const wrong of ['ipv4hint=', 'ipv4hint=AUTO,192.0.2.1', 'ipv6hint=auto,auto'])
    assert.match(read(`s HTTPS 1 . ${wrong}\n`).problems.join(), /is not an IPv[46] address/, wrong);
});
