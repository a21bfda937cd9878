import { type Deciding, viewOf } from './decide.ts';
import { NONE } from './units.ts';

/** Remembers the POP with the lowest RTT in the view: it may be too dear, or too full, to be a candidate. */
export function noteNearest({ units, terms, view }: Deciding, unit: number, extra: Float64Array): void {
  let nearest = NONE;
  let leastMs = Infinity;
  for (let pop = 0; pop < extra.length; pop++) {
    const ms =
      extra[pop] === Infinity ? Infinity : (view.rttMs[pop] as number) + (terms.shiftMs[pop] as number);
    if (ms >= leastMs) continue;
    leastMs = ms;
    nearest = pop;
  }
  units.near.pop[unit] = nearest;
  if (nearest === NONE) return;
  units.near.rttMs[unit] = view.rttMs[nearest] as number;
  units.near.lossMs[unit] = view.lossMs[nearest] as number;
}

/** The same for a unit that is not in the view. */
export function findNearest(
  deciding: Deciding,
  { unit, group, nowMs }: { readonly unit: number; readonly group: number; readonly nowMs: number },
): void {
  viewOf(deciding, unit % deciding.units.cellStride, nowMs);
  noteNearest(deciding, unit, deciding.market.extraMs[group] as Float64Array);
}
