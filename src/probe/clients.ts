import type { Fleet } from '../base/fleet.ts';
import { distanceKm } from '../base/geodesy.ts';
import type { Places } from '../geo/places.ts';
import type { ClientNetwork } from '../netmodel/networks.ts';

/** A client network of the modelled internet. */
export interface ModelledClient {
  /** As in samples: `203.0.113.0/24`. */
  readonly network: string;
  readonly placeId: number;
  readonly asn: number;
  /** Share of all demand. */
  readonly weight: number;
  /** Index of the POP that is nearest by geography: whom its clients ask until something is decided. */
  readonly nearestPop: number;
}

/** Places the networks. Those whose place is not known are left out. */
export function clientsOf(
  networks: readonly ClientNetwork[],
  world: { readonly fleet: Fleet; readonly places: Places },
): ModelledClient[] {
  const { fleet, places } = world;
  const nearestOf = new Map<number, number>();
  const clients: ModelledClient[] = [];
  for (const { prefixText, placeKey, asn, weight } of networks) {
    const placeId = places.idOf(placeKey);
    if (placeId < 0) continue;
    const nearestPop = nearestOf.get(placeId) ?? nearest(fleet, places, placeId);
    nearestOf.set(placeId, nearestPop);
    clients.push({ network: prefixText, placeId, asn, weight, nearestPop });
  }
  return clients;
}

function nearest({ pops }: Fleet, places: Places, placeId: number): number {
  const from = {
    latitude: places.latitude[placeId] as number,
    longitude: places.longitude[placeId] as number,
  };
  let best = 0;
  let bestKm = Infinity;
  for (const pop of pops) {
    const km = distanceKm(from, pop);
    if (km >= bestKm) continue;
    best = pop.index;
    bestKm = km;
  }
  return best;
}
