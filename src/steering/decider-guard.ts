import type { DeciderState } from './decider-state.ts';
import { type GuardedLoad, guardLoad, guardTable } from './guard.ts';
import { PARTS_MAX } from './units.ts';

/** Why the table that was decided may not be published; empty when it may. */
export function guardDecided(state: DeciderState): readonly string[] {
  const { units, activeCells, deciding, cells, options } = state;
  const reasons = guardTable({
    rows: units.rows,
    groupCount: options.groups.length,
    activeCells,
    linkPop: Int32Array.from(options.fleet.links, (link) => link.popIndex),
    groupOut: deciding.groupOut,
    rowsMax: options.groups.length * cells.capacity,
  });
  return [...reasons, ...guardLoad(loadOf(state))];
}

function loadOf(state: DeciderState): GuardedLoad {
  const { units, deciding, options, demandRps, predictedRps, fleetState, churnRps } = state;
  const isUsable = (pop: number): boolean =>
    deciding.groups.every(({ serves }, group) => serves[pop] === 1 && deciding.groupOut[group]?.[pop] === 0);
  const crammed = new Uint8Array(predictedRps.length);
  for (const parts of units.splits.values())
    if (parts.length === PARTS_MAX) for (const { pop } of parts) crammed[pop] = 1;
  return {
    loadRps: predictedRps,
    hardRps: fleetState.hardRps,
    usable: Uint8Array.from(predictedRps, (_, pop) => (isUsable(pop) ? 1 : 0)),
    crammed,
    totalRps: predictedRps.reduce((sum, rps) => sum + rps, 0),
    largestRps: demandRps.reduce((most, rps) => Math.max(most, rps), 0),
    churnRps,
    churnShare: options.params.churnShare,
  };
}
