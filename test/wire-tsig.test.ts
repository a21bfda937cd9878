import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { answer } from '../src/answer/answer.ts';
import { accessList, parseAccessRule } from '../src/base/access-list.ts';
import { parseAddress } from '../src/base/address.ts';
import { counterBlock, readCounters } from '../src/base/counters.ts';
import { openCounters, serverLayout } from '../src/server/counters.ts';
import { TRANSFER } from '../src/server/handler.ts';
import { openTransferBook } from '../src/server/transfer-book.ts';
import { withTransfers } from '../src/server/transfers.ts';
import { RCODE, TYPE } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import { createExchange, type Hmac, TSIG_ALGORITHMS, TSIG_ERROR, type TsigKey } from '../src/wire/tsig.ts';
import { findTsig } from '../src/wire/tsig-record.ts';
import { packBlock } from '../src/zone/packed-block.ts';
import { createWorld } from './helpers/answer-world.ts';

const hmac: Hmac = (hash, secret, octets) => createHmac(hash, secret).update(octets).digest();
const name = (text: string): Uint8Array => parseName(text) as Uint8Array;
const keyOf = (id: string, algorithm: TsigKey['algorithm'] = 'hmac-sha256'): TsigKey => ({
  name: id,
  wireName: name(`${id}.`),
  algorithm,
  secret: Buffer.from(`the secret of ${id}, long enough`),
});
const KEY = keyOf('ours');
const NOW_S = Math.floor(Date.now() / 1000);
const ORIGIN = name('zone.test.');
const LONG = Array.from({ length: 8 }, (_, i) => `long TXT "${`${i}`.repeat(55)}"\n`).join('');
const ZONE = `$TTL 60\n@ SOA ns admin 7 60 30 900 60\n@ NS ns\nns A 192.0.2.1\n${LONG}`;

/** A question, with room for a signature. */
function question(qname: string, type: number, options: { readonly udpSize?: number } = {}) {
  const owner = name(qname);
  const opt =
    options.udpSize === undefined
      ? []
      : [0, 0, TYPE.OPT, options.udpSize >> 8, options.udpSize & 255, 0, 0, 0, 0, 0, 0];
  const octets = new Uint8Array(1024);
  octets.set([
    0x12,
    0x34,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    opt.length === 0 ? 0 : 1,
    ...owner,
    type >> 8,
    type & 255,
    0,
    1,
    ...opt,
  ]);
  return { octets, length: 16 + owner.length + opt.length };
}

function signed(qname: string, type: number, key: TsigKey, nowS = NOW_S, udpSize?: number) {
  const { octets, length } = question(qname, type, udpSize === undefined ? {} : { udpSize });
  const exchange = createExchange(key, hmac);
  return { query: octets.slice(0, exchange.sign(octets, length, nowS)), exchange };
}

/** A name server that gives zone.test to whom has signed with KEY, on this side of all sockets. */
function server(tlsOnly = false) {
  const world = createWorld([['zone.test.', ZONE]]);
  const version = packBlock(world.context.zones, ORIGIN);
  const allow = accessList([parseAccessRule(`key ${KEY.name}`)].filter((rule) => typeof rule !== 'string'));
  const notified: string[] = [];
  const layout = serverLayout(['FRA']);
  const block = counterBlock(layout);
  const { handle, transferOf } = withTransfers(
    (query, length, client, out) => answer(world.context, query, length, client, out),
    {
      context: world.context,
      book: openTransferBook({
        keys: [KEY],
        zones: [{ origin: ORIGIN, allow, tlsOnly, notifiers: allow, version, steps: [] }],
      }),
      counters: openCounters(layout, block),
      onNotify: (key) => notified.push(key),
    },
  );
  const address = parseAddress('192.0.2.99');
  assert.ok(address);
  const out = new Uint8Array(65_535);
  const send = (asked: Uint8Array, transport: 'udp' | 'tcp' | 'tls' = 'udp'): Uint8Array[] => {
    const client = { address, port: 4000, transport };
    // As node:net gives them: a part of a larger Buffer, whose own `slice` copies nothing.
    const query = Buffer.from([0, 0, 0, ...asked]).subarray(3);
    const length = handle(query, query.length, client, out);
    if (length !== TRANSFER) return [out.slice(0, Math.max(0, length))];
    const transfer = transferOf(query, query.length, client);
    const messages: Uint8Array[] = [];
    for (let size = transfer?.next(out) ?? 0; size > 0; size = transfer?.next(out) ?? 0)
      messages.push(out.slice(0, size));
    transfer?.close();
    return messages;
  };
  const counted = (family: string): string[] =>
    (readCounters(layout, [block]).families.find((one) => one.name === family)?.samples ?? []).map(
      ({ values, value }) => [...values, value].join(' '),
    );
  return { send, notified, counted };
}

