import { plainBehaviour, plainOrigin } from './policies.ts';
import type { Distribution } from './request-path.ts';

/** The distribution of all hosts for which none is configured: the demo origin. */
export const BUILT_IN_ID = 'demo';

/** Where the demo origin is taken to stand: the operator's region. */
export function builtInDistribution(origin: URL, region: string): Distribution {
  const target = { ...plainOrigin('demo', origin, region), responseTimeoutMs: 15_000 };
  return { id: BUILT_IN_ID, domains: ['*'], behaviours: [plainBehaviour(target)], shieldRegion: undefined };
}
