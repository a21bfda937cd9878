import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { formatAddress, parseAddress } from '../src/base/address.ts';
import { OperatorError } from '../src/base/errors.ts';
import { fileLog, logWords, readLog } from '../src/cli/replay-log.ts';
import { createCounts, WINDOWS_MAX } from '../src/replay/counts.ts';
import { createLogReader, LOG_FORMATS, type LogFormat } from '../src/replay/log-format.ts';
import { BrokenLog, createQuestions, type LoggedQuestion } from '../src/replay/questions.ts';
import { CONTROL, controlFrame, dataFrame } from '../src/wire/dnstap.ts';
import { type Captured, pcap, pcapng } from './helpers/captures.ts';

const folder = mkdtempSync(join(tmpdir(), 'isochrone-replay-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** `www.cdn.example A` with an OPT of 1232 octets, and the client subnet 5.9.0.0/24. */
const QUERY = Uint8Array.from(
  Buffer.from(
    '000000000001000000000001' +
      '037777770363646e076578616d706c650000010001' +
      '00002904d000000000000b000800070001180005090000',
    'hex',
  ).subarray(0, 12 + 21 + 11 + 11),
);
const RESPONSE = Uint8Array.from(QUERY, (octet, i) => (i === 2 ? 0x84 : octet));
const AT_MS = Date.UTC(2026, 0, 5, 6, 7, 8, 250);
const SERVER = { to: '192.0.2.53', toPort: 53, fromPort: 4711 };
const udp = (from: string, atMs: number, payload = QUERY): Captured => ({ ...SERVER, from, payload, atMs });
const LINE = {
  at: new Date(AT_MS).toISOString(),
  client: '198.51.100.0/24',
  transport: 'udp',
  name: 'www.cdn.example.',
  type: 'A',
  subnet: '5.9.0.0/24',
  rcode: 'NOERROR',
};

interface Heard {
  readonly question: LoggedQuestion;
  readonly atMs: number;
}

/** Reads a file as the command does. */
async function heardFrom(octets: Uint8Array | string, port = 53) {
  const path = join(folder, 'log');
  writeFileSync(path, octets);
  const heard: Heard[] = [];
  const onQuery = (question: LoggedQuestion, atMs: number): void => void heard.push({ question, atMs });
  const terminal = { passing: () => undefined, stop: new AbortController().signal };
  const log = await readLog(fileLog(path), { questions: createQuestions(), onQuery, port, terminal });
  return { log, heard };
}

/** What is wrong with a log that is refused. */
async function refusal(octets: Uint8Array | string): Promise<string> {
  const error = await heardFrom(octets).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof OperatorError && error.code === 'bad-data', String(error));
  return error.message.replaceAll(`${folder}/`, '');
}

test('the same query out of each kind of log is the same', async () => {
  const client = parseAddress('198.51.100.0') ?? assert.fail();
  const tap = { client, port: 0, transport: 'udp', atMs: AT_MS, identity: 'a', version: '1' } as const;
  const dnstap = Buffer.concat([
    controlFrame(CONTROL.START),
    dataFrame({ ...tap, kind: 'query', message: QUERY }),
    dataFrame({ ...tap, kind: 'response', message: RESPONSE }),
    controlFrame(CONTROL.STOP),
  ]);
  const packets = [udp('198.51.100.0', AT_MS), { ...udp('192.0.2.53', AT_MS, RESPONSE), toPort: 4711 }];
  const forms = [true, false].flatMap((isLittle) =>
    (['ethernet', 'raw', 'null'] as const).map((link) => ({ isLittle, isNano: !isLittle, link })),
  );
  const logs: [LogFormat, Uint8Array | string][] = [
    ['json', `${JSON.stringify(LINE)}\n`],
    ['json', JSON.stringify({ why: { epoch: 3 }, ...LINE })],
    ['dnstap', dnstap],
    ['dnstap', gzipSync(dnstap)],
    ...forms.map((form): [LogFormat, Uint8Array] => ['pcap', pcap(packets, form)]),
    ['pcap', pcapng(packets, 'ethernet')],
  ];
  for (const [format, octets] of logs) {
    const { log, heard } = await heardFrom(octets);
    assert.deepEqual([log.format, log.queries, log.damaged], [format, 1, 0]);
    const [{ question, atMs } = assert.fail()] = heard;
    assert.equal(Buffer.from(question.octets).toString('hex'), Buffer.from(QUERY).toString('hex'));
    assert.deepEqual(
      [formatAddress(question.client), question.transport, atMs, question.id],
      ['198.51.100.0', 'udp', AT_MS, 0],
      LOG_FORMATS[format],
    );
  }
});

test('captures of IPv6, and of streams cut anywhere, with segments sent again and lost', async () => {
  const message = Buffer.concat([Uint8Array.of(0, QUERY.length), QUERY]);
  const stream = Buffer.concat([message, message, message]);
  const part = (from: number, to: number): Captured => ({
    ...udp('2001:db8::7', AT_MS, stream.subarray(from, to)),
    to: '2001:db8::53',
    tcp: { sequence: 0xfffffff0 + from, flags: 0x18 },
  });
  const begin = { ...part(0, 0), tcp: { sequence: 0xffffffef, flags: 2 } };
  const form = { isLittle: true, isNano: false, link: 'ethernet' } as const;
  const wrapped = (packet: Captured): Captured => ({
    ...packet,
    tcp: packet.tcp && { ...packet.tcp, sequence: packet.tcp.sequence % 2 ** 32 },
  });
  const cut = [begin, part(0, 1), part(1, 40), part(1, 40), part(30, 120), part(120, stream.length)];
  const { heard } = await heardFrom(pcap(cut.map(wrapped), form));
  assert.deepEqual(
    heard.map(({ question }) => [formatAddress(question.client), question.transport, question.id]),
    [0, 1, 2].map(() => ['2001:db8::7', 'tcp', 0]),
  );
  const gap = [udp('2001:db8::7', AT_MS), ...Array.from({ length: 19 }, () => udp('2001:db8::7', AT_MS))];
  const lost = await heardFrom(pcap([...gap, begin, part(0, 30), part(60, 90)].map(wrapped), form));
  assert.equal(lost.heard.length, 20);
  assert.match(lost.log.faults.join(), /TCP: 30 octets of streams with gaps/);
});

test('damage is named with its place; too much of it, or of the frame, refuses the log', async () => {
  const good = JSON.stringify(LINE);
  const bad = [good.replace('A"', 'NOPE"'), '{"at":', good.slice(0, -1)];
  const { log } = await heardFrom([...Array.from({ length: 40 }, () => good), ...bad].join('\n'));
  assert.deepEqual([log.queries, log.damaged], [40, 3]);
  assert.match(
    log.faults.join('\n'),
    /line 41: type: "NOPE" is no type\n.*line 42: no JSON.*\n.*line 43: no JSON/,
  );
  assert.match(logWords(log), /^40 queries in JSON lines; passed over: 3 damaged$/);
  assert.match(
    await refusal([good, ...bad].join('\n')),
    /line 2: [\s\S]*3 damaged records beside 1 queries: refused/,
  );
  for (const none of ['a text\n', Uint8Array.of(1, 2, 3, 4, 5)])
    assert.match(await refusal(none), /is none of these: JSON lines, dnstap, a capture/);
  for (const empty of ['', gzipSync('')]) assert.equal(await refusal(empty), 'log: is empty');
  const frame = dataFrame({
    kind: 'query',
    client: parseAddress('192.0.2.1') ?? assert.fail(),
    port: 0,
    transport: 'udp',
    atMs: AT_MS,
    message: QUERY,
    identity: '',
    version: '',
  });
  const start = controlFrame(CONTROL.START);
  const broken = Buffer.concat([start, frame, Uint8Array.of(0x7f, 1, 1, 1, 0, 0, 0, 0)]);
  const place = start.length + frame.length;
  assert.match(await refusal(broken), new RegExp(`frame 3 at octet ${place}: says that it has 2130772225`));
  const form = { isLittle: false, isNano: false, link: 'raw' } as const;
  const packets = Array.from({ length: 30 }, () => udp('192.0.2.1', AT_MS));
  const cut = await heardFrom(pcap(packets, form).subarray(0, -5));
  assert.deepEqual([cut.log.queries, cut.log.damaged], [29, 1]);
  assert.match(cut.log.faults.join(), /octet \d+: cut after \d+ octets/);
  await assert.rejects(heardFrom(pcap(packets, form), 5300), /no query in a capture of packets/);
});

test('octets of any kind end in events or a broken log, never otherwise', () => {
  const heads: [LogFormat, Uint8Array][] = [
    ['json', new TextEncoder().encode('{"at":"2026-01-05T06:07:08.250Z","client":')],
    ['dnstap', controlFrame(CONTROL.START)],
    ['pcap', pcap([udp('192.0.2.1', AT_MS)], { isLittle: true, isNano: false, link: 'ethernet' })],
    ['pcap', pcapng([udp('192.0.2.1', AT_MS)], 'raw')],
  ];
  const chunks = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...heads), chunks, fc.nat(400), ([format, head], tail, at) => {
      const nothing = (): void => undefined;
      const events = { onQuery: nothing, onSkipped: nothing, onDamaged: nothing, port: 53 };
      const reader = createLogReader(format, createQuestions(2), events);
      const changed = Uint8Array.from(head, (octet, i) => (i === at ? octet ^ 0x41 : octet));
      try {
        for (const chunk of [changed, ...tail]) reader.push(chunk);
        reader.end();
      } catch (error) {
        assert.ok(error instanceof BrokenLog, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('questions beyond the bound are told apart from none; windows grow and lose nothing', () => {
  const questions = createQuestions(1);
  const make = () => ({
    octets: QUERY,
    client: parseAddress('::1') ?? assert.fail(),
    transport: 'udp' as const,
  });
  assert.deepEqual(
    ['a', 'b', 'a', 'b'].map((key) => questions.of(key, make)?.id),
    [0, -1, 0, -1],
  );
  const asked = fc.array(fc.tuple(fc.nat(3), fc.nat(200_000_000)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(asked, (all) => {
      const counts = createCounts();
      for (const [id, atMs] of all) counts.add(id, AT_MS + atMs);
      assert.ok(counts.windows() <= WINDOWS_MAX);
      for (const id of [0, 1, 2, 3]) {
        let sum = 0;
        for (let window = 0; window < counts.windows(); window++) sum += counts.of(id, window);
        assert.equal(sum, all.filter(([one]) => one === id).length);
      }
    }),
  );
});