const first = (messages: readonly Uint8Array[]): Uint8Array => messages[0] as Uint8Array;
const rcodeOf = (message: Uint8Array): number => (message[3] as number) & 15;
const errorOf = (message: Uint8Array): number => {
  const record = findTsig(message);
  assert.ok(typeof record === 'object');
  return record.error;
};

test('signed questions get signed answers, with every algorithm', () => {
  for (const algorithm of TSIG_ALGORITHMS) {
    const key = keyOf('ours', algorithm);
    const { query, exchange } = signed('ns.zone.test.', TYPE.A, key);
    const [reply] = server().send(query);
    // Its key is of another algorithm in this server's book, but for one.
    if (algorithm !== KEY.algorithm) assert.equal(errorOf(reply as Uint8Array), TSIG_ERROR.BADKEY);
    else assert.equal(exchange.verify(reply as Uint8Array, NOW_S), undefined);
    // The other side of an exchange takes what this one signs, and nothing that was changed on the way.
    const again = signed('ns.zone.test.', TYPE.A, key);
    const mac = findTsig(again.query);
    assert.ok(typeof mac === 'object');
    const out = new Uint8Array(512);
    out.set(again.query.subarray(0, mac.at));
    out[11] = 0;
    const length = createExchange(key, hmac, mac.mac).sign(out, mac.at, NOW_S);
    assert.equal(again.exchange.verify(out.subarray(0, length), NOW_S), undefined);
  }
});

test('an octet that differs is seen, wherever it is', () => {
  const { query } = signed('ns.zone.test.', TYPE.A, KEY);
  const { send } = server();
  const named = (findTsig(query) as { at: number }).at;
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: query.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, change) => {
        // Names of keys and algorithms have no case.
        if (change === 0x20 && at >= named && /[a-z]/i.test(String.fromCharCode(query[at] as number))) return;
        const [reply = new Uint8Array(0)] = send(query.with(at, (query[at] as number) ^ change));
        // What is no signature any more gets an answer without one, which the client does not take.
        const isTaken = reply.length > 0 && rcodeOf(reply) === RCODE.NOERROR && findTsig(reply) !== undefined;
        assert.ok(!isTaken, `octet ${at}`);
      },
    ),
    { numRuns: 500, seed: 11 },
  );
});

test('who signs wrongly is told how: BADKEY, BADSIG, BADTIME, BADTRUNC', () => {
  const { send } = server();
  const other = { ...KEY, secret: Buffer.from('another secret') };
  const unknown = first(send(signed('ns.zone.test.', TYPE.A, keyOf('theirs')).query));
  const wrong = first(send(signed('ns.zone.test.', TYPE.A, other).query));
  assert.deepEqual([rcodeOf(unknown), errorOf(unknown)], [RCODE.NOTAUTH, TSIG_ERROR.BADKEY]);
  assert.deepEqual([rcodeOf(wrong), errorOf(wrong)], [RCODE.NOTAUTH, TSIG_ERROR.BADSIG]);
  for (const nowS of [NOW_S - 1000, NOW_S + 1000]) {
    const late = first(send(signed('ns.zone.test.', TYPE.A, KEY, nowS).query));
    const record = findTsig(late);
    assert.ok(typeof record === 'object');
    assert.deepEqual([rcodeOf(late), record.error], [RCODE.NOTAUTH, TSIG_ERROR.BADTIME]);
    // Signed, with the server's own time.
    assert.equal(record.mac.length, 32);
    const theirs = Buffer.from(record.other).readUIntBE(0, 6);
    assert.ok(Math.abs(theirs - NOW_S) < 60);
  }
  const { query } = signed('ns.zone.test.', TYPE.A, KEY);
  const record = findTsig(query);
  assert.ok(typeof record === 'object');
  // Half of the MAC: MAC size and RDLENGTH say so.
  const macAt = query.length - 6 - 32;
  const short = Uint8Array.from([...query.subarray(0, macAt + 16), ...query.subarray(macAt + 32)]);
  const view = new DataView(short.buffer);
  view.setUint16(macAt - 2, 16);
  const rdlengthAt = record.at + record.keyName.length + 8;
  view.setUint16(rdlengthAt, view.getUint16(rdlengthAt) - 16);
  assert.equal(errorOf(first(send(short))), TSIG_ERROR.BADTRUNC);
});

