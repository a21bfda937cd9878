import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCli } from './helpers/cli.ts';
import { type Program, runTool, startProgram } from './helpers/program.ts';
import { freePort } from './helpers/redis.ts';

/** `ask` against a real server, beside dig. */

const hasDig = (await runTool('dig', ['-v'])).code === 0;
const folder = mkdtempSync(join(tmpdir(), 'isochrone-ask-'));
const config = join(folder, 'isochrone.yaml');
const many = Array.from({ length: 120 }, (_, i) => `many A 192.0.2.${i}\n`).join('');
let server: Program;
let at: string;

before(async () => {
  writeFileSync(
    join(folder, 'big.zone'),
    `$TTL 60\n@ SOA ns host 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n${many}`,
  );
  const data = join(import.meta.dirname, '../geo-data');
  writeFileSync(
    config,
    `zones:
  - { origin: cdn.example, file: ${data}/demo/cdn.example.zone }
  - { origin: big.example, file: big.zone }
services:
  web: { pops: all, https: { alpn: [h2], port: 8443 } }
  web-eu: { pops: [FRA, AMS] }
pops: ${data}/pops.csv
popAddresses: modelled
listen: { dns: ["127.0.0.1:0", "[::1]:0"] }
`,
  );
  server = await startProgram(['serve', '--config', config]);
  at = `127.0.0.1:${server.port}`;
});
after(async () => {
  await server?.end();
  rmSync(folder, { recursive: true });
});

/** What dig and `ask` both say of an answer, blanks made one. */
function essentials(out: string): { status: string; flags: string; subnet: string; records: string[] } {
  const word = (pattern: RegExp): string => pattern.exec(out)?.[1] ?? '';
  return {
    status: word(/status: (\w+)/),
    flags: word(/flags: ([a-z ]+);/),
    subnet: word(/CLIENT-SUBNET: (\S+)/),
    records: out
      .split('\n')
      .filter((line) => line !== '' && (!line.startsWith(';') || line.endsWith('SECTION:')))
      .filter((line) => line !== ';; OPT PSEUDOSECTION:')
      .map((line) => line.replace(/\s+/g, ' ')),
  };
}

const QUESTIONS = [
  'www.cdn.example A --client 200.147.0.0/16',
  'www.cdn.example AAAA --client 2001:4860::/32',
  'www.cdn.example HTTPS --client 2a02:810:8000::/33',
  'www.cdn.example A --client 0.0.0.0/0',
  'WwW.CDN.example A',
  'boutique.cdn.example A --tcp',
  'cdn.example MX',
  'cdn.example TXT',
  'cdn.example SOA',
  'cdn.example CAA --tcp',
  'cdn.example NAPTR',
  'novel.cdn.example TYPE65280',
  'fra.cdn.example LOC',
  '25.mail.cdn.example PTR',
  '_sip._tcp.cdn.example SRV',
  'docs.old.cdn.example A',
  'host.lab.cdn.example A',
  'none.cdn.example A',
  '_tcp.cdn.example A',
  'www.elsewhere.example A',
  'many.big.example A',
];

test('it shows what dig shows', { skip: hasDig ? false : 'no dig on this machine' }, async () => {
  for (const question of QUESTIONS) {
    const [name = '', type = '', ...flags] = question.split(' ');
    const subnet = flags.indexOf('--client');
    const digFlags = [
      ...(subnet < 0 ? [] : [`+subnet=${flags[subnet + 1]}`]),
      ...(flags.includes('--tcp') ? ['+tcp'] : []),
    ];
    const common = ['@127.0.0.1', '-p', String(server.port), '+nocookie', '+nosplit', '+tries=1'];
    const [theirs, ours] = await Promise.all([
      runTool('dig', [...common, name, type, ...digFlags]),
      runCli('ask', name, type, ...flags, '--server', at),
    ]);
    assert.equal(ours.code, 0, ours.err);
    assert.deepEqual(essentials(ours.out), essentials(theirs.out), question);
  }
});

