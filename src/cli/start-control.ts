import { type Control, startControl } from '../control/loop.ts';
import type { ControlOptions } from '../control/running.ts';
import type { controlMetrics } from './control-metrics.ts';
import type { Ground } from './ground.ts';
import type { Health } from './health.ts';
import { holderName } from './holder.ts';
import { systemClock } from './live.ts';
import type { CloseLater } from './long-running.ts';

/** Where no other process can lead, one that stands still for a moment need not give the lease up, ms. */
const ALONE_LEASE_MS = 60_000;

/** What of the control loop differs between the commands that run it. */
type Parts = Pick<
  ControlOptions,
  'store' | 'decider' | 'locator' | 'targetBook' | 'initial' | 'onImage' | 'log'
> & {
  readonly role: 'up' | 'control';
  readonly health: Health;
  readonly metrics: ReturnType<typeof controlMetrics>;
  readonly closeLater: CloseLater;
};

/** Runs the control loop as the configuration says; it takes part in the election of the one that decides. */
export async function startControlLoop(ground: Ground, parts: Parts): Promise<Control> {
  const { config, places, words, maintenance, groupOf } = ground;
  const { role, health, metrics, closeLater, ...rest } = parts;
  const { tickMs, samplesPerTickMax, burstsPerSecond } = config.control;
  const control = await startControl({
    ...rest,
    fleet: config.fleet,
    placesDigest: places.digest,
    clock: systemClock,
    words,
    health: health.watch,
    maintenance,
    tickMs,
    samplesPerTickMax,
    burstsPerSecond,
    groupOfService: new Map(config.services.map(({ name }, i) => [name, groupOf[i] ?? -1])),
    holder: holderName(role),
    ...(rest.store.kind === 'memory' ? { leaseMs: ALONE_LEASE_MS } : {}),
  });
  metrics.observe(control);
  closeLater(control.close);
  return control;
}
