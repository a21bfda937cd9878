import type { Fleet } from '../base/fleet.ts';
import type { LocatedDemand } from '../steering/decider-state.ts';
import { rowOf } from '../steering/image.ts';
import type { Foreseen } from './foresee.ts';
import { type PopShare, popShares } from './shares.ts';

/** Who of a table's clients gets which POP, in a service group. */
export function sharesIn(
  { image, terms }: Pick<Foreseen, 'image' | 'terms'>,
  fleet: Fleet,
): (at: LocatedDemand, group: number) => PopShare[] {
  const linkPop = Int32Array.from(fleet.links, ({ popIndex }) => popIndex);
  return (at, group) =>
    popShares(image, rowOf(image, group, at.placeId, at.asn, at.network), {
      linkPop,
      isOut: (pop) => terms.pops[pop]?.state !== 'up' && terms.groups[group]?.failOpen !== true,
    });
}

/** Demand by service group: that for any service is shared by all. */
export function byGroup(
  one: LocatedDemand,
  groupCount: number,
): readonly { readonly group: number; readonly rps: number }[] {
  if (one.group >= 0) return one.group < groupCount ? [one] : [];
  return Array.from({ length: groupCount }, (_, group) => ({ group, rps: one.rps / groupCount }));
}

/** By POP: the load that a table brings, with that of others, requests/s. */
export function loadOf(
  foreseen: Foreseen,
  world: { readonly fleet: Fleet; readonly groupCount: number; readonly demand: readonly LocatedDemand[] },
): Float64Array {
  const loadRps = othersOf(foreseen);
  const shares = sharesIn(foreseen, world.fleet);
  for (const one of world.demand)
    for (const { group, rps } of byGroup(one, world.groupCount))
      for (const { pop, share } of shares(one, group)) loadRps[pop] = (loadRps[pop] as number) + rps * share;
  return loadRps;
}

function othersOf({ terms }: Foreseen): Float64Array {
  return Float64Array.from(terms.pops, ({ externalRps }) => externalRps);
}
