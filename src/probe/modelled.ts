/**
 * Room `probe`: agents that measure networks from POPs and feed the store. May import `base`, other pure
 * rooms, and `store`.
 */

import type { Clock } from '../base/clock.ts';
import type { Fleet, Pop } from '../base/fleet.ts';
import type { Random } from '../base/random.ts';
import type { Places } from '../geo/places.ts';
import type { NetModel } from '../netmodel/model.ts';
import type { ClientNetwork } from '../netmodel/networks.ts';
import type { PopReport, Store } from '../store/store.ts';
import { type BurstCounts, createBursts, type Situation } from './bursts.ts';
import { clientsOf } from './clients.ts';
import { createOutbox, type OutboxCounts } from './outbox.ts';
import { isReportNews } from './report-news.ts';
import { createTargets } from './targets.ts';
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
  readonly clock: Clock;
  readonly random: Random;
  readonly log: (message: string) => void;
  /** Steered demand, mean of the day, requests a second; absent: a sixth of what the fleet can serve. */
  readonly demandRps?: number;
  /** How long clients keep an answer, ms. */
  readonly holdMs?: number;
}

/** The agents' work, moved on by `step`. */
export interface ModelledAgents {
  /** Does the work that became due since the last step, at most `STEP_MAX_MS` of it. */
  readonly step: () => void;
  /** Reads the changes of the modelled internet from the store, and reports the POPs that changed at once. */
  readonly readChanges: () => Promise<void>;
  /** Takes what the controller wants measured from the store. */
  readonly readTargets: () => Promise<void>;
  readonly counts: () => AgentCounts;
}

/** Since the start. */
export interface AgentCounts extends OutboxCounts, BurstCounts {
  /** Reports and demand lists that the store did not take: the next ones replace them. */
  readonly reportsLost: number;
}

const DEMAND_SHARE = 1 / 6;
/** As long as the shortest TTL that services have by default. */
const HOLD_MS = 20_000;
/** A step every so often, ms. */
const STEP_MS = 50;
/** Time that one step makes up for at most, ms. */
const STEP_MAX_MS = 200;
/** The agents take turns: each sends its batch, its report and its demand list so often, ms. */
const BATCH_EVERY_MS = 300;
const REPORT_EVERY_MS = 1_000;
const DEMAND_EVERY_MS = 2_000;
/** Traffic is counted anew so often, ms. */
const COUNT_EVERY_MS = 1_000;
/** How often changes are read without a nudge, ms. */
const CHANGES_EVERY_MS = 2_000;
/** The same of what is to be measured. */
const TARGETS_EVERY_MS = 1_000;

/** Starts the agents on timers. Returns how to stop, and their counts. */
export function startModelledAgents(options: ModelledAgentOptions): {
  readonly counts: () => AgentCounts;
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

/** Makes the agents: one a POP, which measure the modelled internet and report as real ones do. */
export function createModelledAgents(options: ModelledAgentOptions): ModelledAgents {
  const { store, model, fleet, clock, log } = options;
  const clients = clientsOf(options.networks, options);
  const unplaced = options.networks.length - clients.length;
  if (unplaced > 0) log(`${unplaced} client networks lie in places that are not known: nobody measures them`);
  const demandRps =
    options.demandRps ?? DEMAND_SHARE * fleet.pops.reduce((sum, pop) => sum + pop.capacityRps, 0);
  const traffic = createTraffic({ ...options, clients, demandRps, holdMs: options.holdMs ?? HOLD_MS });
  const targets = createTargets(store, fleet);
  const bursts = createBursts({ ...options, clients, targets });
  const outbox = createOutbox(store);
  const popOfCode = new Map(fleet.pops.map((pop) => [pop.code, pop]));
  const weather = watchWeather(store, (code) => {
    const pop = popOfCode.get(code);
    if (pop !== undefined) sendReport(pop);
  });
  const lastReports = new Map<string, PopReport>();
  let reportsLost = 0;
  let isFirst = true;
  let lastMs = clock.nowMs();

  /** What is not taken now is not kept: the next one replaces it. */
  const sendLatest = (send: () => Promise<void>) => {
    if (!store.state().connected) reportsLost++;
    else send().catch(() => reportsLost++);
  };
  const sendReport = (pop: Pop) => {
    const report = reportOf(pop, { nowMs: clock.nowMs(), model, traffic, weather: weather.now() });
    const isNews = isReportNews(lastReports.get(pop.code), report);
    lastReports.set(pop.code, report);
    sendLatest(() => store.putReport(report, isNews));
  };

  return {
    step: () => {
      const nowMs = clock.nowMs();
      const elapsedMs = Math.max(0, Math.min(STEP_MAX_MS, nowMs - lastMs));
      /** By the clock and not by steps: a process that is busy steps seldom. */
      const isTurn = (place: number, everyMs: number): boolean => {
        const shiftMs = place * STEP_MS;
        return Math.floor((nowMs + shiftMs) / everyMs) !== Math.floor((lastMs + shiftMs) / everyMs);
      };
      if (isFirst || isTurn(0, COUNT_EVERY_MS)) traffic.advance(nowMs);
      bursts.advance(elapsedMs, { nowMs, model, traffic, weather: weather.now() });
      for (const pop of fleet.pops) {
        const isNews = bursts.hasNews(pop.index, nowMs);
        if (isNews || isTurn(pop.index, BATCH_EVERY_MS)) {
          const samples = bursts.take(pop.index);
          const batch = { pop: pop.code, atMs: nowMs, source: 'modelled', samples } as const;
          if (samples.length > 0) outbox.put(batch, isNews);
        }
        if (isFirst || isTurn(pop.index, REPORT_EVERY_MS)) sendReport(pop);
        if (isFirst || isTurn(pop.index, DEMAND_EVERY_MS))
          sendLatest(() => store.putDemand(pop.code, traffic.demandOf(pop.index)));
      }
      outbox.flush(nowMs);
      lastMs = nowMs;
      isFirst = false;
    },
    readChanges: weather.read,
    readTargets: targets.read,
    counts: () => ({ ...bursts.counts(), reportsLost, ...outbox.counts() }),
  };
}

function reportOf(pop: Pop, { nowMs, model, traffic, weather }: Situation): PopReport {
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
