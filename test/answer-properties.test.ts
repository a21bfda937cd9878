import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { answer } from '../src/answer/answer.ts';
import { emptyOutcome, OUTCOME } from '../src/answer/context.ts';
import { resolveSteered } from '../src/answer/steered.ts';
import { parseAddress } from '../src/base/address.ts';
import { seededRandom } from '../src/base/random.ts';
import { generateQuestion, generateZones } from './differential/generate.ts';
import { createWorld, type World } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery } from './helpers/message.ts';

/** The part of dns-packet, which has no types, that is used here. */
interface DnsPacket {
  readonly decode: (octets: Buffer) => Readonly<Record<'answers' | 'authorities' | 'additionals', unknown[]>>;
}
// The cast stands in for the missing declarations.
const packet = createRequire(import.meta.url)('dns-packet') as DnsPacket;

const random = seededRandom(7);
const generated = generateZones(random);
const steered = '$TTL 60\n@ SOA ns host 1 1 1 1 1\n@ NS ns\n@ STEER web\nwww STEER plain\n*.w STEER web\n';
const zones = Object.entries(generated.zones).map(([origin, text]) => [`${origin}.`, text] as const);
const world = createWorld([...zones, ['cdn.example.', steered]]);
const names = [...generated.owners, 'cdn.example.', 'www.cdn.example.', 'x.w.cdn.example.'];
const transport = fc.constantFrom('udp', 'tcp');

/** Sound questions by a seed, so that shrinking stays simple. */
const question = fc.nat().map((seed) => {
  const draw = seededRandom(seed);
  const options = generateQuestion(draw, names);
  return encodeQuery(draw.next() < 0.3 ? { ...options, subnet: '198.51.100.0/24' } : options);
});

/** A question with some octets changed, cut off or added. */
const mutated = fc
  .tuple(
    question,
    fc.array(fc.tuple(fc.nat({ max: 80 }), fc.nat({ max: 255 })), { maxLength: 4 }),
    fc.integer({ min: -8, max: 8 }),
  )
  .map(([octets, changes, more]) => {
    const copy = new Uint8Array(Math.max(0, octets.length + more));
    copy.set(octets.subarray(0, copy.length));
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return copy;
  });

function checkReply(query: Uint8Array, via: 'udp' | 'tcp', where: World): void {
  const reply = where.ask(query, { transport: via });
  if (query.length < 12 || ((query[2] as number) & 0x80) !== 0) {
    assert.equal(reply, undefined, 'no answer to a response or to less than a header');
    return;
  }
  assert.ok(reply, 'everything else is answered');
  const message = decodeMessage(reply);
  assert.equal(message.id, (query[0] as number) * 256 + (query[1] as number));
  const limit = via === 'tcp' ? 65_535 : message.edns === undefined ? 512 : 1232;
  assert.ok(reply.length <= limit);
  if (message.question === undefined) return;
  const end = 12 + questionLength(reply);
  assert.deepEqual(
    reply.subarray(12, end),
    query.subarray(12, end),
    'the question comes back octet for octet',
  );
}

/** Octets of the question of a sound message. */
function questionLength(octets: Uint8Array): number {
  let at = 12;
  while (octets[at] !== 0) at += (octets[at] as number) + 1;
  return at + 5 - 12;
}

test('any octets: no exception, no answer to a response, a sound message of the right size otherwise', () => {
  const check = (query: Uint8Array, via: string) => checkReply(query, via as 'udp' | 'tcp', world);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), transport, check), { seed: 1, numRuns: 3000 });
  fc.assert(fc.property(mutated, transport, check), { seed: 2, numRuns: 6000 });
  fc.assert(fc.property(question, transport, check), { seed: 3, numRuns: 3000 });
});

test('our answers are not answered: no two of us can loop', () => {
  fc.assert(
    fc.property(fc.oneof(question, mutated), (query) => {
      const reply = world.ask(query);
      if (reply !== undefined) assert.equal(world.ask(reply), undefined);
    }),
    { seed: 4, numRuns: 1000 },
  );
});

