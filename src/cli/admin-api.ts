import type { Clock } from '../base/clock.ts';
import type { CounterSnapshot } from '../base/counters.ts';
import { OperatorError } from '../base/errors.ts';
import type { AdminApi } from '../console/api.ts';
import type { ExplainQuestion, ExplainView } from '../console/api-explain.ts';
import type { LiveApi } from '../console/api-live.ts';
import type { PopsApi } from '../console/api-pops.ts';
import type { ZoneReloadWish } from '../console/api-zones.ts';
import type { ControlMetrics } from '../console/metrics-view.ts';
import type { NameServer } from '../server/supervisor.ts';
import type { CellKeys } from '../steering/explain-cell.ts';
import type { Store } from '../store/store.ts';
import { clusterView } from './cluster-view.ts';
import type { Terminal } from './command.ts';
import { createReplays } from './console-replay.ts';
import { demandCounters, demandView } from './demand-view.ts';
import {
  decide,
  type ExplainParts,
  explainDecided,
  explainView,
  type Packed,
  readQuestion,
  whyNotSteered,
} from './explain-view.ts';
import type { Health } from './health.ts';
import { imagesView, servingView, tableView } from './image-views.ts';
import { allZones } from './members.ts';
import type { Past } from './past.ts';
import { explainPast, notKept, nowMoment } from './past-explain.ts';
import { popViews } from './pop-views.ts';
import { invalidationsOf } from './pops-api.ts';
import type { MemoryWatch } from './store-memory.ts';
import type { TableInUse } from './table-in-use.ts';
import { traceHere } from './trace-here.ts';
import { programVersion } from './version.ts';
import { createWhatIf, type WhatIfParts } from './what-if.ts';
import type { World } from './world.ts';
import type { ZoneCare } from './zone-care.ts';

/** What the admin API shows and changes. */
export interface AdminApiParts {
  readonly role: 'up' | 'serve';
  readonly world: World;
  readonly store: Store;
  readonly table: TableInUse;
  readonly nameServer: NameServer;
  readonly care: Pick<ZoneCare, 'reload' | 'secondaries'>;
  readonly dns: readonly string[];
  readonly rates: () => Readonly<Record<string, number>>;
  readonly live: LiveApi;
  readonly notReady: () => string | undefined;
  readonly clock: Clock;
  /** Where the version is read from. */
  readonly terminal: Pick<Terminal, 'readText'>;
  /** Figures of what else runs here. */
  readonly counters: () => readonly CounterSnapshot[];
  readonly control: () => ControlMetrics | undefined;
  /** The POPs, where they run here. */
  readonly pops: () => PopsApi | undefined;
  readonly paths: PopsApi['paths'] | undefined;
  readonly health: Health;
  readonly top: AdminApi['top'];
  readonly explain: ExplainParts;
  /** Packed estimates of a client's cells. */
  readonly packed: (keys: CellKeys) => Promise<Packed>;
  readonly memory: MemoryWatch;
  /** What explanations of the last hour are made from. */
  readonly past: Past;
}

/** Zones that `status` names; it tells the number of all. */
const ZONES_SHOWN = 20;
/** Client networks that `status` names. */
const DEMAND_SHOWN = 5;
/** Client networks and services that a question what would happen looks at. */
const WHAT_IF_CELLS = 20_000;

