import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../src/base/random.ts';
import { decodeMessage, encodeQuery, type Message, type QueryOptions } from './helpers/message.ts';
import { createPacketWorld } from './helpers/packet-world.ts';

/** Additional data, whoever asks for whatever and in whichever room. */

const ROUNDS = 2000;
const NAMES =
  '@ mailsteer _web._tcp _both._tcp naptra naptrs naptru svcalias steerhttps steersvcb mailwild hinted ' +
  'hintother _dns.steer hintalias aliasmode x.hintwild steer any.wildsteer svc steeralias sibling x.cut';
const TYPES = 'A AAAA MX SRV NAPTR SVCB HTTPS NS ANY TXT RRSIG NSEC CNAME'.split(' ');
const SIZES = [undefined, 512, 560, 600, 700, 1232];
const UDP_PLAIN = 512;

const seed = Number(process.env['SEED'] ?? 20_261_127);
const world = createPacketWorld('plain');
const { context } = world;

function askFrom(query: QueryOptions, from: string): { message: Message; octets: number } {
  const reply = world.ask(encodeQuery(query), { from });
  assert.ok(reply);
  return { message: decodeMessage(reply), octets: reply.length };
}

/** A line without its TTL. */
const bare = (line: string): string => line.split(' ').toSpliced(1, 1).join(' ');

test(`they fit, are there once, never cut an answer, and are what the client gets (SEED=${seed})`, () => {
  const { next: random } = seededRandom(seed);
  const among = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const names = NAMES.split(' ').map((name) => (name === '@' ? 'example.' : `${name}.example.`));
  let steered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let pop = 0; pop < 3; pop++) context.popState[pop] = random() < 0.25 ? 1 : 0;
    const from = `${Math.floor(random() * 256)}.0.0.1`;
    const edns = among(SIZES);
    const subnet = random() < 0.5 ? undefined : `${Math.floor(random() * 256)}.9.0.0/${among([0, 8, 24])}`;
    const asked = subnet === undefined ? {} : { subnet };
    const query = {
      name: among(names),
      type: among(TYPES),
      ...(edns === undefined ? {} : { edns }),
      ...asked,
    };
    const what = `${round}: ${JSON.stringify(query)} from ${from}`;
    const { message, octets } = askFrom(query, from);
    const isSteeredBeside = context.outcome.steeredBeside;
    assert.ok(octets <= (edns ?? (subnet === undefined ? UDP_PLAIN : 1232)), what);
    assert.doesNotMatch(message.flags, /tc/, what);
    const all = [...message.sections[0], ...message.sections[2]].map(bare);
    assert.equal(new Set(all).size, all.length, what);
    const addresses = message.sections[2].filter((line) => / (?:A|AAAA) /.test(line));
    for (const owner of new Set(addresses.map((line) => line.split(' ')[0] as string)))
      for (const type of ['A', 'AAAA']) {
        const lines = addresses.filter((line) => line.startsWith(`${owner} `) && line.split(' ')[2] === type);
        if (lines.length === 0 || owner.includes('.cut.')) continue;
        const direct = askFrom({ name: owner, type, edns: 1232, ...asked }, from).message;
        assert.deepEqual(lines.sort(), direct.sections[0].sort(), `${what}: ${owner} ${type}`);
        assert.ok((message.ecs?.scope ?? 0) >= (direct.ecs?.scope ?? 0), `${what}: scope`);
        const isChosen = context.outcome.serviceIndex >= 0;
        if (isChosen) steered++;
        assert.ok(isSteeredBeside || !isChosen, `${what}: no cache may give it to others`);
      }
  }
  assert.ok(steered > ROUNDS / 20, `${steered} steered`);
});
