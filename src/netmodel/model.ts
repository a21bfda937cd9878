/**
 * Room `netmodel`: a modelled internet for demonstrations and tests: round-trip times, jitter, loss, load,
 * and changes for the worse that can be switched on. May import `base`. Pure: the same seed gives the same
 * internet. What it leaves out: routes that change, submarine cables that force a detour, IPv6 paths that
 * differ from IPv4.
 */
import { must } from '../base/assert.ts';
import type { Fleet, Link, Pop } from '../base/fleet.ts';
import { exponential, type Random } from '../base/random.ts';
import { type BaseTerms, baseTerms, type ClientPlaces, DRAW_LINK_LOAD, DRAW_POP_LOAD } from './path.ts';

/** How a POP's part of the internet is worse than modelled. The store's model changes have this form. */
export interface Weather {
  /** Added to every round trip, ms. */
  readonly rttMs?: number;
  /** Fraction 0..1 of packets lost besides those of congestion. */
  readonly lossRate?: number;
  /**
   * Utilisation (1 = full) of the POP's links, or of the one that `link` names; replaces what traffic makes
   * it.
   */
  readonly congestion?: number;
  readonly link?: string;
  /**
   * Load from other sources than steered traffic, as a fraction of the capacity; replaces the modelled one.
   */
  readonly load?: number;
  /** The POP answers nothing. */
  readonly outage?: boolean;
}

/** Changes by POP code; a POP that is not in it is as modelled. */
export type WeatherByPop = ReadonlyMap<string, Weather>;

/** From a client network to a POP over one of its links. */
export interface ModelPath {
  readonly placeId: number;
  /** 0: unknown, which is a network like any other. */
  readonly asn: number;
  /** Position in `Fleet.links`. */
  readonly linkIndex: number;
}

/** Terms of a round trip in ms, without jitter; they add up to `totalMs`. */
export interface PathTerms {
  /** The client's access network. */
  readonly lastMileMs: number;
  /** Light in fibre along the great circle, there and back. */
  readonly propagationMs: number;
  /** What the cable is longer than the great circle, and the routers on the way. */
  readonly inflationMs: number;
  /** The network meets the POP's transit somewhere else. */
  readonly detourMs: number;
  /** Standing queue of the link. */
  readonly queueMs: number;
  /** Added by an operator's change. */
  readonly changeMs: number;
  readonly totalMs: number;
}

/** How one packet goes, from the client to the POP or back: half of a round trip. */
export interface OneWay {
  /** Without jitter. */
  readonly ms: number;
  /** Mean of the jitter, which is exponential, ms. */
  readonly jitterMs: number;
  /** Fraction 0..1 of packets that do not arrive. */
  readonly lossRate: number;
}

/** State of a link, with the fields of a link's report in the store. */
export interface LinkState {
  readonly id: string;
  readonly throughputMbps: number;
  readonly capacityMbps: number;
  readonly queueMs: number;
  /** Fraction 0..1. */
  readonly lossRate: number;
}

/** What came of some pings. */
export interface ModelBurst {
  /** Least and mean time of those that came back, ms; absent: none did. */
  readonly rttMs?: number;
  readonly meanMs?: number;
  readonly sent: number;
  readonly lost: number;
}

export interface NetModel {
  /** Round-trip time in ms on a quiet day: no queue, no jitter, no change. Allocates nothing. */
  readonly baseRttMs: (placeId: number, asn: number, linkIndex: number) => number;
  /**
   * The same with queue and changes, term by term. `linkRps`: steered requests a second that the link
   * carries.
   */
  readonly pathRtt: (path: ModelPath, now: { weather: WeatherByPop; linkRps?: number }) => PathTerms;
  /** The same for one packet: two of them lose and jitter as a ping of `burst` does. */
  readonly oneWay: (path: ModelPath, now: { weather: WeatherByPop; linkRps?: number }) => OneWay;
  /** Pings one after the other and reduces them as an agent does. */
  readonly burst: (
    path: ModelPath,
    now: { weather: WeatherByPop; linkRps?: number; pings: number; random: Random },
  ) => ModelBurst;
  /** Requests a second at the POP: steered ones and those from elsewhere. */
  readonly loadOf: (popIndex: number, servedRps: number, weather: WeatherByPop) => number;
  /** State of a link that carries that many steered requests a second. */
  readonly linkReport: (linkIndex: number, linkRps: number, weather: WeatherByPop) => LinkState;
  /** Demand of a place at a time (ms since 1970 UTC) against its day's mean: 1.45 at 21 h, 0.55 at 9 h. */
  readonly demandFactor: (placeId: number, atMs: number) => number;
}

