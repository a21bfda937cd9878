import { whole } from './baselines.ts';
import type { Steerer } from './steerer.ts';
import type { Truth } from './truth.ts';

/**
 * The best that latency alone allows: the truly best POP that may serve, each tick. It reads the truth, as
 * nobody else does, and looks at no capacity.
 */
export function oracleSteerer(truth: Truth): Steerer {
  return { plan: () => [], tick: () => undefined, answer: (cell) => whole(truth.bestPop(cell)) };
}
