import assert from 'node:assert/strict';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { createWorld } from '../helpers/answer-world.ts';
import { decodeMessage, encodeQuery, type Message, type QueryOptions } from '../helpers/message.ts';
import { type Case, CD_GIVEN_BACK, DIFFERENCES } from './differences.ts';
import { SIGNED_DIFFERENCES } from './differences-signed.ts';
import { file, generateQuestion, ownersOf, pick } from './generate.ts';
import { installed, type Peer, startBind, startKnot, startNsd } from './peers.ts';
import { same } from './sameness.ts';
import { thirtyZones } from './shapes.ts';
import { signShapes } from './signed.ts';

/** What came out: of each peer how many answers were equal, and how many fell under each difference. */
export interface Comparison {
  readonly questions: number;
  readonly zones: number;
  readonly equal: Readonly<Record<Peer['name'], number>>;
  /** By name of the difference, then by peer. */
  readonly met: ReadonlyMap<string, ReadonlyMap<Peer['name'], number>>;
  /** Differences that no row explains. */
  readonly unexplained: readonly Case[];
}

/** What chance asks seldom, so that each difference is seen whenever all of these are asked. */
const SURE_QUESTIONS: readonly QueryOptions[] = [
  { name: 'hidden.child.parent.example.', type: 'TXT' },
  { name: 'www.dn.mixed.example.', type: 'A' },
  { name: 'deep.oldlong.general1.example.', type: 'A' },
  { name: 'x-1.www.oldlong.general5.example.', type: 'A' },
  { name: 'c.grow.long.example.', type: 'NS' },
  { name: 'loop1.general0.example.', type: 'A' },
  { name: 'self.general0.example.', type: 'A' },
  { name: 'chain1.general0.example.', type: 'TXT' },
  { name: 'alias.general0.example.', type: 'NSEC' },
  { name: 'several.types.example.', type: 'ANY' },
  { name: 'www.cut.big.example.', type: 'A', edns: 1232 },
  { name: 'a.big.example.', type: 'A' },
  { name: 'mx.big.example.', type: 'MX', edns: 1232 },
  { name: 'step0.chains.example.', type: 'A', cd: true },
];

/** Programs that the comparison needs and that are not here. */
export function missingPeers(): string[] {
  return (['nsd', 'knotd', 'named'] as const).filter((program) => !installed(program));
}

/**
 * Loads the thirty zones of a seed into Isochrone, NSD, Knot and BIND, asks all four the same questions, and
 * sorts the differences. The peers take the three ports from `port` on.
 */
export async function compare(options: {
  readonly seed: number;
  readonly questions: number;
  readonly port: number;
  /** The zones are signed, and most queries have DO. Absent: they are not. */
  readonly denial?: 'nsec' | 'nsec3' | undefined;
}): Promise<Comparison> {
  const { seed, questions, port, denial } = options;
  const random = seededRandom(seed);
  const shapes = thirtyZones(random);
  const signed = denial === undefined ? undefined : signShapes(shapes, denial);
  const plain = shapes.map(({ origin, lines }) => [origin, file(['$TTL 3600', ...lines])] as const);
  const zones = signed?.zones ?? Object.fromEntries(plain);
  const owners = shapes.map(({ origin, lines }) => ownersOf(origin, lines));
  const world = createWorld(
    signed === undefined ? plain.map(([origin, text]) => [`${origin}.`, text] as const) : [],
    signed === undefined ? {} : { zones: signed.image },
  );
  const starting = [startNsd(port, zones), startKnot(port + 1, zones), startBind(port + 2, zones)];
  const started = await Promise.allSettled(starting);
  const peers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const rows = denial === undefined ? DIFFERENCES : [...DIFFERENCES, ...SIGNED_DIFFERENCES];
  const equal = { nsd: 0, knot: 0, bind: 0 };
  const met: Met = new Map();
  const zoneOf = zoneFinder(shapes.map(({ origin }) => `${origin.toLowerCase()}.`));
  const unexplained: Case[] = [];
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    for (let i = 0; i < questions; i++) {
      const zone = Math.floor(random.next() * shapes.length);
      const plainly = SURE_QUESTIONS[i] ?? generateQuestion(random, owners[zone] ?? [], shapes[zone]?.origin);
      const question = signed === undefined ? plainly : withDo(random, plainly);
      const query = encodeQuery(question);
      const octets = world.ask(query);
      assert.ok(octets, 'we say nothing');
      const ours = decodeMessage(octets);
      const replies = await Promise.all(
        peers.map(async ({ name, ask }) => ({ name, reply: await ask(query) })),
      );
      for (const { name, reply } of replies) {
        const theirs = decodeMessage(reply);
        const one = { peer: name, question, ours, theirs: withoutCd(theirs), zoneOf };
        if (one.theirs !== theirs) count(met, CD_GIVEN_BACK, name);
        const known = rows.find(({ peers: who, explains }) => who.includes(name) && explains(one));
        if (same(ours, one.theirs)) equal[name]++;
        else if (known === undefined) unexplained.push(one);
        else count(met, known.name, name);
      }
    }
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
  }
  return { questions, zones: shapes.length, equal, met, unexplained };
}

/** The same as a validator asks it, more often than not; now and then of a type that signing makes. */
function withDo(random: Random, question: QueryOptions): QueryOptions {
  const { edns = 1232, type } = question;
  const made = random.next() < 0.1 ? pick(random, ['DNSKEY', 'DS', 'NSEC3PARAM', 'NSEC', 'CDS']) : type;
  return { ...question, type: made, edns, dnssecOk: random.next() < 0.8 };
}

type Met = Map<string, Map<Peer['name'], number>>;

function count(met: Met, difference: string, peer: Peer['name']): void {
  const counts = met.get(difference) ?? new Map<Peer['name'], number>();
  met.set(difference, counts.set(peer, (counts.get(peer) ?? 0) + 1));
}

/** The same message if CD is not set. */
function withoutCd(message: Message): Message {
  const flags = message.flags.split(' ').filter((flag) => flag !== 'cd');
  return flags.join(' ') === message.flags ? message : { ...message, flags: flags.join(' ') };
}

function zoneFinder(origins: readonly string[]): (name: string) => string {
  const known = new Set(origins);
  return (name) => {
    for (let rest = name; rest.includes('.'); rest = rest.slice(rest.indexOf('.') + 1))
      if (known.has(rest)) return rest;
    return '';
  };
}
