import type { Pop } from '../base/fleet.ts';
import { createAgent, STEP_MS } from '../probe/agent.ts';
import { createOutbox } from '../probe/outbox.ts';
import type { PopReport, Store } from '../store/store.ts';
import { systemClock } from './live.ts';
import type { PopTier } from './pop-tier.ts';

/** Reports each POP's load and demand. Returns how to stop. */
export function reportPops(
  own: readonly Pop[],
  parts: { readonly pops: PopTier; readonly store: Store; readonly wish: () => string | undefined },
): () => void {
  const { pops, store, wish } = parts;
  const outbox = createOutbox(store);
  const agents = own.map((pop, turn) =>
    createAgent({
      pop: pop.code,
      source: 'measured',
      sink: store,
      outbox,
      // Networks are measured by `isochrone agent`, or by nobody.
      pinger: { burst: (_target, _nowMs, done) => done('unknown') },
      figures: {
        report: (nowMs) => reportOf(pop, nowMs, { pops, drain: wish() }),
        demand: () => pops.load(pop.index).demand,
        expectedRps: () => pops.load(pop.index).expectedRps,
      },
      turn,
    }),
  );
  const timer = setInterval(() => {
    const nowMs = systemClock.nowMs();
    for (const agent of agents) agent.step(nowMs);
  }, STEP_MS);
  return () => clearInterval(timer);
}

function reportOf(
  pop: Pop,
  nowMs: number,
  { pops, drain }: { readonly pops: PopTier; readonly drain: string | undefined },
): PopReport {
  const { rps, expectedRps, connections, mbps } = pops.load(pop.index);
  return {
    pop: pop.code,
    atMs: nowMs,
    source: 'measured',
    loadRps: rps,
    steeredRps: rps,
    ...(expectedRps > rps && { expectedRps }),
    capacityRps: pop.capacityRps,
    healthy: true,
    connections,
    ...(drain === undefined ? {} : { drain }),
    links: pop.links.map(({ id, index, capacityMbps }) => ({
      id,
      throughputMbps: mbps.get(index) ?? 0,
      capacityMbps,
      queueMs: 0,
      lossRate: 0,
    })),
  };
}