test('--short, --json, and TCP where the answer does not fit', async () => {
  const short = await runCli('ask', 'boutique.cdn.example', '--server', at, '--short');
  assert.match(short.out, /^shop\.cdn\.example\.\nwww\.cdn\.example\.\n127\.64\.\d+\.[12]\n$/);
  const none = await runCli('ask', 'none.cdn.example', '--server', at, '--short');
  assert.deepEqual([none.code, none.out], [0, '']);
  const json = await runCli(
    'ask',
    'www.cdn.example',
    '--client',
    '2001:db8:f000::/36',
    '--server',
    at,
    '--json',
  );
  const view = JSON.parse(json.out);
  assert.equal(view.status, 'NOERROR');
  assert.deepEqual(view.flags, ['qr', 'aa', 'rd']);
  assert.deepEqual(view.question, { name: 'www.cdn.example.', type: 'A' });
  assert.equal(view.answer[0].type, 'A');
  assert.equal(view.clientSubnet.prefix, '2001:db8:f000::/36');
  assert.ok(view.tookMs > 0 && view.octets > 60);
  const big = await runCli('ask', 'many.big.example', '--server', at);
  assert.match(big.out, /^;; Truncated, retrying in TCP mode\.\n.*ANSWER: 120, /);
  assert.match(big.out, /;; SERVER: 127\.0\.0\.1:\d+ \(TCP\)/);
});

test('a server on IPv6', async () => {
  const [, second = ''] = JSON.parse(/\{"ready".*\}/.exec(server.output())?.[0] ?? '').ready.dns;
  for (const flags of [[], ['--tcp']]) {
    const { out, err } = await runCli('ask', 'ns1.cdn.example', '--server', second, '--short', ...flags);
    assert.equal(out, '192.0.2.53\n', err);
  }
});

test('a wrong command line: all its faults at once, exit code 2', async () => {
  const { code, err } = await runCli(
    'ask',
    'a..b',
    'FOO',
    '--client',
    '10.1.0.0/8',
    '--server',
    'localhost:53',
  );
  assert.equal(code, 2);
  for (const words of [
    /empty label/,
    /"FOO" is no record type/,
    /did you mean 10\.0\.0\.0\/8/,
    /--server "local/,
  ])
    assert.match(err, words);
  assert.match((await runCli('ask', 'john\\.doe.example')).err, /a dot inside a label/);
  assert.match((await runCli('ask')).err, /missing: isochrone ask NAME \[TYPE\]/);
});

test('no server, or one that talks nonsense: exit code 1 and the reason', async () => {
  const closed = `127.0.0.1:${await freePort()}`;
  for (const flags of [[], ['--tcp']]) {
    const { code, err } = await runCli('ask', 'www.cdn.example', '--server', closed, ...flags);
    assert.equal(code, 1);
    assert.match(err, /^127\.0\.0\.1:\d+ over (?:UDP|TCP): nothing listens there/);
  }
  const http = await runCli('ask', 'www.cdn.example', '--server', server.admin.slice(7), '--tcp', '--json');
  assert.equal(http.code, 1);
  assert.equal(JSON.parse(http.out).error.code, 'server-unreachable');

  const cutting = createServer((socket) => socket.end(Buffer.from([0, 64, 1, 2, 3])));
  cutting.listen(0, '127.0.0.1');
  await once(cutting, 'listening');
  const { port } = cutting.address() as { port: number };
  const cut = await runCli('ask', 'www.cdn.example', '--server', `127.0.0.1:${port}`, '--tcp');
  assert.match(cut.err, /connection closed after 3 of 64/);
  cutting.close();
});

test('what is no reply to the query does not count; the reply after it does', async () => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let honest = true;
  socket.on('message', (query, { port, address }) => {
    const reply = Buffer.from(query);
    reply[2] = 0x80;
    const otherId = Buffer.from(reply);
    otherId.writeUInt16BE(otherId.readUInt16BE(0) ^ 1);
    const otherName = Buffer.from(reply);
    otherName[13] = 'x'.charCodeAt(0);
    const wrong = [Buffer.from('hello'), query, otherId, otherName];
    for (const octets of honest ? [...wrong, reply] : wrong) socket.send(octets, port, address);
  });
  const { port } = socket.address();
  const ask = () => runCli('ask', 'www.cdn.example', '--server', `127.0.0.1:${port}`);
  const good = await ask();
  assert.match(good.out, /^;; status: NOERROR; flags: qr; QUERY: 1, ANSWER: 0/, good.err);
  honest = false;
  const bad = await ask();
  assert.equal(bad.code, 1);
  assert.match(bad.err, /over UDP: no answer in 3 tries of 1\.5 s; what came answers another question/);
  socket.close();
});
