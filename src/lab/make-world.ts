import { must } from '../base/assert.ts';
import { chanceOf, lognormal, pickWeighted, sampleWeighted } from './chance.ts';
import { type Backbone, type City, layBackbone } from './make-backbone.ts';
import { drawCities, drawClaim, drawHubs, type Gazetteer } from './make-cities.ts';
import { makePaths, type PathEnd } from './make-paths.ts';
import type { World, WorldCell, WorldEvent, WorldPop, WorldRtt } from './world.ts';

export const WORLD_KINDS = ['hubs', 'random', 'capacity', 'shift'] as const;
export type WorldKind = (typeof WORLD_KINDS)[number];

/** What a made-up world is to be like. */
export interface WorldWishes {
  readonly name: string;
  /**
   * `hubs`: POPs at well connected cities; `random`: anywhere that cells are; `capacity`: hubs, scarce
   * capacities, and the biggest POP dies; `shift`: hubs, and one POP gets slower for a while.
   */
  readonly kind: WorldKind;
  readonly pops: number;
  readonly cells: number;
  /** Cities that the cells are in: as many as cells, or fewer. */
  readonly cities: number;
  readonly seed: number;
  readonly ticks: number;
  readonly tickSeconds: number;
  /** All capacities together over all demand. */
  readonly capacity: number;
  /** Tick of the death or of the shift's start; and of the shift's end. */
  readonly eventTick: number;
  readonly eventEnd: number;
  /** The shift, ms. */
  readonly shiftMs: number;
}

/** Providers of a city. */
const PROVIDERS = 3;
const LAST_MILE_MS = 6;
const DEMAND_RPS = 100;
/** Demand and capacity where they are uneven: deviations of the logarithm. */
const DEMAND_SIGMA = 1;
const CAPACITY_SIGMA = 0.8;
const KIND = { cityOf: 401, provider: 402, demand: 403, capacity: 404, pops: 405 } as const;

/** Makes a world: the same wishes and sources make the same. */
export function makeWorld(gazetteer: Gazetteer, wishes: WorldWishes): World {
  const { seed, kind, name, ticks, tickSeconds } = wishes;
  const cities = drawCities(gazetteer, Math.min(wishes.cities, wishes.cells), seed);
  const backbone = layBackbone(gazetteer.airports, cities, seed);
  const first = gazetteer.airports.length;
  const ends = [...Array(wishes.cells).keys()].map((cell) => endOf(cell, { cities, first, seed }));
  const popCities = drawPops(wishes, backbone, first);
  const cells = ends.map((end) => makeCell(gazetteer, backbone, end, wishes));
  const demandRps = cells.reduce((sum, cell) => sum + cell.demandRps, 0);
  const pops = makePops(popCities, backbone, { wishes, demandRps });
  const pathOf = makePaths(backbone, seed);
  const rtts: WorldRtt[] = ends.flatMap((end, cell) =>
    popCities.map((city, pop) => ({ cell, pop, fromTick: 0, ...pathOf(end, city) })),
  );
  const counts = `--pops ${pops.length} --cells ${cells.length}`;
  const source = `made by isochrone make-world --kind ${kind} ${counts} --seed ${seed}`;
  const head = { name, tickSeconds, ticks, seed, source };
  return { head, pops, cells, rtts, events: makeEvents(wishes, pops, rtts) };
}

function endOf(cell: number, of: { cities: readonly City[]; first: number; seed: number }): PathEnd {
  const { cities, first, seed } = of;
  const random = chanceOf(seed, KIND.cityOf, cell);
  const index =
    cell < cities.length ? cell : pickWeighted(random, [...cities.keys()], (i) => cities[i]?.weight ?? 0);
  const provider = Math.floor(PROVIDERS * chanceOf(seed, KIND.provider, cell).next());
  return { city: first + index, provider, cell };
}

/** Cities of the POPs. A random POP stands in a city of cells, a hub at an airport's. */
function drawPops(wishes: WorldWishes, backbone: Backbone, first: number): readonly number[] {
  if (wishes.kind !== 'random') return drawHubs(wishes.pops, wishes.seed).map(backbone.indexOf);
  const all = [...backbone.cities.keys()].slice(first);
  return sampleWeighted(chanceOf(wishes.seed, KIND.pops), all, () => 1).slice(0, wishes.pops);
}

function makeCell(gazetteer: Gazetteer, backbone: Backbone, end: PathEnd, wishes: WorldWishes): WorldCell {
  const { seed, kind } = wishes;
  const claim = drawClaim(gazetteer, must(backbone.cities[end.city], 'city'), [seed, end.cell]);
  const random = chanceOf(seed, KIND.demand, end.cell);
  const demandRps = kind === 'capacity' ? lognormal(random, DEMAND_RPS, DEMAND_SIGMA) : DEMAND_RPS;
  const prefix = `10.${end.cell >> 8}.${end.cell & 255}.0/24`;
  return { cell: `c${end.cell}`, prefix, ...claim, demandRps, lastMileMs: LAST_MILE_MS };
}

function makePops(
  popCities: readonly number[],
  backbone: Backbone,
  of: { wishes: WorldWishes; demandRps: number },
): readonly WorldPop[] {
  const { wishes, demandRps } = of;
  const sizes = popCities.map((_, pop) =>
    wishes.kind === 'capacity' ? lognormal(chanceOf(wishes.seed, KIND.capacity, pop), 1, CAPACITY_SIGMA) : 1,
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const taken = new Map<string, number>();
  return popCities.map((index, pop) => {
    const { code, name, latitude, longitude } = must(backbone.cities[index], 'city');
    const plain = (code || name).normalize('NFD').replace(/[^A-Za-z0-9]+/g, '');
    const times = (taken.get(plain) ?? 0) + 1;
    taken.set(plain, times);
    const capacityRps = (demandRps * wishes.capacity * (sizes[pop] as number)) / total;
    return { pop: times === 1 ? plain : `${plain}-${times}`, latitude, longitude, capacityRps };
  });
}

function makeEvents(
  wishes: WorldWishes,
  pops: readonly WorldPop[],
  rtts: readonly WorldRtt[],
): readonly WorldEvent[] {
  const { kind, eventTick, eventEnd, shiftMs } = wishes;
  if (kind === 'capacity') {
    const biggest = pops.reduce(
      (best, pop, i) => (pop.capacityRps > (pops[best]?.capacityRps ?? 0) ? i : best),
      0,
    );
    return [{ tick: eventTick, event: 'pop-down', pop: biggest, cell: -1, value: 0 }];
  }
  if (kind !== 'shift') return [];
  const pop = mostWanted(pops.length, rtts);
  const change = { event: 'add-rtt', pop, cell: -1 } as const;
  return [
    { ...change, tick: eventTick, value: shiftMs },
    { ...change, tick: eventEnd, value: 0 },
  ];
}

/** POP that is the best of the most cells. */
function mostWanted(popCount: number, rtts: readonly WorldRtt[]): number {
  const best = new Map<number, WorldRtt>();
  for (const rtt of rtts) if (rtt.rttMs < (best.get(rtt.cell)?.rttMs ?? Infinity)) best.set(rtt.cell, rtt);
  const wanted = new Array<number>(popCount).fill(0);
  for (const { pop } of best.values()) wanted[pop] = (wanted[pop] ?? 0) + 1;
  return wanted.indexOf(Math.max(...wanted));
}
