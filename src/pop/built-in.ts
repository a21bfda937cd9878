import type { Fleet } from '../base/fleet.ts';
import { plainBehaviour, plainOrigin } from './policies.ts';
import type { Distribution } from './request-path.ts';

/** The distribution of all hosts for which none is configured: the demo origin. */
export const BUILT_IN_ID = 'demo';

/** Where the demo origin is taken to stand: with most clouds' first region, or with the first POP. */
export function builtInRegion({ pops }: Fleet): string {
  return (pops.find(({ code }) => code === 'IAD') ?? pops[0])?.region ?? '';
}

/** Where the demo origin is taken to stand: the operator's region. */
export function builtInDistribution(origin: URL, region: string): Distribution {
  const target = { ...plainOrigin(BUILT_IN_ID, origin, region), responseTimeoutMs: 15_000 };
  return { id: BUILT_IN_ID, domains: ['*'], behaviours: [plainBehaviour(target)], shieldRegion: undefined };
}
