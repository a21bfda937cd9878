import { buildRowMap } from '../../src/answer/row-map.ts';
import { emptyAddress } from '../../src/base/address.ts';
import { counterBlock } from '../../src/base/counters.ts';
import { countingHandler, createAnswering } from '../../src/server/answering.ts';
import { openCounters, serverLayout } from '../../src/server/counters.ts';
import { deathsBlock } from '../../src/server/deaths-block.ts';
import { demandWords, openDemand } from '../../src/server/demand-table.ts';
import { dropSamplesMemory, openDropSamples } from '../../src/server/drop-samples.ts';
import type { Handler } from '../../src/server/handler.ts';
import { openLimiter, type RateLimitOptions, rateLimitData } from '../../src/server/rate-limit.ts';
import { openImage } from '../../src/steering/image.ts';
import { loadEdge } from '../helpers/edge.ts';
import { encodeQuery } from '../helpers/message.ts';

const ROUNDS = 15;
const CALLS = 200_000;
/** The clock is set as often as a serving thread does. */
const BATCH = 32;

/** Nanoseconds of one call of the handler without a limiter and with it, the least of rounds in turns. */
export function measureCalls(limit: RateLimitOptions, clients: number): { without: number; with: number } {
  const now = new Float64Array(1);
  const handlers = [handlerWith(undefined, now), handlerWith(limit, now)] as const;
  const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, handle] of handlers.entries()) {
      const ns = timeCalls(handle, clients, now);
      if (round > 0) least[i] = Math.min(least[i] as number, ns);
    }
  return { without: least[0] as number, with: least[1] as number };
}

function timeCalls(handle: Handler, clients: number, now: Float64Array): number {
  const query = Buffer.from(encodeQuery({ name: 'www.edge.test.', type: 'A', subnet: '10.1.2.0/24' }));
  const out = Buffer.alloc(1232);
  const client = { address: emptyAddress(), port: 4000, transport: 'udp' as const };
  const startMs = performance.now();
  for (let i = 0; i < CALLS; i++) {
    if (i % BATCH === 0) now[0] = performance.now();
    // In place, as a serving thread has it: from all over the address space, as resolvers are.
    const hash = Math.imul((i % clients) + 1, 0x9e3779b1);
    for (let octet = 0; octet < 4; octet++) client.address.octets[octet] = hash >>> (24 - 8 * octet);
    handle(query, query.length, client, out);
  }
  return ((performance.now() - startMs) * 1e6) / CALLS;
}

function handlerWith(limit: RateLimitOptions | undefined, now: Float64Array): Handler {
  const { data, image } = loadEdge();
  const answering = createAnswering(data);
  const steering = openImage(image, { fleetDigest: data.fleet.digest, placesDigest: data.placesDigest });
  if (typeof steering === 'string') throw new Error(steering);
  const refused = answering.setTable(image, buildRowMap(answering.clients(), steering));
  if (typeof refused === 'string') throw new Error(refused);
  const layout = serverLayout(data.fleet.pops.map(({ code }) => code));
  const counters = openCounters(layout, counterBlock(layout));
  const samples = openDropSamples(dropSamplesMemory());
  const limiter = limit && openLimiter(rateLimitData(limit, 12345), { counters, samples, now });
  const parts = { counters, demand: openDemand(demandWords()), deaths: deathsBlock(), samples };
  return countingHandler(answering, { ...parts, limiter });
}
