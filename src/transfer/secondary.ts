import { formatName } from '../wire/name.ts';
import type { PackedZone } from '../zone/packed.ts';
import { FETCH_LIMITS, type FetchLimits, fetchZone } from './fetch.ts';
import type { PeerAddress } from './message.ts';
import { readSecondaryState, writeSecondaryState, writeSecondaryZone } from './secondary-file.ts';

/** A zone that comes from elsewhere. */
export interface SecondarySource {
  readonly origin: Uint8Array;
  /** Where its copy is kept, as a master file. */
  readonly file: string;
  readonly primaries: readonly PeerAddress[];
}

/** How a zone that comes from elsewhere stands. Times are ms since 1970 UTC. */
export interface SecondaryView {
  readonly origin: string;
  readonly serial: number | undefined;
  readonly confirmedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  readonly nextLookMs: number;
  readonly isExpired: boolean;
  readonly fault: string | undefined;
}

export interface SecondaryOptions {
  readonly sources: readonly SecondarySource[];
  /** The copies that are there. */
  readonly known: (source: SecondarySource) => PackedZone | undefined;
  readonly nowMs: () => number;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly limits?: Partial<FetchLimits>;
  /** A new copy is on disk. */
  readonly onZone: (source: SecondarySource, zone: PackedZone, how: string) => void;
  /** The copy may be served no more (`true`), or again. */
  readonly onExpiry: (source: SecondarySource, isExpired: boolean) => void;
  readonly log: (message: string) => void;
}

/** What was fetched since the start. */
export interface FetchCounts {
  /** Looks at a primary, by what came of them. */
  readonly results: Readonly<Record<'axfr' | 'ixfr' | 'current' | 'failed', number>>;
  /** Octets of messages from primaries. */
  readonly octets: number;
}

/** Zones that are kept as new as their primaries have them. */
export interface Secondaries {
  /** Looks after one more zone, from the next turn on. */
  readonly add: (source: SecondarySource) => void;
  /** Looks no longer after the zone in this file; what is under way is given up. */
  readonly remove: (file: string) => void;
  /** Has the zone looked for at once: somebody says that it changed. Unknown names are ignored. */
  readonly look: (origin: string) => void;
  /** The same of every zone. */
  readonly lookAll: () => void;
  readonly views: () => readonly SecondaryView[];
  readonly counts: () => FetchCounts;
  readonly close: () => void;
}

/** Zones that are asked for at a time. */
const OPEN_MAX = 8;
/** Bounds of what SOAs say, ms: no primary is asked all the time, none is forgotten. */
const REFRESH_MIN_MS = 1_000;
const REFRESH_MAX_MS = 28 * 86_400_000;
/** First waits where a copy never came, ms; they double. */
const FIRST_RETRY_MS = 2_000;
const FIRST_RETRY_MAX_MS = 600_000;
/** How often times are looked at, ms. */
const TURN_MS = 250;
/** A zone in so many waits up to a tenth less than its SOA says, so that not all come at once. */
const JITTER = 0.1;

interface Entry {
  readonly source: SecondarySource;
  readonly stop: AbortController;
  zone: PackedZone | undefined;
  confirmedAtMs: number | undefined;
  nextLookMs: number;
  failures: number;
  isExpired: boolean;
  isOpen: boolean;
  /** Told of a change while it was being fetched. */
  again: boolean;
  fault: string | undefined;
}

/** Starts to look after the zones: each at once, and then as its SOA says (RFC 1034 §4.3.5). */
export function startSecondaries(options: SecondaryOptions): Secondaries {
  const { nowMs } = options;
  const entries = new Map<string, Entry>();
  const add = (source: SecondarySource): void => void entries.set(source.file, begin(source, options));
  for (const source of options.sources) add(source);
  let open = 0;
  const counts = { results: { axfr: 0, ixfr: 0, current: 0, failed: 0 }, octets: 0 };
  const turn = (): void => {
    for (const entry of entries.values()) {
      expire(entry, options);
      if (entry.isOpen || open >= OPEN_MAX || entry.nextLookMs > nowMs()) continue;
      open++;
      entry.isOpen = true;
      void look(entry, { ...options, counts }).finally(() => {
        open--;
        entry.isOpen = false;
        if (entry.again) entry.nextLookMs = nowMs();
        entry.again = false;
      });
    }
  };
  const timer = setInterval(turn, TURN_MS);
  turn();
  const wake = (entry: Entry): void => {
    entry.nextLookMs = nowMs();
    entry.again = entry.isOpen;
  };
  return {
    add,
    remove: (file) => {
      entries.get(file)?.stop.abort();
      entries.delete(file);
    },
    look: (origin) => {
      const name = origin.toLowerCase();
      for (const entry of entries.values()) if (nameOf(entry.source) === name) wake(entry);
    },
    lookAll: () => entries.forEach(wake),
    views: () => [...entries.values()].map((entry) => viewOf(entry)),
    counts: () => counts,
    close: () => {
      clearInterval(timer);
      for (const entry of entries.values()) entry.stop.abort();
    },
  };
}

