import { EARTH_RADIUS_KM, type Location } from '../base/geodesy.ts';
import type { SteeringParams } from './params.ts';

/** What steering needs to know of the places that clients are sorted into; arrays are indexed by place id. */
export interface CellGeometry {
  readonly count: number;
  /** Degrees. */
  readonly latitude: Float32Array;
  readonly longitude: Float32Array;
  /** `world`, `DE`, `DE/50.0,8.5`. */
  readonly key: readonly string[];
  /** For people: `Frankfurt am Main`. */
  readonly name: readonly string[];
  readonly country: readonly string[];
  /** 0 world, 1 country, 2 tile. */
  readonly level: Uint8Array;
  /** Id of the place that this one lies in; -1 for the world. */
  readonly parent: Int32Array;
  /** Share of the world's addresses, 0..1, with everything below. */
  readonly weight: Float32Array;
}

/** Level of a tile: a place small enough for its centre to stand for all of it. */
export const LEVEL_TILE = 2;

/**
 * Kilometres from each place to each POP: Float32 [places x POPs]. A place with others below it gets the
 * mean over those, weighted by addresses: the prior is linear in distance, so that mean is the mean
 * round-trip time's distance.
 */
export function placeDistances(geometry: CellGeometry, pops: readonly Location[]): Float32Array {
  const { count } = geometry;
  const popCount = pops.length;
  const km = new Float32Array(count * popCount);
  const popVectors = unitVectors(
    pops.map((pop) => pop.latitude),
    pops.map((pop) => pop.longitude),
  );
  const placeVectors = unitVectors(geometry.latitude, geometry.longitude);
  for (let place = 0; place < count; place++)
    for (let pop = 0; pop < popCount; pop++)
      km[place * popCount + pop] = arcKm(placeVectors, place, popVectors, pop);
  averageUpward(geometry, km, popCount);
  return km;
}

/** Expected round-trip time where nobody knows how far it is: the middle of what the world has. */
export const UNLOCATED_MS = 150;

/**
 * Expected round-trip time in ms over a distance, before anything was measured. `km` NaN: the location of
 * the POP or of the client is not known.
 */
export function priorMs(params: SteeringParams, km: number): number {
  return Number.isNaN(km) ? UNLOCATED_MS : params.priorBaseMs + params.priorMsPerKm * km;
}

/** Uncertainty of a prior, in ms: also what an unmeasured POP is charged where others were measured. */
export function priorDeviationMs(params: SteeringParams, prior: number): number {
  return params.priorDeviationMs + params.priorDeviationShare * prior;
}

function averageUpward(geometry: CellGeometry, km: Float32Array, popCount: number): void {
  const { count, parent, weight } = geometry;
  const isLeaf = new Uint8Array(count).fill(1);
  for (const above of parent) if (above >= 0) isLeaf[above] = 0;
  const sums = new Float64Array(count * popCount);
  const weights = new Float64Array(count);
  for (let leaf = 0; leaf < count; leaf++) {
    if (isLeaf[leaf] === 0) continue;
    const share = Math.max(weight[leaf] as number, 1e-12);
    for (let above = parent[leaf] as number; above >= 0; above = parent[above] as number) {
      weights[above] = (weights[above] as number) + share;
      for (let pop = 0; pop < popCount; pop++)
        sums[above * popCount + pop] =
          (sums[above * popCount + pop] as number) + share * (km[leaf * popCount + pop] as number);
    }
  }
  for (let place = 0; place < count; place++) {
    if (isLeaf[place] === 1) continue;
    for (let pop = 0; pop < popCount; pop++)
      km[place * popCount + pop] = (sums[place * popCount + pop] as number) / (weights[place] as number);
  }
}

/** x, y, z on the unit sphere, three per point. */
function unitVectors(latitudes: ArrayLike<number>, longitudes: ArrayLike<number>): Float64Array {
  const vectors = new Float64Array(latitudes.length * 3);
  for (let i = 0; i < latitudes.length; i++) {
    const latitude = ((latitudes[i] as number) * Math.PI) / 180;
    const longitude = ((longitudes[i] as number) * Math.PI) / 180;
    vectors[i * 3] = Math.cos(latitude) * Math.cos(longitude);
    vectors[i * 3 + 1] = Math.cos(latitude) * Math.sin(longitude);
    vectors[i * 3 + 2] = Math.sin(latitude);
  }
  return vectors;
}

/** Great-circle distance by the chord: much cheaper than haversine over millions of pairs, and as exact. */
function arcKm(from: Float64Array, i: number, to: Float64Array, j: number): number {
  const x = (from[i * 3] as number) - (to[j * 3] as number);
  const y = (from[i * 3 + 1] as number) - (to[j * 3 + 1] as number);
  const z = (from[i * 3 + 2] as number) - (to[j * 3 + 2] as number);
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(x * x + y * y + z * z) / 2));
}
