import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transport } from '../src/answer/context.ts';
import { createWorld } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery, type QueryOptions } from './helpers/message.ts';

const lines = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i));
const zone = [
  '$TTL 60',
  '@ SOA ns host 1 1 1 1 1',
  '@ NS ns.other.',
  ...lines(100, (i) => `many A 192.0.2.${i + 1}`),
  'chain CNAME many',
  'chain2 CNAME chain',
  ...lines(3, (i) => `mx MX ${i} host${i}`),
  ...lines(3, (i) => `host${i} A 192.0.2.${i + 1}`),
  ...lines(3, (i) => lines(20, (k) => `host${i} AAAA 2001:db8::${i}:${k + 1}`).join('\n')),
  ...lines(20, (i) => `cut NS ns${i}.cut\nns${i}.cut A 192.0.2.${i + 1}\nns${i}.cut AAAA 2001:db8::${i + 1}`),
  ...lines(20, (i) => `sister NS ns${i}.cut`),
  `wide TXT ${lines(9, () => `"${'x'.repeat(250)}"`).join(' ')}`,
  'steer STEER web',
].join('\n');
const world = createWorld([['example.', `${zone}\n`]]);

function ask(options: QueryOptions, transport: Transport = 'udp') {
  const octets = world.ask(encodeQuery(options), { transport });
  assert.ok(octets);
  return { length: octets.length, ...decodeMessage(octets) };
}

test('the size is that of the client within 512 and 1232, and 65,535 over streams', () => {
  const limits: readonly (readonly [edns: number | undefined, limit: number])[] = [
    [undefined, 512],
    [0, 512],
    [511, 512],
    [600, 600],
    [1232, 1232],
    [4096, 1232],
    [65_535, 1232],
  ];
  for (const [edns, limit] of limits)
    for (const name of ['many', 'chain2', 'mx', 'cut', 'sister', 'wide', 'x.cut', 'nothing']) {
      const type = name === 'mx' ? 'MX' : name === 'wide' ? 'TXT' : 'A';
      const options = { name: `${name}.example.`, type, ...(edns === undefined ? {} : { edns }) };
      const reply = ask(options);
      assert.ok(reply.length <= limit, `${name} with ${edns}: ${reply.length} octets`);
      assert.equal(reply.edns !== undefined, edns !== undefined, 'OPT is kept, whatever is cut');
      for (const stream of ['tcp', 'tls', 'https'] as const)
        assert.ok(!ask(options, stream).flags.includes('tc'), `${name} fits over ${stream}`);
    }
});

test('an RRset is there whole or not at all, and TC says that something needed is missing', () => {
  const plain = ask({ name: 'many.example.', type: 'A' });
  assert.equal(plain.flags, 'aa tc');
  assert.deepEqual(plain.sections, [[], [], []]);
  const chain = ask({ name: 'chain2.example.', type: 'A', edns: 1232 });
  assert.equal(chain.flags, 'aa tc');
  assert.deepEqual(chain.sections[0], [
    'chain.example. 60 CNAME many.example.',
    'chain2.example. 60 CNAME chain.example.',
  ]);
  assert.equal(ask({ name: 'many.example.', type: 'A' }, 'tcp').sections[0].length, 100);
});

test('additional data that does not fit is left out without TC', () => {
  const reply = ask({ name: 'mx.example.', type: 'MX' });
  assert.equal(reply.flags, 'aa');
  assert.equal(reply.sections[0].length, 3);
  const owners = reply.sections[2].map((line) => line.split(' ').slice(0, 3).join(' '));
  assert.deepEqual(owners, ['host0.example. 60 A', 'host1.example. 60 A', 'host2.example. 60 A']);
  assert.equal(ask({ name: 'mx.example.', type: 'MX' }, 'tcp').sections[2].length, 63);
});

test('glue below the cut is needed; that of a sister zone is not (RFC 9471)', () => {
  const cut = ask({ name: 'www.cut.example.', type: 'A' });
  assert.equal(cut.flags, 'tc');
  assert.equal(cut.sections[1].length, 20);
  const sister = ask({ name: 'www.sister.example.', type: 'A' });
  assert.equal(sister.flags, '');
  assert.equal(sister.sections[1].length, 20);
  const whole = ask({ name: 'www.cut.example.', type: 'A' }, 'tcp');
  assert.equal(whole.sections[2].length, 40);
});

