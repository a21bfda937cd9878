import { must } from '../base/assert.ts';
import { exponential } from '../base/random.ts';
import { chanceOf, gamma, lognormal } from './chance.ts';
import { HUBS } from './geography.ts';
import type { Backbone, City } from './make-backbone.ts';
import { regionOf } from './make-cities.ts';

/** Where a network's path starts. */
export interface PathEnd {
  /** Index of its city in the backbone. */
  readonly city: number;
  /** Networks of a city that buy from one provider share its ways. */
  readonly provider: number;
  /** Index of the cell. */
  readonly cell: number;
}

/** The truth of one pair. */
export interface MadeRtt {
  readonly rttMs: number;
  readonly minMs: number;
  readonly jitterMs: number;
  readonly lossRate: number;
}

const HUB_CODES: ReadonlySet<string> = new Set(HUBS.split(' '));
/** Light in fibre, there and back. */
const MS_PER_KM = 2 / 204.2;
/** A provider meets others at an exchange that is at most so much farther than the nearest. */
const EXCHANGE_RATIO = 1.5;
const EXCHANGE_KM = 600;
/** Access of a server network and of a POP, mean ms. */
const ACCESS_MS = 0.7;
const POP_ACCESS_MS = 0.3;
/** Routers and short ways in cities. */
const EQUIPMENT_MS = 0.4;
/** What a path is longer than the way it takes: ms, and share of the way. Lognormal. */
const LUCK_MS = 4;
const LUCK_SIGMA = 1.2;
const LUCK_SHARE = 0.17;
const LUCK_SHARE_SIGMA = 0.8;
/** How likely a path by way of an exchange abroad is to a POP at a hub and elsewhere, against the region's. */
const ABROAD_HUB = 0.05;
const ABROAD_ELSEWHERE = 0.75;
/** Ways that no map explains: now and then, and longer. */
const DETOUR_CHANCE = 0.15;
const DETOUR_MEAN_MS = 12;
/** Mean above the least RTT: share and ms; noise of the rest. */
const ABOVE_MS = 0.2;
const ABOVE_SHARE = 0.015;
const NOISY_CHANCE = 0.2;
const QUIET_JITTER_MS = 0.6;
const LOSSY_CHANCE = 0.05;
const LOSSY_RATE = 0.01;
const KIND = {
  access: 301,
  popAccess: 302,
  home: 303,
  way: 304,
  luck: 305,
  detour: 306,
  noise: 307,
} as const;

/** Round-trip times over a backbone, by the ways that networks buy. */
export function makePaths(backbone: Backbone, seed: number): (from: PathEnd, pop: number) => MadeRtt {
  const { cities, indexOf, fibreKm } = backbone;
  const homes = cities.map((city, index) => nearestCodes(city, 'exchanges', index));
  const abroads = cities.map((city, index) => nearestCodes(city, 'abroad', index));

  function nearestCodes(city: City, which: 'exchanges' | 'abroad', index: number): readonly number[] {
    const region = regionOf(city.country);
    const codes = region === undefined ? ['FRA'] : region[which].split(' ');
    return codes.map(indexOf).sort((a, b) => kmBetween(index, a) - kmBetween(index, b));
  }
  function kmBetween(a: number, b: number): number {
    return must(fibreKm(b)[a], 'distance');
  }
  /** The exchange of a provider: mostly the nearest one. */
  function exchangeOf(from: PathEnd): number {
    const home = homes[from.city] as readonly number[];
    const nearestKm = kmBetween(from.city, home[0] as number);
    const near = home.filter((code) => kmBetween(from.city, code) < EXCHANGE_RATIO * nearestKm + EXCHANGE_KM);
    return near[
      Math.floor(near.length * chanceOf(seed, KIND.home, from.city, from.provider).next() ** 2)
    ] as number;
  }
  function wayKm(from: PathEnd, pop: number): number {
    const city = cities[from.city] as City;
    const [shortest, exchange, abroad] = regionOf(city.country)?.ways ?? [0.5, 0.3, 0.2];
    const random = chanceOf(seed, KIND.way, from.city * 8 + from.provider, pop);
    const isHub = HUB_CODES.has((cities[pop] as City).code);
    const abroadNow = abroad * (isHub ? ABROAD_HUB : ABROAD_ELSEWHERE);
    const draw = random.next() * (shortest + exchange + abroadNow);
    if (draw < shortest) return kmBetween(from.city, pop);
    const popHomes = homes[pop] as readonly number[];
    if (draw < shortest + exchange) {
      const meet = random.next() < 0.7 ? exchangeOf(from) : (popHomes[0] as number);
      return kmBetween(from.city, meet) + kmBetween(pop, meet);
    }
    const far = [...(abroads[from.city] as readonly number[]), ...(abroads[pop] as readonly number[])];
    const meet = far[Math.floor(random.next() * far.length)] as number;
    return kmBetween(from.city, meet) + kmBetween(pop, meet);
  }
  return (from, pop) => {
    const propagationMs = wayKm(from, pop) * MS_PER_KM;
    const luck = chanceOf(seed, KIND.luck, from.city * 8 + from.provider, pop);
    const stretch =
      lognormal(luck, LUCK_SHARE, LUCK_SHARE_SIGMA) * propagationMs + lognormal(luck, LUCK_MS, LUCK_SIGMA);
    const detour = chanceOf(seed, KIND.detour, from.cell, pop);
    const detourMs = detour.next() < DETOUR_CHANCE ? exponential(detour, DETOUR_MEAN_MS) : 0;
    const accessMs =
      exponential(chanceOf(seed, KIND.access, from.cell), ACCESS_MS) +
      exponential(chanceOf(seed, KIND.popAccess, pop), POP_ACCESS_MS);
    const isHere = from.city === pop;
    const totalMs = EQUIPMENT_MS + accessMs + (isHere ? 0 : propagationMs + stretch + detourMs);
    return noisy(totalMs, chanceOf(seed, KIND.noise, from.cell, pop));
  };
}

function noisy(rttMs: number, random: ReturnType<typeof chanceOf>): MadeRtt {
  const aboveMs = Math.min(0.5 * rttMs, ABOVE_MS + ABOVE_SHARE * rttMs * 2 * random.next());
  const isNoisy = random.next() < NOISY_CHANCE;
  const jitterMs = isNoisy ? 1 + 7 * random.next() ** 2 : gamma(random, QUIET_JITTER_MS, QUIET_JITTER_MS / 2);
  const lossRate = random.next() < LOSSY_CHANCE ? exponential(random, LOSSY_RATE) : 0.0005;
  return { rttMs, minMs: rttMs - aboveMs, jitterMs, lossRate: Math.min(0.3, lossRate) };
}
