import { formatPrefix, maskedAddress, parseAddress } from '../base/address.ts';
import { NETWORK_BITS } from '../base/network-key.ts';
import type { Demand } from '../store/store.ts';

/** What a POP's clients ask of it, over the last window. */
export interface PopLoad {
  /** Requests a second. */
  readonly rps: number;
  /** By client network, and by service where the host is of one. */
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

/** Rates are taken over this time, ms. */
const WINDOW_MS = 2_000;
/** Client networks told apart in one window of one POP; those beyond count for the POP alone. */
const NETWORKS_MAX = 20_000;
/** Addresses whose network is remembered. */
const ADDRESSES_MAX = 50_000;

interface Window {
  beganMs: number;
  requests: number;
  readonly byNetwork: Map<string, number>;
  readonly octetsByLink: Map<number, number>;
}

/** What a POP has of which nobody asks anything: always this very object. */
export const IDLE: PopLoad = { rps: 0, demand: [], mbps: new Map() };

export function createLoadMeter(options: {
  readonly monotonicMs: () => number;
  /** Service of a host; undefined: it is of none. */
  readonly serviceOf: (host: string) => string | undefined;
}): LoadMeter {
  const { monotonicMs, serviceOf } = options;
  const windows = new Map<number, Window>();
  const last = new Map<number, { readonly load: PopLoad; readonly endedMs: number }>();
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
  const current = (popIndex: number): Window => {
    const nowMs = monotonicMs();
    const window = windows.get(popIndex);
    if (window !== undefined && nowMs - window.beganMs < WINDOW_MS) return window;
    if (window !== undefined) last.set(popIndex, { load: loadOf(window, nowMs), endedMs: nowMs });
    const fresh = { beganMs: nowMs, requests: 0, byNetwork: new Map(), octetsByLink: new Map() };
    windows.set(popIndex, fresh);
    return fresh;
  };
  return {
    count: ({ popIndex, linkIndex, clientAddress, host, octets }) => {
      const window = current(popIndex);
      window.requests++;
      window.octetsByLink.set(linkIndex, (window.octetsByLink.get(linkIndex) ?? 0) + octets);
      totals.set(popIndex, (totals.get(popIndex) ?? 0) + 1);
      const key = `${networkOf(clientAddress)} ${serviceOf(host) ?? ''}`;
      const before = window.byNetwork.get(key);
      if (before !== undefined || window.byNetwork.size < NETWORKS_MAX)
        window.byNetwork.set(key, (before ?? 0) + 1);
    },
    of: (popIndex) => {
      if (!windows.has(popIndex)) return IDLE;
      current(popIndex);
      const ended = last.get(popIndex);
      return ended === undefined || monotonicMs() - ended.endedMs > 2 * WINDOW_MS ? IDLE : ended.load;
    },
    total: (popIndex) => totals.get(popIndex) ?? 0,
  };
}

function loadOf({ beganMs, requests, byNetwork, octetsByLink }: Window, nowMs: number): PopLoad {
  const seconds = (nowMs - beganMs) / 1000;
  return {
    rps: requests / seconds,
    mbps: new Map(Array.from(octetsByLink, ([link, octets]) => [link, (octets * 8) / 1e6 / seconds])),
    demand: Array.from(byNetwork, ([key, count]) => {
      const [network = '', service = ''] = key.split(' ');
      return { network, rps: count / seconds, ...(service === '' ? {} : { service }) };
    }),
  };
}

function prefixOf(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) return text;
  const length = NETWORK_BITS[address.family];
  return formatPrefix({ address: maskedAddress(address, length), length });
}
