import type { Market } from './market.ts';
import { NONE } from './units.ts';

/** Load that the present answers send to each POP, requests/s. */
export function predictedLoad(
  market: Pick<Market, 'units' | 'groups' | 'activeCells' | 'demandRps'>,
): Float64Array {
  const { units, groups, activeCells, demandRps } = market;
  const { incumbent, splits } = units;
  const loadRps = new Float64Array(groups[0]?.serves.length ?? 0);
  for (let group = 0; group < units.groupCount; group++)
    for (let i = 0; i < activeCells.length; i++) {
      const unit = group * units.cellStride + (activeCells[i] as number);
      const pop = incumbent[unit] as number;
      if (pop !== NONE) loadRps[pop] = (loadRps[pop] as number) + (demandRps[unit] as number);
    }
  for (const [unit, parts] of splits) {
    const demand = demandRps[unit] as number;
    const main = units.incumbent[unit] as number;
    loadRps[main] = (loadRps[main] as number) - demand;
    for (const { pop, share } of parts) loadRps[pop] = (loadRps[pop] as number) + demand * share;
  }
  return loadRps;
}

/** Load by POP now: what the answers sent at the start of the tick, and what moved since. */
export function loadNow(from: {
  startRps: Float64Array;
  leftRps: Float64Array;
  cameRps: Float64Array;
}): Float64Array {
  const { startRps, leftRps, cameRps } = from;
  return startRps.map((rps, pop) => Math.max(0, rps - (leftRps[pop] as number) + (cameRps[pop] as number)));
}

/**
 * Whether a unit may go to a POP with others: it fits, or will when all are where they want to be, as prices
 * clear.
 */
export function hasRoom(market: Market, pop: number, of: { rps: number; roomRps: Float64Array }): boolean {
  if (of.rps <= (of.roomRps[pop] as number)) return true;
  const spareRps = CLEARED_SHARE * (market.capacityRps[pop] as number);
  return (market.wantedRps[pop] as number) <= (market.hardRps[pop] as number) + spareRps;
}

/** What is wanted of a POP beyond this share of its capacity does not clear: the repair takes up to it. */
const CLEARED_SHARE = 0.01;
