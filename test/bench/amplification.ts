import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Peer, startBind, startKnot, startNsd } from '../differential/peers.ts';
import { encodeQuery, type QueryOptions } from '../helpers/message.ts';
import { hasProgram, type Running, root, start, temporaryFolder } from './machine.ts';

/**
 * How many octets of response each octet of a query brings over UDP, here and in NSD, Knot and BIND, which
 * serve the same zones, one of them signed: `npm run bench:amplification`. NSD gives what it does by default,
 * Knot and BIND the least that they can. Ends with 1 where a response of ours is larger than NSD's.
 */

const PORT = 5461;
const SIGNED = 'signed.example';
const PLAIN = 'plain.example';
const ANSWER_MS = 2000;
/** Names that one shortens and the other spells. */
const NEARLY_EQUAL = 1.03;
const START_MS = 120_000;

const RECORDS = [
  '$TTL 3600',
  '@ SOA ns1 hostmaster 1 7200 1800 1209600 300',
  '@ NS ns1',
  '@ NS ns2',
  '@ MX 10 mail',
  '@ TXT "v=spf1 ip4:192.0.2.0/24 include:_spf.other.example -all"',
  'ns1 A 192.0.2.1',
  'ns1 AAAA 2001:db8::1',
  'ns2 A 192.0.2.2',
  'mail A 192.0.2.25',
  'www A 192.0.2.80',
  'www AAAA 2001:db8::80',
  'www TXT "some text"',
  '*.wild A 192.0.2.81',
  'alias CNAME www',
  'old DNAME new',
  'x.new A 192.0.2.82',
  ...Array.from({ length: 12 }, (_, i) => `big TXT "${String(i).padStart(200, 'x')}"`),
  ...Array.from({ length: 40 }, (_, i) => `many A 198.51.100.${i + 1}`),
  ...Array.from({ length: 4 }, (_, i) => [`sub NS ns${i}.sub`, `ns${i}.sub A 192.0.2.${100 + i}`]).flat(),
  ...Array.from({ length: 13 }, (_, i) => [
    `wide NS n${i}.wide`,
    `n${i}.wide AAAA 2001:db8::${i + 1}`,
  ]).flat(),
];
const DS = `safe DS 12345 13 2 ${'ab'.repeat(32)}`;

interface Question {
  readonly what: string;
  readonly query: Uint8Array;
}

/** What is asked of both zones; of the signed one with DO. */
const ASKED: readonly (readonly [what: string, name: string, type: string])[] = [
  ['A', 'www', 'A'],
  ['40 addresses', 'many', 'A'],
  ['wildcard', 'a.wild', 'A'],
  ['CNAME', 'alias', 'A'],
  ['DNAME', 'x.old', 'A'],
  ['MX', '', 'MX'],
  ['NS', '', 'NS'],
  ['SOA', '', 'SOA'],
  ['ANY, apex', '', 'ANY'],
  ['ANY', 'www', 'ANY'],
  ['long TXT', 'big', 'TXT'],
  ['NODATA', 'www', 'MX'],
  ['NXDOMAIN', 'nothing', 'A'],
  ['referral', 'a.sub', 'A'],
  ['referral, 13 servers', 'a.wide', 'A'],
  ['DNSKEY', '', 'DNSKEY'],
];

