import { formatPrefix, maskedAddress, parseAddress } from '../base/address.ts';
import { NETWORK_BITS } from '../base/network-key.ts';
import type { Demand } from '../store/store.ts';
import { sustainedRise, TREND_COUNTS } from './trend.ts';

/** What a POP's clients ask of it: over the last two seconds, or the last half where it jumped. */
export interface PopLoad {
  /** Requests a second; where they rise, at the end of that time. */
  readonly rps: number;
  /** What that will be when new answers count, if it rises as it does: else the same. */
  readonly expectedRps: number;
  /** Of what is expected: by client network, and by service where the host is of one. */
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
const PART_MS = 250;
const PARTS = 8;
/** Client networks told apart in one part of one POP; those beyond count for the POP alone. */
const NETWORKS_MAX = 10_000;
/** Addresses whose network is remembered. */
const ADDRESSES_MAX = 50_000;
/** The newest parts show a jump where they have so many standard deviations more than those before them. */
const NEWEST = 2;
const JUMP_DEVIATIONS = 3;
/** A rise is taken to make so many times as much of the load at most. */
const EXPECTED_FACTOR_MAX = 2;

interface Part {
  readonly beganMs: number;
  requests: number;
  readonly byNetwork: Map<string, number>;
  readonly octetsByLink: Map<number, number>;
}

interface Meter {
  part: Part;
  /** Those that are over, oldest first. */
  readonly over: Part[];
  /** Requests in each of those, and in some before them, oldest first. */
  readonly counts: number[];
  /** Of those that are over, together. */
  readonly byNetwork: Map<string, number>;
  readonly octetsByLink: Map<number, number>;
  load: PopLoad;
}

/** What a POP has of which nobody asks anything: always this very object. */
export const IDLE: PopLoad = { rps: 0, expectedRps: 0, demand: [], mbps: new Map() };

export function createLoadMeter(options: {
  readonly monotonicMs: () => number;
  /** Service of a host; undefined: it is of none. */
  readonly serviceOf: (host: string) => string | undefined;
  /** How far ahead load is expected, ms: until new answers count. */
  readonly aheadMs: number;
}): LoadMeter {
  const { monotonicMs, serviceOf, aheadMs } = options;
  const aheadParts = aheadMs / PART_MS;
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
    const made = newMeter(monotonicMs());
    meters.set(popIndex, made);
    return made;
  };
  return {
    count: ({ popIndex, linkIndex, clientAddress, host, octets }) => {
      const meter = meterOf(popIndex);
      turn(meter, monotonicMs(), aheadParts);
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
      turn(meter, monotonicMs(), aheadParts);
      return meter.load;
    },
    total: (popIndex) => totals.get(popIndex) ?? 0,
  };
}

function newMeter(beganMs: number): Meter {
  const part = newPart(beganMs);
  return { part, over: [], counts: [], byNetwork: new Map(), octetsByLink: new Map(), load: IDLE };
}

function newPart(beganMs: number): Part {
  return { beganMs, requests: 0, byNetwork: new Map(), octetsByLink: new Map() };
}

/** Ends the part of which the time is over, and those after it in which nobody asked anything. */
function turn(meter: Meter, nowMs: number, aheadParts: number): void {
  const passed = Math.floor((nowMs - meter.part.beganMs) / PART_MS);
  if (passed === 0) return;
  const { beganMs } = meter.part;
  take(meter, meter.part);
  for (let quiet = Math.min(TREND_COUNTS, passed - 1); quiet > 0; quiet--)
    take(meter, newPart(beganMs + (passed - quiet) * PART_MS));
  meter.part = newPart(beganMs + passed * PART_MS);
  meter.load = loadOf(meter, aheadParts);
}

/** One more part is over, and the oldest does not count any more. */
function take({ over, counts, byNetwork, octetsByLink }: Meter, part: Part): void {
  counts.push(part.requests);
  if (counts.length > TREND_COUNTS) counts.shift();
  over.push(part);
  add(byNetwork, part.byNetwork, 1);
  add(octetsByLink, part.octetsByLink, 1);
  const oldest = over.length > PARTS ? over.shift() : undefined;
  if (oldest === undefined) return;
  add(byNetwork, oldest.byNetwork, -1);
  add(octetsByLink, oldest.octetsByLink, -1);
}

function add<K>(sums: Map<K, number>, counts: ReadonlyMap<K, number>, sign: 1 | -1): void {
  for (const [key, count] of counts) {
    const sum = (sums.get(key) ?? 0) + sign * count;
    if (sum === 0) sums.delete(key);
    else sums.set(key, sum);
  }
}

/**
 * Rates over the parts. Where the newest show a jump they alone say how much is asked now. Where the load
 * rises, demand is told as it will be: by the time that new answers count the POP would be full otherwise.
 */
function loadOf(meter: Meter, aheadParts: number): PopLoad {
  const { over, counts } = meter;
  const requests = over.reduce((sum, part) => sum + part.requests, 0);
  if (requests === 0) return IDLE;
  const newest = over.slice(-NEWEST);
  const newestRequests = newest.reduce((sum, part) => sum + part.requests, 0);
  const before = over.length - newest.length;
  const usual = before === 0 ? 0 : ((requests - newestRequests) / before) * newest.length;
  const isJump = newestRequests > usual + JUMP_DEVIATIONS * Math.sqrt(usual + 1);
  const rise = sustainedRise(counts);
  const mean = isJump ? newestRequests / newest.length : requests / over.length;
  const now = isJump ? mean : mean + (rise * over.length) / 2;
  const expected = Math.min(EXPECTED_FACTOR_MAX * now, now + rise * aheadParts);
  // Who asks when it rises are those who asked last.
  const seen = isJump || rise > 0 ? newestSums(newest) : meter;
  const share = 1 / (isJump || rise > 0 ? newestRequests : requests);
  const perSecond = 1000 / PART_MS;
  return {
    rps: now * perSecond,
    expectedRps: expected * perSecond,
    mbps: new Map(
      Array.from(seen.octetsByLink, ([link, octets]) => [
        link,
        ((octets * 8) / 1e6) * share * now * perSecond,
      ]),
    ),
    demand: Array.from(seen.byNetwork, ([key, count]) => {
      const [network = '', service = ''] = key.split(' ');
      const rps = count * share * expected * perSecond;
      return { network, rps, ...(service === '' ? {} : { service }) };
    }),
  };
}

function newestSums(parts: readonly Part[]): Pick<Meter, 'byNetwork' | 'octetsByLink'> {
  const sums = { byNetwork: new Map<string, number>(), octetsByLink: new Map<number, number>() };
  for (const { byNetwork, octetsByLink } of parts) {
    add(sums.byNetwork, byNetwork, 1);
    add(sums.octetsByLink, octetsByLink, 1);
  }
  return sums;
}

function prefixOf(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) return text;
  const length = NETWORK_BITS[address.family];
  return formatPrefix({ address: maskedAddress(address, length), length });
}
