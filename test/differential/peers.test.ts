import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { createWorld } from '../helpers/answer-world.ts';
import { encodeQuery, type QueryOptions } from '../helpers/message.ts';
import { type Comparison, compare, missingPeers } from './compare.ts';
import { CD_GIVEN_BACK, DIFFERENCES } from './differences.ts';
import { SIGNED_DIFFERENCES } from './differences-signed.ts';
import { generateQuestion, generateZones } from './generate.ts';

/**
 * The same thirty zones in Isochrone, NSD, Knot and BIND, the same questions to all four. Sections (as sets,
 * TTLs included), flags, rcode and EDNS must be equal, or the difference must be in the table. More of the
 * same: `npm run test:differential`.
 */

const SEED = 1;
const QUESTIONS = 1500;
const SIGNED_QUESTIONS = 400;
const PORT = 5420;

const missing = missingPeers();
const skip = missing.length > 0 ? `not installed: ${missing.join(', ')} (Debian: nsd, knot, bind9)` : false;
let met: Comparison['met'] = new Map();

test(`NSD, Knot and BIND answer as we do (${QUESTIONS} questions)`, { skip }, async (context) => {
  const result = await compare({ seed: SEED, questions: QUESTIONS, port: PORT });
  met = result.met;
  for (const { peer, question, ours, theirs } of result.unexplained)
    assert.deepEqual(ours, theirs, `${peer} differs from us, unlisted, for ${JSON.stringify(question)}`);
  const { nsd, knot, bind } = result.equal;
  context.diagnostic(`equal to NSD: ${nsd}, to Knot: ${knot}, to BIND: ${bind}, of ${QUESTIONS}`);
});

test(`also of signed zones (${SIGNED_QUESTIONS} questions)`, { skip }, async (context) => {
  const result = await compare({ seed: SEED, questions: SIGNED_QUESTIONS, port: PORT, denial: 'nsec3' });
  for (const { peer, question, ours, theirs } of result.unexplained)
    assert.deepEqual(ours, theirs, `${peer} differs from us, unlisted, for ${JSON.stringify(question)}`);
  const { nsd, knot, bind } = result.equal;
  context.diagnostic(`equal to NSD: ${nsd}, to Knot: ${knot}, to BIND: ${bind}, of ${SIGNED_QUESTIONS}`);
});

test('every listed difference was met, and is documented', { skip }, () => {
  const page = readFileSync(new URL('../../docs/protocol-differences.md', import.meta.url), 'utf8');
  for (const name of [CD_GIVEN_BACK, ...DIFFERENCES.map((one) => one.name)]) {
    assert.ok(met.has(name), `no question shows "${name}" any more: take it off the table`);
    assert.ok(page.includes(`| ${name} |`), `docs/protocol-differences.md has no row "${name}"`);
  }
  for (const { name } of SIGNED_DIFFERENCES)
    assert.ok(page.includes(`| ${name} |`), `docs/protocol-differences.md has no row "${name}"`);
});

test('the questions go where the algorithms branch', () => {
  const random = seededRandom(3);
  const { zones, owners } = generateZones(random);
  const world = createWorld(Object.entries(zones).map(([origin, text]) => [`${origin}.`, text] as const));
  const kinds = new Set<number>();
  const ask = (question: QueryOptions) => world.ask(encodeQuery(question));
  for (let i = 0; i < 3500; i++) {
    ask(generateQuestion(random, owners));
    kinds.add(world.context.outcome.kind);
  }
  // REFUSED, ANSWER, REFERRAL, NODATA, NXDOMAIN, FAILED (YXDOMAIN): see OUTCOME.
  for (const kind of [2, 3, 5, 6, 7, 8]) assert.ok(kinds.has(kind), `no outcome of kind ${kind}`);
});
