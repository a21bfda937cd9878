import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../src/wire/name.ts';
import { parseMaster } from '../src/zone/master.ts';

/** Lines that must be refused, with part of the message. Each stands in a zone that is otherwise good. */
const faults: readonly (readonly [line: string, message: string])[] = [
  ['a A', 'the address of the A is missing'],
  ['a', 'the type is missing'],
  ['a IN', 'the type is missing'],
  ['a 60 A 192.0.2', '"192.0.2" is not an IPv4 address'],
  ['a A 192.0.2.1.5', 'is not an IPv4 address'],
  ['a A 192.0.2.256', 'is not an IPv4 address'],
  ['a A 192.0.02.1', 'is not an IPv4 address'],
  ['a A 2001:db8::1', 'is not an IPv4 address'],
  ['a A "192.0.2.1"', 'must not be in quotes'],
  ['a A 192.0.2.1 192.0.2.2', '"192.0.2.2" is too much: the A is complete before it'],
  ['a AAAA 192.0.2.1', 'is not an IPv6 address'],
  ['a AAAA 2001:db8::12345', 'is not an IPv6 address'],
  ['a AAAA 1:2:3:4:5:6:7', 'is not an IPv6 address'],
  ['a BOGUS x', '"BOGUS" is not an RR type, a class or a TTL'],
  ['a TYPE65536 \\# 0', '"TYPE65536" is not an RR type'],
  ['a ANY x', '"ANY" cannot be stored in a zone'],
  ['a OPT \\# 0', '"OPT" cannot be stored in a zone'],
  ['a AXFR x', 'cannot be stored'],
  ['a CH A 192.0.2.1', 'class "CH" is not served: only IN is'],
  ['a CLASS3 A 192.0.2.1', 'class "CLASS3" is not served'],
  ['a IN 60 IN A 192.0.2.1', '"IN" is a second class'],
  ['a 60 IN 70 A 192.0.2.1', '"70" is a second TTL'],
  ['a 1x A 192.0.2.1', '"1x" is not a TTL'],
  ['a 1h30 A 192.0.2.1', '"1h30" is not a TTL'],
  ['a 4294967296 A 192.0.2.1', '"4294967296" is not a TTL'],
  ['  $TTL 60', '"$TTL" must stand at the beginning of its line'],
  ['$TTL', '$TTL needs a value'],
  ['$TTL -1', '"-1" is not a TTL'],
  ['$TTL 60 70', '"70" is too much after $TTL'],
  ['$ORIGIN', '$ORIGIN needs a value'],
  ['$ORIGIN a..b.', 'has an empty label'],
  ['$INCLUDE', '$INCLUDE needs a value'],
  ['$INCLUDE nowhere.zone', 'cannot read zones/nowhere.zone'],
  ['$INCLUDE nowhere.zone a..b', 'has an empty label'],
  ['$GENERATE 1-4 a$ A 192.0.2.$', '$GENERATE is not supported'],
  ['$FOO 1', '"$FOO" is not a directive: $ORIGIN, $TTL and $INCLUDE are'],
  ['a..b A 192.0.2.1', 'owner: "a..b" has an empty label'],
  [`${'x'.repeat(64)} A 192.0.2.1`, 'has a label longer than 63 octets'],
  [`${'abcdefg.'.repeat(32)} A 192.0.2.1`, 'is longer than 255 octets'],
  ['a\\256 A 192.0.2.1', 'has a bad escape'],
  ['a\\25 A 192.0.2.1', 'has a bad escape'],
  ['ä A 192.0.2.1', 'has a character outside ASCII'],
  ['"a" A 192.0.2.1', 'owner: "a" must not be in quotes'],
  ['a A 192.0.2.1 )', '")" closes nothing'],
  ['a TXT "open', 'the quoted string is not closed on its line'],
  ['a TXT open\\', 'a lone backslash ends the line'],
  ['a TXT', 'the text of the TXT is missing'],
  [`a TXT ${'x'.repeat(256)}`, 'has 256 octets, more than 255: split it into several strings'],
  ['a TXT \\300', 'has a bad escape: use \\000 to \\255'],
  ['a TXT \\1', 'has a bad escape'],
  ['a MX mail', 'preference: "mail" is not a number from 0 to 65535'],
  ['a MX 65536 mail', '"65536" is not a number from 0 to 65535'],
  ['a MX 10', 'the name of the MX is missing'],
  ['a MX 10 "mail"', 'must not be in quotes'],
  ['a SOA ns1 admin 1 2 3 4', 'the minimum of the SOA is missing'],
  ['a SOA ns1 admin -1 2 3 4 5', 'serial: "-1" is not a number from 0 to 4294967295'],
  ['a SOA ns1 admin 1 2x 3 4 5', 'refresh: "2x" is not a time'],
  ['a SRV 0 0 b', 'port: "b" is not a number'],
  ['a NAPTR 1 1 u', 'the services of the NAPTR is missing'],
  ['a CAA 256 issue x', 'flags: "256" is not a number from 0 to 255'],
  ['a CAA 0 is-sue x', 'tag: "is-sue" is not letters and digits only'],
  ['a CAA 0 issue', 'the value of the CAA is missing'],
  ['a DS 1 8 1 00', 'the digest has 1 octets, but digest type 1 has 20'],
  ['a DS 1 NOPE 1 00', 'algorithm: "NOPE" is not a number from 0 to 255 or a mnemonic'],
  ['a DS 1 8 9 0', 'digest: "0" is not hexadecimal'],
  ['a DNSKEY 256 3 8 AQP', 'public key: "AQP" is not base 64'],
  ['a DNSKEY 256 3 8 AQ!=', 'is not base 64'],
  ['a DNSKEY 256 3 8 AR==', 'is not base 64'],
  ['a RRSIG A 8 2 60 20260230000000 20260101000000 1 x. AA==', 'expiration: "20260230000000" is not a time'],
  ['a RRSIG NOPE 8 2 60 1 1 1 x. AA==', 'type covered: "NOPE" is not an RR type'],
  ['a NSEC b', 'the types of the NSEC is missing'],
  ['a NSEC b A NOPE', 'types: "NOPE" is not an RR type'],
  ['a NSEC3 1 0 0 xy 2t7b4g4v', 'salt: "xy" is not "-" or'],
  ['a NSEC3 1 0 0 - 2t7b4w', 'next hashed owner: "2t7b4w" is not a hash in base 32 hex'],
  ['a TLSA 3 1 1 xyz', 'certificate data: "xyz" is not hexadecimal'],
  ['a URI 10 1', 'the target of the URI is missing'],
  ['a LOC 91 N 0 E 0', 'location: has "91" in the latitude'],
  ['a LOC 90 0 0.001 N 0 E 0', 'has a latitude over 90 degrees'],
  ['a LOC 42 60 N 0 E 0', 'has "60" in the latitude'],
  ['a LOC 42 21 54.1234 N 0 E 0', 'has "54.1234" in the latitude'],
  ['a LOC 42 N 71 N 0', 'has "N" in the longitude'],
  ['a LOC 42 N 71 W', 'has no altitude'],
  ['a LOC 42 N 71 W -100001m', 'as altitude, not metres from -100000 to'],
  ['a LOC 42 N 71 W 0 1m 1m 1m 1m', '"1m" is too much'],
  ['a A \\# 3 0A0000', '\\# is not valid data of A: the data end early'],
  ['a A \\# 5 0A00000001', '\\# is not valid data of A: octets follow the last field'],
  ['a MX \\# 4 000A C000', 'a name has a bad or compressed label'],
  ['a TYPE65280 x', 'the data of TYPE65280 must be written as \\# length hex'],
  ['a TYPE65280 \\#', 'the length after \\# is missing'],
  ['a TYPE65280 \\# x', '"x" is not a length from 0 to 65535'],
  ['a TYPE65280 \\# 3 0A00', '\\# says 3 octets, but 2 follow'],
  ['a TYPE65280 \\# 1 0G', '"0G" is not hexadecimal'],
  ['a SVCB 65536 .', 'priority: "65536" is not a number'],
  ['a SVCB 0 b port=53', 'priority 0 (AliasMode) takes no SvcParams'],
  ['a SVCB 1 b key123=abc key123=def', 'key123 is given twice'],
  ['a SVCB 1 b port=53 key3=\\000\\053', 'port is given twice'],
  ['a SVCB 1 b mandatory', 'mandatory: "" is not a SvcParamKey'],
  ['a SVCB 1 b alpn', 'alpn: has an empty protocol name'],
  ['a SVCB 1 b alpn=h2,,h3', 'alpn: has an empty protocol name'],
  ['a SVCB 1 b alpn=h2\\\\x', 'alpn: has a backslash that escapes neither'],
  ['a SVCB 1 b port', 'port: "" is not a port'],
  ['a SVCB 1 b port=70000', 'port: "70000" is not a port'],
  ['a SVCB 1 b ipv4hint', 'ipv4hint: "" is not an IPv4 address'],
  ['a SVCB 1 b ipv4hint=192.0.2.1,x', 'ipv4hint: "x" is not an IPv4 address'],
  ['a SVCB 1 b ipv6hint', 'ipv6hint: "" is not an IPv6 address'],
  ['a SVCB 1 b ipv6hint=192.0.2.1', 'is not an IPv6 address'],
  ['a SVCB 1 b alpn=h2 no-default-alpn=abc', 'no-default-alpn: takes no value'],
  ['a SVCB 1 b no-default-alpn', 'no-default-alpn needs alpn'],
  ['a SVCB 1 b mandatory=key123', 'mandatory: key123 is named but absent'],
  ['a SVCB 1 b mandatory=mandatory', 'mandatory: must not name itself'],
  ['a SVCB 1 b mandatory=key123,key123 key123=abc', 'mandatory: must name each key once'],
  ['a SVCB 1 b ech=x', 'ech: "x" is not base 64'],
  ['a SVCB 1 b dohpath=/q', 'dohpath: must be a URI template with the variable dns'],
  ['a SVCB 1 b key65535=x', 'key65535 is reserved as invalid'],
  ['a SVCB 1 b key01=x', '"key01" is not a SvcParamKey'],
  ['a SVCB 1 b nope=x', '"nope" is not a SvcParamKey'],
  ['a SVCB 1 b "port=53"', 'must not be in quotes'],
  ['a SVCB 1 b alpn= "h2"', 'alpn: has an empty protocol name'],
  ['a STEER', 'the service of the STEER is missing'],
  ['a STEER Web', 'service: "Web" is not a service name'],
  ['a STEER -web', 'service: "-web" is not a service name'],
  ['a STEER web api', '"api" is too much'],
];

