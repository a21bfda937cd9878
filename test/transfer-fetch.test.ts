import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FETCH_LIMITS, type FetchLimits, fetchZone } from '../src/transfer/fetch.ts';
import { CLASS, RCODE, TYPE } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import type { TsigKey } from '../src/wire/tsig.ts';
import { formatRecord } from '../src/zone/format.ts';
import { type PackedZone, packZone, unpack } from '../src/zone/packed.ts';
import { type Reply, records, type Sent, startPrimary } from './helpers/false-primary.ts';

/** What primaries send, and what is taken of it: RFC 5936 §2.2, §3; RFC 1995 §4; RFC 8945 §5.3. */

const name = (text: string): Uint8Array => {
  const parsed = parseName(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};
const ORIGIN = name('zone.example.');
const KEY: TsigKey = {
  name: 'k',
  wireName: name('k.'),
  algorithm: 'hmac-sha512',
  secret: Buffer.from('a secret of both sides'),
};
const OTHER: TsigKey = { ...KEY, secret: Buffer.from('the secret of a third') };

const read = (text: string): Sent[] => records(ORIGIN, text);
const soa = (serial: number): Sent => read(`@ 300 SOA ns admin ${serial} 60 30 900 60`)[0] as Sent;
const NS = read('@ 300 NS ns');
const BODY = [...NS, ...read('ns 300 A 192.0.2.1'), ...read('a 300 A 192.0.2.2')];
const whole = (serial: number, body: readonly Sent[] = BODY): Reply[] => [
  { records: [soa(serial), ...body, soa(serial)] },
];

const packed = (serial: number, body: readonly Sent[] = BODY): PackedZone =>
  packZone(
    ORIGIN,
    [soa(serial), ...body].map((record) => ({ ...record, file: '', line: 1 })),
  );

const lines = (zone: PackedZone): string[] =>
  [...unpack(ORIGIN, zone.soa), ...unpack(ORIGIN, zone.records)].map(formatRecord).sort();

async function fetched(
  context: TestContext,
  script: (qtype: number) => readonly Reply[] | Generator<Reply>,
  options: { known?: PackedZone; key?: TsigKey; limits?: Partial<FetchLimits> } = {},
) {
  const { known, key, limits } = options;
  const port = await startPrimary(context, script, key);
  const peer = { host: '127.0.0.1', port, key: key && KEY };
  const signal = new AbortController().signal;
  const bounds = { ...FETCH_LIMITS, silenceMs: 5000, ...limits };
  return fetchZone({ origin: ORIGIN, peer, limits: bounds, signal }, known);
}

/** SOA questions get serial 2; the rest is as scripted. */
const serial2 =
  (xfr: readonly Reply[], ixfr: readonly Reply[] = [{ rcode: RCODE.NOTIMP }]) =>
  (qtype: number): readonly Reply[] => {
    if (qtype === TYPE.SOA) return [{ records: [soa(2)] }];
    return qtype === TYPE.IXFR ? ixfr : xfr;
  };

test('a zone comes in as many messages as its primary likes, some of them unsigned', async (context) => {
  const many = Array.from({ length: 250 }, (_, i) => read(`h${i} 300 A 192.0.2.9`)[0] as Sent);
  const single = [soa(2), ...NS, ...many, soa(2)].map((record, i): Reply => {
    return { records: [record], unsigned: i % 90 !== 0 && i !== many.length + 2 };
  });
  const result = await fetched(context, serial2(single), { key: KEY });
  assert.ok(result.kind === 'zone' && result.how === 'AXFR');
  assert.deepEqual(lines(result.zone), lines(packed(2, [...NS, ...many])));
});

test('what is known already is not asked for again', async (context) => {
  const asked: number[] = [];
  const script = (qtype: number): readonly Reply[] => {
    asked.push(qtype);
    return [{ records: [soa(2)] }];
  };
  assert.deepEqual(await fetched(context, script, { known: packed(2) }), { kind: 'current', serial: 2 });
  assert.deepEqual(asked, [TYPE.SOA]);
});

test('differences are applied, several in one answer', async (context) => {
  const come = read('b 300 A 192.0.2.3');
  const gone = read('a 300 A 192.0.2.2');
  const next = read('c 300 A 192.0.2.4');
  const ixfr = [{ records: [soa(2), soa(0), ...gone, soa(1), ...come, soa(1), soa(2), ...next, soa(2)] }];
  const result = await fetched(context, serial2(whole(2), ixfr), { known: packed(0), key: KEY });
  assert.ok(result.kind === 'zone' && result.how === 'IXFR');
  assert.deepEqual(lines(result.zone), lines(packed(2, [...BODY.slice(0, 2), ...come, ...next])));
});

test('differences that do not fit give way to the whole zone', async (context) => {
  const missing = read('nowhere 300 A 192.0.2.3');
  for (const ixfr of [
    [{ records: [soa(2), soa(1), ...missing, soa(2), soa(2)] }],
    [{ records: [soa(2), soa(1), soa(2), ...NS, soa(2)] }],
    [{ records: [soa(2), soa(1), soa(7), soa(8), soa(2), soa(2)] }],
    [{ rcode: RCODE.REFUSED }],
    [{ raw: Uint8Array.of(1, 2, 3) }],
    [{ ends: true }],
    whole(2),
  ]) {
    const result = await fetched(context, serial2(whole(2), ixfr), { known: packed(1) }).catch(String);
    assert.ok(typeof result === 'object' && result.kind === 'zone' && result.how === 'AXFR', String(result));
    assert.deepEqual(lines(result.zone), lines(packed(2)));
  }
});

const cname = read('c 300 CNAME a');
const outside = { ...(BODY[1] as Sent), owner: name('a.other.example.') };
const beside = { ...(BODY[1] as Sent), owner: name('otherzone.example.') };
const steer = { ...(BODY[1] as Sent), type: TYPE.STEER, rdata: Uint8Array.of(1, 0x77) };
const chaos = { ...(BODY[1] as Sent), class: CLASS.CH };
const tsig = { ...(BODY[1] as Sent), type: TYPE.TSIG };

const REFUSED: readonly (readonly [string, RegExp, readonly Reply[]])[] = [
  ['a name outside the zone', /outside the zone/, whole(2, [...BODY, outside])],
  ['a name that only ends like the zone', /outside the zone/, whole(2, [...BODY, beside])],
  ['a record that is ours alone', /STEER cannot be in a zone/, whole(2, [...BODY, steer])],
  ['a record that belongs into no zone', /TSIG cannot be in a zone/, whole(2, [...BODY, tsig])],
  ['another class', /has class 3/, whole(2, [...BODY, chaos])],
  ['no SOA at the start', /begins with/, [{ records: [...BODY, soa(2)] }]],
  ['another SOA at the end', /different serials/, [{ records: [soa(2), ...BODY, soa(3)] }]],
  ['more after the end', /after the last SOA/, [{ records: [soa(2), ...BODY, soa(2), ...cname] }]],
  ['no end', /ended the connection/, [{ records: [soa(2), ...BODY] }, { ends: true }]],
  ['a message without records', /has no records/, [{ records: [soa(2)] }, { records: [] }]],
  ['a refusal', /answers REFUSED to AXFR/, [{ rcode: RCODE.REFUSED }]],
  ['half a message', /malformed/, [{ records: [soa(2)], change: (message) => message.fill(0xff, 40) }]],
  ['another ID', /another ID/, [{ records: [soa(2)], change: (m) => m.set([(m[0] as number) ^ 1]) }]],
  [
    'a question in place of an answer',
    /no response/,
    [{ records: [soa(2)], change: (m) => m.fill(0, 2, 3) }],
  ],
  ['too short a message', /too short/, [{ raw: Uint8Array.of(1, 2, 3) }]],
  ['no name servers', /has no NS/, whole(2, BODY.slice(1))],
  ['a CNAME beside others', /has CNAME and A/, whole(2, [...BODY, ...cname, ...read('c 300 A 192.0.2.7')])],
  [
    'records below a DNAME',
    /below the DNAME/,
    whole(2, [...BODY, ...read('a 300 DNAME x.test.\nb.a A 192.0.2.7')]),
  ],
];

for (const [what, message, xfr] of REFUSED)
  test(`refused: ${what}`, async (context) => {
    await assert.rejects(fetched(context, serial2(xfr)), message);
  });

test('refused: more than the bounds, however it comes', async (context) => {
  function* endless(): Generator<Reply> {
    yield { records: [soa(2), ...NS] };
    for (let i = 0; ; i++) yield { records: read(`h${i} 300 A 192.0.2.9`) };
  }
  const script = (qtype: number) => (qtype === TYPE.SOA ? [{ records: [soa(2)] }] : endless());
  await assert.rejects(fetched(context, script, { limits: { records: 500 } }), /more than 500 records/);
  await assert.rejects(fetched(context, script, { limits: { octets: 20_000 } }), /more than 20000 octets/);
  await assert.rejects(fetched(context, script, { limits: { totalMs: 300 } }), /took too long/);
  await assert.rejects(
    fetched(context, serial2([]), { limits: { silenceMs: 200 } }),
    /no message within 0\.2 s/,
  );
});

test('refused: what is not signed, or by another key, or changed', async (context) => {
  const good = whole(2)[0] as Reply;
  const first: Reply = { records: [soa(2), ...BODY] };
  const last: Reply = { records: [soa(2)] };
  for (const [xfr, message] of [
    [[{ ...good, unsigned: true }], /not signed/],
    [[{ ...good, key: OTHER }], /BADSIG/],
    [[{ ...good, change: (octets: Uint8Array) => octets.set([1], 60) }], /BADSIG|malformed/],
    [[first, { ...last, unsigned: true }], /the last message is not signed/],
    [[first, { ...last, key: OTHER }], /BADSIG/],
  ] as const)
    await assert.rejects(fetched(context, serial2(xfr), { key: KEY }), message);
});
