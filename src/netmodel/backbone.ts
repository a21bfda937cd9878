import { distanceKm, type Location } from '../base/geodesy.ts';
import { PROPAGATION_MS_PER_KM } from './path.ts';

/**
 * Stretch of an operator's own lines against the great circle: better than that of paths between strangers,
 * who meet where they meet. Chosen.
 */
const BACKBONE_STRETCH = 1.4;
/** Routers and the last metres inside two buildings, ms. Chosen. */
const BACKBONE_MIN_MS = 0.3;

/** Round-trip time between two places of the operator's own network, ms: POP, regional cache, origin. */
export function backboneRttMs(from: Location, to: Location): number {
  return BACKBONE_MIN_MS + distanceKm(from, to) * PROPAGATION_MS_PER_KM * BACKBONE_STRETCH;
}
