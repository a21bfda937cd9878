import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POP_DOWN, POP_DRAINED, setPopBit } from '../src/base/pop-state.ts';
import { createWorld, POPS } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery, rcodeName } from './helpers/message.ts';

const zone = (records: string): string => `$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.\n${records}`;
const EDE_OPTION = 15;

/** What an answer says: its rcode, its first record's address, and extended errors as `code text`. */
function say(world: ReturnType<typeof createWorld>, name: string, edns: number | undefined = 1232) {
  const reply = world.ask(encodeQuery({ name, type: 'A', ...(edns === 0 ? {} : { edns }) }));
  assert.ok(reply);
  const { rcode, sections, options } = decodeMessage(reply);
  const errors = options
    .filter(([code]) => code === EDE_OPTION)
    .map(([, data]) => {
      const octets = Buffer.from(data, 'hex');
      return `${octets.readUInt16BE(0)} ${octets.subarray(2).toString()}`.trim();
    });
  return { rcode: rcodeName(rcode), address: sections[0][0]?.split(' ').at(-1), errors };
}

test('where every POP is out, an answer says that all were taken as up, beside stale', () => {
  const world = createWorld([['example.', zone('www STEER web\nplain A 192.0.2.9\n')]]);
  const { popState, stale } = world.context;
  const good = say(world, 'www.example.');
  assert.deepEqual(good.errors, []);
  for (const popIndex of POPS.keys())
    setPopBit(popState, { popIndex, bit: popIndex === 0 ? POP_DRAINED : POP_DOWN, on: true });
  const open = say(world, 'www.example.');
  assert.equal(open.rcode, 'NOERROR');
  assert.equal(open.address, good.address, 'the first choice, as if all served');
  assert.deepEqual(open.errors, ['0 every POP is out of service: answered as if all served']);
  stale[0] = 1;
  assert.deepEqual(say(world, 'www.example.').errors, ['3', ...open.errors]);
  assert.deepEqual(say(world, 'plain.example.').errors, [], 'what is not steered is not concerned');
  assert.deepEqual(say(world, 'www.example.', 0).errors, [], 'no EDNS, no extended errors (RFC 8914 §2)');
  // One POP back: it is chosen, and nothing is wrong.
  stale[0] = 0;
  setPopBit(popState, { popIndex: 1, bit: POP_DOWN, on: false });
  assert.deepEqual(say(world, 'www.example.'), { rcode: 'NOERROR', address: '192.0.2.3', errors: [] });
});

test('before the first table a steered name is SERVFAIL, and says that it is not ready', () => {
  const world = createWorld([['example.', zone('www STEER web\n')]]);
  world.context.table = undefined;
  assert.deepEqual(say(world, 'www.example.'), { rcode: 'SERVFAIL', address: undefined, errors: ['14'] });
});

test('extended errors and the report channel take what room is left, and no answer is cut for them', () => {
  // Aliases whose names leave less and less room in 512 octets.
  const deep = Array.from({ length: 3 }, () => 'x'.repeat(60)).join('.');
  const target = Array.from({ length: 3 }, () => 'z'.repeat(60)).join('.');
  const owners = Array.from({ length: 60 }, (_, i) => `${'y'.repeat(i + 1)}.${deep}`);
  const text = [`${target} STEER web`, ...owners.map((owner) => `${owner} CNAME ${target}`), ''].join('\n');
  const facts = { reportTo: `${'r'.repeat(60)}.example.net` };
  const world = createWorld([['example.', zone(text)]], { facts });
  world.context.stale[0] = 1;
  const told = new Set<number>();
  for (const owner of owners) {
    const reply = world.ask(encodeQuery({ name: `${owner}.example.`, type: 'A', edns: 512 }));
    assert.ok(reply && reply.length <= 512);
    const { flags, sections, options } = decodeMessage(reply);
    assert.deepEqual([flags, sections[0].length], ['aa', 2], owner);
    told.add(options.length);
  }
  assert.deepEqual([...told], [1], 'an error alone has room, the channel has not');
});
