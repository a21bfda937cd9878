import type { Fleet, Link, Pop } from '../base/fleet.ts';
import { distanceKm } from '../base/geodesy.ts';
import { hashText, mix32 } from '../base/random.ts';

/** Where clients are; indexed by place id. The table of places has this form. */
export interface ClientPlaces {
  readonly latitude: ArrayLike<number>;
  readonly longitude: ArrayLike<number>;
  readonly country: readonly string[];
}

/** The quiet internet of a seed, term by term: the same whenever asked, and nothing is allocated for it. */
export interface BaseTerms {
  /** Uniform in [0, 1) for a kind of draw and two numbers. */
  readonly draw: (kind: number, left: number, right: number) => number;
  /** Great-circle distance. */
  readonly km: (placeId: number, popIndex: number) => number;
  /** Light in fibre along the great circle, there and back, ms. */
  readonly propagationMs: (km: number) => number;
  readonly lastMileMs: (placeId: number, asn: number) => number;
  readonly inflationMs: (placeId: number, asn: number, linkIndex: number, km: number) => number;
  readonly detourMs: (asn: number, popIndex: number) => number;
}

/** Makes the terms of a seed. */
export function baseTerms(world: { fleet: Fleet; places: ClientPlaces; seed: number }): BaseTerms {
  const { fleet, places, seed } = world;
  const countryHash = Uint32Array.from(places.country, (country) => hashText(country));
  const regionHash = Uint32Array.from(fleet.pops, ({ region }) => hashText(region));
  const transitHash = Uint32Array.from(fleet.links, ({ transit }) => hashText(transit));
  const draw = (kind: number, left: number, right: number): number =>
    mix32(mix32(mix32(seed + kind * 0x9e3779b1) ^ left) ^ Math.imul(right, 0x85ebca6b)) / 2 ** 32;
  const from = { latitude: 0, longitude: 0 };
  return {
    draw,
    km: (placeId: number, popIndex: number): number => {
      from.latitude = places.latitude[placeId] as number;
      from.longitude = places.longitude[placeId] as number;
      return distanceKm(from, fleet.pops[popIndex] as Pop);
    },
    propagationMs: (km) => km * PROPAGATION_MS_PER_KM,
    lastMileMs: (placeId: number, asn: number): number =>
      LAST_MILE_MIN_MS + LAST_MILE_SPAN_MS * draw(DRAW_LAST_MILE, placeId, asn) ** 2,
    inflationMs: (placeId: number, asn: number, linkIndex: number, km: number): number => {
      const { popIndex } = fleet.links[linkIndex] as Link;
      const drawn = draw(DRAW_STRETCH, countryHash[placeId] as number, regionHash[popIndex] as number);
      const span = STRETCH_NEAR + (STRETCH_FAR - STRETCH_NEAR) * Math.min(1, km / STRETCH_FAR_KM);
      const transitMs = TRANSIT_SPAN_MS * draw(DRAW_TRANSIT, asn, transitHash[linkIndex] as number);
      return km * PROPAGATION_MS_PER_KM * (STRETCH_MIN - 1 + span * drawn) + transitMs;
    },
    detourMs: (asn: number, popIndex: number): number => {
      if (draw(DRAW_DETOUR, asn, popIndex) >= DETOUR_SHARE) return 0;
      const length = -Math.log(1 - draw(DRAW_DETOUR_LENGTH, asn, popIndex));
      return Math.min(DETOUR_MAX_MS, DETOUR_MIN_MS + DETOUR_MEAN_MS * length);
    },
  };
}

/**
 * Light in fibre goes 204 km a ms (refractive index 1.468, usual for ITU-T G.652 fibre): 1 ms there and back
 * per 102 km.
 */
export const PROPAGATION_MS_PER_KM = 2 / 204.2;
/** Least stretch of a path against the great circle: even direct cables follow roads, railways and coasts. */
const STRETCH_MIN = 1.3;
/**
 * Further stretch at most, near and far. Measured medians are about twice light in fibre (Singla et al.,
 * HotNets 2014); chosen milder, so that geography is the good first guess that it is between well connected
 * cities.
 */
const STRETCH_NEAR = 0.15;
const STRETCH_FAR = 0.7;
/** Where stretch has become that of intercontinental paths. */
const STRETCH_FAR_KM = 8000;
/**
 * Access networks: 1 ms (fibre) to 13 ms (cable, DSL), squared so that most are short. Chosen: a few ms less
 * than the FCC's Measuring Broadband America reports, whose times include the way to a test server.
 */
const LAST_MILE_MIN_MS = 1;
const LAST_MILE_SPAN_MS = 12;
/**
 * One network in twelve has no short way to a given POP, and goes by another city: 3 ms and more, at most
 * 40. Chosen: rare enough that the best POP is nearly always near, common enough that measuring pays.
 */
const DETOUR_SHARE = 1 / 12;
const DETOUR_MIN_MS = 3;
const DETOUR_MEAN_MS = 9;
const DETOUR_MAX_MS = 40;
/** Two transits into one POP differ by up to 2 ms: they hand over in different buildings or towns. Chosen. */
const TRANSIT_SPAN_MS = 2;

/** What each stable draw is for: two draws of different kinds are independent. */
const DRAW_STRETCH = 1;
const DRAW_LAST_MILE = 2;
const DRAW_DETOUR = 3;
const DRAW_DETOUR_LENGTH = 4;
const DRAW_TRANSIT = 5;
export const DRAW_LINK_LOAD = 6;
export const DRAW_POP_LOAD = 7;
