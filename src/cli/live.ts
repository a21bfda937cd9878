import type { Clock } from '../base/clock.ts';
import { formatEndpoint } from '../config/scalars.ts';
import { startAdmin } from '../console/admin.ts';
import type { ControlMetrics } from '../console/api.ts';
import { intoShared } from '../control/snapshot.ts';
import { type NameServer, type NameServerEvent, startNameServer } from '../server/supervisor.ts';
import { createMemoryStore } from '../store/memory.ts';
import { openRedisStore } from '../store/redis.ts';
import type { Store } from '../store/store.ts';
import { type AdminApiParts, createAdminApi } from './admin-api.ts';
import type { Terminal } from './command.ts';
import type { ExplainParts } from './explain-view.ts';
import type { FirstTable } from './first-table.ts';
import { createQueryRates } from './query-rates.ts';
import { startSlowJobs } from './slow-jobs.ts';
import { createTableInUse, type TableInUse } from './table-in-use.ts';
import type { World } from './world.ts';

/** Wall-clock time of this machine. */
export const systemClock: Clock = { nowMs: () => Date.now() };

/** What `up` and `serve` have in common: a name server, its table, and the console. */
export interface Live {
  readonly table: TableInUse;
  /** `127.0.0.1:5300`, one for each address. */
  readonly dns: readonly string[];
  /** `http://127.0.0.1:5380`. */
  readonly adminUrl: string;
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
  /** Figures of the control loop, where it runs here. */
  readonly control?: () => ControlMetrics | undefined;
  /** Packed estimates by cell key, where they are kept here; else the store is asked. */
  readonly packed?: (key: string) => Uint8Array | undefined;
  /** Takes what must be closed in the end; closed last to first. */
  readonly closeLater: (close: () => Promise<void> | void) => void;
}

const RATES_EVERY_MS = 1000;

/**
 * Opens the store that the configuration names; waits 1 s for Redis at most. Throws `OperatorError` for a
 * wrong address.
 */
export async function openStore(world: World): Promise<Store> {
  const { store, cluster } = world.config;
  return store === 'memory'
    ? createMemoryStore({ clock: systemClock })
    : openRedisStore({ url: store, cluster });
}

/** Starts answering. Throws `OperatorError` when a port is in use. */
export async function startLive(options: LiveOptions): Promise<Live> {
  const { role, world, store, terminal, log, first, closeLater } = options;
  const { config } = world;
  let nameServer: NameServer | undefined;
  const table = createTableInUse(world, (bytes) => nameServer?.setImage(bytes));
  const refused = table.take(first.bytes, first.origin);
  if (refused !== undefined) throw new Error(`the first table is refused: ${refused}`);
  const server = await startNameServer({
    listen: config.listen.dns,
    data: world.answerData,
    image: intoShared(first.bytes),
    tcp: config.dns.tcp,
    recvBufferOctets: config.dns.recvBufferOctets,
    onEvent: (event) => log(eventText(event)),
  });
  nameServer = server;
  closeLater(server.close);
  const rates = createQueryRates(() => server.counters());
  const timer = setInterval(() => rates.observe(systemClock.nowMs()), RATES_EVERY_MS);
  closeLater(() => clearInterval(timer));
  const dns = server.addresses.map(formatEndpoint);
  const api = createAdminApi({
    role,
    world,
    store,
    table,
    nameServer: server,
    dns,
    rates: rates.rates,
    clock: systemClock,
    terminal,
    control: options.control ?? (() => undefined),
    explain: options.explain,
    packed: packedFrom(options),
  });
  const admin = await startAdmin({
    listen: config.listen.admin,
    token: terminal.environment['ISOCHRONE_TOKEN'] ?? config.admin.token,
    api,
    onError: (error) => log(`console: ${error instanceof Error ? error.stack : String(error)}`),
  });
  closeLater(admin.close);
  closeLater(startSlowJobs({ world, table, nameServer: server, log }));
  return { table, dns, adminUrl: admin.url };
}

function packedFrom(options: LiveOptions): AdminApiParts['packed'] {
  const { store, packed } = options;
  const find = async (key: string | undefined): Promise<Uint8Array | undefined> => {
    if (key === undefined) return undefined;
    if (packed !== undefined) return packed(key);
    // With the store away the explanation rests on geography alone, and its sources say so.
    return store.estimate(key).catch(() => undefined);
  };
  return async ({ place, network }) => {
    const [ofPlace, ofNetwork] = await Promise.all([find(place), find(network)]);
    return { place: ofPlace, network: ofNetwork };
  };
}

function eventText(event: NameServerEvent): string {
  switch (event.kind) {
    case 'worker-died':
      return `serving thread ${event.worker} died, starts again in ${event.restartInMs} ms: ${event.error}`;
    case 'worker-restarted':
      return `serving thread ${event.worker} answers again`;
    case 'image-refused':
      return `serving thread ${event.worker} refused a table: ${event.reason}`;
  }
}
