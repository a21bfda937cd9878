import type { Fleet, Pop } from '../base/fleet.ts';

/** The POP in whose place a region's cache stands: the largest of the region; undefined: it has none. */
export function regionalPop({ pops }: Fleet, region: string): Pop | undefined {
  let best: Pop | undefined;
  for (const pop of pops)
    if (pop.region === region && (best === undefined || pop.capacityRps > best.capacityRps)) best = pop;
  return best;
}
