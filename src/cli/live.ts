import type { Clock } from '../base/clock.ts';
import type { CounterSnapshot } from '../base/counters.ts';
import { formatEndpoint } from '../config/scalars.ts';
import type { Admin } from '../console/admin.ts';
import type { PopsApi } from '../console/api-pops.ts';
import type { ControlMetrics } from '../console/metrics-view.ts';
import type { TakenSockets } from '../server/handover-take.ts';
import { type NameServer, startNameServer } from '../server/supervisor.ts';
import type { IoMode } from '../server/supervisor-io.ts';
import type { CertificateAndKey, SecureServerOptions } from '../server/supervisor-secure.ts';
import type { Store } from '../store/store.ts';
import { explain } from './admin-api.ts';
import { secureServer } from './certificate.ts';
import type { Terminal } from './command.ts';
import { keepCookies } from './cookie-secrets.ts';
import { readDropList } from './drop-list.ts';
import { eventText } from './event-text.ts';
import type { ExplainParts } from './explain-view.ts';
import type { FirstTable } from './first-table.ts';
import type { Health } from './health.ts';
import { loadLater } from './later.ts';
import { startLiveJobs } from './live-jobs.ts';
import { packedFrom } from './packed.ts';
import { shareQueries } from './query-taps.ts';
import { createTableInUse, type TableInUse } from './table-in-use.ts';
import { programVersion } from './version.ts';
import type { World } from './world.ts';
import type { ZoneCare } from './zone-care.ts';

/** Wall-clock time of this machine. */
export const systemClock: Clock = { nowMs: () => Date.now() };

/** What `up` and `serve` have in common: a name server, its table, and the console. */
export interface Live {
  readonly table: TableInUse;
  /** `127.0.0.1:5300`, one for each address. */
  readonly dns: readonly string[];
  /** The same for DNS over TLS, and over HTTPS with the path; empty where it is not spoken. */
  readonly dot: readonly string[];
  readonly doh: readonly string[];
  /** `http://127.0.0.1:5380`; absent where there is no console. */
  readonly adminUrl?: string;
  readonly workers: number;
  readonly io: IoMode;
  readonly nameServer: NameServer;
  readonly console?: Admin;
}

/** What is on its way to answer. */
export interface Starting {
  readonly table: TableInUse;
  /** Resolves when the first table is in use on this thread, while threads that serve still start. */
  readonly mapped: Promise<unknown>;
  /** Resolves when queries are answered. Rejects with an `OperatorError` when a port is in use. */
  readonly live: Promise<Live>;
}

/** What `startLive` needs. */
export interface LiveOptions {
  readonly role: 'up' | 'serve';
  readonly world: World;
  readonly store: Store;
  readonly terminal: Terminal;
  readonly log: (message: string) => void;
  readonly explain: ExplainParts;
  readonly first: FirstTable;
  /** Threads that answer; absent: one a core. */
  readonly workers?: number | undefined;
  /** Sockets of the process that this one replaces. */
  readonly inherit?: TakenSockets | undefined;
  /** What TLS is spoken with where the configuration names no certificate. */
  readonly development?: CertificateAndKey | undefined;
  /** How the POPs' health is seen here. */
  readonly health: Health;
  /** Figures of the control loop, where it runs here. */
  readonly control?: () => ControlMetrics | undefined;
  /** Figures of what else runs here. */
  readonly counters?: () => readonly CounterSnapshot[];
  /** The POPs, where they run here. */
  readonly pops?: () => PopsApi | undefined;
  /** Paths to the POPs of other processes. */
  readonly paths?: PopsApi['paths'];
  /** Packed estimates by cell key, where they are kept here; else the store is asked. */
  readonly packed?: (key: string) => Uint8Array | undefined;
  /** Takes what must be closed in the end; closed last to first. */
  readonly closeLater: (close: () => Promise<void> | void) => void;
}