function questions(): Question[] {
  const full = (name: string, zone: string): string => (name === '' ? `${zone}.` : `${name}.${zone}.`);
  const asked = (what: string, options: QueryOptions): Question => ({ what, query: encodeQuery(options) });
  const header = (opcode: number): Uint8Array =>
    Uint8Array.from([0, 0, opcode << 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  return [
    ...ASKED.map(([what, name, type]) => asked(what, { name: full(name, PLAIN), type, edns: 4096 })),
    ...ASKED.map(([what, name, type]) =>
      asked(`signed: ${what}`, { name: full(name, SIGNED), type, edns: 4096, dnssecOk: true }),
    ),
    asked('signed: referral with DS', { name: `a.safe.${SIGNED}.`, type: 'A', edns: 4096, dnssecOk: true }),
    asked('long TXT without EDNS', { name: full('big', PLAIN), type: 'TXT' }),
    asked('not our zone', { name: 'elsewhere.test.', type: 'A', edns: 4096 }),
    asked('the root', { name: '.', type: 'NS', edns: 4096 }),
    asked('EDNS version 1', { name: full('www', PLAIN), type: 'A', edns: 4096, version: 1 }),
    { what: 'a header alone', query: header(0) },
    { what: 'a header, opcode 15', query: header(15) },
  ];
}

/** Signs the zone as BIND does, with the key that Isochrone signs with and what it says of it. */
function signedByBind(folder: string, text: string): string {
  const keys = join(folder, 'state/dnssec');
  const copies = join(folder, 'keys');
  spawnSync('cp', ['-r', keys, copies]);
  const [key = ''] = readdirSync(copies).filter((file) => file.endsWith('.key'));
  spawnSync('dnssec-settime', ['-K', copies, '-P', 'now-1d', '-A', 'now-1d', '-P', 'sync', 'now-1d', key]);
  const file = join(folder, 'unsigned');
  writeFileSync(file, text);
  const words = ['-z', '-S', '-K', copies, '-o', SIGNED, '-f', `${file}.signed`, file];
  const { status, stderr } = spawnSync('dnssec-signzone', words, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`dnssec-signzone: ${stderr}`);
  return readFileSync(`${file}.signed`, 'utf8');
}

/** Starts Isochrone itself; resolves when it answers for the signed zone. */
async function startOwn(folder: string, port: number): Promise<Running> {
  const bin = join(root, 'src/bin.mjs');
  const config = join(folder, 'isochrone.yaml');
  writeFileSync(
    config,
    `listen: {dns: ["127.0.0.1:${port}"], admin: "off"}\nzones:\n` +
      `  - {origin: ${PLAIN}, file: ${PLAIN}}\n  - {origin: ${SIGNED}, file: ${SIGNED}, dnssec: {}}\n`,
  );
  const made = spawnSync(process.execPath, [bin, 'zone', 'keygen', SIGNED, '--config', config], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`keygen: ${made.stderr}`);
  const command = [process.execPath, bin, 'serve', '--config', config, '--workers', '1'];
  const child = start(command, { log: join(folder, 'log') });
  const endMs = performance.now() + START_MS;
  const probe = encodeQuery({ name: `${SIGNED}.`, type: 'SOA', dnssecOk: true });
  while (((await askOnce(port, probe, 200))?.[7] ?? 0) < 2) {
    if (performance.now() > endMs || child.ended())
      throw new Error(`Isochrone does not answer with signatures: ${child.output()}`);
    await sleep(200);
  }
  return child;
}

async function askOnce(port: number, query: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined> {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  try {
    socket.send(query, port, '127.0.0.1');
    const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(timeoutMs) })) as [
      Uint8Array,
    ];
    return reply;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

interface Row {
  readonly what: string;
  readonly octets: number;
  /** Octets of the responses: ours, NSD's, Knot's, BIND's. */
  readonly responses: readonly number[];
}

function print(rows: readonly Row[]): void {
  const cells = ({ octets, responses }: Row): string[] =>
    responses.map((size) => `${(size / octets).toFixed(2)} (${size})`);
  console.log('Octets of response for each octet of the query (octets of the response)\n');
  console.log('| question | octets | Isochrone | NSD | Knot | BIND |\n| --- | --- | --- | --- | --- | --- |');
  for (const row of rows) console.log(`| ${row.what} | ${row.octets} | ${cells(row).join(' | ')} |`);
  const largest = [0, 1, 2, 3].map((i) =>
    Math.max(...rows.map(({ octets, responses }) => (responses[i] as number) / octets)),
  );
  console.log(`| **largest** | | ${largest.map((ratio) => `**${ratio.toFixed(2)}**`).join(' | ')} |`);
}

async function main(): Promise<void> {
  const missing = ['nsd', 'knotd', 'named', 'dnssec-signzone'].filter((program) => !hasProgram(program));
  if (missing.length > 0) throw new Error(`not there: ${missing.join(', ')}`);
  const folder = temporaryFolder();
  const text = `${RECORDS.join('\n')}\nsafe NS ns1.safe\nns1.safe A 192.0.2.90\n${DS}\n`;
  for (const zone of [PLAIN, SIGNED]) writeFileSync(join(folder, zone), text);
  const own = await startOwn(folder, PORT);
  const zones = { [PLAIN]: text, [SIGNED]: signedByBind(folder, text) };
  const peers: Peer[] = [];
  try {
    peers.push(await startNsd(PORT + 1, zones, ['  minimal-responses: no']));
    peers.push(await startKnot(PORT + 2, zones));
    peers.push(await startBind(PORT + 3, zones));
    const rows: Row[] = [];
    for (const { what, query } of questions()) {
      const responses: number[] = [];
      for (const i of [0, 1, 2, 3]) responses.push((await askOnce(PORT + i, query, ANSWER_MS))?.length ?? 0);
      rows.push({ what, octets: query.length, responses });
    }
    print(rows);
    const above = rows.filter(({ responses: [own = 0, nsd = 0] }) => own > nsd * NEARLY_EQUAL);
    for (const { what, responses } of above)
      console.log(`\nlarger than NSD's: ${what}: ${responses[0]} octets, NSD ${responses[1]}`);
    if (above.length > 0) process.exitCode = 1;
    else console.log("\nNo response is larger than NSD's but by some octets of names.");
  } finally {
    await own.stop();
    for (const peer of peers) await peer.stop();
  }
}

await main();