const origin = parseName('x.example.') as Uint8Array;
const before = '$TTL 60\n; a comment\nok TXT ( "a"\n "b" )\n';
const after = '\nok2 A 192.0.2.1\n';

for (const [line, message] of faults)
  test(`refused: ${line.slice(0, 80)}`, () => {
    const input = { text: before + line + after, file: 'zones/x.zone', origin, read: () => undefined };
    const { records, problems } = parseMaster(input);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    const [problem] = problems;
    assert.ok(problem?.message.includes(message), problem?.message);
    assert.deepEqual([problem?.file, problem?.line, problem?.severity], ['zones/x.zone', 5, 'error']);
    const column = problem?.column ?? 0;
    assert.ok(column >= 1 && column <= line.length + 1, String(column));
    assert.equal(records.length, 2, 'what is good is read');
  });

test('a line that leans on no owner is refused', () => {
  const { problems } = parseMaster({ text: ' 60 A 192.0.2.1', file: 'x', origin, read: () => undefined });
  assert.deepEqual(
    problems.map((problem) => problem.message),
    ['the line begins with a blank, but no owner was stated before it'],
  );
});

test('a record without any TTL to be had is refused', () => {
  const { problems } = parseMaster({ text: 'a A 192.0.2.1', file: 'x', origin, read: () => undefined });
  assert.match(problems[0]?.message ?? '', /has no TTL/);
});
