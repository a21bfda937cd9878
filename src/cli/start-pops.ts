import type { CounterSnapshot } from '../base/counters.ts';
import type { Config } from '../config/config.ts';
import type { PopCertificate } from '../pop/authority.ts';
import { BUILT_IN_ID, builtInDistribution, builtInRegion } from '../pop/built-in.ts';
import { startDemoOrigin } from '../pop/demo-origin.ts';
import { followDrains } from '../pop/drains.ts';
import { type PopOptions, type Pops, startPops } from '../pop/pops.ts';
import { accessLogCounters, openAccessLog } from './access-log-file.ts';
import { aheadMs } from './ahead.ts';
import { edgeParts } from './distributions.ts';
import { fastOpen } from './fast-open.ts';
import type { CloseLater } from './long-running.ts';
import { openSecurity, type SecurityNeeds } from './security-files.ts';

/** What `startConfiguredPops` needs. */
export interface StartPopsOptions
  extends Pick<
    PopOptions,
    'explain' | 'beaconScript' | 'only' | 'anyAddress' | 'port' | 'serviceOf' | 'clock' | 'log'
  > {
  readonly config: Pick<Config, 'fleet' | 'edge' | 'security' | 'services'>;
  readonly certificate: PopCertificate;
  readonly isDraining: (popIndex: number) => boolean;
  /** Whether clients of this machine may say in whose place they ask. */
  readonly believesClients: boolean;
  readonly terminal: SecurityNeeds['terminal'];
  /** Finds clients, for rules by country and AS. */
  readonly whereabouts: SecurityNeeds['whereabouts'];
  readonly closeLater: CloseLater;
}

/**
 * Starts the POPs as the configuration says; a demo origin stands behind every host of which it says nothing.
 * Throws `OperatorError`.
 */
export async function startConfiguredPops(options: StartPopsOptions): Promise<Pops> {
  const { config, certificate, isDraining, closeLater, terminal, whereabouts, ...rest } = options;
  const security = openSecurity(config, { terminal, whereabouts, log: options.log, closeLater });
  const { fleet, edge } = config;
  const { distributions, policies, settings } = edgeParts(edge, security);
  const { accessLog } = edge.tier;
  const file = accessLog === undefined ? undefined : await openAccessLog(accessLog, options.log);
  if (file !== undefined) closeLater(file.close);
  const isAllConfigured = distributions.some(({ domains }) => domains.includes('*'));
  const own = isAllConfigured ? [] : [await builtIn(options)];
  const pops = await startPops({
    ...rest,
    onListening: await fastOpen(),
    fleet,
    certificate,
    distributions: [...distributions, ...own],
    policies,
    builtIn: new Set([BUILT_IN_ID]),
    settings,
    isDraining,
    aheadMs: aheadMs(config),
    accessLog: file?.write,
  });
  closeLater(pops.close);
  const answersLastMs = Math.max(0, ...config.services.map(({ ttl }) => ttl.max)) * 1000;
  closeLater(followDrains({ fleet, pops, isDraining, answersLastMs, log: options.log }));
  const counters = (): CounterSnapshot => {
    const [own, its] = [pops.counters(), security.counts.read()];
    const { families } = accessLogCounters(file?.lost() ?? 0);
    return { ...own, families: [...own.families, ...its.families, ...families] };
  };
  return { ...pops, counters };
}

async function builtIn({ config, clock, closeLater }: StartPopsOptions) {
  const origin = await startDemoOrigin(clock);
  closeLater(origin.close);
  return builtInDistribution(origin.url, builtInRegion(config.fleet));
}
