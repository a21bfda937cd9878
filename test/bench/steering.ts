/**
 * What a decision costs in a large world: `npm run bench:steering [-- --cells N --pops N --rounds N]`. Every
 * cell has its 12 nearest POPs as candidates; capacities are 1.3 x demand in all, and have nothing to do with
 * where the demand is. Prints milliseconds of CPU time, the median of several rounds, and memory.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Fleet, Link } from '../../src/base/fleet.ts';
import { normal, seededRandom } from '../../src/base/random.ts';
import { assignUnits } from '../../src/steering/assign.ts';
import { clearPrices } from '../../src/steering/clearing.ts';
import { createDeciderState, type DeciderState } from '../../src/steering/decider-state.ts';
import { serviceGroups } from '../../src/steering/groups.ts';
import { markHeavy } from '../../src/steering/heavy.ts';
import { predictedLoad } from '../../src/steering/load.ts';
import { takeTerms } from '../../src/steering/market.ts';
import { STEERING_PARAMETERS, type SteeringParams } from '../../src/steering/params.ts';
import type { CellGeometry } from '../../src/steering/prior.ts';
import { observeCapacity, setRoom } from '../../src/steering/room.ts';
import { CANDIDATES, pickCandidates, type ServiceGroup } from '../../src/steering/units.ts';

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '1000000' },
    pops: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '7' },
  },
});
const cells = Number(values.cells);
const pops = Number(values.pops);
const rounds = Number(values.rounds);
const PLACES = 10_000;
const SLACK = 1.3;
const TICK_MS = 10_000;
const random = seededRandom(7);
/** CPU time of this process, which other work on the machine disturbs less than the clock's. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const octets = (): number => {
  collect();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
};

interface Spot {
  readonly latitude: number;
  readonly longitude: number;
}
const spot = (): Spot => ({ latitude: 60 * random.next(), longitude: -120 + 240 * random.next() });

function fleetOf(): Fleet {
  const links: Link[] = Array.from({ length: pops }, (_, index) => ({
    id: `P${index}-a`,
    index,
    popIndex: index,
    transit: '',
    capacityMbps: 1000,
    ipv4: '127.64.1.1',
  }));
  const parts = links.map(() => Math.exp(0.7 * normal(random)));
  const whole = parts.reduce((sum, part) => sum + part, 0);
  return {
    links,
    digest: 1,
    pops: links.map((link, index) => ({
      ...spot(),
      code: `P${index}`,
      index,
      city: '',
      country: 'XX',
      region: '',
      capacityRps: (SLACK * cells * (parts[index] as number)) / whole,
      biasMs: 0,
      links: [link],
    })),
  };
}

function geometryOf(): CellGeometry {
  const spots = Array.from({ length: PLACES }, spot);
  return {
    count: PLACES,
    latitude: Float32Array.from(spots, ({ latitude }) => latitude),
    longitude: Float32Array.from(spots, ({ longitude }) => longitude),
    key: spots.map((_, i) => `XX/${i}`),
    name: spots.map(() => ''),
    country: spots.map(() => 'XX'),
    level: new Uint8Array(PLACES).fill(2),
    parent: new Int32Array(PLACES).fill(-1),
    weight: new Float32Array(PLACES).fill(1 / PLACES),
  };
}

function params(): SteeringParams {
  const defaults = Object.entries(STEERING_PARAMETERS).map(([name, spec]) => [name, spec.default]);
  // Every parameter is in the table.
  return Object.fromEntries(defaults) as SteeringParams;
}

/** A decider's state with so many cells, as if each network had been measured from its nearest POPs. */
function stateOf(): DeciderState {
  const fleet = fleetOf();
  const geometry = geometryOf();
  const popIndexes = fleet.pops.map(({ index }) => index);
  const { groups } = serviceGroups(pops, [{ name: 'web', popIndexes, biasMs: [] }]);
  const networkCellsMax = cells - PLACES;
  const options = { fleet, geometry, placesDigest: 1, groups, params: params(), networkCellsMax };
  const state = createDeciderState(options);
  const view = state.deciding.view;
  state.activeCells = Int32Array.from({ length: cells }, (_, cell) => cell);
  for (let cell = 0; cell < cells; cell++) {
    const place = cell < PLACES ? cell : Math.floor(PLACES * random.next());
    if (cell >= PLACES) {
      state.cells.networkAsn[cell - PLACES] = 1 + (cell % 60_000);
      state.cells.networkPlace[cell - PLACES] = place;
    }
    for (let pop = 0; pop < pops; pop++) {
      const km = state.distances[place * pops + pop] as number;
      view.rttMs[pop] = 4 + 0.0155 * km + 6 * random.next();
      view.deviationMs[pop] = 0.5 + random.next();
    }
    pickCandidates(state.units, cell, groups[0] as ServiceGroup, view);
    state.demandRps[cell] = Math.exp(normal(random) - 0.5);
  }
  return state;
}

