import type { z } from 'zod';
import type { cachePoliciesSchema, distributionsSchema, originsSchema, popTierSchema } from './schema-pop.ts';

/** What the POPs serve and how, as configured; defaults filled in. */
export interface EdgeConfig {
  /** `accessLog` ready to open. */
  readonly tier: z.output<typeof popTierSchema>;
  readonly cachePolicies: z.output<typeof cachePoliciesSchema>;
  readonly origins: z.output<typeof originsSchema>;
  readonly distributions: z.output<typeof distributionsSchema>;
}

/** The part of the configuration that is of the POP tier, with paths ready to open. */
export function edgeOf(
  parsed: {
    readonly popTier: EdgeConfig['tier'];
    readonly cachePolicies: EdgeConfig['cachePolicies'];
    readonly origins: EdgeConfig['origins'];
    readonly distributions: EdgeConfig['distributions'];
  },
  path: (text: string) => string,
): EdgeConfig {
  const { popTier, cachePolicies, origins, distributions } = parsed;
  const { accessLog } = popTier;
  return {
    tier: { ...popTier, accessLog: accessLog === undefined ? undefined : path(accessLog) },
    cachePolicies,
    origins,
    distributions,
  };
}
