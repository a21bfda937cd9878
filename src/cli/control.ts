import { OperatorError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { Admin } from '../console/admin.ts';
import type { AdminApi } from '../console/api.ts';
import type { Control } from '../control/loop.ts';
import type { StoreState } from '../store/store.ts';
import { adminToken } from './admin-token.ts';
import { type ClientsInUse, clientsInUse } from './clients-in-use.ts';
import { type Command, EXIT_OK, type Terminal } from './command.ts';
import { createControlApi } from './control-api.ts';
import { controlMetrics } from './control-metrics.ts';
import { deciderOf, expectedOf, savedTable } from './first-table.ts';
import { formatCount, formatSpan } from './format.ts';
import { loadGround, stateFolder } from './ground.ts';
import { rereadAtHangup } from './hangup.ts';
import { startHealth } from './health.ts';
import { createHeldTable } from './held-table.ts';
import { loadClients } from './images.ts';
import { startConfiguredIngest } from './ingest.ts';
import { ingestMetrics } from './ingest-metrics.ts';
import { configOf, LISTEN_OPTIONS } from './listen-flags.ts';
import { systemClock } from './live.ts';
import { createLiveViews } from './live-views.ts';
import { logTo } from './log.ts';
import { runUntilStopped } from './long-running.ts';
import { openStore } from './open-store.ts';
import { startControlLoop } from './start-control.ts';
import { watchStoreMemory } from './store-memory.ts';
import { readTargetBook } from './target-book.ts';
import { tryPorts } from './try-ports.ts';
import { currentLocator } from './world.ts';

const { port: _port, workers: _workers, ...OPTIONS } = LISTEN_OPTIONS;

export const controlCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Runs the control loop alone: it reads what agents measured and POPs reported from the store, decides ' +
    'which POP each client network gets, and publishes the table that every name server answers from. ' +
    'Several may run, on as many machines: one leads, the others go along, and one of them leads within ' +
    'three seconds of the death or stall of the first. SIGINT or SIGTERM ends it, and another leads at once.',
  options: OPTIONS,
  examples: [
    [
      'control --config isochrone.yaml --store redis://127.0.0.1:6379',
      'one of the controllers of the cluster in that Redis',
    ],
    ['control --store redis://127.0.0.1:6379 --admin-port 5381', 'a second one on the same machine'],
  ],
  run: async (invocation) => {
    const { terminal, json } = invocation;
    const config = configOf(invocation);
    mustBeShared(config);
    const { admin, ingest } = config.listen;
    await tryPorts({ flags: invocation.flags, listen: { admin, ingest } });
    const log = logTo(terminal, systemClock);
    await runUntilStopped(terminal, async (closeLater) => {
      const ground = loadGround(config);
      const loading = loadClients(ground, terminal);
      closeLater(loading.cancel);
      const store = await openStore(config);
      closeLater(() => store.close());
      const saved = await savedTable(ground);
      if (typeof saved === 'string') log(`the snapshot is not used: ${saved}`);
      const clients = clientsInUse(ground, await loading.clients);
      const health = startHealth(ground, { store, log, closeLater });
      const metrics = controlMetrics(ground);
      const table = createHeldTable(expectedOf(ground));
      // Closed after the loop: the lease is given up first.
      const { startSlowJobs } = await import('./slow-jobs.ts');
      const { loaded, set: setClients } = clients;
      const slow = startSlowJobs({ ground, table, clients: loaded, setClients, terminal, log });
      closeLater(slow.close);
      closeLater(rereadAtHangup(terminal, log, [{ what: 'geo databases', again: slow.lookAtGeo }]));
      const control = await startControlLoop(ground, {
        role: 'control',
        store,
        decider: deciderOf(ground),
        locator: currentLocator(clients.image),
        health,
        metrics,
        targetBook: readTargetBook(config, terminal),
        initial: typeof saved === 'object' ? saved.image : undefined,
        onImage: table.hold,
        log,
        closeLater,
      });
      const figures = ingestMetrics();
      const notReady = (): string | undefined => {
        const { standing } = control.election();
        if (standing === 'cut-off') return 'the store cannot be asked who decides';
        return standing === 'starting' ? 'what the store knows is not taken up yet' : undefined;
      };
      const live = createLiveViews({
        ground,
        image: table.image,
        terms: table.terms,
        clients: clients.image,
        store,
        // It answers no queries.
        rates: () => ({}),
        notReady,
        clock: systemClock,
        log,
      });
      closeLater(live.close);
      const api = createControlApi({
        ground,
        store,
        health,
        table,
        clients,
        control: metrics.read,
        live,
        notReady,
        counters: figures.read,
        memory: watchStoreMemory(store, { log, closeLater }),
        terminal,
      });
      const admin = await openConsole(config, { api, terminal, log });
      if (admin !== undefined) closeLater(admin.close);
      const ingest = await startConfiguredIngest({ config, store, terminal, log, closeLater });
      figures.observe(ingest);
      const { holder, standing, leader } = control.election();
      const ends = { admin: admin?.url, ingest: ingest?.url };
      const ready = { holder, standing, leader, cluster: config.cluster, ...ends };
      const started = { clients, control, store: store.state(), adminUrl: admin?.url };
      if (json) terminal.out(JSON.stringify({ ready }));
      else for (const line of startLines(config, started)) terminal.out(line);
    });
    return EXIT_OK;
  },
};

/** A store that nobody else sees has no agents, and nobody to publish for. */
function mustBeShared({ store, file }: Config): void {
  if (store !== 'memory') return;
  const message =
    'the store is `memory`, which no other process sees: set `store:`, or --store redis://HOST:PORT';
  throw new OperatorError('bad-config', [{ file, message }]);
}

async function openConsole(
  config: Config,
  parts: { readonly api: AdminApi; readonly terminal: Terminal; readonly log: (message: string) => void },
): Promise<Admin | undefined> {
  const { admin: listen } = config.listen;
  if (listen === 'off') return undefined;
  const { startAdmin } = await import('../console/admin.ts');
  const { token, where } = adminToken(config, { ...parts, folder: stateFolder(config) });
  return startAdmin({
    listen,
    token,
    tokenWhere: where,
    api: parts.api,
    onError: (error) => parts.log(`console: ${error instanceof Error ? error.stack : String(error)}`),
  });
}

interface Started {
  readonly clients: ClientsInUse;
  readonly control: Control;
  readonly store: StoreState;
  readonly adminUrl: string | undefined;
}

/** What is printed once it takes part. */
function startLines({ cluster, fleet }: Config, { clients, control, store, adminUrl }: Started): string[] {
  const { holder, standing, leader } = control.election();
  const part = {
    leading: 'leads',
    'standing-by': `stands by: ${leader} leads`,
    'cut-off': 'waits for the store',
    starting: 'waits for the store',
  }[standing];
  const { v4, v6 } = clients.image();
  const { origin, tookMs } = clients.loaded();
  const from = origin === 'file' ? 'the image file' : 'the databases';
  return [
    `Isochrone controls the cluster ${cluster}, ${fleet.pops.length} POPs, as ${holder}: it ${part}`,
    `Images: ${formatCount(v4.count + v6.count)} client ranges from ${from} in ${formatSpan(tookMs)}`,
    `Store ${store.address}${store.connected ? '' : ', NOT connected yet'}; console ${adminUrl ?? 'off'}`,
  ];
}