test('a TSIG record that is not the last, or that is malformed, is FORMERR', () => {
  const { send } = server();
  const { query } = signed('ns.zone.test.', TYPE.A, KEY);
  const twice = Uint8Array.from([...query, ...query.subarray((findTsig(query) as { at: number }).at)]);
  new DataView(twice.buffer).setUint16(10, 2);
  assert.equal(rcodeOf(first(send(twice))), RCODE.FORMERR);
  const before = Uint8Array.from([...query, 0, 0, TYPE.OPT, 4, 0, 0, 0, 0, 0, 0, 0]);
  new DataView(before.buffer).setUint16(10, 2);
  assert.equal(rcodeOf(first(send(before))), RCODE.FORMERR);
});

test('an answer that its signature makes too long says TC, and is signed', () => {
  const { send } = server();
  const plain = question('long.zone.test.', TYPE.TXT, { udpSize: 640 });
  const unsigned = first(send(plain.octets.slice(0, plain.length)));
  assert.equal((unsigned[2] as number) & 2, 0);
  assert.ok(unsigned.length > 550 && unsigned.length <= 640);
  const { query, exchange } = signed('long.zone.test.', TYPE.TXT, KEY, NOW_S, 640);
  const reply = first(send(query));
  assert.equal((reply[2] as number) & 2, 2);
  assert.equal(exchange.verify(reply, NOW_S), undefined);
});

test('transfers go to whom the rules name, over streams alone', () => {
  const { send } = server();
  for (const transport of ['tcp', 'tls'] as const) {
    const { query, exchange } = signed('ZONE.test.', TYPE.AXFR, KEY);
    const messages = send(query, transport);
    for (const message of messages) assert.equal(exchange.verify(message, NOW_S), undefined);
    assert.ok(exchange.isClosed());
    assert.equal(rcodeOf(first(messages)), RCODE.NOERROR);
    assert.equal(new DataView(first(messages).buffer).getUint16(6), 2 + 2 + 8);
  }
  const bare = question('zone.test.', TYPE.AXFR);
  const unsigned = bare.octets.slice(0, bare.length);
  assert.equal(rcodeOf(first(send(unsigned, 'tcp'))), RCODE.REFUSED);
  assert.equal(rcodeOf(first(send(unsigned, 'udp'))), RCODE.REFUSED);
  assert.equal(rcodeOf(first(send(signed('zone.test.', TYPE.AXFR, KEY).query, 'udp'))), RCODE.REFUSED);
});

test('NOTIFY is taken from whom the rules name, and passed on up to ten times a second', () => {
  const { send, notified } = server();
  const { octets, length } = question('zone.test.', TYPE.SOA);
  octets[2] = 0x24;
  const unsigned = octets.slice(0, length);
  assert.equal(rcodeOf(first(send(unsigned))), RCODE.REFUSED);
  assert.deepEqual(notified, []);
  const exchange = createExchange(KEY, hmac);
  const query = octets.slice(0, exchange.sign(octets, length, NOW_S));
  const name = Buffer.from(ORIGIN).toString('latin1');
  for (let sent = 1; sent <= 13; sent++) {
    assert.equal(rcodeOf(first(send(query))), RCODE.NOERROR);
    assert.deepEqual(notified, Array(Math.min(sent, 10)).fill(name));
  }
});

test('a zone for TLS alone goes out over TLS, to whom it may; all is counted', () => {
  const { send, counted } = server(true);
  const rcodes = (['tcp', 'tls'] as const).map((transport) =>
    rcodeOf(first(send(signed('zone.test.', TYPE.AXFR, KEY).query, transport))),
  );
  assert.deepEqual(rcodes, [RCODE.REFUSED, RCODE.NOERROR]);
  const { octets, length } = question('zone.test.', TYPE.AXFR);
  assert.equal(rcodeOf(first(send(octets.slice(0, length), 'tls'))), RCODE.REFUSED);
  assert.equal(rcodeOf(first(send(signed('zone.test.', TYPE.IXFR, KEY).query, 'udp'))), RCODE.REFUSED);
  assert.deepEqual(counted('isochrone_transfers_out_total'), ['axfr sent 1', 'axfr refused 2']);
});
