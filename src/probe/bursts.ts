import type { Fleet, Link, Pop } from '../base/fleet.ts';
import type { Random } from '../base/random.ts';
import type { NetModel, WeatherByPop } from '../netmodel/model.ts';
import { BATCH_SAMPLES_MAX, type Sample } from '../store/store.ts';
import { createRotation, type Target } from './rotation.ts';
import type { Traffic } from './traffic.ts';

/** What the modelled internet is like at a moment. */
export interface Situation {
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
  /** Bursts since the start. */
  readonly count: () => number;
}

/** What `createBursts` needs. */
export interface BurstOptions {
  readonly fleet: Fleet;
  readonly targets: readonly Target[];
  readonly burstsPerSecond: number;
  readonly random: Random;
}

const PINGS_PER_BURST = 3;
/** An agent stays with its link until another has so much less queue, ms. */
const LINK_QUEUE_SLACK_MS = 1;

/** Measures the targets in rotation, each burst three pings from one POP to one network. */
export function createBursts({ fleet, targets, burstsPerSecond, random }: BurstOptions): Bursts {
  const rotation = createRotation(targets, burstsPerSecond);
  const pending: Sample[][] = fleet.pops.map(() => []);
  let count = 0;
  return {
    advance: (elapsedMs, situation) => {
      const { model, traffic, weather } = situation;
      const links = fleet.pops.map((pop) => measuringLink(pop, situation));
      rotation.advance(elapsedMs, (targetIndex, popIndex) => {
        const { network, placeId, asn } = targets[targetIndex] as Target;
        const { link, queueMs } = links[popIndex] as MeasuringLink;
        const linkRps = traffic.linkRps[link.index] ?? 0;
        const path = { placeId, asn, linkIndex: link.index };
        const burst = model.burst(path, { weather, linkRps, pings: PINGS_PER_BURST, random });
        const samples = pending[popIndex] as Sample[];
        if (samples.length < BATCH_SAMPLES_MAX) samples.push(sampleOf(network, burst, queueMs));
        count++;
      });
    },
    take: (popIndex) => {
      const samples = pending[popIndex] ?? [];
      pending[popIndex] = [];
      return samples;
    },
    count: () => count,
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
function sampleOf(
  network: string,
  burst: { readonly rttMs?: number; readonly sent: number; readonly lost: number },
  queueMs: number,
): Sample {
  const { rttMs, sent, lost } = burst;
  return rttMs === undefined ? { network, sent, lost } : { network, rttMs: rttMs - queueMs, sent, lost };
}
