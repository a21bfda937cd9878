import { cellOf, ensureLeaf } from './cells.ts';
import type { DeciderState, LocatedDemand } from './decider-state.ts';
import { NONE } from './units.ts';

/**
 * Total of the demand that is assumed while none is known: next to nothing, spread by the places' weights.
 */
const ASSUMED_RPS = 1;

/**
 * Sets the demand of every unit. Where none is known at all, next to nothing is assumed, by the places'
 * addresses.
 */
export function setDemand(state: DeciderState, demand: readonly LocatedDemand[]): void {
  const { cells, options } = state;
  state.demandRps.fill(0);
  state.planner.rps.fill(0);
  let total = 0;
  for (const { network, placeId, asn, rps, group } of demand) {
    if (!(rps > 0) || !Number.isFinite(rps) || placeId < 0) continue;
    const leaf = ensureLeaf(cells, { network, placeId, asn });
    if (leaf >= 0) addTargetRps(state, leaf, rps);
    addDemand(state, { cell: cellOf(cells, { network, placeId, asn }), group, rps });
    total += rps;
  }
  if (total > 0) return;
  const { parent, weight, count } = options.geometry;
  const isLeaf = new Uint8Array(count).fill(1);
  for (const above of parent) if (above >= 0) isLeaf[above] = 0;
  for (let cell = 0; cell < count; cell++)
    if (isLeaf[cell] === 1)
      addDemand(state, { cell, group: NONE, rps: ASSUMED_RPS * (weight[cell] as number) });
}

function addDemand(state: DeciderState, demand: { cell: number; group: number; rps: number }): void {
  const { demandRps, units } = state;
  const { cell, group, rps } = demand;
  // What a policy decides the score cannot move: to the market it is load of others.
  if (group >= units.groupCount) return;
  const all = group < 0;
  const share = all ? rps / units.groupCount : rps;
  for (let one = all ? 0 : group; one <= (all ? units.groupCount - 1 : group); one++) {
    const unit = one * units.cellStride + cell;
    demandRps[unit] = (demandRps[unit] as number) + share;
  }
}

/** A network with demand is worth measuring by it. */
function addTargetRps({ planner, cells }: DeciderState, leaf: number, rps: number): void {
  const index = leaf - cells.firstLeaf;
  planner.rps[index] = (planner.rps[index] as number) + rps;
}
