import type { Clock } from '../base/clock.ts';
import { formatEndpoint, isLoopback } from '../config/scalars.ts';
import { startAdmin } from '../console/admin.ts';
import type { AdminApi, ControlMetrics } from '../console/api.ts';
import { type NameServer, type NameServerEvent, startNameServer } from '../server/supervisor.ts';
import { createMemoryStore } from '../store/memory.ts';
import { openRedisStore } from '../store/redis.ts';
import type { Store } from '../store/store.ts';
import { createAdminApi } from './admin-api.ts';
import type { Terminal } from './command.ts';
import { createQueryRates } from './query-rates.ts';
import { createTableInUse, type TableInUse } from './table-in-use.ts';
import type { World } from './world.ts';

/** Wall-clock time of this machine. */
export const systemClock: Clock = { nowMs: () => Date.now() };

/** What `up` and `serve` have in common: a name server, its table, the store, and the console. */
export interface Live {
  readonly store: Store;
  readonly table: TableInUse;
  readonly nameServer: NameServer;
  readonly api: AdminApi;
  /** `http://127.0.0.1:5380`. */
  readonly adminUrl: string;
  /** `127.0.0.1:5300`, one for each address. */
  readonly dns: readonly string[];
  /** Stops answering and closes everything, within about 3 s. */
  readonly close: () => Promise<void>;
}

/** What `startLive` needs. */
export interface LiveOptions {
  readonly role: 'up' | 'serve';
  readonly world: World;
  readonly terminal: Terminal;
  readonly log: (message: string) => void;
  /** The table to start with, and who made it. */
  readonly first: { readonly bytes: Uint8Array; readonly origin: string };
  /** Figures of the control loop, where it runs here. */
  readonly control?: () => ControlMetrics | undefined;
}

const RATES_EVERY_MS = 1000;

/** Opens the store that the configuration names. Throws `OperatorError` for a wrong address; waits 1 s for Redis at most. */
async function openStore(world: World): Promise<Store> {
  const { store, cluster } = world.config;
  return store === 'memory'
    ? createMemoryStore({ clock: systemClock })
    : openRedisStore({ url: store, cluster });
}

/** Starts answering. Throws `OperatorError` when a port is in use, having closed what it opened. */
export async function startLive(options: LiveOptions): Promise<Live> {
  const { role, world, terminal, log, first } = options;
  const { config } = world;
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.reverse()) await closer();
  };
  try {
    const store = await openStore(world);
    closers.push(() => store.close());
    let nameServer: NameServer | undefined;
    const table = createTableInUse(world, (bytes) => nameServer?.setImage(bytes));
    const refused = table.take(first.bytes, first.origin);
    if (refused !== undefined) throw new Error(`the first table is refused: ${refused}`);
    nameServer = await startNameServer({
      listen: config.listen.dns,
      data: world.answerData,
      image: first.bytes,
      tcp: config.dns.tcp,
      recvBufferOctets: config.dns.recvBufferOctets,
      onEvent: (event) => log(eventText(event)),
    });
    const server = nameServer;
    closers.push(() => server.close());
    const rates = createQueryRates(() => server.counters());
    const timer = setInterval(() => rates.observe(systemClock.nowMs()), RATES_EVERY_MS);
    closers.push(async () => clearInterval(timer));
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
    });
    const token = terminal.environment['ISOCHRONE_TOKEN'] ?? config.admin.token;
    const admin = await startAdmin({
      listen: config.listen.admin,
      token,
      api,
      onError: (error) => log(`console: ${error instanceof Error ? error.stack : String(error)}`),
    });
    closers.push(() => admin.close());
    if (!isLoopback(config.listen.admin.host)) log(`others can reach the console at ${admin.url}`);
    return { store, table, nameServer: server, api, adminUrl: admin.url, dns, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function eventText(event: NameServerEvent): string {
  switch (event.kind) {
    case 'worker-died':
      return `serving thread ${event.worker} died and starts again in ${event.restartInMs} ms: ${event.error}`;
    case 'worker-restarted':
      return `serving thread ${event.worker} answers again`;
    case 'image-refused':
      return `serving thread ${event.worker} refused a table: ${event.reason}`;
  }
}