/** Starts to answer. Tables may be taken into use from the beginning. */
export function startLive(options: LiveOptions): Starting {
  const { world, log, first, closeLater } = options;
  const { config } = world;
  let nameServer: NameServer | undefined;
  let newest: Uint8Array | undefined;
  const notified = Promise.withResolvers<ZoneCare>();
  const table = createTableInUse(world, (bytes) => {
    newest = bytes;
    nameServer?.setImage(bytes);
  });
  const refused = table.take(first.bytes, first.origin);
  if (refused !== undefined) throw new Error(`the first table is refused: ${refused}`);
  const { cookies } = world.answerData;
  if (cookies !== undefined)
    closeLater(keepCookies({ config, words: cookies, clock: systemClock, terminal: options.terminal, log }));
  const mapped = Promise.withResolvers<void>();
  const secure = secureServer(config, options.terminal, options.development);
  const starting = startNameServer({
    listen: config.listen.dns,
    proxies: config.listen.proxy,
    secure,
    data: { ...world.answerData, drops: readDropList(config, options.terminal) },
    image: first.bytes,
    workers: options.workers,
    tcp: config.dns.tcp,
    rateLimit: config.dns.rateLimit,
    dropsToldPerSecond: config.dns.dropsLoggedPerSecond,
    recvBufferOctets: config.dns.recvBufferOctets,
    onEvent: (event) => {
      if (event.kind === 'notified') void notified.promise.then((care) => care.notified(event.zone));
      else log(eventText(event));
    },
    onTable: (next) => {
      table.taken(next);
      mapped.resolve();
    },
    inherit: options.inherit?.sockets,
  });
  // Loaded while the first table is built in its thread: nothing here is needed before answers are given.
  const later = loadLater(config);
  const serving = starting.then((server) => {
    nameServer = server;
    if (newest !== undefined && newest !== first.bytes) server.setImage(newest);
    return server;
  });
  const live = startRest(options, { table, serving, later, secure, onCare: notified.resolve });
  closeLater(async () => {
    // What it opens until then is closed after this.
    await live.catch(() => undefined);
    await (await starting.catch(() => undefined))?.close();
  });
  const tabled = Promise.race([mapped.promise, serving]);
  // Whoever starts other things meanwhile may fail at them first; then a failure here is nobody's.
  for (const one of [starting, later, live, tabled]) one.catch(() => undefined);
  return { table, mapped: tabled, live };
}

/** What waits for the threads that serve: jobs on tables in use, and the console. */
async function startRest(
  options: LiveOptions,
  parts: {
    readonly table: TableInUse;
    readonly serving: Promise<NameServer>;
    readonly later: ReturnType<typeof loadLater>;
    readonly secure: SecureServerOptions | undefined;
    /** Told of who looks after zones. */
    readonly onCare: (care: ZoneCare) => void;
  },
): Promise<Live> {
  const { world, terminal, log, closeLater } = options;
  const { config } = world;
  const { table } = parts;
  const server = await parts.serving;
  const { workers, io } = server;
  const later = await parts.later;
  const { startQueryLog, startConsole } = later;
  const { care, counters: jobCounters } = startLiveJobs(options, {
    ...parts,
    server,
    later,
    clock: systemClock,
  });
  parts.onCare(care);
  const [logged, watched] = shareQueries(server.queries);
  const queryLog = startQueryLog({
    config,
    queries: logged,
    explain: (question) =>
      explain({ world, explain: options.explain, packed: packedFrom(options) }, question),
    version: programVersion(terminal),
    log,
  });
  if (queryLog !== undefined) closeLater(queryLog.close);
  const live = {
    table,
    dns: server.addresses.map(formatEndpoint),
    dot: server.secure.dot.map(formatEndpoint),
    doh: server.secure.doh.map((endpoint) => `https://${formatEndpoint(endpoint)}${config.tls.path}`),
    workers,
    io,
    nameServer: server,
  };
  const { admin } = config.listen;
  if (admin === 'off' || startConsole === undefined) return live;
  const { counters = () => [] } = options;
  const all = {
    ...options,
    clock: systemClock,
    counters: () => [...counters(), ...jobCounters(), ...(queryLog?.counters() ?? [])],
  };
  const console = await startConsole(all, { live, care, listen: admin, queries: watched });
  return { ...live, console, adminUrl: console.url };
}