test('dns-packet reads what we write as we read it', () => {
  fc.assert(
    fc.property(question, transport, (query, via) => {
      const reply = world.ask(query, { transport: via as 'udp' | 'tcp' });
      assert.ok(reply);
      const ours = decodeMessage(reply);
      const theirs = packet.decode(Buffer.from(reply));
      const opt = ours.edns === undefined ? 0 : 1;
      assert.equal(theirs.answers.length, ours.sections[0].length);
      assert.equal(theirs.authorities.length, ours.sections[1].length);
      assert.equal(theirs.additionals.length, ours.sections[2].length + opt);
    }),
    { seed: 5, numRuns: 2000 },
  );
});

test('what was asked before does not change what is answered now', () => {
  const fresh = () => createWorld([...zones, ['cdn.example.', steered]]);
  fc.assert(
    fc.property(fc.array(mutated, { maxLength: 5 }), question, (before, last) => {
      for (const query of before) world.ask(query);
      assert.deepEqual(world.ask(last), fresh().ask(last));
    }),
    { seed: 6, numRuns: 60 },
  );
});

test('a truncated answer is a part of the whole one, and an answer that fits is all of it', () => {
  fc.assert(
    fc.property(question, (query) => {
      const [udp, tcp] = (['udp', 'tcp'] as const).map((via) => {
        const reply = world.ask(query, { transport: via });
        assert.ok(reply);
        return decodeMessage(reply);
      });
      assert.ok(udp && tcp);
      assert.ok(!tcp.flags.includes('tc'));
      const whole = udp.flags.includes('tc') ? 0 : 2;
      for (const section of [0, 1, 2] as const) {
        for (const line of udp.sections[section]) assert.ok(tcp.sections[section].includes(line), line);
        if (section < whole) assert.deepEqual(udp.sections[section], tcp.sections[section]);
      }
    }),
    { seed: 8, numRuns: 2000 },
  );
});

test('the answer and resolveSteered, which explain uses, decide alike', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const query = encodeQuery({ name: 'www.cdn.example.', type: 'A', subnet: `${text}/32` });
      world.ask(query);
      const { outcome } = world.context;
      const address = parseAddress(text);
      assert.ok(address);
      const again = emptyOutcome();
      assert.equal(resolveSteered(world.context, outcome.serviceIndex, address, again, 60), true);
      assert.equal(outcome.kind, OUTCOME.STEERED);
      for (const key of ['serviceIndex', 'row', 'linkIndex', 'popIndex', 'scopeLength', 'ttl'] as const)
        assert.equal(again[key], outcome[key], key);
    }),
    { seed: 9, numRuns: 500 },
  );
});

test('without a steering image a steered name is SERVFAIL, the rest of the zone is not', () => {
  const bare = createWorld([['cdn.example.', `${steered}t TXT "t"\n`]]);
  bare.context.table = undefined;
  const rcodeOf = (name: string, type: string) => {
    const reply = bare.ask(encodeQuery({ name, type, subnet: '1.2.3.0/24' }));
    assert.ok(reply);
    const { rcode, flags, ecs } = decodeMessage(reply);
    return `${rcode} ${flags} ${ecs?.scope}`.trim();
  };
  assert.equal(rcodeOf('www.cdn.example.', 'A'), '2  0');
  assert.equal(rcodeOf('t.cdn.example.', 'TXT'), '0 aa 0');
});

test('answering allocates next to nothing', () => {
  const queries = ['www.cdn.example.', 'host.diff.example.', 'alias.diff.example.', 'none.diff.example.'].map(
    (name) => encodeQuery({ name, type: 'A', subnet: '198.51.100.0/24' }),
  );
  assert.ok(octetsPerAnswer(queries) < 24, 'octets of heap for each answer');
});

/** The median over rounds, so that a collection in the middle of one does not count. */
function octetsPerAnswer(queries: readonly Uint8Array[]): number {
  const out = new Uint8Array(1500);
  const rounds: number[] = [];
  const { context } = world;
  const address = parseAddress('192.0.2.1');
  assert.ok(address);
  const client = { address, port: 4000, transport: 'udp' } as const;
  for (let round = 0; round < 25; round++) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 5000; i++)
      for (const query of queries) answer(context, query, query.length, client, out);
    rounds.push((process.memoryUsage().heapUsed - before) / (5000 * queries.length));
  }
  return rounds.sort((left, right) => left - right)[12] as number;
}
