import { manualClock } from '../../src/base/clock.ts';
import type { Fleet, Link, Pop } from '../../src/base/fleet.ts';
import { distanceKm } from '../../src/base/geodesy.ts';
import type { LocatedSample } from '../../src/steering/accept.ts';
import { createDecider, type Decider, type TickInputs } from '../../src/steering/decider.ts';
import type { FleetReport } from '../../src/steering/fleet-state.ts';
import { type SteeredService, serviceGroups } from '../../src/steering/groups.ts';
import { candidate, openImage, rowOf, type SteeringImage } from '../../src/steering/image.ts';
import { encodeImage } from '../../src/steering/image-encode.ts';
import type { SteeringParams } from '../../src/steering/params.ts';
import type { CellGeometry } from '../../src/steering/prior.ts';
import { steeringParams } from './steering-params.ts';

/** Digest of the places below. */
export const PLACES_DIGEST = 4711;
export const START_MS = 1_700_000_000_000;
/** RTT of the tests' internet, ms: as the prior, so that nothing is learned where nothing happens. */
export const rttOf = (km: number): number => 4 + 0.0155 * km;

/** POPs in a row along the equator, two links each. */
export function rowFleet(longitudes: readonly number[], capacityRps: readonly number[] = []): Fleet {
  const links: Link[] = [];
  const pops: Pop[] = longitudes.map((longitude, index) => {
    const code = `P${String.fromCharCode(65 + index)}`;
    const own = ['a', 'b'].map((letter, i) => ({
      id: `${code}-${letter}`,
      index: links.length + i,
      popIndex: index,
      transit: `transit ${letter}`,
      capacityMbps: 1000,
      ipv4: `127.64.${index + 1}.${i + 1}`,
    }));
    links.push(...own);
    return {
      code,
      index,
      city: `City ${code}`,
      country: 'XX',
      region: 'row',
      latitude: 0,
      longitude,
      capacityRps: capacityRps[index] ?? 1000,
      biasMs: 0,
      links: own,
    };
  });
  return { pops, links, digest: 99 };
}

/** The world, one country, and tiles along the equator. */
export function rowPlaces(longitudes: readonly number[]): CellGeometry {
  const count = longitudes.length + 2;
  const weight = 1 / longitudes.length;
  return {
    count,
    latitude: new Float32Array(count),
    longitude: Float32Array.from([0, 0, ...longitudes]),
    key: ['world', 'XX', ...longitudes.map((longitude) => `XX/0.0,${longitude.toFixed(1)}`)],
    name: ['World', 'Xland', ...longitudes.map((longitude) => `Town ${longitude}`)],
    country: ['', 'XX', ...longitudes.map(() => 'XX')],
    level: Uint8Array.from([0, 1, ...longitudes.map(() => 2)]),
    parent: Int32Array.from([-1, 0, ...longitudes.map(() => 1)]),
    weight: Float32Array.from([1, 1, ...longitudes.map(() => weight)]),
  };
}

/** A decider on such a world, and a hand to drive it with. */
export interface Driver {
  readonly fleet: Fleet;
  readonly geometry: CellGeometry;
  readonly decider: Decider;
  readonly nowMs: () => number;
  /** One tick, a second after the last. Inputs that are not given: nothing new. */
  readonly tick: (inputs?: Partial<TickInputs>) => ReturnType<Decider['tick']>;
  /** A second without a tick. */
  readonly skip: () => void;
  readonly image: () => SteeringImage;
  /** POP code that a place, an AS there, or a client network (by key) is answered with. */
  readonly answer: (placeId: number, asn?: number, key?: number) => string;
  /** A burst from a POP to AS `asn` at a place, with what the network adds to the RTT, ms. */
  readonly sample: (
    pop: number,
    placeId: number,
    extra?: Partial<LocatedSample> & { addMs?: number; asn?: number },
  ) => LocatedSample;
  /** Bursts of every POP to every tile. */
  readonly samples: (
    addMs: (pop: number, placeId: number) => number,
    lossOf?: (pop: number) => number,
  ) => LocatedSample[];
  /** Good reports of all POPs, with changes by POP code. */
  readonly reports: (changes?: Record<string, Partial<FleetReport>>) => FleetReport[];
}

