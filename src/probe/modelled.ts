import type { Clock } from '../base/clock.ts';
import type { Fleet, Pop } from '../base/fleet.ts';
import type { Random } from '../base/random.ts';
import type { Places } from '../geo/places.ts';
import type { NetModel } from '../netmodel/model.ts';
import type { ClientNetwork } from '../netmodel/networks.ts';
import type { Demand, PopReport, Store } from '../store/store.ts';
import { type Agent, type AgentCounts, createAgent, STEP_MS, TARGETS_EVERY_MS } from './agent.ts';
import { clientsOf } from './clients.ts';
import { modelledPinger, type Situation } from './modelled-pinger.ts';
import { createOutbox, type OutboxCounts } from './outbox.ts';
import { type ChooseLink, createTraffic } from './traffic.ts';
import { watchWeather } from './weather.ts';

/** What modelled agents need. */
export interface ModelledAgentOptions {
  readonly store: Store;
  readonly model: NetModel;
  readonly fleet: Fleet;
  readonly networks: readonly ClientNetwork[];
  readonly places: Places;
  /** What steering gives clients now: so that the POPs' load follows decisions. */
  readonly chooseLink: ChooseLink;
  /** Name of the service that all modelled clients ask for. */
  readonly service: string;
  /** What real clients ask of the POPs besides; absent: there are none. */
  readonly served?: (popIndex: number) => Served;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: (message: string) => void;
  /** Steered demand, mean of the day, requests a second; absent: a sixth of what the fleet can serve. */
  readonly demandRps?: number;
  /** How long clients keep an answer, ms. */
  readonly holdMs?: number;
}

/** What real clients ask of a POP that is modelled otherwise. */
export interface Served {
  /** Requests a second: now, and when new answers count. */
  readonly rps: number;
  readonly expectedRps: number;
  /** Connections that are open. */
  readonly connections: number;
  readonly demand: readonly Demand[];
}

/** The agents' work, moved on by `step`. */
export interface ModelledAgents {
  /** Lets each agent do the work that became due since the last step. */
  readonly step: () => void;
  /** Reads the changes of the modelled internet from the store, and reports the POPs that changed at once. */
  readonly readChanges: () => Promise<void>;
  /** Takes what the controller wants measured from the store. */
  readonly readTargets: () => Promise<void>;
  /** Of all agents together, since the start. */
  readonly counts: () => Omit<AgentCounts, 'samples'> & OutboxCounts;
}

const DEMAND_SHARE = 1 / 6;
/** As long as the shortest TTL that services have by default. */
const HOLD_MS = 20_000;
/** Traffic is counted anew so often, ms. */
const COUNT_EVERY_MS = 1_000;
/** How often changes are read without a nudge, ms. */
const CHANGES_EVERY_MS = 2_000;

/** Starts the agents on timers. Returns how to stop, and their counts. */
export function startModelledAgents(options: ModelledAgentOptions): {
  readonly counts: ModelledAgents['counts'];
  readonly close: () => void;
} {
  const agents = createModelledAgents(options);
  const timers = [
    setInterval(agents.step, STEP_MS),
    setInterval(agents.readChanges, CHANGES_EVERY_MS),
    setInterval(agents.readTargets, TARGETS_EVERY_MS),
  ];
  const stopListening = options.store.onChange((topic) => {
    if (topic === 'model') void agents.readChanges();
    if (topic === 'targets') void agents.readTargets();
  });
  // The first thing that the controller learns is whose demand there is.
  agents.step();
  void agents.readChanges();
  return {
    counts: agents.counts,
    close: () => {
      stopListening();
      timers.forEach(clearInterval);
    },
  };
}

/**
 * Makes the agents: one a POP, each as a real one but for its pinger and its figures, which are of the
 * modelled internet.
 */
