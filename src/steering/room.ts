import { type CapacityState, nextCapacity } from './capacity.ts';
import type { FleetState } from './fleet-state.ts';
import { type Fillable, fillLevel, type GroupDemand, roomRps } from './levels.ts';
import type { SteeringParams } from './params.ts';
import type { Moving } from './unit-moves.ts';

/** Learns what others put on each POP, given the load that the rows in force are expected to bring. */
export function observeCapacity(
  state: FleetState,
  seen: {
    params: SteeringParams;
    predictedRps: Float64Array;
    moved: Pick<Moving, 'leftRps' | 'cameRps' | 'returnedRps'>;
    elapsedMs: number;
  },
): void {
  const { params, predictedRps, moved, elapsedMs } = seen;
  for (let pop = 0; pop < state.capacity.length; pop++)
    state.capacity[pop] = nextCapacity(
      state.capacity[pop] as CapacityState,
      {
        capacityRps: state.capacityRps[pop] as number,
        reportedRps: state.reportedRps[pop],
        steeredRps: state.steeredRps[pop],
        predictedRps: predictedRps[pop] as number,
        leftRps: moved.leftRps[pop] as number,
        cameRps: moved.cameRps[pop] as number,
        returnedRps: moved.returnedRps[pop] as number,
        elapsedMs,
      },
      params,
    );
}

/**
 * Sets the room of each POP: each group must find enough at its own POPs, and all groups together at all.
 */
export function setRoom(state: FleetState, groups: readonly GroupDemand[], params: SteeringParams): void {
  const pops = fillable(state);
  const all: GroupDemand = {
    demandRps: groups.reduce((sum, { demandRps }) => sum + demandRps, 0),
    out: pops.isFull.map((_, pop) => (groups.every(({ out }) => out[pop] === 1) ? 1 : 0)),
  };
  const demands = [...groups, all];
  for (const [i, demand] of demands.entries())
    state.levels[i] = fillLevel(pops, demand, state.levels[i] ?? 0);
  for (let pop = 0; pop < pops.isFull.length; pop++) {
    const levels = demands.map(({ out }, i) => (out[pop] === 1 ? 0 : (state.levels[i] as number)));
    const level = levels.reduce((most, one) => Math.max(most, one), 0);
    state.softRps[pop] = roomRps(pops, pop, Math.min(level, params.utilisationTarget));
    state.hardRps[pop] = roomRps(pops, pop, level);
  }
}

/** Load that a POP has beyond what it can serve, summed over POPs, given what the rows send: requests/s. */
export function overloadRps(state: FleetState, predictedRps: Float64Array): number {
  const { usedRps, capacityRps } = fillable(state);
  return predictedRps.reduce((sum, rps, pop) => {
    const over = rps + (usedRps[pop] as number) - (capacityRps[pop] as number);
    return sum + (rps > 0 ? Math.max(0, Math.min(rps, over - OVER_SHARE * rps)) : 0);
  }, 0);
}

/** Overload that is rounding, as a share. */
const OVER_SHARE = 1e-6;

function fillable(state: FleetState): Fillable {
  const { capacity, capacityRps } = state;
  return {
    capacityRps,
    usedRps: Float64Array.from(capacity, ({ externalRps, strayRps }) => externalRps + strayRps),
    isFull: Uint8Array.from(capacity, ({ isFull }) => (isFull ? 1 : 0)),
  };
}