/**
 * Jitter of one ping: exponential, 0.3 ms and 3 % of the path; the least of three pings is then near the
 * base. Chosen.
 */
const JITTER_MIN_MS = 0.3;
const JITTER_SHARE = 0.03;
/** Packets lost on a quiet path: one in a thousand. Chosen. */
const QUIET_LOSS = 0.001;
/**
 * Queue: `QUEUE_MS u^3 / (1 - u)`, the shape of Kingman's formula: many flows together queue only near full.
 */
const QUEUE_MS = 4;
/** Deepest buffer: 120 ms at line rate, as operators give core routers for their longest RTT. */
const QUEUE_MAX_MS = 120;
/**
 * Above this utilisation buffers overflow now and then: 2 % lost when full, everything above capacity
 * beyond.
 */
const LOSS_FROM_UTILISATION = 0.95;
const LOSS_WHEN_FULL = 0.02;
/**
 * A request with its response and TCP's overhead is 12.5 kB: the size of links in geo-data/pops.csv rests on
 * it.
 */
const MBPS_PER_RPS = 0.1;
/**
 * Load and traffic that nobody steers (customers with fixed addresses): shares of the capacity, by POP and
 * by link. Chosen.
 */
const BACKGROUND_MIN = 0.1;
const BACKGROUND_SPAN = 0.15;
/** Demand peaks at 21 h local solar time, 45 % over the mean (shape of public exchange point statistics). */
const PEAK_HOUR = 21;
const DAY_SWING = 0.45;

/** Makes the internet of a seed. */
export function createNetModel(world: { fleet: Fleet; places: ClientPlaces; seed: number }): NetModel {
  const terms = baseTerms(world);
  const { fleet, places } = world;
  const { draw } = terms;
  const linkOf = (linkIndex: number): Link => must(fleet.links[linkIndex], 'link');
  const popOf = (popIndex: number): Pop => must(fleet.pops[popIndex], 'POP');
  const linkReport: NetModel['linkReport'] = (linkIndex, linkRps, weather) => {
    const link = linkOf(linkIndex);
    const change = weather.get(popOf(link.popIndex).code);
    const congested = change?.link === undefined || change.link === link.id ? change?.congestion : undefined;
    const background = BACKGROUND_MIN + BACKGROUND_SPAN * draw(DRAW_LINK_LOAD, linkIndex, 0);
    const utilisation = congested ?? background + (linkRps * MBPS_PER_RPS) / link.capacityMbps;
    const { id, capacityMbps } = link;
    const throughputMbps = Math.min(1, utilisation) * capacityMbps;
    return {
      id,
      throughputMbps,
      capacityMbps,
      queueMs: queueMs(utilisation),
      lossRate: lossRate(utilisation),
    };
  };
  const pathRtt: NetModel['pathRtt'] = ({ placeId, asn, linkIndex }, { weather, linkRps = 0 }) => {
    const link = linkOf(linkIndex);
    const lastMileMs = terms.lastMileMs(placeId, asn);
    const km = terms.km(placeId, link.popIndex);
    const propagationMs = terms.propagationMs(km);
    const inflationMs = terms.inflationMs(placeId, asn, linkIndex, km);
    const detourMs = terms.detourMs(asn, link.popIndex);
    const queue = linkReport(linkIndex, linkRps, weather).queueMs;
    const changeMs = weather.get(popOf(link.popIndex).code)?.rttMs ?? 0;
    const totalMs = lastMileMs + propagationMs + inflationMs + detourMs + queue + changeMs;
    return { lastMileMs, propagationMs, inflationMs, detourMs, queueMs: queue, changeMs, totalMs };
  };
  /** Share of round trips that are whole. */
  const arrival: (path: ModelPath, now: { weather: WeatherByPop; linkRps?: number }) => number = (
    { linkIndex },
    { weather, linkRps = 0 },
  ) => {
    const change = weather.get(popOf(linkOf(linkIndex).popIndex).code);
    if (change?.outage === true) return 0;
    const congestionLoss = linkReport(linkIndex, linkRps, weather).lossRate;
    return (1 - QUIET_LOSS) * (1 - congestionLoss) * (1 - (change?.lossRate ?? 0));
  };
  return {
    pathRtt,
    linkReport,
    oneWay: (path, now) => {
      const { totalMs } = pathRtt(path, now);
      const lossRate = 1 - Math.sqrt(arrival(path, now));
      return { ms: totalMs / 2, jitterMs: meanJitterMs(totalMs) / 2, lossRate };
    },
    baseRttMs: baseRttOf(terms, fleet),
    burst: (path, now) => {
      const arrives = arrival(path, now);
      if (arrives === 0) return { sent: now.pings, lost: now.pings };
      const { totalMs } = pathRtt(path, now);
      return ping({ totalMs, arrives, pings: now.pings, random: now.random });
    },
    loadOf: (popIndex, servedRps, weather) => {
      const { capacityRps, code } = popOf(popIndex);
      const modelled = BACKGROUND_MIN + BACKGROUND_SPAN * draw(DRAW_POP_LOAD, popIndex, 0);
      return servedRps + (weather.get(code)?.load ?? modelled) * capacityRps;
    },
    demandFactor: (placeId, atMs) => {
      const solarHour = atMs / 3_600_000 + (places.longitude[placeId] as number) / 15;
      return 1 + DAY_SWING * Math.cos(((solarHour - PEAK_HOUR) / 24) * 2 * Math.PI);
    },
  };
}

