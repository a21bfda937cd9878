import type { Fleet, Link, Pop } from '../../src/base/fleet.ts';
import { distanceKm, type Location } from '../../src/base/geodesy.ts';
import { normal, seededRandom } from '../../src/base/random.ts';
import { createDecider, type Decider } from '../../src/steering/decider.ts';
import type { LocatedDemand } from '../../src/steering/decider-state.ts';
import type { FleetOverride, FleetReport } from '../../src/steering/fleet-state.ts';
import { serviceGroups } from '../../src/steering/groups.ts';
import { candidate, openImage, ROW_SHARES, rowOf, rowShare } from '../../src/steering/image.ts';
import { encodeImage } from '../../src/steering/image-encode.ts';
import type { SteeringParams } from '../../src/steering/params.ts';
import { type CellGeometry, priorMs } from '../../src/steering/prior.ts';
import { steeringParams } from './steering-params.ts';

/** Places with demand and POPs with capacities that have nothing to do with each other. */
export interface CapacityWorld {
  readonly fleet: Fleet;
  readonly demand: readonly LocatedDemand[];
  readonly totalRps: number;
  /** RTT by cell x POP, ms: nothing was measured, so that it is the prior. */
  readonly costMs: Float64Array;
  readonly decider: Decider;
  /** A tick, 10 s after the last; what is given replaces good reports of no load. */
  readonly tick: (inputs?: {
    reports?: readonly FleetReport[];
    overrides?: readonly FleetOverride[];
    demand?: readonly LocatedDemand[];
  }) => ReturnType<Decider['tick']>;
  readonly reports: (change?: (pop: Pop) => Partial<FleetReport>) => FleetReport[];
  /** Share of each cell's clients that each POP gets now, by cell x POP; TTLs by cell, seconds. */
  readonly shares: () => { shares: Float64Array; ttlSeconds: Uint16Array };
  /** Requests/s by POP that these shares send. */
  readonly loadOf: (shares: Float64Array) => Float64Array;
  /** Mean RTT by demand, ms. */
  readonly meanMs: (shares: Float64Array) => number;
}

const PLACES_DIGEST = 4712;
const FIRST_TILE = 2;

/** Makes a world from a seed: `slack` times as much capacity as demand. */
export function capacityWorld(options: {
  cells: number;
  pops: number;
  slack: number;
  seed: number;
  /** Standard deviation of the logarithm of demand: 1 is uneven, 2 a few cells have most. */
  spread?: number;
  params?: Partial<SteeringParams>;
}): CapacityWorld {
  const { cells, pops, slack, seed, spread = 1 } = options;
  const random = seededRandom(seed);
  const params = steeringParams(options.params);
  const point = (): Location => ({
    latitude: 30 + 30 * random.next(),
    longitude: -120 + 240 * random.next(),
  });
  const places = Array.from({ length: cells }, point);
  const demand = places.map((_, i) => ({
    network: -1,
    placeId: FIRST_TILE + i,
    asn: 0,
    group: -1,
    rps: 10 * Math.exp(spread * normal(random)),
  }));
  const totalRps = demand.reduce((sum, { rps }) => sum + rps, 0);
  const parts = Array.from({ length: pops }, () => Math.exp(0.7 * normal(random)));
  const whole = parts.reduce((sum, part) => sum + part, 0);
  const fleet = fleetOf(
    parts.map((part) => ({ ...point(), capacityRps: (part / whole) * totalRps * slack })),
  );
  const geometry = geometryOf(places);
  const all = { name: 'web', popIndexes: fleet.pops.map(({ index }) => index), biasMs: [] };
  const { groups } = serviceGroups(pops, [all]);
  const decider = createDecider({
    fleet,
    geometry,
    placesDigest: PLACES_DIGEST,
    groups,
    params,
    networkCellsMax: 1,
  });
  const costMs = new Float64Array(cells * pops);
  for (const [cell, place] of places.entries())
    for (const pop of fleet.pops) costMs[cell * pops + pop.index] = priorMs(params, distanceKm(place, pop));
  let nowMs = 1_700_000_000_000;
  const reports: CapacityWorld['reports'] = (change = () => ({})) =>
    fleet.pops.map((pop) => ({
      pop: pop.code,
      atMs: nowMs + 10_000,
      loadRps: 0,
      capacityRps: pop.capacityRps,
      healthy: true,
      links: [],
      ...change(pop),
    }));
  return {
    fleet,
    demand,
    totalRps,
    costMs,
    decider,
    reports,
    tick: (inputs = {}) => {
      const before = inputs.reports ?? reports();
      nowMs += 10_000;
      return decider.tick({ nowMs, samples: [], overrides: [], demand, ...inputs, reports: before });
    },
    shares: () => sharesIn(decider, { fleet, cells, nowMs }),
    loadOf: (shares) => {
      const load = new Float64Array(pops);
      for (const [at, share] of shares.entries())
        load[at % pops] = (load[at % pops] as number) + share * (demand[Math.floor(at / pops)]?.rps ?? 0);
      return load;
    },
    meanMs: (shares) =>
      shares.reduce(
        (sum, share, at) => sum + share * (costMs[at] as number) * (demand[Math.floor(at / pops)]?.rps ?? 0),
        0,
      ) / totalRps,
  };
}

function sharesIn(decider: Decider, of: { fleet: Fleet; cells: number; nowMs: number }) {
  const { fleet, cells, nowMs } = of;
  const bytes = encodeImage(decider.parts(1, nowMs));
  const image = openImage(bytes, { fleetDigest: fleet.digest, placesDigest: PLACES_DIGEST });
  if (typeof image === 'string') throw new Error(image);
  const pops = fleet.pops.length;
  const shares = new Float64Array(cells * pops);
  const ttlSeconds = new Uint16Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    const row = rowOf(image, 0, FIRST_TILE + cell, 0);
    ttlSeconds[cell] = image.rows[row * 16 + 8] as number;
    for (let k = 0; k <= ROW_SHARES; k++) {
      const pop = fleet.links[candidate(image, row, k)]?.popIndex;
      const share = rowShare(image, row, k);
      if (pop === undefined || share === 0) continue;
      shares[cell * pops + pop] = (shares[cell * pops + pop] as number) + share;
    }
  }
  return { shares, ttlSeconds };
}

function fleetOf(pops: readonly (Location & { capacityRps: number })[]): Fleet {
  const links: Link[] = pops.map((_, index) => ({
    id: `P${index}-a`,
    index,
    popIndex: index,
    transit: '',
    capacityMbps: 1000,
    ipv4: `127.64.${index}.1`,
  }));
  return {
    links,
    digest: 98,
    pops: pops.map((pop, index) => ({
      ...pop,
      code: `P${index}`,
      index,
      city: '',
      country: 'XX',
      region: '',
      biasMs: 0,
      links: [links[index] as Link],
    })),
  };
}

function geometryOf(places: readonly Location[]): CellGeometry {
  const count = places.length + FIRST_TILE;
  const column = (of: (place: Location) => number) => Float32Array.from([0, 0, ...places.map(of)]);
  return {
    count,
    latitude: column(({ latitude }) => latitude),
    longitude: column(({ longitude }) => longitude),
    key: ['world', 'XX', ...places.map((_, i) => `XX/${i}`)],
    name: Array.from({ length: count }, () => ''),
    country: Array.from({ length: count }, () => 'XX'),
    level: Uint8Array.from({ length: count }, (_, i) => Math.min(i, 2)),
    parent: Int32Array.from({ length: count }, (_, i) => Math.min(i, FIRST_TILE) - 1),
    weight: new Float32Array(count).fill(1 / places.length),
  };
}