/** The admin API of a running `up` or `serve`. */
export function createAdminApi(parts: AdminApiParts): AdminApi {
  const { world, store, table, nameServer, clock } = parts;
  const { config, answering } = world;
  const { fleet } = config;
  const [version, startedAtMs] = [programVersion(parts.terminal), clock.nowMs()];
  const tableFacts = () => tableView({ world, table, nowMs: clock.nowMs() });
  const pops = () => popViews(world, table.terms());
  return {
    popCodes: fleet.pops.map(({ code }) => code),
    linkIds: (pop) => fleet.pops.find(({ code }) => code === pop)?.links.map(({ id }) => id) ?? [],
    nowMs: clock.nowMs,
    status: async () => {
      const { address, connected, lastError } = store.state();
      const facts = tableFacts();
      const { watch } = parts.health;
      const election = parts.control()?.election;
      return {
        version,
        role: parts.role,
        cluster: config.cluster,
        startedAtMs,
        dns: parts.dns,
        zones: allZones(world)
          .slice(0, ZONES_SHOWN)
          .map(({ origin }) => origin),
        serving: servingView(nameServer),
        images: imagesView(world),
        store: { address, connected, ...(lastError === undefined ? {} : { lastError }) },
        ...(facts === undefined ? {} : { table: facts }),
        queryRates: parts.rates(),
        ...(await clusterView({ store, watch, pops: pops(), nowMs: clock.nowMs(), election })),
        demand: demandView(world, nameServer, DEMAND_SHOWN),
        attribution: answering.clients().attribution,
      };
    },
    demand: (max) => demandView(world, nameServer, max),
    live: parts.live,
    top: parts.top,
    explain: (question) => explain(parts, question),
    ...createWhatIf(whatIfParts(parts)),
    replay: createReplays({ ...parts, image: table.image }),
    reloadZones: (wish) => reloadZones(parts, wish),
    secondaries: parts.care.secondaries,
    setOverride: (pop, override) => store.setOverride(pop, override),
    modelChanges: () => modelOnly(parts, () => store.modelChanges()),
    setModelChange: (pop, change) => modelOnly(parts, () => store.setModelChange(pop, change)),
    pops: parts.pops,
    paths: parts.paths,
    trace: traceHere({ ...parts, explain: (question) => explain(parts, question) }),
    invalidations: invalidationsOf(config, store),
    notReady: parts.notReady,
    metrics: async () => {
      const { connected, errors } = store.state();
      const facts = tableFacts();
      const control = parts.control();
      return {
        version,
        role: parts.role,
        counters: [nameServer.counters(), demandCounters(world, nameServer), ...parts.counters()],
        ...(facts === undefined ? {} : { table: facts }),
        images: imagesView(world),
        nowMs: clock.nowMs(),
        pops: pops(),
        store: { connected, errors, memory: parts.memory() },
        ...(control === undefined ? {} : { control }),
        health: parts.health.metrics(),
      };
    },
  };
}

function whatIfParts({ world, store, table, clock, nameServer }: AdminApiParts): WhatIfParts {
  return {
    ground: world,
    store,
    locator: world.locator,
    image: table.image,
    nowMs: clock.nowMs,
    queries: () => nameServer.demand(WHAT_IF_CELLS).cells,
  };
}

/** What `explain` says of a question now, or in a moment of the past. Rejects with `OperatorError`. */
export async function explain(
  parts: Pick<AdminApiParts, 'world' | 'explain' | 'packed'> & { readonly past?: Past },
  question: ExplainQuestion,
): Promise<ExplainView> {
  const asked = readQuestion(question);
  const decided = decide(parts.world, asked);
  if (decided === undefined)
    throw new OperatorError('not-found', [{ file: 'name', message: whyNotSteered(parts.world, asked) }]);
  const { past } = parts;
  const { atMs } = question;
  const { image, located, client } = decided;
  if (past !== undefined && atMs !== undefined) {
    const moment = await past.at(atMs);
    if (moment === undefined) throw notKept(past, atMs);
    if (moment === 'now') {
      const { atMs: _, ...ofNow } = question;
      return { ...(await explain(parts, ofNow)), moment: nowMoment(parts.explain.nowMs()) };
    }
    const where = await parts.world.describer.describe(client);
    return explainPast(parts.explain, moment, { question, decided, where });
  }
  const keys = parts.explain.explainer.keysOf(image, located);
  const [packed, where] = await Promise.all([parts.packed(keys), parts.world.describer.describe(client)]);
  const explanation = explainDecided(parts.explain, decided, packed);
  return explainView(parts.explain, question, { decided, explanation, where });
}

/** Reads zones again: those named, in any case, with or without the final dot; else all with files. */
async function reloadZones({ world, care }: AdminApiParts, { zone, force, dry }: ZoneReloadWish) {
  const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');
  const zones = allZones(world);
  const found = zone === undefined ? undefined : zones.find(({ origin }) => bare(origin) === bare(zone));
  const wrong = (message: string): never => {
    throw new OperatorError('not-found', [{ file: 'zone', message }]);
  };
  if (zone !== undefined && found === undefined) return wrong(`the configuration has no zone ${zone}`);
  if (found?.isSecondary === true)
    return wrong(`${found.origin} comes from its primary: there is no file to read`);
  return care.reload({ origins: found && [found.origin], force, dry });
}

/**
 * A change of the modelled internet means nothing to a process whose store nobody else sees and that models
 * nothing.
 */
async function modelOnly<T>(parts: AdminApiParts, act: () => Promise<T>): Promise<T> {
  if (parts.role === 'up' || parts.store.kind === 'redis') return act();
  const message =
    'this process has no modelled internet, and its store is its own: ask the one that runs `up`';
  throw new OperatorError('not-found', [{ file: 'model', message }]);
}
