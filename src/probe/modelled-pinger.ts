import type { Link, Pop } from '../base/fleet.ts';
import type { Random } from '../base/random.ts';
import type { ModelBurst, NetModel, WeatherByPop } from '../netmodel/model.ts';
import type { Outcome, Pinger } from './agent.ts';
import type { ModelledClient } from './clients.ts';
import type { Traffic } from './traffic.ts';

/** What the modelled internet is like now. */
export interface Situation {
  readonly model: NetModel;
  readonly traffic: Traffic;
  readonly weather: () => WeatherByPop;
}

const PINGS_PER_BURST = 3;
/** An agent stays with its link until another has so much less queue, ms. */
const LINK_QUEUE_SLACK_MS = 1;

/** Measures the modelled internet in place of the real one. */
export function modelledPinger(
  pop: Pop,
  options: Situation & {
    readonly clientOf: ReadonlyMap<string, ModelledClient>;
    readonly random: Random;
  },
): Pinger {
  const { clientOf, model, traffic, random } = options;
  let link: MeasuringLink | undefined;
  let linkAtMs = Number.NaN;
  return {
    burst: ({ network }, nowMs, done) => {
      const client = clientOf.get(network);
      if (client === undefined) {
        done('unknown');
        return;
      }
      if (link === undefined || linkAtMs !== nowMs) link = measuringLink(pop, options);
      linkAtMs = nowMs;
      const { index } = link.link;
      const path = { placeId: client.placeId, asn: client.asn, linkIndex: index };
      const linkRps = traffic.linkRps[index] ?? 0;
      const weather = options.weather();
      const burst = model.burst(path, { weather, linkRps, pings: PINGS_PER_BURST, random });
      done(outcomeOf(burst, link.queueMs));
    },
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
    const { queueMs } = model.linkReport(link.index, traffic.linkRps[link.index] ?? 0, weather());
    if (best === undefined || queueMs + LINK_QUEUE_SLACK_MS < best.queueMs) best = { link, queueMs };
  }
  return best as MeasuringLink;
}

/** The queue of the POP's own link is taken off: the report tells of it, and it must not count twice. */
function outcomeOf({ rttMs, meanMs, sent, lost }: ModelBurst, queueMs: number): Outcome {
  if (rttMs === undefined || meanMs === undefined) return { sent, lost };
  return { rttMs: rttMs - queueMs, jitterMs: meanMs - rttMs, sent, lost };
}