export function drive(options: {
  pops: readonly number[];
  tiles: readonly number[];
  capacityRps?: readonly number[];
  params?: Partial<SteeringParams>;
  services?: readonly SteeredService[];
  leafCellsMax?: number;
  burstsPerNetworkMax?: number;
}): Driver {
  const fleet = rowFleet(options.pops, options.capacityRps);
  const geometry = rowPlaces(options.tiles);
  const all = { name: 'web', popIndexes: fleet.pops.map(({ index }) => index), biasMs: [] };
  const { groups } = serviceGroups(fleet.pops.length, options.services ?? [all]);
  const decider = createDecider({
    fleet,
    geometry,
    placesDigest: PLACES_DIGEST,
    groups,
    params: steeringParams(options.params),
    networkCellsMax: 200,
    leafCellsMax: options.leafCellsMax ?? 200,
    burstsPerNetworkMax: options.burstsPerNetworkMax ?? 0,
  });
  const clock = manualClock(START_MS);
  const sample: Driver['sample'] = (pop, placeId, extra = {}) => {
    const { addMs = 0, ...fields } = extra;
    const at = {
      latitude: geometry.latitude[placeId] as number,
      longitude: geometry.longitude[placeId] as number,
    };
    const rttMs = rttOf(distanceKm(at, fleet.pops[pop] as Pop)) + addMs;
    const plain = {
      popIndex: pop,
      placeId,
      network: -1,
      asn: 64500,
      rttMs,
      sent: 3,
      lost: 0,
      atMs: clock.nowMs(),
      modelled: false,
    };
    return { ...plain, ...fields };
  };
  let made: SteeringImage | undefined;
  const image = (): SteeringImage => {
    if (made !== undefined) return made;
    const bytes = encodeImage(decider.parts(1, clock.nowMs()));
    const opened = openImage(bytes, { fleetDigest: fleet.digest, placesDigest: PLACES_DIGEST });
    if (typeof opened === 'string') throw new Error(opened);
    made = opened;
    return opened;
  };
  return {
    fleet,
    geometry,
    decider,
    nowMs: clock.nowMs,
    image,
    sample,
    skip: () => clock.advance(1000),
    tick: (inputs = {}) => {
      clock.advance(1000);
      made = undefined;
      return decider.tick({ nowMs: clock.nowMs(), samples: [], reports: [], overrides: [], ...inputs });
    },
    answer: (placeId, asn = 0, key = -1) => {
      const opened = image();
      const link = fleet.links[candidate(opened, rowOf(opened, 0, placeId, asn, key), 0)];
      return fleet.pops[link?.popIndex ?? -1]?.code ?? 'nobody';
    },
    samples: (addMs, lossOf = () => 0) =>
      fleet.pops.flatMap(({ index }) =>
        [...geometry.level.keys()]
          .filter((placeId) => geometry.level[placeId] === 2)
          .map((placeId) => {
            const lost = lossOf(index);
            return sample(index, placeId, { addMs: addMs(index, placeId), lost, atMs: clock.nowMs() + 1000 });
          }),
      ),
    reports: (changes = {}) =>
      fleet.pops.map(({ code, capacityRps, links }) => ({
        pop: code,
        atMs: clock.nowMs() + 1000,
        loadRps: 0,
        capacityRps,
        healthy: true,
        links: links.map(({ id, capacityMbps }) => ({
          id,
          capacityMbps,
          throughputMbps: 0,
          queueMs: 0,
          lossRate: 0,
        })),
        ...changes[code],
      })),
  };
}
