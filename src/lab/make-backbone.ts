import { must } from '../base/assert.ts';
import { distanceKm, type Location } from '../base/geodesy.ts';
import { chanceOf } from './chance.ts';
import { GATEWAYS, landOf, landOfAirport, ROUTES } from './geography.ts';

/** A city that may be a node of the made-up internet. */
export interface City extends Location {
  /** IATA code of a backbone city; '' of others. */
  readonly code: string;
  readonly name: string;
  readonly country: string;
  /** Share of the world's addresses. */
  readonly weight: number;
}

/** Fibre between cities. */
export interface Backbone {
  /** Backbone cities first, then the others. */
  readonly cities: readonly City[];
  readonly indexOf: (code: string) => number;
  /** Kilometres of fibre from a city to all, by the shortest way. */
  readonly fibreKm: (from: number) => Float64Array;
}

interface Edge {
  readonly to: number;
  readonly km: number;
}

/** Longest span over land between neighbours. */
const SPAN_MAX_KM = 2600;
/** Factor of fibre over land against the great circle: from, and how much more at most. */
const LAND_FACTOR = 1.2;
const LAND_FACTOR_SPAN = 0.6;
/** A city that is not of the backbone is joined to so many of the nearest that are. */
const UPLINKS = 3;
/** Where nobody knows how an island is joined. */
const UNKNOWN_FACTOR = 1.5;
const DRAW_FACTOR = 101;

/** Lays fibre between the airports' cities and joins the other cities to it. */
export function layBackbone(airports: readonly City[], others: readonly City[], seed: number): Backbone {
  const cities = [...airports, ...others];
  const edges: Edge[][] = cities.map(() => []);
  const codes = new Map(airports.map(({ code }, index) => [code, index]));
  const indexOf = (code: string): number => must(codes.get(code), `airport ${code}`);
  const kmOf = (a: number, b: number): number => distanceKm(cities[a] as City, cities[b] as City);
  const join = (a: number, b: number, factor: number): void => {
    const km = kmOf(a, b) * factor;
    edges[a]?.push({ to: b, km });
    edges[b]?.push({ to: a, km });
  };
  const landFactor = (a: number, b: number): number =>
    LAND_FACTOR +
    LAND_FACTOR_SPAN * chanceOf(seed, DRAW_FACTOR, Math.min(a, b), Math.max(a, b)).next() ** 1.5;
  const lands = airports.map(({ code, country }) => landOfAirport(code, country));
  for (const [a, b] of neighbours(airports, lands, kmOf)) join(a, b, landFactor(a, b));
  for (const [from, to, factor] of ROUTES) join(indexOf(from), indexOf(to), factor);
  for (let i = airports.length; i < cities.length; i++) {
    const city = cities[i] as City;
    const land = landOf(city.country, city);
    const near = [...airports.keys()].filter((a) => lands[a] === land);
    const given = GATEWAYS[city.country];
    if (near.length > 0) {
      near.sort((a, b) => kmOf(i, a) - kmOf(i, b));
      for (const a of near.slice(0, UPLINKS)) join(i, a, landFactor(a, i));
    } else if (given !== undefined) for (const code of given.split(' ')) join(i, indexOf(code), LAND_FACTOR);
    else {
      const all = [...airports.keys()].sort((a, b) => kmOf(i, a) - kmOf(i, b));
      for (const a of all.slice(0, 2)) join(i, a, UNKNOWN_FACTOR);
    }
  }
  const known = new Map<number, Float64Array>();
  return {
    cities,
    indexOf,
    fibreKm: (from) => {
      const km = known.get(from) ?? shortest(edges, from);
      known.set(from, km);
      return km;
    },
  };
}

/**
 * Pairs of airports of one land with no third inside the circle over their span (a Gabriel graph: close to
 * how long-haul fibre is laid).
 */
function neighbours(
  airports: readonly City[],
  lands: readonly string[],
  kmOf: (a: number, b: number) => number,
): (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  for (let a = 0; a < airports.length; a++)
    for (let b = a + 1; b < airports.length; b++) {
      const km = kmOf(a, b);
      if (lands[a] !== lands[b] || km > SPAN_MAX_KM) continue;
      const isFree = airports.every(
        (_, c) => c === a || c === b || lands[c] !== lands[a] || kmOf(a, c) ** 2 + kmOf(c, b) ** 2 >= km ** 2,
      );
      if (isFree) pairs.push([a, b]);
    }
  return pairs;
}

/** Dijkstra with a plain scan: a few hundred nodes. */
function shortest(edges: readonly (readonly Edge[])[], from: number): Float64Array {
  const km = new Float64Array(edges.length).fill(Number.POSITIVE_INFINITY);
  const done = new Uint8Array(edges.length);
  km[from] = 0;
  for (let round = 0; round < edges.length; round++) {
    let best = -1;
    for (let i = 0; i < km.length; i++)
      if (done[i] === 0 && (best < 0 || (km[i] as number) < (km[best] as number))) best = i;
    if (best < 0 || km[best] === Number.POSITIVE_INFINITY) break;
    done[best] = 1;
    for (const { to, km: span } of edges[best] as readonly Edge[])
      km[to] = Math.min(km[to] as number, (km[best] as number) + span);
  }
  return km;
}
