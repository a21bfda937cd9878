import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { createWorld } from '../helpers/answer-world.ts';
import { decodeMessage, encodeQuery, type QueryOptions } from '../helpers/message.ts';
import { type Case, DIFFERENCES, same } from './differences.ts';
import { generateQuestion, generateZones } from './generate.ts';
import { installed, startKnot, startNsd } from './peers.ts';

/**
 * The same zones in Isochrone, NSD and Knot, the same questions to all three. Sections (as sets, TTLs
 * included), flags, rcode and EDNS must be equal, or the difference must be in the table.
 */

const SEEDS = [1, 2];
const QUESTIONS = 700;
const PORT = 5420;

const missing = (['nsd', 'knotd'] as const).filter((program) => !installed(program));
const skip = missing.length > 0 ? `not installed: ${missing.join(', ')} (Debian: nsd, knot)` : false;
const met = new Set<string>();

for (const [index, seed] of SEEDS.entries())
  test(`NSD and Knot answer as we do (seed ${seed}, ${QUESTIONS} questions)`, { skip }, async (context) => {
    const random = seededRandom(seed);
    const { zones, owners } = generateZones(random);
    const world = createWorld(Object.entries(zones).map(([origin, text]) => [`${origin}.`, text] as const));
    const starting = [startNsd(PORT + index * 2, zones), startKnot(PORT + index * 2 + 1, zones)];
    const started = await Promise.allSettled(starting);
    const peers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    try {
      for (const one of started) if (one.status === 'rejected') throw one.reason;
      const equal = { nsd: 0, knot: 0 };
      for (let i = 0; i < QUESTIONS; i++) {
        const question = generateQuestion(random, owners);
        const query = encodeQuery(question);
        const octets = world.ask(query);
        assert.ok(octets, 'we say nothing');
        const ours = decodeMessage(octets);
        for (const { name, ask } of peers) {
          const theirs = decodeMessage(await ask(query));
          if (same(ours, theirs)) equal[name]++;
          else judge({ peer: name, question, ours, theirs });
        }
      }
      context.diagnostic(`equal to NSD: ${equal.nsd}, to Knot: ${equal.knot}, of ${QUESTIONS}`);
    } finally {
      await Promise.all(peers.map((peer) => peer.stop()));
    }
  });

test('every listed difference was met, and is documented', { skip }, () => {
  const page = readFileSync(new URL('../../docs/protocol-differences.md', import.meta.url), 'utf8');
  for (const { name } of DIFFERENCES) {
    assert.ok(met.has(name), `no question shows "${name}" any more: take it off the table`);
    assert.ok(page.includes(`| ${name} |`), `docs/protocol-differences.md has no row "${name}"`);
  }
});

test('the questions go where the algorithms branch', () => {
  const random = seededRandom(3);
  const { zones, owners } = generateZones(random);
  const world = createWorld(Object.entries(zones).map(([origin, text]) => [`${origin}.`, text] as const));
  const kinds = new Set<number>();
  const ask = (question: QueryOptions) => world.ask(encodeQuery(question));
  for (let i = 0; i < 5 * QUESTIONS; i++) {
    ask(generateQuestion(random, owners));
    kinds.add(world.context.outcome.kind);
  }
  // REFUSED, ANSWER, REFERRAL, NODATA, NXDOMAIN, FAILED (YXDOMAIN): see OUTCOME.
  for (const kind of [2, 3, 5, 6, 7, 8]) assert.ok(kinds.has(kind), `no outcome of kind ${kind}`);
});

function judge(one: Case): void {
  const known = DIFFERENCES.find(({ peers, explains }) => peers.includes(one.peer) && explains(one));
  if (known !== undefined) {
    met.add(known.name);
    return;
  }
  const { peer, question, ours, theirs } = one;
  assert.deepEqual(ours, theirs, `${peer} differs from us, unlisted, for ${JSON.stringify(question)}`);
}
