import { EARTH_RADIUS_KM, type Location } from '../base/geodesy.ts';
import { type CellGeometry, LEVEL_TILE } from './prior.ts';

/**
 * Where a network may be, whatever a geo database claims: places all over the inhabited world, and the POPs'
 * own. Fixed for a fleet; arrays are indexed by spot.
 */
export interface Atlas {
  readonly count: number;
  /** x, y, z on the unit sphere, three a spot. */
  readonly vectors: Float64Array;
  /** Share of the world's addresses around the spot. */
  readonly mass: Float64Array;
  /** Country of the spot, as a position in `countries`; -1 of a POP's own. */
  readonly country: Int32Array;
  readonly countries: ReadonlyMap<string, number>;
  /** Float32 [spots x POPs], km; NaN for a POP whose location is not known. */
  readonly km: Float32Array;
}

/** Spots taken from places, at most, and how far apart they are at least, km. */
const SPOTS_MAX = 512;
const APART_KM = 120;
/** A POP's own spot counts like a place with this share of the world's addresses. */
const POP_MASS = 0.001;

/** Makes the atlas of a fleet: the weightiest places, thinned out, then the POPs. */
export function createAtlas(geometry: CellGeometry, pops: readonly Location[]): Atlas {
  const located = pops.filter(({ latitude }) => !Number.isNaN(latitude));
  const vectors = new Float64Array((SPOTS_MAX + located.length) * 3);
  const mass: number[] = [];
  const country: number[] = [];
  const countries = new Map<string, number>();
  const apart = 2 * Math.sin(APART_KM / (2 * EARTH_RADIUS_KM));
  const tiles = [...geometry.level.keys()]
    .filter((id) => geometry.level[id] === LEVEL_TILE)
    .sort(
      (one, other) => (geometry.weight[other] as number) - (geometry.weight[one] as number) || one - other,
    );
  for (const id of tiles) {
    const vector = vectorOf(geometry.latitude[id] as number, geometry.longitude[id] as number);
    const near = nearestSpot(vectors, mass.length, vector, apart);
    const weight = geometry.weight[id] as number;
    if (near >= 0) mass[near] = (mass[near] as number) + weight;
    else if (mass.length < SPOTS_MAX) {
      vectors.set(vector, mass.length * 3);
      const name = geometry.country[id] as string;
      if (!countries.has(name)) countries.set(name, countries.size);
      country.push(countries.get(name) as number);
      mass.push(weight);
    }
  }
  for (const { latitude, longitude } of located) {
    vectors.set(vectorOf(latitude, longitude), mass.length * 3);
    country.push(-1);
    mass.push(POP_MASS);
  }
  const count = mass.length;
  const km = new Float32Array(count * pops.length);
  for (const [pop, { latitude, longitude }] of pops.entries()) {
    const vector = vectorOf(latitude, longitude);
    for (let spot = 0; spot < count; spot++) km[spot * pops.length + pop] = kmTo(vectors, spot, vector);
  }
  return {
    count,
    vectors: vectors.slice(0, count * 3),
    mass: Float64Array.from(mass),
    country: Int32Array.from(country),
    countries,
    km,
  };
}

/** Point on the unit sphere; NaN where the location is not known. */
export function vectorOf(latitude: number, longitude: number): Float64Array {
  const phi = (latitude * Math.PI) / 180;
  const lambda = (longitude * Math.PI) / 180;
  return Float64Array.of(Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi));
}

/** Great-circle distance from a spot, km. */
export function kmTo(vectors: Float64Array, spot: number, vector: Float64Array): number {
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, chord(vectors, spot, vector) / 2));
}

/** First spot within the chord; -1 for none. */
function nearestSpot(vectors: Float64Array, count: number, vector: Float64Array, within: number): number {
  for (let spot = 0; spot < count; spot++) if (chord(vectors, spot, vector) < within) return spot;
  return -1;
}

function chord(vectors: Float64Array, spot: number, vector: Float64Array): number {
  const x = (vectors[spot * 3] as number) - (vector[0] as number);
  const y = (vectors[spot * 3 + 1] as number) - (vector[1] as number);
  const z = (vectors[spot * 3 + 2] as number) - (vector[2] as number);
  return Math.sqrt(x * x + y * y + z * z);
}