test('names are compressed against the question, each other, and whatever was written before', () => {
  const octets = world.ask(encodeQuery({ name: 'MX.Example.', type: 'MX' }));
  assert.ok(octets);
  const hex = Buffer.from(octets).toString('hex');
  // 12 octets of header, 16 of question; `example` stands at 15 (0xc00f), and the first record is 2 + 10 + 2
  // + 8 octets.
  const first = 'c00c000f00010000003c000a000005686f737430c00f';
  assert.equal(hex.slice(56, 56 + first.length), first);
  // The first address belongs to host0, whose name stands in the RDATA of the first record, at 28 + 14.
  assert.ok(hex.includes('c02a00010001'));
});

test('a message of more than 16 KiB points only where pointers reach', () => {
  const count = 1000;
  const text = lines(count, (i) => `big MX ${i} a-rather-long-label-${i}`).join('\n');
  const big = createWorld([['example.', `$TTL 60\n@ SOA ns host 1 1 1 1 1\n@ NS ns.other.\n${text}\n`]]);
  const octets = big.ask(encodeQuery({ name: 'big.example.', type: 'MX' }), { transport: 'tcp' });
  assert.ok(octets && octets.length > 0x4000);
  assert.equal(decodeMessage(octets).sections[0].length, count);
});

test('an old table is told in an extended error: with EDNS, of steered names, where there is room', () => {
  const ede = [0, 15, 0, 2, 0, 3];
  const octetsOf = (name: string, edns?: number): number[] => [
    ...(world.ask(encodeQuery({ name, type: 'A', ...(edns === undefined ? {} : { edns }) })) ?? []),
  ];
  const fresh = octetsOf('steer.example.', 1232);
  world.context.stale[0] = 1;
  try {
    const stale = octetsOf('steer.example.', 1232);
    assert.deepEqual(stale.slice(-6), ede);
    const lengthAt = fresh.length - 2;
    assert.deepEqual(stale.slice(0, lengthAt), fresh.slice(0, lengthAt));
    assert.deepEqual([stale[lengthAt], stale[lengthAt + 1]], [0, 6], 'RDLENGTH');
    assert.equal(stale.length, fresh.length + 6);
    assert.notDeepEqual(octetsOf('host1.example.', 1232).slice(-6), ede, 'other names are not old');
    assert.notDeepEqual(octetsOf('steer.example.').slice(-6), ede, 'without EDNS there is no place for it');
  } finally {
    world.context.stale[0] = 0;
  }
  assert.deepEqual(octetsOf('steer.example.', 1232), fresh);
});

test('how long a connection may be idle is told where it is the name server that closes it', () => {
  const query = encodeQuery({ name: 'nothing.example.', type: 'A', edns: 1232 });
  // RFC 7828 §3.1: option 11, empty in a query.
  const asking = Uint8Array.from([...query, 0, 11, 0, 0]);
  asking[query.length - 1] = 4;
  const told = (['udp', 'tcp', 'tls', 'https'] as const).map((transport) => {
    const reply = world.ask(asking, { transport });
    return Buffer.from(reply ?? []).includes(Buffer.of(0, 11, 0, 2, 0, 100));
  });
  assert.deepEqual(told, [false, true, true, false]);
});

test('a padded query gets a response padded to blocks of 468 octets, over TLS and HTTPS only', () => {
  const plain = encodeQuery({ name: 'many.example.', type: 'A', edns: 1232, subnet: '192.0.2.0/24' });
  const padded = withOption(plain, [0, 12, 0, 3, 0, 0, 0]);
  for (const transport of ['tls', 'https'] as const) {
    const [bare, full] = [plain, padded].map((query) => world.ask(query, { transport }));
    assert.ok(bare && full);
    assert.equal(full.length % 468, 0);
    assert.ok(full.length - bare.length < 468 + 4);
    const { sections, edns } = decodeMessage(full);
    assert.deepEqual(sections, decodeMessage(bare).sections);
    assert.ok(edns);
    const padding = Buffer.from(full.subarray(bare.length));
    assert.equal(padding.readUInt16BE(0), 12);
    assert.equal(padding.readUInt16BE(2), padding.length - 4);
    assert.ok(padding.subarray(4).every((octet) => octet === 0));
  }
  for (const transport of ['udp', 'tcp'] as const)
    assert.deepEqual(world.ask(padded, { transport }), world.ask(plain, { transport }));
});

/** The query with one more option behind those of its OPT record, which ends it. */
function withOption(query: Uint8Array, option: readonly number[]): Uint8Array {
  const longer = Buffer.from([...query, ...option]);
  const opt = query.lastIndexOf(41, query.length - 9);
  const length = opt + 7;
  longer.writeUInt16BE(longer.readUInt16BE(length) + option.length, length);
  return longer;
}