function baseRttOf(terms: BaseTerms, fleet: Fleet): NetModel['baseRttMs'] {
  return (placeId, asn, linkIndex) => {
    const { popIndex } = must(fleet.links[linkIndex], 'link');
    const km = terms.km(placeId, popIndex);
    const pathMs = terms.propagationMs(km) + terms.inflationMs(placeId, asn, linkIndex, km);
    return terms.lastMileMs(placeId, asn) + pathMs + terms.detourMs(asn, popIndex);
  };
}

function ping(options: { totalMs: number; arrives: number; pings: number; random: Random }): ModelBurst {
  const { totalMs, arrives, pings, random } = options;
  let rttMs = Number.POSITIVE_INFINITY;
  let sumMs = 0;
  let lost = 0;
  for (let i = 0; i < pings; i++) {
    // Both drawn each time, so that a loss does not shift every draw after it.
    const arrived = random.next() < arrives;
    const jitterMs = exponential(random, meanJitterMs(totalMs));
    if (!arrived) {
      lost++;
      continue;
    }
    rttMs = Math.min(rttMs, totalMs + jitterMs);
    sumMs += totalMs + jitterMs;
  }
  if (lost === pings) return { sent: pings, lost };
  return { rttMs, meanMs: sumMs / (pings - lost), sent: pings, lost };
}

function meanJitterMs(totalMs: number): number {
  return JITTER_MIN_MS + JITTER_SHARE * totalMs;
}

function queueMs(utilisation: number): number {
  if (utilisation >= 1) return QUEUE_MAX_MS;
  return Math.min(QUEUE_MAX_MS, (QUEUE_MS * utilisation ** 3) / (1 - utilisation));
}

function lossRate(utilisation: number): number {
  if (utilisation <= LOSS_FROM_UTILISATION) return 0;
  const near =
    Math.min(1, (utilisation - LOSS_FROM_UTILISATION) / (1 - LOSS_FROM_UTILISATION)) * LOSS_WHEN_FULL;
  return utilisation <= 1 ? near : LOSS_WHEN_FULL + (1 - LOSS_WHEN_FULL) * (1 - 1 / utilisation);
}
