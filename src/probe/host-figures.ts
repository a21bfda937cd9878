import type { Demand, LinkReport, PopReport } from '../store/store.ts';
import type { Figures } from './agent.ts';
import { fetchMetrics, sumOf } from './exporter.ts';
import { cpuReader, drainWish, interfaceReader } from './host.ts';

/** A POP as its agent knows it. */
export interface HostedPop {
  readonly code: string;
  readonly capacityRps: number;
  readonly links: readonly HostedLink[];
}

/** A link of it. */
export interface HostedLink {
  readonly id: string;
  readonly capacityMbps: number;
  /** Network interface that carries it: `eth0`. */
  readonly interface?: string | undefined;
  /** Address of the next router. */
  readonly gateway?: string | undefined;
}

/** A page of metrics, and what in it is what: selectors such as `name{label="value"}`. */
export interface Exporter {
  readonly url: string;
  readonly requests?: string | undefined;
  readonly connections?: string | undefined;
  readonly capacity?: string | undefined;
}

/** What `createHostFigures` needs. */
export interface HostFiguresOptions {
  readonly pop: HostedPop;
  readonly exporter?: Exporter | undefined;
  /** While this file is there the host wishes to be drained. */
  readonly drainFile?: string | undefined;
  readonly userAgent: string;
  /** Least round-trip time of a burst to an address, ms. */
  readonly near: (address: string) => Promise<number | undefined>;
  /**
   * What the POP's clients ask, of so many requests a second in all; where nobody counts, a connection counts
   * for one.
   */
  readonly demand: (rps: number) => readonly Demand[];
  readonly log: (message: string) => void;
}

/** Figures of a host, and what must be asked now and then. */
export interface HostFigures extends Figures {
  /** Reads the exporter's page. Never rejects. */
  readonly readExporter: (nowMs: number) => Promise<void>;
  /** Asks the links' next routers. Never rejects. */
  readonly askGateways: () => Promise<void>;
  /** The passive look counted so many connections. */
  readonly setConnections: (count: number) => void;
  /** The exporter's page that cannot be had now, as a number for metrics. */
  readonly exporterFailures: () => number;
  /** Wishes for a drain as the file does, or takes that back. */
  readonly toggleDrain: () => void;
}

const EXPORTER_TIMEOUT_MS = 2_000;
/** An older figure of the exporter is none, ms. */
const EXPORTER_OLD_MS = 30_000;
/** Round-trip times to a router that its least is taken of. */
const GATEWAY_TIMES = 600;
const NO_REASON = 'its host wishes it';

/** Reads the host's own figures: processors, interfaces, the exporter, the routers next to it. */
export function createHostFigures(options: HostFiguresOptions): HostFigures {
  const { pop, drainFile, near, demand } = options;
  const readCpu = cpuReader();
  const links = pop.links.map((link) => hostedLink(link, near));
  const exporter = exporterReader(options);
  let counted: number | undefined;
  let isDrainWished = false;
  let loadRps = 0;
  const wish = (): string | undefined => {
    const fromFile = drainFile === undefined ? undefined : drainWish(drainFile);
    if (fromFile !== undefined) return fromFile || NO_REASON;
    return isDrainWished ? NO_REASON : undefined;
  };
  const report = (nowMs: number): PopReport => {
    const cpu = readCpu();
    const seen = exporter.seen(nowMs);
    const capacityRps = seen?.capacityRps ?? pop.capacityRps;
    // Between two counts the last one stands; where nobody counts, the controller knows what it sends here.
    loadRps = seen?.requestsRps ?? (seen === undefined ? 0 : loadRps);
    const connections = seen?.connections ?? counted;
    const drain = wish();
    return {
      pop: pop.code,
      atMs: nowMs,
      source: 'measured',
      loadRps,
      capacityRps,
      healthy: true,
      ...(cpu === undefined ? {} : { cpu }),
      ...(connections === undefined ? {} : { connections }),
      ...(drain === undefined ? {} : { drain }),
      links: links.map((link) => link.report(nowMs)),
    };
  };
  return {
    report,
    demand: () => demand(options.exporter?.requests === undefined ? (counted ?? 0) : loadRps),
    readExporter: exporter.read,
    askGateways: async () => {
      await Promise.all(links.map((link) => link.ask()));
    },
    setConnections: (count) => {
      counted = count;
    },
    exporterFailures: exporter.failures,
    toggleDrain: () => {
      isDrainWished = !isDrainWished;
      options.log(isDrainWished ? 'the POP wishes to be drained' : 'the POP wishes to be drained no more');
    },
  };
}

function hostedLink(
  link: HostedLink,
  near: HostFiguresOptions['near'],
): { report: (nowMs: number) => LinkReport; ask: () => Promise<void> } {
  const { id, capacityMbps, gateway } = link;
  const readUse = link.interface === undefined ? () => undefined : interfaceReader(link.interface);
  let times: number[] = [];
  let queueMs = 0;
  return {
    report: (nowMs) => {
      const { throughputMbps = 0, lossRate = 0 } = readUse(nowMs) ?? {};
      return { id, throughputMbps, capacityMbps, queueMs, lossRate };
    },
    ask: async () => {
      if (gateway === undefined) return;
      const rttMs = await near(gateway);
      if (rttMs === undefined) return;
      times = [...times, rttMs].slice(-GATEWAY_TIMES);
      queueMs = Math.max(0, rttMs - Math.min(...times));
    },
  };
}

interface Seen {
  readonly requestsRps?: number | undefined;
  readonly connections?: number | undefined;
  readonly capacityRps?: number | undefined;
}

function exporterReader({ exporter, userAgent, log }: HostFiguresOptions) {
  let last: { readonly atMs: number; readonly requests: number } | undefined;
  let seen: Seen = {};
  let seenAtMs: number | undefined;
  let failures = 0;
  let isFailing = false;
  const take = (page: string, nowMs: number): void => {
    const { requests, connections, capacity } = exporter ?? {};
    const find = (selector: string | undefined) =>
      selector === undefined ? undefined : sumOf(page, selector);
    const total = find(requests);
    const grown = total === undefined || last === undefined ? -1 : total - last.requests;
    // A counter that fell began anew: nothing is known until the next page.
    const requestsRps = grown < 0 || last === undefined ? undefined : (grown * 1000) / (nowMs - last.atMs);
    last = total === undefined ? undefined : { atMs: nowMs, requests: total };
    seen = { requestsRps, connections: find(connections), capacityRps: find(capacity) };
    seenAtMs = nowMs;
  };
  return {
    /** undefined: nothing came for long. */
    seen: (nowMs: number): Seen | undefined => {
      seenAtMs ??= nowMs;
      return nowMs - seenAtMs > EXPORTER_OLD_MS ? undefined : seen;
    },
    failures: () => failures,
    read: async (nowMs: number): Promise<void> => {
      if (exporter === undefined || nowMs === last?.atMs) return;
      try {
        take(await fetchMetrics(exporter.url, { userAgent, timeoutMs: EXPORTER_TIMEOUT_MS }), nowMs);
        if (isFailing) log(`exporter ${exporter.url}: it answers again`);
        isFailing = false;
      } catch (error) {
        failures++;
        if (!isFailing) log(`exporter ${exporter.url}: ${(error as Error).message}`);
        isFailing = true;
      }
    },
  };
}
