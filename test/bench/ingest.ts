/**
 * What taking bursts in costs in a large world: part of `npm run bench:steering [-- --cells N --pops N]`.
 * Every
 * network has estimates of its own already; bursts come from all of them at random, in ticks. Prints
 * nanoseconds of
 * CPU time a burst, the median of several ticks, and octets of the estimates.
 */
import { parseArgs } from 'node:util';
import { normal, seededRandom } from '../../src/base/random.ts';
import type { LocatedSample } from '../../src/steering/accept.ts';
import { NO_LOSS } from '../../src/steering/alarm.ts';
import { createCells } from '../../src/steering/cells.ts';
import { createEstimates } from '../../src/steering/estimates.ts';
import { learn } from '../../src/steering/ingest.ts';
import type { Learning } from '../../src/steering/learning.ts';
import { STEERING_PARAMETERS, type SteeringParams } from '../../src/steering/params.ts';
import { newPool } from '../../src/steering/pool.ts';
import { emptyPopTerms } from '../../src/steering/score.ts';
import { createTrust } from '../../src/steering/trust.ts';

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '1000000' },
    pops: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '9' },
  },
});
const leafMax = Number(values.cells);
const pops = Number(values.pops);
const PLACES = 10_000;
const BURSTS_A_TICK = 200_000;
const random = seededRandom(5);
main();

function main(): void {
  const state = learningOf();
  let nowMs = 1_700_000_000_000;
  // Four POPs of every network first.
  for (let nth = 0; nth < 4; nth++)
    for (let from = 0; from < leafMax; from += BURSTS_A_TICK)
      learn(
        state,
        bursts(nowMs, (i) => [from + i, nth]),
        nowMs,
      );
  const nanoseconds: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    nowMs += 10_000;
    const samples = bursts(nowMs, () => [Math.floor(leafMax * random.next()), Math.floor(4 * random.next())]);
    const before = process.cpuUsage();
    const { accepted } = learn(state, samples, nowMs);
    const { user, system } = process.cpuUsage(before);
    nanoseconds.push(((user + system) * 1000) / accepted);
  }
  nanoseconds.sort((one, other) => one - other);
  const median = nanoseconds[nanoseconds.length >> 1] as number;
  const range = `${Math.round(nanoseconds[0] as number)} to ${Math.round(nanoseconds.at(-1) as number)}`;
  const mib = state.estimates.words.byteLength / 2 ** 20;
  console.log(`bursts taken in: ${Math.round(median)} ns each, measured (${range}), aim 150`);
  console.log(`estimates of ${leafMax} networks: ${Math.round(mib)} MiB, ${state.estimates.used} in use`);
}

function bursts(nowMs: number, which: (i: number) => [leaf: number, nth: number]): LocatedSample[] {
  return Array.from({ length: Math.min(BURSTS_A_TICK, leafMax) }, (_, i) => {
    const [leaf, nth] = which(i);
    return {
      popIndex: (leaf * 7 + nth * 13) % pops,
      placeId: leaf % PLACES,
      asn: 0,
      network: leaf,
      rttMs: 20 + (leaf % 90) + 2 * Math.abs(normal(random)),
      jitterMs: random.next(),
      sent: 3,
      lost: 0,
      atMs: nowMs,
      modelled: false,
    };
  });
}

function learningOf(): Learning {
  const cells = createCells(PLACES, { networkMax: 0, leafMax });
  const defaults = Object.entries(STEERING_PARAMETERS).map(([name, spec]) => [name, spec.default]);
  return {
    // Every parameter is in the table.
    params: Object.fromEntries(defaults) as SteeringParams,
    cells,
    estimates: createEstimates(cells.capacity),
    distances: new Float32Array(PLACES * pops).fill(1000),
    terms: emptyPopTerms(pops),
    alarmedAtMs: new Float64Array(pops).fill(-Infinity),
    level: new Uint8Array(PLACES).fill(2),
    between: new Float32Array(pops * pops),
    popLoss: Array.from({ length: pops }, () => NO_LOSS),
    pools: Array.from({ length: pops }, () => newPool()),
    forgiven: [],
    trust: createTrust(pops),
    residualMeanMs: new Float64Array(pops),
    residualCount: new Float64Array(pops),
    ticks: 0,
  };
}
