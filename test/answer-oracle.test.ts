import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { Packet } from 'dns2';
import fc from 'fast-check';
import { TYPE, typeName } from '../src/wire/constants.ts';
import { formatName } from '../src/wire/name.ts';
import { formatRdata } from '../src/wire/rdata.ts';
import { type MessageRecord, readSections } from '../src/wire/records.ts';
import { readResponseOpt } from '../src/wire/response-opt.ts';
import { createWorld } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery } from './helpers/message.ts';

/** Responses of the answer room, read by dns2 and dns-packet as by us. */

interface TheirRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
}
interface DnsPacket {
  readonly decode: (
    octets: Buffer,
  ) => Readonly<Record<'answers' | 'authorities' | 'additionals', TheirRecord[]>>;
}
// The cast stands in for the missing declarations.
const dnsPacket = createRequire(import.meta.url)('dns-packet') as DnsPacket;

const ZONE = `$TTL 300
@ SOA ns1 hostmaster 7 7200 1800 1209600 60
@ NS ns1
@ NS ns2.elsewhere.example.
@ STEER web
@ MX 10 mail
@ MX 20 mail.elsewhere.example.
@ TXT "v=spf1 mx -all"
@ TXT "one" "two three"
@ CAA 0 issue "ca.example"
ns1 A 192.0.2.53
ns1 AAAA 2001:db8::53
mail A 192.0.2.25
www STEER web
shop CNAME www
_sip._tcp SRV 10 60 5060 mail
25.mail PTR mail
*.apps A 192.0.2.70
old DNAME www
lab NS ns.lab
ns.lab A 192.0.2.54
`;
const world = createWorld([['cdn.example.', ZONE]]);
const owners = [
  '',
  'ns1.',
  'mail.',
  'www.',
  'shop.',
  '_sip._tcp.',
  '25.mail.',
  'x.apps.',
  'a.old.',
  'h.lab.',
];
const names = [...owners, '_tcp.', 'none.', 'none.mail.'].map((owner) => `${owner}cdn.example.`);
const types = ['A', 'AAAA', 'NS', 'SOA', 'MX', 'TXT', 'CAA', 'SRV', 'PTR', 'CNAME'];
const subnets = [undefined, '198.51.100.0/24', '10.0.0.0/8', '0.0.0.0/0'];

/** All questions of these names, types and subnets, each with our response to it. */
const responses = names.flatMap((name) =>
  types.flatMap((type) =>
    subnets.map((subnet) => {
      const query = encodeQuery({ name, type, ...(subnet === undefined ? {} : { subnet }) });
      const octets = world.ask(query, { transport: 'tcp' });
      assert.ok(octets);
      return { question: `${name} ${type} ${subnet}`, octets: Buffer.from(octets) };
    }),
  ),
);

const dotted = (name: string): string => (name.endsWith('.') ? name : `${name}.`);
const quoted = (strings: readonly unknown[]): string => strings.map((text) => `"${text}"`).join(' ');

/** A record's line as dns2 reads it; undefined for a type that it does not know. */
function dns2Line(record: ReturnType<typeof Packet.Resource.parse>): string | undefined {
  const { address, exchange, priority, ns, domain, data, weight, port, target, flags, tag, value } = record;
  const { primary, admin, serial, refresh, retry, expiration, minimum } = record;
  const rdata = new Map<number, () => string>([
    [TYPE.A, () => `${address}`],
    [TYPE.AAAA, () => `${address}`],
    [TYPE.NS, () => dotted(ns ?? '')],
    [TYPE.CNAME, () => dotted(domain ?? '')],
    [TYPE.PTR, () => dotted(domain ?? '')],
    [TYPE.MX, () => `${priority} ${dotted(exchange ?? '')}`],
    [TYPE.TXT, () => quoted(data as string[])],
    [TYPE.SRV, () => `${priority} ${weight} ${port} ${dotted(target ?? '')}`],
    [TYPE.CAA, () => `${flags} ${tag} "${value}"`],
    [
      TYPE.SOA,
      () =>
        [dotted(primary ?? ''), dotted(admin ?? ''), serial, refresh, retry, expiration, minimum].join(' '),
    ],
  ]).get(record.type)?.();
  return rdata && `${dotted(record.name)} ${record.ttl} ${typeName(record.type)} ${rdata}`;
}

