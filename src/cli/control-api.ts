import type { CounterSnapshot } from '../base/counters.ts';
import { OperatorError } from '../base/errors.ts';
import type { AdminApi } from '../console/api.ts';
import type { LiveApi } from '../console/api-live.ts';
import type { ControlMetrics } from '../console/metrics-view.ts';
import type { Store } from '../store/store.ts';
import type { ClientsInUse } from './clients-in-use.ts';
import { clusterView } from './cluster-view.ts';
import type { Terminal } from './command.ts';
import type { Ground } from './ground.ts';
import type { Health } from './health.ts';
import type { HeldTable } from './held-table.ts';
import { clientsView } from './image-views.ts';
import { systemClock } from './live.ts';
import { popViews } from './pop-views.ts';
import { invalidationsOf } from './pops-api.ts';
import type { MemoryWatch } from './store-memory.ts';
import { programVersion } from './version.ts';
import { createWhatIf } from './what-if.ts';
import { currentLocator } from './world.ts';

/** What the admin API of a process that only decides shows and changes. */
export interface ControlApiParts {
  readonly ground: Ground;
  readonly store: Store;
  readonly health: Health;
  readonly table: HeldTable;
  readonly clients: ClientsInUse;
  readonly control: () => ControlMetrics | undefined;
  readonly live: LiveApi;
  readonly notReady: () => string | undefined;
  /** Figures of what else runs here. */
  readonly counters: () => readonly CounterSnapshot[];
  readonly memory: MemoryWatch;
  /** Where the version is read from. */
  readonly terminal: Pick<Terminal, 'readText'>;
}

/**
 * The admin API of `isochrone control`: everything of `up` but what a name server knows. Where that is asked
 * for, it says so.
 */
export function createControlApi(parts: ControlApiParts): AdminApi {
  const { ground, store } = parts;
  const { fleet } = ground.config;
  const { nowMs } = systemClock;
  const facts = createFacts(parts);
  const locator = currentLocator(parts.clients.image);
  const whatIfs = createWhatIf({ ground, store, locator, image: parts.table.image, nowMs });
  return {
    popCodes: fleet.pops.map(({ code }) => code),
    linkIds: (pop) => fleet.pops.find(({ code }) => code === pop)?.links.map(({ id }) => id) ?? [],
    nowMs,
    status: facts.status,
    reloadZones: () => Promise.reject(notHere('zones', 'this process answers no queries')),
    secondaries: () => [],
    demand: () => {
      throw notHere('demand', 'this process answers no queries');
    },
    top: () => Promise.reject(notHere('top', 'this process answers no queries')),
    explain: () => Promise.reject(notHere('explain', 'this process answers no queries')),
    ...whatIfs,
    setOverride: (pop, override) => store.setOverride(pop, override),
    modelChanges: () => store.modelChanges(),
    setModelChange: (pop, change) => store.setModelChange(pop, change),
    invalidations: invalidationsOf(ground.config, store),
    live: parts.live,
    notReady: parts.notReady,
    metrics: facts.metrics,
  };
}

/** What is told of the process and the cluster. */
function createFacts(parts: ControlApiParts): Pick<AdminApi, 'status' | 'metrics'> {
  const { ground, store, health, table, clients } = parts;
  const { config } = ground;
  const { nowMs } = systemClock;
  const version = programVersion(parts.terminal);
  const startedAtMs = nowMs();
  const pops = () => popViews(ground, table.terms());
  const images = () => ({ clients: clientsView(clients.loaded(), clients.image()) });
  const tableFacts = () => {
    const image = table.image();
    if (image === undefined) return {};
    const { epoch, madeAtMs, rowCount: rows, bytes } = image;
    const ageMs = Math.max(0, nowMs() - madeAtMs);
    return { table: { epoch, ageMs, origin: table.origin(), rows, octets: bytes.length } };
  };
  return {
    status: async () => {
      const { address, connected, lastError } = store.state();
      const election = parts.control()?.election;
      return {
        version,
        role: 'control',
        cluster: config.cluster,
        startedAtMs,
        dns: [],
        zones: [],
        images: images(),
        store: { address, connected, ...(lastError === undefined ? {} : { lastError }) },
        ...tableFacts(),
        queryRates: {},
        ...(await clusterView({
          store,
          watch: health.watch,
          pops: pops(),
          nowMs: nowMs(),
          election,
        })),
        demand: { qps: 0, cells: 0, overflowQps: 0, rows: [] },
        attribution: clients.image().attribution,
      };
    },
    metrics: async () => {
      const { connected, errors } = store.state();
      const control = parts.control();
      return {
        version,
        role: 'control',
        counters: parts.counters(),
        ...tableFacts(),
        images: images(),
        nowMs: nowMs(),
        pops: pops(),
        store: { connected, errors, memory: parts.memory() },
        ...(control === undefined ? {} : { control }),
        health: health.metrics(),
      };
    },
  };
}

function notHere(what: string, why: string): OperatorError {
  const message = `${why}: ask a name server (\`serve\` or \`up\`), with its --admin URL`;
  return new OperatorError('not-found', [{ file: what, message }]);
}
