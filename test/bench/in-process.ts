import { join } from 'node:path';
import { answer } from '../../src/answer/answer.ts';
import type { AnswerContext } from '../../src/answer/context.ts';
import { buildRowMap } from '../../src/answer/row-map.ts';
import { emptyAddress, parseAddressInto } from '../../src/base/address.ts';
import { createAnswering } from '../../src/server/answering.ts';
import { openImage } from '../../src/steering/image.ts';
import { encodeQuery } from '../helpers/message.ts';
import { root, temporaryFolder } from './machine.ts';
import { openBenchWorld } from './world.ts';

export interface InProcessRow {
  readonly what: string;
  /** Median over the rounds. */
  readonly ns: number;
  readonly nsMin: number;
  readonly nsMax: number;
}

const ROUNDS = 9;
const CALLS = 300_000;
/** Different client networks, so that not one cache line answers all. */
const NETWORKS = 4096;
const OUT_OCTETS = 1232;

/** Nanoseconds of one call of `answer()`, beside copying the query, which nothing can go below. */
export async function measureAnswer(): Promise<InProcessRow[]> {
  const context = await edgeContext();
  const client = { address: emptyAddress(), port: 4000, transport: 'udp' as const };
  parseAddressInto('127.0.0.1', client.address);
  const out = Buffer.alloc(OUT_OCTETS);
  const run = (query: Uint8Array): number => answer(context, query, query.length, client, out);
  const copy = (query: Uint8Array): number => {
    out.set(query);
    return query.length;
  };
  const networks = Array.from(
    { length: NETWORKS },
    (_, i) => `${1 + (i % 200)}.${(i * 7) & 255}.${i & 255}.0/24`,
  );
  const name = 'www.edge.test.';
  const one = steeredQuery('10.1.2.0/24');
  return [
    measure('baseline: copying the query', [one], copy),
    measure('static A, no EDNS', [octets({ name: 'static.edge.test.', type: 'A' })], run),
    measure('static A, EDNS', [octets({ name: 'static.edge.test.', type: 'A', edns: 1232 })], run),
    measure('steered A, by the resolver', [octets({ name, type: 'A', edns: 1232 })], run),
    measure('steered A, ECS, one network', [one], run),
    measure(`steered A, ECS, ${NETWORKS} networks`, networks.map(steeredQuery), run),
    measure('NXDOMAIN', [octets({ name: 'no.such.name.edge.test.', type: 'A', edns: 1232 })], run),
  ];
}

/** What answers for test/bench/edge.yaml. */
async function edgeContext(): Promise<AnswerContext> {
  const paths = { config: join(root, 'test/bench/edge.yaml'), state: join(temporaryFolder(), 'state') };
  const { world, image } = await openBenchWorld(paths);
  const { answerData, config, places } = world;
  const steering = openImage(image, { fleetDigest: config.fleet.digest, placesDigest: places.digest });
  if (typeof steering === 'string') throw new Error(steering);
  const { context, clients, setTable } = createAnswering(answerData);
  const refused = setTable(image, buildRowMap(clients(), steering));
  if (typeof refused === 'string') throw new Error(refused);
  return context;
}

function steeredQuery(subnet: string): Buffer {
  return octets({ name: 'www.edge.test.', type: 'A', subnet });
}

/** As the sockets hand it over. */
function octets(options: Parameters<typeof encodeQuery>[0]): Buffer {
  return Buffer.from(encodeQuery(options));
}

function measure(
  what: string,
  queries: readonly Uint8Array[],
  call: (query: Uint8Array) => number,
): InProcessRow {
  const rounds: number[] = [];
  // The first round only warms the compiler up.
  for (let round = 0; round <= ROUNDS; round++) {
    const startMs = performance.now();
    for (let i = 0; i < CALLS; i++)
      if (call(queries[i % queries.length] as Uint8Array) === 0) throw new Error(`${what}: no answer`);
    if (round > 0) rounds.push(((performance.now() - startMs) * 1e6) / CALLS);
  }
  rounds.sort((a, b) => a - b);
  const at = (index: number): number => rounds[index] as number;
  return { what, ns: at(ROUNDS >> 1), nsMin: at(0), nsMax: at(ROUNDS - 1) };
}
