import type { Prefix } from '../base/address.ts';
import type { SampleBatch } from '../store/store.ts';
import { type Agent, type AgentCounts, createAgent, STEP_MS, TARGETS_EVERY_MS } from './agent.ts';
import { createHostFigures, type HostFiguresOptions } from './host-figures.ts';
import { loadNative } from './native.ts';
import { createOutbox, type OutboxCounts } from './outbox.ts';
import { openPassive, type Passive } from './passive.ts';
import { createPinger, type PingerOptions, type RealPinger } from './pinger.ts';
import { type Bounds, createPoliteness, type Restraint } from './polite.ts';
import type { Sink } from './sink.ts';
import { type Manners, openWays } from './ways.ts';

/** What a real agent needs. */
export interface RealAgentOptions
  extends Omit<HostFiguresOptions, 'near' | 'demand' | 'userAgent'>,
    Omit<PingerOptions, 'ways' | 'politeness'> {
  readonly sink: Sink;
  readonly bounds: Bounds;
  readonly manners: Manners;
  /** Local TCP ports whose connections are looked at, and how often, ms. */
  readonly passivePorts: readonly number[];
  readonly passiveEveryMs: number;
  readonly nowMs: () => number;
}

/** A running agent. */
export interface RealAgent {
  readonly agent: Agent;
  /** A pinger like its own, under the same bounds, that sends so many pings a burst. */
  readonly pingerWith: (pings: number) => RealPinger;
  /** What it cannot do here, for people. */
  readonly declined: readonly string[];
  readonly counts: () => RealCounts;
  /** Nobody in these prefixes is asked anything from now on. */
  readonly setOptOut: (optOut: readonly Prefix[]) => void;
  /** Wishes for a drain, or takes that back. */
  readonly toggleDrain: () => void;
  readonly close: () => void;
}

/** Since the start, but for `underWay`, `connections` and `waiting`: now. */
export interface RealCounts extends AgentCounts, OutboxCounts {
  readonly underWay: number;
  readonly restraints: Readonly<Record<Restraint, number>>;
  readonly connections: number;
  readonly passiveSamples: number;
  readonly passiveFailures: number;
  readonly exporterFailures: number;
}

const EXPORTER_EVERY_MS = 5_000;
const GATEWAYS_EVERY_MS = 2_000;
/** Batches wait so long for a store that is away: older ones nobody takes any more, ms. */
const WAIT_MAX_MS = 120_000;

/** Starts an agent of the real internet on timers. */
export async function startRealAgent(options: RealAgentOptions): Promise<RealAgent> {
  const { sink, pop, nowMs, manners } = options;
  const loaded = await loadNative();
  const ways = openWays(loaded, manners);
  const politeness = createPoliteness(options.bounds);
  const pingerWith = (pings: number): RealPinger => createPinger({ ...options, ways, politeness, pings });
  const pinger = pingerWith(options.pings);
  const opened = options.passivePorts.length === 0 ? undefined : openPassive(loaded, options.passivePorts);
  const passive = opened === undefined || 'declined' in opened ? undefined : opened;
  const figures = createHostFigures({
    ...options,
    userAgent: `isochrone-agent/${manners.version}`,
    near: pinger.near,
    demand: (rps) => passive?.demand(rps) ?? [],
  });
  const outbox = createOutbox(sink, WAIT_MAX_MS);
  const agent = createAgent({
    pop: pop.code,
    source: 'measured' satisfies SampleBatch['source'],
    sink,
    outbox,
    pinger,
    figures,
    turn: 0,
  });
  const looks = passiveLooks(options, { agent, passive, count: figures.setConnections });
  const watch = awayWatch(options, outbox);
  const stop = startTimers([
    [
      STEP_MS,
      () => {
        agent.step(nowMs());
        outbox.flush(nowMs());
        watch();
      },
    ],
    [TARGETS_EVERY_MS, agent.readTargets],
    [EXPORTER_EVERY_MS, () => figures.readExporter(nowMs())],
    [GATEWAYS_EVERY_MS, figures.askGateways],
    [options.passiveEveryMs, looks.look],
  ]);
  const stopListening = sink.onChange((topic) => {
    if (topic === 'targets') void agent.readTargets();
  });
  return {
    agent,
    pingerWith,
    declined: [...ways.declined, ...(opened !== undefined && 'declined' in opened ? [opened.declined] : [])],
    counts: () => ({
      ...agent.counts(),
      ...outbox.counts(),
      ...looks.counts(),
      underWay: pinger.underWay(),
      restraints: politeness.counts(),
      exporterFailures: figures.exporterFailures(),
    }),
    setOptOut: politeness.setOptOut,
    toggleDrain: () => {
      figures.toggleDrain();
      agent.reportNow(nowMs());
    },
    close: () => {
      stopListening();
      stop();
      passive?.close();
      ways.close();
    },
  };
}

/** Does each work now and then every so many ms. Returns how to stop. */
function startTimers(works: readonly (readonly [everyMs: number, work: () => unknown])[]): () => void {
  for (const [, work] of works) void work();
  const timers = works.map(([everyMs, work]) => setInterval(work, everyMs));
  return () => timers.forEach(clearInterval);
}

/** Looks at connections, one look at a time; what went wrong is said once, until it goes well again. */
function passiveLooks(
  { nowMs, log }: RealAgentOptions,
  parts: { agent: Agent; passive: Passive | undefined; count: (connections: number) => void },
) {
  const { agent, passive, count } = parts;
  const counts = { connections: 0, passiveSamples: 0, passiveFailures: 0 };
  let isLooking = false;
  let isFailing = false;
  return {
    counts: () => counts,
    look: async (): Promise<void> => {
      if (passive === undefined || isLooking) return;
      isLooking = true;
      const { samples, connections, fault } = await passive.look(nowMs());
      isLooking = false;
      if (fault !== undefined) {
        counts.passiveFailures++;
        if (!isFailing) log(fault);
      } else {
        counts.connections = connections;
        counts.passiveSamples += samples.length;
        count(connections);
        samples.forEach(agent.take);
      }
      isFailing = fault !== undefined;
    },
  };
}

/** Says when the store goes, and what became of the batches when it is back. */
function awayWatch({ sink, log }: RealAgentOptions, outbox: ReturnType<typeof createOutbox>): () => void {
  let isAway = false;
  let droppedBefore = 0;
  return () => {
    const { connected, address, lastError } = sink.state();
    const { waiting, dropped } = outbox.counts();
    if (connected === !isAway) return;
    isAway = !connected;
    if (isAway) {
      droppedBefore = dropped;
      log(`${address} cannot be reached: samples wait here, the newest ${outbox.most} batches`);
      if (lastError !== undefined) log(`${address}: ${lastError}`);
    } else log(`${address} is back: ${waiting} batches waited, ${dropped - droppedBefore} were dropped`);
  };
}
