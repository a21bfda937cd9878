import { CANDIDATES, NONE, type Units, wakeUnit } from './units.ts';

/** A unit is heavy whose demand is this share of the capacity of one of its nearest POPs … */
const HEAVY_SHARE = 0.02;
/** … and stays so until it is this. */
const HEAVY_STILL_SHARE = 0.01;
/** How many of them count. */
const NEAREST = 3;

/**
 * Marks the units that are heavy now: they could fill a link of a POP alone, so their clients are spread
 * over several.
 */
export function markHeavy(
  units: Units,
  seen: { activeCells: Int32Array; demandRps: Float32Array; capacityRps: Float64Array },
): void {
  const { activeCells, demandRps, capacityRps } = seen;
  const leastRps = HEAVY_STILL_SHARE * capacityRps.reduce((least, rps) => Math.min(least, rps), Infinity);
  for (let group = 0; group < units.groupCount; group++)
    for (let i = 0; i < activeCells.length; i++) {
      const unit = group * units.cellStride + (activeCells[i] as number);
      const demand = demandRps[unit] as number;
      const was = units.heavy[unit] as number;
      if (demand <= leastRps && was === 0) continue;
      const share = was === 1 ? HEAVY_STILL_SHARE : HEAVY_SHARE;
      const now = demand > share * leastCapacityRps(units, unit, capacityRps) ? 1 : 0;
      if (now === was) continue;
      units.heavy[unit] = now;
      wakeUnit(units, unit);
    }
}

function leastCapacityRps(units: Units, unit: number, capacityRps: Float64Array): number {
  let least = Infinity;
  for (let at = unit * CANDIDATES; at < unit * CANDIDATES + NEAREST; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    least = Math.min(least, capacityRps[pop] as number);
  }
  return least;
}