/** The same as dns-packet reads it. */
function dnsPacketLine({ name, type, ttl, data }: TheirRecord): string | undefined {
  // dns-packet gives each type an object of its own, without declarations.
  const of = data as Readonly<Record<string, string>>;
  const rdata = new Map<string, () => string>([
    ['A', () => `${data}`],
    ['AAAA', () => `${data}`],
    ['NS', () => dotted(`${data}`)],
    ['CNAME', () => dotted(`${data}`)],
    ['PTR', () => dotted(`${data}`)],
    ['MX', () => `${of['preference']} ${dotted(of['exchange'] ?? '')}`],
    ['TXT', () => quoted(data as Buffer[])],
    ['SRV', () => `${of['priority']} ${of['weight']} ${of['port']} ${dotted(of['target'] ?? '')}`],
    ['CAA', () => `${of['flags']} ${of['tag']} "${of['value']}"`],
    [
      'SOA',
      () =>
        [
          dotted(of['mname'] ?? ''),
          dotted(of['rname'] ?? ''),
          ...['serial', 'refresh', 'retry', 'expire', 'minimum'].map((field) => of[field]),
        ].join(' '),
    ],
  ]).get(type)?.();
  return rdata && `${dotted(name)} ${ttl} ${type} ${rdata}`;
}

function ourLine({ owner, ttl, type, rdata }: MessageRecord): string {
  return `${formatName(owner)} ${ttl} ${typeName(type)} ${formatRdata(type, rdata)}`;
}

const known = (record: { readonly type: number }): boolean => types.includes(typeName(record.type));

test('dns2 and dns-packet read every record of our responses as we do', () => {
  for (const { question, octets } of responses) {
    const ours = readSections(octets);
    if (typeof ours === 'string') assert.fail(`${question}: ${ours}`);
    const second = Packet.parse(octets);
    const third = dnsPacket.decode(octets);
    assert.deepEqual(second.errors, [], question);
    for (const [section, theirs] of [
      ['answer', 'answers'],
      ['authority', 'authorities'],
      ['additional', 'additionals'],
    ] as const) {
      const lines: string[] = ours[section].filter(known).map(ourLine);
      assert.deepEqual(second[theirs].filter(known).map(dns2Line), lines, question);
      assert.deepEqual(
        third[theirs].map(dnsPacketLine).filter((line) => line !== undefined),
        lines,
        question,
      );
    }
    assert.equal(second.header.rcode, decodeMessage(octets).rcode, question);
  }
});

test('the scope of a client subnet is read alike', () => {
  for (const { question, octets } of responses) {
    const expected = decodeMessage(octets).ecs;
    const sections = readSections(octets);
    assert.ok(typeof sections !== 'string');
    const record = sections.additional.find(({ type }) => type === TYPE.OPT);
    const ours = record === undefined ? undefined : readResponseOpt(record).clientSubnet;
    assert.equal(ours?.scopeLength, expected?.scope, question);
    assert.equal(ours?.prefix.length, expected?.source, question);
    const opt = Packet.parse(octets).additionals.find(({ type }) => type === TYPE.OPT);
    // dns2's types know options by their code only.
    const theirs = opt?.rdata?.[0] as { scopePrefixLength: number } | undefined;
    assert.equal(theirs?.scopePrefixLength, expected?.scope, question);
  }
});

test('a message with octets changed or cut off is read or refused, in bounded time', () => {
  const damaged = fc.tuple(
    fc.constantFrom(...responses),
    fc.array(fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 255 })), { maxLength: 5 }),
    fc.nat({ max: 300 }),
  );
  fc.assert(
    fc.property(damaged, ([{ octets }, changes, length]) => {
      const copy = Uint8Array.from(octets.subarray(0, length));
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      const sections = readSections(copy);
      if (typeof sections === 'string') return;
      for (const record of [...sections.answer, ...sections.authority, ...sections.additional]) {
        ourLine(record);
        readResponseOpt(record);
      }
    }),
    { seed: 11, numRuns: 5000 },
  );
});
