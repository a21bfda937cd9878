import type { Owners } from './catchment-raster.ts';
import type { CatchmentPlace } from './replies.ts';

/** How many colours catchments have. */
export const TINTS = 6;

/**
 * A colour 0..TINTS-1 for each POP, so that POPs whose areas touch get different ones where that can be. The
 * first call's colours stay: `before` is what was given last, so that a map does not change its colours when
 * a table moves a few places.
 */
export function tintsOf(
  touching: ReadonlyMap<number, ReadonlySet<number>>,
  pops: number,
  before: readonly number[] = [],
): readonly number[] {
  const tints = Array.from({ length: pops }, (_, pop) => before[pop] ?? -1);
  const order = [...touching.keys()].sort((left, right) => degree(right) - degree(left));
  function degree(pop: number): number {
    return touching.get(pop)?.size ?? 0;
  }
  for (const pop of order) {
    const uses = new Array<number>(TINTS).fill(0);
    for (const other of touching.get(pop) ?? []) {
      const tint = tints[other] as number;
      if (tint >= 0) (uses[tint] as number)++;
    }
    const own = tints[pop] as number;
    if (own >= 0 && uses[own] === 0) continue;
    // From a start of its own, so that all colours are used.
    const start = pop % TINTS;
    let best = start;
    for (let k = 0; k < TINTS; k++) {
      const tint = (start + k) % TINTS;
      if ((uses[tint] as number) < (uses[best] as number)) best = tint;
    }
    tints[pop] = best;
  }
  return tints.map((tint, pop) => (tint < 0 ? pop % TINTS : tint));
}

/** Which POPs' areas touch, looked at every half degree. */
export function touchingPops(
  owners: Owners,
  places: readonly CatchmentPlace[],
): ReadonlyMap<number, ReadonlySet<number>> {
  const touching = new Map<number, Set<number>>();
  const popAt = (longitude: number, latitude: number): number => {
    const owner = owners.at(longitude, latitude);
    return owner === -1 ? -1 : (places[owner]?.[5] ?? -1);
  };
  const note = (left: number, right: number): void => {
    if (left === right || left < 0 || right < 0) return;
    touching.set(left, (touching.get(left) ?? new Set()).add(right));
    touching.set(right, (touching.get(right) ?? new Set()).add(left));
  };
  let above: number[] = [];
  for (let latitude = 80; latitude >= -60; latitude -= 0.5) {
    const row: number[] = [];
    for (let longitude = -180; longitude < 180; longitude += 0.5) {
      const here = popAt(longitude, latitude);
      if (here >= 0 && !touching.has(here)) touching.set(here, new Set());
      note(here, row.at(-1) ?? -1);
      note(here, above[row.length] ?? -1);
      row.push(here);
    }
    above = row;
  }
  return touching;
}
