import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createForesight, expectQuery, type Foresight, foresee, isLarge } from '../src/answer/foresee.ts';
import { type Address, parseAddress } from '../src/base/address.ts';
import { seededRandom } from '../src/base/random.ts';
import { generateQuestion, generateZones } from './differential/generate.ts';
import { createWorld } from './helpers/answer-world.ts';
import { encodeQuery } from './helpers/message.ts';

const generated = generateZones(seededRandom(11));
const steered = '$TTL 60\n@ SOA ns host 1 1 1 1 1\n@ NS ns\n@ STEER web\nwww STEER plain\n*.w STEER web\n';
const zones = Object.entries(generated.zones).map(([origin, text]) => [`${origin}.`, text] as const);
const world = createWorld([...zones, ['cdn.example.', steered]]);
const names = [
  ...generated.owners,
  'cdn.example.',
  'www.cdn.example.',
  'no.cdn.example.',
  'x.elsewhere.example.',
];
const BATCH = 8;

const address = (text: string): Address => parseAddress(text) ?? assert.fail(text);
const froms = ['0.0.0.1', '255.255.255.255', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'].map(address);

function take(foresight: Foresight, query: Uint8Array, from = froms[0] as Address): number {
  expectQuery(foresight, world.context, query, query.length, from);
  return foresight.count;
}

test('what is foreseen changes no answer, whatever is asked and however damaged', () => {
  const foresight = createForesight(BATCH);
  const changes = fc.array(fc.tuple(fc.nat({ max: 80 }), fc.nat({ max: 255 })), { maxLength: 2 });
  const asked = fc.tuple(fc.nat(), changes, fc.constantFrom(...froms));
  const batch = fc.array(asked, { minLength: 1, maxLength: BATCH });
  fc.assert(
    fc.property(batch, (list) => {
      const queries = list.map(([seed, edits]) => {
        const draw = seededRandom(seed);
        const subnet = draw.next() < 0.5 ? { subnet: '203.0.113.0/24' } : {};
        const query = encodeQuery({ ...generateQuestion(draw, names), ...subnet });
        for (const [at, value] of edits) if (at < query.length) query[at] = value;
        return query;
      });
      const before = queries.map((query) => world.ask(query));
      for (const [i, query] of queries.entries()) take(foresight, query, list[i]?.[2]);
      foresee(foresight, world.context);
      assert.equal(foresight.count, 0);
      assert.deepEqual(
        queries.map((query) => world.ask(query)),
        before,
      );
    }),
    { seed: 5, numRuns: 500 },
  );
});

test('only sound questions for zones that are served are foreseen', () => {
  const foresight = createForesight(BATCH);
  assert.equal(take(foresight, new Uint8Array(5)), 0);
  assert.equal(take(foresight, encodeQuery({ name: 'elsewhere.', type: 'A' })), 0);
  assert.equal(take(foresight, encodeQuery({ name: 'www.cdn.example.', type: 'A' })), 1);
  assert.equal(take(foresight, encodeQuery({ name: 'no.cdn.example.', type: 'A' })), 2);
  foresee(foresight, world.context);
});

test('small images are not foreseen', () => {
  assert.equal(isLarge(world.context), false);
  const octets = new Uint8Array(1 << 24);
  assert.equal(isLarge({ ...world.context, zones: { ...world.context.zones, octets } }), true);
});
