import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { typeCode } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import { formatRdata } from '../src/wire/rdata.ts';
import { formatRecord } from '../src/zone/format.ts';
import { parseMaster } from '../src/zone/master.ts';
import type { ZoneRecord } from '../src/zone/record.ts';

/** What we read from master files, compared with what BIND and NSD read; RDATA also with dns-packet. */

const folder = fileURLToPath(new URL('vectors/zones/', import.meta.url));
const origin = parseName('x.example.') as Uint8Array;

function load(text: string): ZoneRecord[] {
  const read = (path: string): string => readFileSync(folder + path, 'utf8');
  const { records, problems } = parseMaster({ text, file: 'every-type.zone', origin, read });
  assert.deepEqual(problems, []);
  return records;
}

const ours = (): ZoneRecord[] => load(readFileSync(`${folder}every-type.zone`, 'utf8'));
const texts = (records: readonly ZoneRecord[]): string[] => [...new Set(records.map(formatRecord))].sort();

/** What a tool prints of the zone; undefined, and the test skipped, where it is not installed. */
function dump(context: TestContext, command: string, args: readonly string[]): string | undefined {
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const run = spawnSync(command, [...args, 'x.example', 'every-type.zone'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH },
  });
  if (run.error !== undefined) {
    context.skip(`${command} is not installed: apt-get install bind9-utils nsd`);
    return undefined;
  }
  assert.equal(run.status, 0, run.stdout + run.stderr);
  return run.stdout;
}

test('BIND reads the same records from the zone of every type, and writes them as we do', (context) => {
  const printed = dump(context, 'named-compilezone', [
    '-q',
    '-s',
    'full',
    '-i',
    'none',
    '-k',
    'ignore',
    '-o',
    '-',
  ]);
  if (printed === undefined) return;
  assert.deepEqual(texts(load(printed)), texts(ours()));
  // BIND breaks long hex and base 64, has mnemonics for CERT, and does not know dohpath by name.
  const comparable = (lines: readonly string[]): string[] =>
    lines
      .filter((line) => !/^;|\sCERT\s|dohpath|key7=/.test(line) && line !== '')
      .map((line) => line.replace(/\s+/g, ''))
      .sort();
  const theirs = comparable(printed.split('\n'));
  assert.ok(theirs.length > 60);
  assert.deepEqual(theirs, comparable(texts(ours())));
});

test('NSD reads the same records from the zone of every type', (context) => {
  const printed = dump(context, 'nsd-checkzone', ['-p']);
  if (printed === undefined) return;
  // After $INCLUDE, NSD goes on with the last owner of the included file; BIND and we with the one before.
  const comparable = (records: readonly ZoneRecord[]): string[] =>
    texts(records).filter((line) => !line.includes('as before the include'));
  assert.deepEqual(comparable(load(printed)), comparable(ours()));
});

/** The part of dns-packet that is used here; the package has no types. */
interface DnsPacket {
  readonly answer: {
    encode(answer: object): Uint8Array;
    decode(octets: Buffer): { readonly data: unknown };
  };
}
const packet = createRequire(import.meta.url)('dns-packet') as DnsPacket;
/** Octets of an encoded answer at the root before its RDATA. */
const ANSWER_HEAD = 11;
const theirTypes = new Set(
  'A AAAA CAA CNAME DNAME DNSKEY DS HINFO MX NAPTR NS NSEC NSEC3 PTR RP RRSIG SOA SRV SSHFP TLSA TXT'.split(
    ' ',
  ),
);
/** Types that dns-packet does not know the mnemonic of make bitmaps that it cannot write. */
const beyondThem = /TYPE\d+/;

test('dns-packet decodes our RDATA and encodes it to the same octets', () => {
  let compared = 0;
  for (const record of ours()) {
    const type = formatRecord(record).split(' ')[3] as string;
    if (!theirTypes.has(type) || beyondThem.test(formatRdata(record.type, record.rdata))) continue;
    const { rdata } = record;
    const head = Buffer.alloc(ANSWER_HEAD);
    head.writeUInt16BE(typeCode(type) as number, 1);
    head.writeUInt16BE(1, 3);
    head.writeUInt16BE(rdata.length, 9);
    const decoded = packet.answer.decode(Buffer.concat([head, rdata]));
    const encoded = packet.answer.encode({ ...decoded, name: '.', type, class: 'IN' });
    const length = ((encoded[ANSWER_HEAD - 2] as number) << 8) | (encoded[ANSWER_HEAD - 1] as number);
    const theirs = encoded.subarray(ANSWER_HEAD, ANSWER_HEAD + length);
    assert.deepEqual(Uint8Array.from(theirs), rdata, formatRecord(record));
    compared++;
  }
  assert.ok(compared > 40, String(compared));
});
