import { readCsv } from '../base/csv.ts';
import { distanceKm, EARTH_RADIUS_KM, type Location } from '../base/geodesy.ts';
import { chanceOf, pickWeighted, sampleWeighted } from './chance.ts';
import { HUBS, HUBS_ALWAYS, REGIONS, type Region } from './geography.ts';
import type { City } from './make-backbone.ts';

/** What a world is made from: the program's own tables, already checked by their tests. */
export interface CitySources {
  /** geo-data/pops.csv: airports. */
  readonly popsCsv: string;
  /** geo-data/places.csv: places with the share of addresses there. */
  readonly placesCsv: string;
}

/** Cities that worlds are drawn from. */
export interface Gazetteer {
  /** With codes. */
  readonly airports: readonly City[];
  /** Every tile that has people: also where databases claim that networks are. */
  readonly places: readonly City[];
  /** Of the places: points on the unit sphere, three numbers each. */
  readonly points: Float64Array;
}

/** Reads the sources. */
export function readGazetteer({ popsCsv, placesCsv }: CitySources): Gazetteer {
  const airports = readCsv(popsCsv)
    .slice(1)
    .map(({ cells: [code = '', name = '', country = '', , latitude, longitude] }) => ({
      code,
      name,
      country,
      latitude: Number(latitude),
      longitude: Number(longitude),
      weight: 0,
    }));
  const places = readCsv(placesCsv)
    .slice(1)
    .filter(({ cells: [key = ''] }) => key.includes('/'))
    .map(({ cells: [, country = '', name = '', latitude, longitude, weight] }) => ({
      code: '',
      name,
      country,
      latitude: Number(latitude),
      longitude: Number(longitude),
      weight: Number(weight),
    }));
  return { airports, places, points: Float64Array.from(places.flatMap(pointOf)) };
}

function pointOf({ latitude, longitude }: Location): number[] {
  const [north, east] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
  return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)];
}

/** Region of a country; undefined where nobody has servers. */
export function regionOf(country: string): Region | undefined {
  return REGION_OF.get(country);
}

const REGION_OF: ReadonlyMap<string, Region> = new Map(
  REGIONS.flatMap((region) => region.countries.split(' ').map((country) => [country, region] as const)),
);

/** Two server cities of a world are at least so far apart. */
const APART_KM = 60;
const DRAW_CITIES = 201;
const DRAW_HUBS = 202;

/**
 * Draws cities where servers stand: so many a region as servers are, larger ones more likely, with all
 * kinds of smaller ones.
 */
export function drawCities(gazetteer: Gazetteer, count: number, seed: number): readonly City[] {
  const chosen: City[] = [];
  let cumulative = 0;
  for (const [index, region] of REGIONS.entries()) {
    cumulative += region.share;
    const upTo = Math.round(cumulative * count);
    const countries = new Set(region.countries.split(' '));
    const candidates = gazetteer.places.filter(({ country }) => countries.has(country));
    // The root evens sizes out: not all servers of a country stand in its largest city.
    const drawn = sampleWeighted(
      chanceOf(seed, DRAW_CITIES, index),
      candidates,
      ({ weight }) => weight ** 0.8,
    );
    for (const city of drawn) {
      if (chosen.length >= upTo) break;
      if (chosen.every((other) => distanceKm(other, city) >= APART_KM)) chosen.push(city);
    }
  }
  return chosen;
}

/** Codes of the cities of a fleet of hubs. */
export function drawHubs(count: number, seed: number): readonly string[] {
  const codes = HUBS.split(' ');
  const always = codes.slice(0, Math.min(count, HUBS_ALWAYS));
  const rest = sampleWeighted(chanceOf(seed, DRAW_HUBS), codes.slice(HUBS_ALWAYS), () => 1);
  return [...always, ...rest.slice(0, count - always.length)];
}

/** Where a network is, and where the database says. */
export interface Claim {
  readonly latitude: number;
  readonly longitude: number;
  readonly country: string;
  readonly city: string;
}

/** Errors of claimed locations, km: median and the deviation of their logarithm (p90 1,450 km). */
const ERROR_MEDIAN_KM = 190;
const ERROR_SIGMA = Math.log(1450 / 190) / 1.2816;
const ERROR_MAX_KM = 5000;
/** Claims are at other places: those that are about as far off as drawn, this near by ratio. */
const ERROR_RATIO = 1.15;
/** Databases err within a country rather than beyond it. */
const SAME_COUNTRY = 30;
/** Chance that no city is given where the error is small, and where it is large. */
const NO_CITY_NEAR = 0.08;
const NO_CITY_FAR = 0.3;
const FAR_KM = 600;
const EVEN_MIN = 1e-6;

/** Places that are about so far from a city. */
function placesAround({ places, points }: Gazetteer, city: City, km: number): readonly City[] {
  const [x = 0, y = 0, z = 0] = pointOf(city);
  const cosine = (distance: number): number => Math.cos(Math.min(Math.PI, distance / EARTH_RADIUS_KM));
  const [near, far] = [cosine(km / ERROR_RATIO), cosine(km * ERROR_RATIO)];
  return places.filter((_, i) => {
    const at = 3 * i;
    const dot = x * (points[at] as number) + y * (points[at + 1] as number) + z * (points[at + 2] as number);
    return dot < near && dot > far;
  });
}

/** What a geo database says of a network in a city. */
export function drawClaim(
  gazetteer: Gazetteer,
  city: City,
  keys: readonly [seed: number, cell: number],
): Claim {
  const random = chanceOf(keys[0], DRAW_CITIES + 10, keys[1]);
  const radius = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const errorKm = Math.min(ERROR_MAX_KM, ERROR_MEDIAN_KM * Math.exp(ERROR_SIGMA * radius));
  const candidates = placesAround(gazetteer, city, errorKm);
  const noCity = random.next() < (errorKm > FAR_KM ? NO_CITY_FAR : NO_CITY_NEAR);
  if (candidates.length === 0) {
    const { latitude, longitude, country, name } = city;
    const turn = 2 * Math.PI * random.next();
    const off = Math.min(errorKm, 100) / 111;
    const east = (off * Math.sin(turn)) / Math.cos((latitude * Math.PI) / 180);
    return {
      latitude: latitude + off * Math.cos(turn),
      longitude: longitude + east,
      country,
      city: noCity ? '' : name,
    };
  }
  const { latitude, longitude, country, name } = pickWeighted(
    random,
    candidates,
    (place) => (EVEN_MIN + place.weight) * (place.country === city.country ? SAME_COUNTRY : 1),
  );
  return { latitude, longitude, country, city: noCity ? '' : name };
}
