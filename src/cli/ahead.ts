import type { Config } from '../config/config.ts';

/**
 * From a request to the answers that its load changes it takes so long, ms: half a second to count it, the
 * rest to tell, to decide and to publish. Clients follow as their old answers end. Load is expected so far
 * ahead at most, ms: a rise of some seconds tells no more.
 */
const REACTION_MS = 1_500;
const AHEAD_MAX_MS = 10_000;

/** How far ahead POPs look for the load that they expect, ms: until answers that are made now count. */
export function aheadMs({ services }: Pick<Config, 'services'>): number {
  return Math.min(AHEAD_MAX_MS, REACTION_MS + Math.min(...services.map(({ ttl }) => ttl.min)) * 1000);
}
