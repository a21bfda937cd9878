import { type Atlas, kmTo, vectorOf } from './atlas.ts';
import { type CellGeometry, LEVEL_TILE } from './prior.ts';

/**
 * Where a network is likely to be, given what a geo database claims and what was measured of it: a weight for
 * each spot of the atlas, and one for the claimed location itself. Multilateration as Bayes has it: each
 * round-trip time makes the spots at that distance from the POP more likely, never those farther than light
 * goes, and hardly less those much nearer, as paths have detours.
 */
export interface Belief {
  /** By spot; at `atlas.count` that of the claim. Adds up to 1. */
  readonly weight: Float64Array;
  /** What the network adds to all round-trip times, ms. */
  offsetMs: number;
  /** Weight of what lies farther than `FAR_KM` from the claim. */
  farShare: number;
}

/** One POP's level as measured of the network, ms. */
export interface Measured {
  readonly pop: number;
  readonly ms: number;
}

/** How far the geo database is trusted: chances that a claim is right, in the region, or anywhere. */
export interface GeoTrust {
  readonly right: number;
  readonly region: number;
  readonly anywhere: number;
}

/** What claims were worth where both were published: wrong by 190 km at the median, by 1,450 km at p90. */
export const TRUST_AT_FIRST: GeoTrust = { right: 0.62, region: 0.3, anywhere: 0.08 };

/** A claim that is right is within some 150 km, one in the region within some 600. */
const RIGHT_KM = 150;
const REGION_KM = 600;
export const FAR_KM = 1500;
/** Expected round-trip time over a distance, for this purpose: of the middle of paths, access included. */
const BASE_MS = 7;
const MS_PER_KM = 0.0185;
/** Its spread below and above: ms, and a share of what distance adds. */
const BELOW_MS = 3;
const BELOW_SHARE = 0.2;
const ABOVE_MS = 6;
const ABOVE_SHARE = 0.3;
/** Chance of a detour, and its mean length, ms. */
const DETOUR_CHANCE = 0.2;
const DETOUR_MS = 80;
/** Light in fibre along the great circle, there and back, ms/km, for a spot that stands for this radius. */
const LIGHT_MS_PER_KM = 0.0102;
const SPOT_RADIUS_KM = 150;
const TOO_FAST_MS = 1.5;
/** Nothing is quite impossible. */
const LIKELIHOOD_MIN = 1e-7;
const LOG_LIKELIHOOD_MIN = Math.log(LIKELIHOOD_MIN);
/** So much too fast is not told from nothing. */
const HOPELESS_MS = 30;
const NORMAL = Math.sqrt(2 * Math.PI);
/** Residuals count for the offset up to this, and so many that are not there. */
const OFFSET_MAX_MS = 8;
const OFFSET_SHRINK = 4;
/** A spot with less weight than this beside the likeliest is left out. */
const WEIGHT_MIN = 2e-3;

/** Room for beliefs about networks in this atlas. */
export function emptyBelief(atlas: Atlas): Belief {
  return { weight: new Float64Array(atlas.count + 1), offsetMs: 0, farShare: 0 };
}

/** Kilometres from a spot, or from the claim, to a POP. */
export function spotKm(atlas: Atlas, claimKm: Float32Array, spot: number, pop: number): number {
  return (spot === atlas.count ? claimKm[pop] : atlas.km[spot * claimKm.length + pop]) as number;
}

/** Expected round-trip time over a distance, ms. */
export function expectedMs(km: number): number {
  return BASE_MS + MS_PER_KM * km;
}

/**
 * Works out the belief about one network. `claimKm`: from its claimed place to each POP. A network that
 * nobody can place is anywhere in its country, or in the world, where the addresses are.
 */
export function believe(
  atlas: Atlas,
  network: {
    readonly geometry: CellGeometry;
    readonly placeId: number;
    readonly claimKm: Float32Array;
    readonly measured: readonly Measured[];
    readonly trust: GeoTrust;
  },
  into: Belief,
): void {
  const { claimKm, measured } = network;
  const { weight } = into;
  claimWeights(atlas, network, into);
  for (let spot = 0; spot <= atlas.count; spot++) {
    let log = Math.log(weight[spot] as number);
    if (log > -Infinity)
      for (const { pop, ms } of measured) log += logLikelihood(spotKm(atlas, claimKm, spot, pop), ms);
    weight[spot] = log;
  }
  normalise(weight);
  into.farShare = farShare(atlas, network, weight);
  let sum = 0;
  for (const { pop, ms } of measured)
    for (let spot = 0; spot <= atlas.count; spot++) {
      const share = weight[spot] as number;
      if (share === 0) continue;
      const residual = ms - expectedMs(spotKm(atlas, claimKm, spot, pop));
      sum += share * Math.max(-OFFSET_MAX_MS, Math.min(OFFSET_MAX_MS, residual));
    }
  into.offsetMs = measured.length === 0 ? 0 : sum / (measured.length + OFFSET_SHRINK);
}

