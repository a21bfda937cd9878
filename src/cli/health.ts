import { hostname } from 'node:os';
import { must } from '../base/assert.ts';
import type { Pop } from '../base/fleet.ts';
import type { Random } from '../base/random.ts';
import type { Config } from '../config/config.ts';
import type { HealthMetrics } from '../console/api-health.ts';
import { type HealthWatch, startHealthWatch } from '../control/health-watch.ts';
import { popsCheckedBy } from '../probe/check-shares.ts';
import { type Checks, type PopChecks, startChecks } from '../probe/checks.ts';
import type { HealthView, Store } from '../store/store.ts';
import type { Ground } from './ground.ts';
import { systemClock } from './live.ts';
import type { CloseLater } from './long-running.ts';

/** The health of POPs as one process sees and judges it. */
export interface Health {
  readonly watch: HealthWatch;
  /** Begins to check the POPs as a name server does. */
  readonly startNameServerChecks: () => void;
  readonly metrics: () => HealthMetrics;
}

const chance: Random = { next: Math.random };

/** Judges the views in the store; checks POPs too once told so. */
export function startHealth(
  ground: Ground,
  options: { store: Store; log: (message: string) => void; closeLater: CloseLater },
): Health {
  const { config, words } = ground;
  const { store, log, closeLater } = options;
  const { fleet, health: params } = config;
  const watch = startHealthWatch({ store, fleet, params, clock: systemClock, words, log });
  closeLater(watch.close);
  let checks: Checks | undefined;
  const verdictTimes = { count: 0, sumMs: 0, lastMs: 0 };
  watch.onVerdict((downs) => {
    for (const popIndex of downs) {
      const sinceMs = checks?.failingSinceMs(must(fleet.pops[popIndex], 'POP').code) ?? 0;
      if (sinceMs === 0) continue;
      verdictTimes.lastMs = Math.max(0, systemClock.nowMs() - sinceMs);
      verdictTimes.sumMs += verdictTimes.lastMs;
      verdictTimes.count++;
    }
  });
  return {
    watch,
    startNameServerChecks: () => {
      const prober = `ns:${hostname()}:${process.pid}`;
      checks = startProberChecks(config, { prober, store, onView: watch.takeOwn });
      closeLater(() => checks?.close());
    },
    metrics: () => ({
      checks: checks?.counts() ?? { made: 0, failed: 0, postponed: 0, viewsLost: 0 },
      watch: watch.stats(),
      votes: watch.verdicts().map(({ votes, downVotes }, popIndex) => ({
        pop: must(fleet.pops[popIndex], 'POP').code,
        up: votes - downVotes,
        down: downVotes,
      })),
      verdictTimes,
    }),
  };
}

/** Where views go. */
type CheckStore = Pick<Store, 'putHealth' | 'state'>;

/**
 * Starts the checks of one prober: of a name server, of all POPs; of the agent of a POP, of those others that
 * fall to it.
 */
export function startProberChecks(
  config: Config,
  options: { prober: string; pop?: string; store: CheckStore; onView?: (view: HealthView) => void },
): Checks {
  const { prober, pop, store, onView } = options;
  const { fleet, health } = config;
  const checked = pop === undefined ? fleet.pops : popsCheckedBy(fleet, pop, health.agentsPerPop);
  return startChecks({
    prober,
    pops: checked.flatMap((one) => checksOf(config, one)),
    store,
    clock: systemClock,
    random: chance,
    ...(onView === undefined ? {} : { onView }),
  });
}

function checksOf({ health }: Config, pop: Pop): readonly PopChecks[] {
  const spec = health.checks[pop.index];
  if (spec === undefined) return [];
  const of = (family: 'ipv4' | 'ipv6'): string[] => pop.links.flatMap((link) => link[family] ?? []);
  const wanted = of(spec.address);
  const addresses = wanted.length > 0 ? wanted : of(spec.address === 'ipv4' ? 'ipv6' : 'ipv4');
  return addresses.length === 0 ? [] : [{ pop: pop.code, addresses, spec }];
}
