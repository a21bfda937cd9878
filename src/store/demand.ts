import type { Demand } from './store.ts';

/** One entry per network and service, its demand summed over the lists. */
export function sumDemand(lists: Iterable<readonly Demand[]>): Demand[] {
  const sums = new Map<string, Demand>();
  for (const list of lists) {
    for (const demand of list) {
      const key = `${demand.network} ${demand.service ?? ''}`;
      const before = sums.get(key);
      sums.set(key, before === undefined ? demand : { ...demand, rps: before.rps + demand.rps });
    }
  }
  return [...sums.values()];
}