/** The decision tick but for bursts and reports: room, prices, moves, repair, rows. */
function decide(state: DeciderState, nowMs: number): { ms: number; sweeps: number; wide: number } {
  const { deciding, fleetState, units, activeCells, demandRps, options } = state;
  const { params: used, groups } = options;
  const { leftRps, cameRps, returnedRps } = deciding;
  const startedMs = cpuMs();
  markHeavy(units, { activeCells, demandRps, capacityRps: fleetState.capacityRps });
  const predictedRps = predictedLoad({ units, groups, activeCells, demandRps });
  observeCapacity(fleetState, {
    params: used,
    predictedRps,
    moved: deciding,
    elapsedMs: TICK_MS,
  });
  deciding.startRps.set(predictedRps);
  returnedRps.fill(0);
  leftRps.fill(0);
  cameRps.fill(0);
  const demand = demandRps.reduce((sum, rps) => sum + rps, 0);
  setRoom(fleetState, [{ demandRps: demand, out: deciding.groupOut[0] as Uint8Array }], used);
  const { sweeps, wideUnits } = assignUnits(deciding, { activeCells, nowMs, relinked: new Uint8Array(pops) });
  return { ms: cpuMs() - startedMs, sweeps, wide: wideUnits };
}

/** The first pass after a failure: every cell of the POP has another, at the prices there are. */
function firstPass(state: DeciderState): number {
  const { market } = state.deciding;
  const startedMs = cpuMs();
  takeTerms(market);
  clearPrices(market, { units: new Int32Array(0), count: 0, widen: () => false }, 1);
  return cpuMs() - startedMs;
}

/** One pass of the clearing over prices that are there: the time until every cell's POP is known. */
function clear(state: DeciderState): { ms: number; sweeps: number } {
  const { market } = state.deciding;
  const startedMs = cpuMs();
  takeTerms(market);
  market.rising.fill(0);
  const sweeps = clearPrices(market, { units: new Int32Array(0), count: 0, widen: () => false });
  return { ms: cpuMs() - startedMs, sweeps };
}

const median = (list: number[]): number => [...list].sort((one, other) => one - other)[list.length >> 1] ?? 0;
const show = (what: string, ms: number, more = ''): void =>
  console.log(`${what.padEnd(64)} ${ms.toFixed(1).padStart(8)} ms ${more}`);

const before = octets();
const state = stateOf();
console.log(`${cells} cells x ${CANDIDATES} candidates x ${pops} POPs`);
let nowMs = 1_700_000_000_000;
for (let tick = 0; tick < 12; tick++) {
  const { ms, sweeps, wide } = decide(state, (nowMs += TICK_MS));
  show(`decision tick ${tick} from a cold start`, ms, `${sweeps} sweeps, ${wide} wide`);
}
const priced = state.terms.priceMs.filter((ms) => ms > 0).length;
const warm = Array.from({ length: rounds }, () => clear(state));
show(
  'a warm pass of the clearing',
  median(warm.map(({ ms }) => ms)),
  `${warm.map(({ sweeps }) => sweeps)} sweeps, ${priced} POPs have a price`,
);
const jitter = Array.from({ length: rounds }, () => {
  for (let cell = 0; cell < cells; cell++)
    state.demandRps[cell] = (state.demandRps[cell] as number) * (0.95 + 0.1 * random.next());
  return decide(state, (nowMs += TICK_MS)).ms;
});
show('a decision tick, demand of each cell changed by up to 5 %', median(jitter));
const load = predictedLoad(state.deciding.market);
const ranked = [...load.keys()].sort((one, other) => (load[other] as number) - (load[one] as number));
const passes: { ms: number; sweeps: number }[] = [];
const failures: number[] = [];
const firsts: number[] = [];
for (const pop of ranked.slice(0, rounds)) {
  const out = state.deciding.groupOut[0] as Uint8Array;
  out[pop] = 1;
  setRoom(
    state.fleetState,
    [{ demandRps: state.demandRps.reduce((s, r) => s + r, 0), out }],
    state.options.params,
  );
  firsts.push(firstPass(state));
  passes.push(clear(state));
  failures.push(decide(state, (nowMs += TICK_MS)).ms);
  out[pop] = 0;
  for (let tick = 0; tick < 12; tick++) decide(state, (nowMs += TICK_MS));
}
show('one of the biggest POPs dies: first pass, all its cells have another', median(firsts));
const sweeps = `${passes.map((pass) => pass.sweeps)} sweeps`;
show('… until prices clear again, as far as a tick goes', median(passes.map(({ ms }) => ms)), sweeps);
show('… the whole decision tick', median(failures));
const used = (octets() - before) / 1e6;
console.log(`${used.toFixed(0)} MB, with the distances of ${PLACES} places, without estimates`);
