import type { Fleet, Link, Pop } from '../base/fleet.ts';
import type { Random } from '../base/random.ts';
import type { ModelBurst, NetModel, WeatherByPop } from '../netmodel/model.ts';
import { BATCH_SAMPLES_MAX } from '../store/bounds.ts';
import type { Sample } from '../store/store.ts';
import type { ModelledClient } from './clients.ts';
import { createNews } from './news.ts';
import type { Targets } from './targets.ts';
import type { Traffic } from './traffic.ts';

/** What the modelled internet is like at a moment. */
export interface Situation {
  /** ms since 1970 UTC. */
  readonly nowMs: number;
  readonly model: NetModel;
  readonly traffic: Traffic;
  readonly weather: WeatherByPop;
}

/** The agents' measurements. */
export interface Bursts {
  /** Measures what became due in that time. */
  readonly advance: (elapsedMs: number, situation: Situation) => void;
  /** Samples of a POP since the last time; at most one batch of them. */
  readonly take: (popIndex: number) => readonly Sample[];
  /** Whether the POP's samples show a change that the controller should hear of at once; told once. */
  readonly hasNews: (popIndex: number, nowMs: number) => boolean;
  readonly counts: () => BurstCounts;
}

/** Since the start. */
export interface BurstCounts {
  readonly bursts: number;
  /** Wanted of networks that are not in the modelled internet. */
  readonly unknownTargets: number;
}

/** What `createBursts` needs. */
export interface BurstOptions {
  readonly fleet: Fleet;
  readonly clients: readonly ModelledClient[];
  readonly targets: Targets;
  readonly random: Random;
}

const PINGS_PER_BURST = 3;
/** An agent stays with its link until another has so much less queue, ms. */
const LINK_QUEUE_SLACK_MS = 1;

/** Measures what the controller wants, each burst three pings from one POP to one network. */
export function createBursts({ fleet, clients, targets, random }: BurstOptions): Bursts {
  const clientOf = new Map(clients.map((client) => [client.network, client]));
  const pending: Sample[][] = fleet.pops.map(() => []);
  const news = fleet.pops.map(() => createNews());
  const counts = { bursts: 0, unknownTargets: 0 };
  return {
    advance: (elapsedMs, situation) => {
      const { model, traffic, weather, nowMs } = situation;
      const links = fleet.pops.map((pop) => measuringLink(pop, situation));
      const measure = (popIndex: number, network: string): void => {
        const client = clientOf.get(network);
        if (client === undefined) {
          counts.unknownTargets++;
          return;
        }
        const { link, queueMs } = links[popIndex] as MeasuringLink;
        const linkRps = traffic.linkRps[link.index] ?? 0;
        const path = { placeId: client.placeId, asn: client.asn, linkIndex: link.index };
        const burst = model.burst(path, { weather, linkRps, pings: PINGS_PER_BURST, random });
        const samples = pending[popIndex] as Sample[];
        const sample = sampleOf(network, burst, queueMs);
        if (samples.length < BATCH_SAMPLES_MAX) samples.push(sample);
        news[popIndex]?.note(network, sample);
        counts.bursts++;
      };
      targets.advance(elapsedMs, measure);
      for (const [popIndex, { doubted }] of news.entries())
        for (const network of doubted(nowMs)) measure(popIndex, network);
    },
    take: (popIndex) => {
      const samples = pending[popIndex] ?? [];
      pending[popIndex] = [];
      return samples;
    },
    hasNews: (popIndex, nowMs) => news[popIndex]?.take(nowMs) === true,
    counts: () => counts,
  };
}

interface MeasuringLink {
  readonly link: Link;
  /** Standing queue on it, ms. */
  readonly queueMs: number;
}

/** The link that an agent measures over: its first, or the one with clearly less queue. */
function measuringLink(pop: Pop, { model, traffic, weather }: Situation): MeasuringLink {
  let best: MeasuringLink | undefined;
  for (const link of pop.links) {
    const { queueMs } = model.linkReport(link.index, traffic.linkRps[link.index] ?? 0, weather);
    if (best === undefined || queueMs + LINK_QUEUE_SLACK_MS < best.queueMs) best = { link, queueMs };
  }
  return best as MeasuringLink;
}

/** The queue of the POP's own link is taken off: the report tells of it, and it must not count twice. */
function sampleOf(network: string, burst: ModelBurst, queueMs: number): Sample {
  const { rttMs, meanMs, sent, lost } = burst;
  if (rttMs === undefined || meanMs === undefined) return { network, sent, lost };
  return { network, rttMs: rttMs - queueMs, jitterMs: meanMs - rttMs, sent, lost };
}