/** Weights before any measurement. */
function claimWeights(
  atlas: Atlas,
  network: { readonly geometry: CellGeometry; readonly placeId: number; readonly trust: GeoTrust },
  into: Belief,
): void {
  const { geometry, placeId, trust } = network;
  const { weight } = into;
  const { count, vectors, mass } = atlas;
  const isPlaced = geometry.level[placeId] === LEVEL_TILE;
  if (!isPlaced) {
    const country = atlas.countries.get(geometry.country[placeId] as string);
    for (let spot = 0; spot < count; spot++) {
      const isThere = country === undefined || atlas.country[spot] === country;
      weight[spot] = (mass[spot] as number) * (isThere ? 1 : trust.anywhere);
    }
    weight[count] = 0;
    return;
  }
  const claim = vectorOf(geometry.latitude[placeId] as number, geometry.longitude[placeId] as number);
  // The claim itself stands for what is right within the distance of two spots.
  let right = 1;
  let region = 1;
  let total = 0;
  for (let spot = 0; spot < count; spot++) {
    const km = kmTo(vectors, spot, claim);
    right += nearness(km, RIGHT_KM);
    region += nearness(km, REGION_KM);
    total += 1;
    weight[spot] = km;
  }
  for (let spot = 0; spot < count; spot++) {
    const km = weight[spot] as number;
    weight[spot] =
      (trust.right * nearness(km, RIGHT_KM)) / right +
      (trust.region * nearness(km, REGION_KM)) / region +
      trust.anywhere / total;
  }
  weight[count] = trust.right / right + trust.region / region;
}

/** Falls by a factor e in so many km; nothing beyond ten of them. */
function nearness(km: number, scaleKm: number): number {
  return km > 10 * scaleKm ? 0 : Math.exp(-km / scaleKm);
}

function logLikelihood(km: number, ms: number): number {
  if (Number.isNaN(km)) return 0;
  const leastMs = LIGHT_MS_PER_KM * Math.max(0, km - SPOT_RADIUS_KM);
  if (ms < leastMs - HOPELESS_MS) return LOG_LIKELIHOOD_MIN;
  const distanceMs = MS_PER_KM * km;
  const below = BELOW_MS + BELOW_SHARE * distanceMs;
  const above = ABOVE_MS + ABOVE_SHARE * distanceMs;
  const off = ms - BASE_MS - distanceMs;
  const peak = 2 / (NORMAL * (below + above));
  const z = off / (off < 0 ? below : above);
  const direct = peak * Math.exp(-0.5 * z * z);
  let likelihood =
    off < 0
      ? direct
      : direct * (1 - DETOUR_CHANCE) + (DETOUR_CHANCE / DETOUR_MS) * Math.exp(-off / DETOUR_MS);
  if (ms < leastMs) likelihood *= Math.exp((ms - leastMs) / TOO_FAST_MS);
  return Math.log(likelihood + LIKELIHOOD_MIN);
}

/** Logarithms to weights that add up to 1. */
function normalise(weight: Float64Array): void {
  let most = -Infinity;
  for (const log of weight) if (log > most) most = log;
  let total = 0;
  for (let spot = 0; spot < weight.length; spot++) {
    const share = Math.exp((weight[spot] as number) - most);
    weight[spot] = share < WEIGHT_MIN ? 0 : share;
    total += weight[spot] as number;
  }
  for (let spot = 0; spot < weight.length; spot++) weight[spot] = (weight[spot] as number) / total;
}

function farShare(
  atlas: Atlas,
  network: { readonly geometry: CellGeometry; readonly placeId: number },
  weight: Float64Array,
): number {
  const { geometry, placeId } = network;
  if (geometry.level[placeId] !== LEVEL_TILE) return 0;
  const claim = vectorOf(geometry.latitude[placeId] as number, geometry.longitude[placeId] as number);
  let far = 0;
  for (let spot = 0; spot < atlas.count; spot++)
    if ((weight[spot] as number) > 0 && kmTo(atlas.vectors, spot, claim) > FAR_KM)
      far += weight[spot] as number;
  return far;
}