export function createModelledAgents(options: ModelledAgentOptions): ModelledAgents {
  const { store, model, fleet, clock, random, log } = options;
  const clients = clientsOf(options.networks, options);
  const unplaced = options.networks.length - clients.length;
  if (unplaced > 0) log(`${unplaced} client networks lie in places that are not known: nobody measures them`);
  const demandRps =
    options.demandRps ?? DEMAND_SHARE * fleet.pops.reduce((sum, pop) => sum + pop.capacityRps, 0);
  const traffic = createTraffic({ ...options, clients, demandRps, holdMs: options.holdMs ?? HOLD_MS });
  const clientOf = new Map(clients.map((client) => [client.network, client]));
  const outbox = createOutbox(store);
  const agentOf = new Map<string, Agent>();
  const watch = watchWeather(store, (code) => agentOf.get(code)?.reportNow(clock.nowMs()));
  const situation: Situation = { model, traffic, weather: watch.now };
  for (const pop of fleet.pops)
    agentOf.set(
      pop.code,
      createAgent({
        pop: pop.code,
        source: 'modelled',
        sink: store,
        outbox,
        pinger: modelledPinger(pop, { ...situation, clientOf, random }),
        figures: {
          report: (nowMs) => withServed(reportOf(pop, nowMs, situation), options.served?.(pop.index)),
          demand: () => allDemand(traffic.demandOf(pop.index), options.served?.(pop.index).demand),
          ...(options.served && { expectedRps: () => options.served?.(pop.index).expectedRps ?? 0 }),
        },
        turn: pop.index,
      }),
    );
  const agents = [...agentOf.values()];
  let countedSecond = -1;
  return {
    step: () => {
      const nowMs = clock.nowMs();
      const second = Math.floor(nowMs / COUNT_EVERY_MS);
      if (second !== countedSecond) traffic.advance(nowMs);
      countedSecond = second;
      for (const agent of agents) agent.step(nowMs);
      outbox.flush(nowMs);
    },
    readChanges: watch.read,
    readTargets: async () => {
      await Promise.all(agents.map((agent) => agent.readTargets()));
    },
    counts: () => ({ ...sumOf(agents.map((agent) => agent.counts())), ...outbox.counts() }),
  };
}

function sumOf(all: readonly AgentCounts[]): Omit<AgentCounts, 'samples'> {
  const each = (name: Exclude<keyof AgentCounts, 'samples'>): number[] => all.map((counts) => counts[name]);
  const sum = (name: Exclude<keyof AgentCounts, 'samples'>): number =>
    each(name).reduce((total, count) => total + count, 0);
  return {
    bursts: sum('bursts'),
    unanswered: sum('unanswered'),
    unknownTargets: sum('unknownTargets'),
    heldBack: sum('heldBack'),
    pings: sum('pings'),
    pingsLost: sum('pingsLost'),
    overflow: sum('overflow'),
    reportsLost: sum('reportsLost'),
    reportedAtMs: Math.max(0, ...each('reportedAtMs')),
  };
}

/** The report with what real clients ask on top. */
function withServed(report: PopReport, served: Served | undefined): PopReport {
  if (served === undefined || (served.rps === 0 && served.connections === 0)) return report;
  return {
    ...report,
    loadRps: report.loadRps + served.rps,
    steeredRps: (report.steeredRps ?? 0) + served.rps,
    ...(served.expectedRps > served.rps && { expectedRps: report.loadRps + served.expectedRps }),
    connections: served.connections,
  };
}

/** Both together, each network of a service once. */
function allDemand(modelled: readonly Demand[], real: readonly Demand[] = []): readonly Demand[] {
  if (real.length === 0) return modelled;
  const sums = new Map<string, Demand>();
  for (const demand of [...modelled, ...real]) {
    const key = `${demand.network} ${demand.service ?? ''}`;
    const before = sums.get(key);
    sums.set(key, before === undefined ? demand : { ...demand, rps: before.rps + demand.rps });
  }
  return [...sums.values()];
}

function reportOf(pop: Pop, nowMs: number, { model, traffic, ...now }: Situation): PopReport {
  const weather = now.weather();
  const healthy = weather.get(pop.code)?.outage !== true;
  return {
    pop: pop.code,
    atMs: nowMs,
    source: 'modelled',
    loadRps: healthy ? model.loadOf(pop.index, traffic.popRps(pop.index), weather) : 0,
    steeredRps: healthy ? traffic.popRps(pop.index) : 0,
    capacityRps: pop.capacityRps,
    healthy,
    links: pop.links.map(({ index }) => model.linkReport(index, traffic.linkRps[index] ?? 0, weather)),
  };
}
