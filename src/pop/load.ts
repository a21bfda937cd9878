import { formatPrefix, maskedAddress, parseAddress } from '../base/address.ts';
import { NETWORK_BITS } from '../base/network-key.ts';
import type { Demand } from '../store/store.ts';

/** What a POP's clients ask of it, over the last two seconds, or the last half where it rises steeply. */
export interface PopLoad {
  /** Requests a second. */
  readonly rps: number;
  /**
   * By client network, and by service where the host is of one. Where it rises: what it will be, two seconds
   * from now.
   */
  readonly demand: readonly Demand[];
  /** Megabits a second sent to clients, by link index. */
  readonly mbps: ReadonlyMap<number, number>;
}

/** One request that was answered. */
export interface Served {
  readonly popIndex: number;
  readonly linkIndex: number;
  readonly clientAddress: string;
  readonly host: string;
  /** Of the answer. */
  readonly octets: number;
}

/** Counts requests by POP and client network. */
export interface LoadMeter {
  readonly count: (served: Served) => void;
  readonly of: (popIndex: number) => PopLoad;
  /** Requests since the start. */
  readonly total: (popIndex: number) => number;
}

/** Requests are counted in parts of this time, ms, and rates taken over so many of them that are over. */
const PART_MS = 500;
const PARTS = 4;
/** Client networks told apart in one part of one POP; those beyond count for the POP alone. */
const NETWORKS_MAX = 20_000;
/** Addresses whose network is remembered. */
const ADDRESSES_MAX = 50_000;
/** The newest part shows a rise where it has so many standard deviations more than those before it. */
const RISE_DEVIATIONS = 3;
/** A rise is taken to go on for this long, ms: until new answers count; and to double at most. */
const AHEAD_MS = 2_000;
const AHEAD_FACTOR_MAX = 2;

interface Part {
  readonly beganMs: number;
  requests: number;
  readonly byNetwork: Map<string, number>;
  readonly octetsByLink: Map<number, number>;
}

interface Meter {
  part: Part;
  /** Those that are over, oldest first. */
  over: readonly Part[];
  load: PopLoad;
}

/** What a POP has of which nobody asks anything: always this very object. */
export const IDLE: PopLoad = { rps: 0, demand: [], mbps: new Map() };

export function createLoadMeter(options: {
  readonly monotonicMs: () => number;
  /** Service of a host; undefined: it is of none. */
  readonly serviceOf: (host: string) => string | undefined;
}): LoadMeter {
  const { monotonicMs, serviceOf } = options;
  const meters = new Map<number, Meter>();
  const totals = new Map<number, number>();
  const networks = new Map<string, string>();
  const networkOf = (address: string): string => {
    const known = networks.get(address);
    if (known !== undefined) return known;
    if (networks.size >= ADDRESSES_MAX) networks.clear();
    const network = prefixOf(address);
    networks.set(address, network);
    return network;
  };
  const meterOf = (popIndex: number): Meter => {
    const known = meters.get(popIndex);
    if (known !== undefined) return known;
    const made = { part: newPart(monotonicMs()), over: [], load: IDLE };
    meters.set(popIndex, made);
    return made;
  };
  return {
    count: ({ popIndex, linkIndex, clientAddress, host, octets }) => {
      const meter = meterOf(popIndex);
      turn(meter, monotonicMs());
      const { part } = meter;
      part.requests++;
      part.octetsByLink.set(linkIndex, (part.octetsByLink.get(linkIndex) ?? 0) + octets);
      totals.set(popIndex, (totals.get(popIndex) ?? 0) + 1);
      const key = `${networkOf(clientAddress)} ${serviceOf(host) ?? ''}`;
      const before = part.byNetwork.get(key);
      if (before !== undefined || part.byNetwork.size < NETWORKS_MAX)
        part.byNetwork.set(key, (before ?? 0) + 1);
    },
    of: (popIndex) => {
      const meter = meters.get(popIndex);
      if (meter === undefined) return IDLE;
      turn(meter, monotonicMs());
      return meter.load;
    },
    total: (popIndex) => totals.get(popIndex) ?? 0,
  };
}

function newPart(beganMs: number): Part {
  return { beganMs, requests: 0, byNetwork: new Map(), octetsByLink: new Map() };
}

/** Ends the part of which the time is over, and those after it in which nobody asked anything. */
function turn(meter: Meter, nowMs: number): void {
  const passed = Math.floor((nowMs - meter.part.beganMs) / PART_MS);
  if (passed === 0) return;
  const { beganMs } = meter.part;
  const quiet = Math.min(PARTS, passed - 1);
  const empty = Array.from({ length: quiet }, (_, i) => newPart(beganMs + (passed - quiet + i) * PART_MS));
  meter.over = [...meter.over, meter.part, ...empty].slice(-PARTS);
  meter.part = newPart(beganMs + passed * PART_MS);
  meter.load = loadOf(meter.over);
}

/**
 * Rates over the parts. Where the newest shows a rise it alone says how much is asked now, and demand is told
 * as it will be if the rise goes on: by the time that new answers count the POP would be full otherwise.
 */
function loadOf(all: readonly Part[]): PopLoad {
  const requests = all.reduce((sum, part) => sum + part.requests, 0);
  if (requests === 0) return IDLE;
  const newest = all.at(-1) as Part;
  const before = all.slice(0, -1);
  const expected = before.length === 0 ? 0 : (requests - newest.requests) / before.length;
  const isRise = newest.requests > expected + RISE_DEVIATIONS * Math.sqrt(expected + 1);
  const seen = isRise ? [newest] : all;
  const seconds = (seen.length * PART_MS) / 1000;
  const ahead = isRise ? aheadOf(newest.requests, before) : 1;
  return {
    rps: seen.reduce((sum, part) => sum + part.requests, 0) / seconds,
    mbps: new Map(
      Array.from(summed(seen.map(({ octetsByLink }) => octetsByLink)), ([link, octets]) => [
        link,
        (octets * 8) / 1e6 / seconds,
      ]),
    ),
    demand: Array.from(summed(seen.map(({ byNetwork }) => byNetwork)), ([key, count]) => {
      const [network = '', service = ''] = key.split(' ');
      return { network, rps: (ahead * count) / seconds, ...(service === '' ? {} : { service }) };
    }),
  };
}

/**
 * How many times as much there will be when new answers count, by the slope from the part before or from all
 * before, whichever is less: a step has been taken.
 */
function aheadOf(newest: number, before: readonly Part[]): number {
  const last = before.at(-1);
  if (last === undefined) return 1;
  const mean = before.reduce((sum, part) => sum + part.requests, 0) / before.length;
  const slope = Math.min(newest - last.requests, (newest - mean) / ((before.length + 1) / 2));
  return Math.min(AHEAD_FACTOR_MAX, 1 + (Math.max(0, slope) * AHEAD_MS) / PART_MS / newest);
}

function summed<K>(counts: readonly ReadonlyMap<K, number>[]): ReadonlyMap<K, number> {
  const [first, ...others] = counts;
  if (others.length === 0) return first ?? new Map();
  const sums = new Map(first);
  for (const one of others) for (const [key, count] of one) sums.set(key, (sums.get(key) ?? 0) + count);
  return sums;
}

function prefixOf(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) return text;
  const length = NETWORK_BITS[address.family];
  return formatPrefix({ address: maskedAddress(address, length), length });
}