function begin(source: SecondarySource, { known, nowMs }: SecondaryOptions): Entry {
  const zone = known(source);
  const confirmedAtMs = zone === undefined ? undefined : readSecondaryState(source.file)?.confirmedAtMs;
  return {
    source,
    stop: new AbortController(),
    zone,
    confirmedAtMs,
    nextLookMs: nowMs(),
    failures: 0,
    isExpired: zone === undefined || confirmedAtMs === undefined || isPast(zone, confirmedAtMs, nowMs()),
    isOpen: false,
    again: false,
    fault: undefined,
  };
}

interface Looking extends SecondaryOptions {
  readonly counts: { readonly results: Record<keyof FetchCounts['results'], number>; octets: number };
}

const FETCHED_BY = { AXFR: 'axfr', IXFR: 'ixfr' } as const;

/** Asks one primary after the other until one has an answer. */
async function look(entry: Entry, options: Looking): Promise<void> {
  const { counts } = options;
  const { signal } = entry.stop;
  const onOctets = (octets: number): void => {
    counts.octets += octets;
  };
  const { source } = entry;
  const { origin, primaries } = source;
  const limits = { ...FETCH_LIMITS, ...options.limits };
  const faults: string[] = [];
  for (const peer of primaries) {
    try {
      const fetched = await fetchZone({ origin, peer, limits, signal, onOctets }, entry.zone);
      // It may have been removed while the last of it came.
      if (signal.aborted) return;
      counts.results[fetched.kind === 'current' ? 'current' : FETCHED_BY[fetched.how]]++;
      if (fetched.kind === 'zone') {
        writeSecondaryZone(source.file, origin, fetched.zone, `${peer.host} port ${peer.port}`);
        entry.zone = fetched.zone;
        // A new copy is told of as such.
        entry.isExpired = false;
      }
      confirm(entry, options);
      if (fetched.kind === 'zone') options.onZone(source, fetched.zone, wayOf(fetched.how, peer));
      return;
    } catch (error) {
      if (signal.aborted) return;
      counts.results.failed++;
      faults.push(`${peer.host} port ${peer.port}: ${(error as Error).message}`);
    }
  }
  fail(entry, faults.join('; '), options);
}

function wayOf(how: 'AXFR' | 'IXFR', { host, tls }: PeerAddress): string {
  return `${how} from ${host}${tls === undefined ? '' : ' over TLS'}`;
}

/** A primary has confirmed the copy: its time begins anew. */
function confirm(entry: Entry, options: SecondaryOptions): void {
  const { zone, source } = entry;
  if (zone === undefined) return;
  const nowMs = options.nowMs();
  const { refreshMs, expireS } = timersOf(zone);
  entry.confirmedAtMs = nowMs;
  entry.failures = 0;
  entry.fault = undefined;
  entry.nextLookMs = nowMs + refreshMs * (1 - JITTER * options.random());
  writeSecondaryState(source.file, { serial: zone.serial, confirmedAtMs: nowMs, expireS });
  if (entry.isExpired) options.onExpiry(source, false);
  entry.isExpired = false;
}

function fail(entry: Entry, fault: string, options: SecondaryOptions): void {
  const { zone, source } = entry;
  const firstMs = Math.min(FIRST_RETRY_MAX_MS, FIRST_RETRY_MS * 2 ** entry.failures);
  const retryMs = zone === undefined ? firstMs : timersOf(zone).retryMs;
  entry.nextLookMs = options.nowMs() + retryMs * (1 - JITTER * options.random());
  entry.failures++;
  if (entry.fault !== fault) options.log(`${formatName(source.origin)} is not renewed: ${fault}`);
  entry.fault = fault;
}

function expire(entry: Entry, options: SecondaryOptions): void {
  const { zone, confirmedAtMs, isExpired, source } = entry;
  if (isExpired || zone === undefined || confirmedAtMs === undefined) return;
  if (!isPast(zone, confirmedAtMs, options.nowMs())) return;
  entry.isExpired = true;
  options.onExpiry(source, true);
}

function isPast(zone: PackedZone, confirmedAtMs: number, nowMs: number): boolean {
  return nowMs >= confirmedAtMs + timersOf(zone).expireS * 1000;
}

/** What the SOA says (RFC 1035 §3.3.13), within bounds. */
function timersOf({ soa }: PackedZone) {
  const view = new DataView(soa.buffer, soa.byteOffset, soa.length);
  const ms = (at: number): number =>
    Math.min(REFRESH_MAX_MS, Math.max(REFRESH_MIN_MS, view.getUint32(soa.length - at) * 1000));
  return { refreshMs: ms(16), retryMs: ms(12), expireS: view.getUint32(soa.length - 8) };
}

function viewOf({ source, zone, confirmedAtMs, nextLookMs, isExpired, fault }: Entry): SecondaryView {
  const expiresAtMs =
    zone === undefined || confirmedAtMs === undefined
      ? undefined
      : confirmedAtMs + timersOf(zone).expireS * 1000;
  return {
    origin: nameOf(source),
    serial: zone?.serial,
    confirmedAtMs,
    expiresAtMs,
    nextLookMs,
    isExpired,
    fault,
  };
}

function nameOf({ origin }: SecondarySource): string {
  return formatName(origin).toLowerCase();
}
