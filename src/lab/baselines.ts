import { distanceKm } from '../base/geodesy.ts';
import type { FleetOverride, FleetReport } from '../steering/fleet-state.ts';
import { chanceOf } from './chance.ts';
import type { Answer, MeasuredBurst, Share, Steerer, SteererInputs, SteererOptions } from './steerer.ts';
import type { WorldPop } from './world.ts';

/** TTL of the baselines' answers, as operators set it. */
const TTL_SECONDS = 60;

/**
 * Nearest by claimed geography, as GeoIP-steered servers do it: of the POPs that are up and not drained.
 * Where a cell or a POP has no location its distance is unknown, and the first POP of the list is given.
 */
export function geoSteerer({ claimed }: SteererOptions): Steerer {
  const { pops, cells } = claimed;
  const orders = cells.map((cell) => {
    const km = pops.map((pop) => kmOrUnknown(cell, pop));
    return [...pops.keys()].sort((a, b) => (km[a] as number) - (km[b] as number) || a - b);
  });
  let isOut: readonly boolean[] = pops.map(() => false);
  return {
    plan: () => [],
    tick: (inputs) => {
      isOut = outOf(inputs, pops);
    },
    answer: (cell) => {
      const order = orders[cell] as readonly number[];
      return whole(order.find((pop) => isOut[pop] === false) ?? (order[0] as number));
    },
  };
}

/** Farther than anything. */
const UNKNOWN_KM = 1e6;

function kmOrUnknown(
  cell: { latitude: number; longitude: number },
  pop: { latitude: number; longitude: number },
): number {
  const km = distanceKm(cell, pop);
  return Number.isNaN(km) ? UNKNOWN_KM : km;
}

/** Each client gets one POP of those that are up after the other. */
export function roundRobinSteerer({ claimed }: SteererOptions): Steerer {
  const { pops } = claimed;
  let answer = evenly([...pops.keys()]);
  return {
    plan: () => [],
    tick: (inputs) => {
      const isOut = outOf(inputs, pops);
      const live = [...pops.keys()].filter((pop) => isOut[pop] === false);
      answer = evenly(live.length > 0 ? live : [...pops.keys()]);
    },
    answer: () => answer,
  };
}

/** Weight of a new burst in the averages. */
const EWMA_ALPHA = 0.3;
/** What full utilisation adds to a score, from the knee on, ms. */
const UTILISATION_MS = 100;
const UTILISATION_KNEE = 0.7;
const KIND_PROBE = 701;

/**
 * A naive latency steerer: each tick every cell measures one POP drawn at random while its budget lasts;
 * a plain moving average; the lowest average plus a term of the POP's reported utilisation wins. While
 * nothing is measured of a cell it gets the nearest by geography.
 */
export function ewmaSteerer(options: SteererOptions): Steerer {
  const { claimed, seed, burstsPerCell = Number.POSITIVE_INFINITY } = options;
  const { pops, cells } = claimed;
  const geo = geoSteerer(options);
  const averageMs = new Float64Array(cells.length * pops.length).fill(Number.NaN);
  const spent = new Uint32Array(cells.length);
  let addedMs: readonly number[] = pops.map(() => 0);
  let isOut: readonly boolean[] = pops.map(() => false);
  let ticks = 0;
  return {
    plan: (_, burstsMax) => {
      const tick = ticks++;
      const wanted = [...cells.keys()].filter((cell) => (spent[cell] as number) < burstsPerCell);
      return wanted.slice(0, burstsMax).map((cell) => {
        spent[cell] = (spent[cell] as number) + 1;
        return { cell, pop: Math.floor(pops.length * chanceOf(seed, KIND_PROBE, cell, tick).next()) };
      });
    },
    tick: (inputs) => {
      geo.tick(inputs);
      isOut = outOf(inputs, pops);
      addedMs = pops.map((pop, index) => utilisationMs(inputs.reports[index], pop));
      for (const burst of inputs.bursts) takeBurst(averageMs, burst, pops.length);
    },
    answer: (cell) => {
      let best = -1;
      let bestMs = Number.POSITIVE_INFINITY;
      for (let pop = 0; pop < pops.length; pop++) {
        const scoreMs = (averageMs[cell * pops.length + pop] as number) + (addedMs[pop] as number);
        if (isOut[pop] === true || !(scoreMs < bestMs)) continue;
        best = pop;
        bestMs = scoreMs;
      }
      return best < 0 ? geo.answer(cell) : whole(best);
    },
  };
}

function takeBurst(averageMs: Float64Array, { cell, pop, rttMs }: MeasuredBurst, popCount: number): void {
  if (rttMs === undefined) return;
  const at = cell * popCount + pop;
  const before = averageMs[at] as number;
  averageMs[at] = Number.isNaN(before) ? rttMs : before + EWMA_ALPHA * (rttMs - before);
}

function utilisationMs(report: FleetReport | undefined, pop: WorldPop): number {
  const utilisation = (report?.loadRps ?? 0) / Math.max(1e-9, report?.capacityRps ?? pop.capacityRps);
  return UTILISATION_MS * Math.max(0, (utilisation - UTILISATION_KNEE) / (1 - UTILISATION_KNEE));
}

/** By POP: whether it must not be answered. */
function outOf(
  { reports, overrides }: Pick<SteererInputs, 'reports' | 'overrides'>,
  pops: readonly WorldPop[],
): readonly boolean[] {
  const drained = new Set(overrides.map(({ pop }: FleetOverride) => pop));
  return pops.map(({ pop }, index) => reports[index]?.healthy === false || drained.has(pop));
}

/** One POP for all clients. */
export function whole(pop: number): Answer {
  return { shares: [{ pop, share: 1 }], ttlSeconds: TTL_SECONDS };
}

function evenly(pops: readonly number[]): Answer {
  const shares: Share[] = pops.map((pop) => ({ pop, share: 1 / pops.length }));
  return { shares, ttlSeconds: TTL_SECONDS };
}
