import type { Deciding } from './decide.ts';
import { CANDIDATES, NONE } from './units.ts';

/** A unit's best candidate, its best but one and its incumbent, of those that may be answered. */
export interface Scan {
  best: number;
  bestMs: number;
  second: number;
  secondMs: number;
  incumbent: number;
  incumbentMs: number;
}

/** The last scan: filled in anew for each unit. */
export const scan: Scan = {
  best: NONE,
  bestMs: Infinity,
  second: NONE,
  secondMs: Infinity,
  incumbent: NONE,
  incumbentMs: Infinity,
};

/** Scores a unit's candidates; what it returns is valid until the next call. */
export function scanUnit(deciding: Deciding, unit: number, group: number): Scan {
  const { units, market } = deciding;
  const { pop: pops, costMs } = units;
  const extra = market.extraMs[group] as Float64Array;
  const incumbent = units.incumbent[unit] as number;
  let best = NONE;
  let bestMs = Infinity;
  let second = NONE;
  let secondMs = Infinity;
  scan.incumbent = NONE;
  scan.incumbentMs = Infinity;
  const first = unit * CANDIDATES;
  for (let at = first; at < first + CANDIDATES; at++) {
    const pop = pops[at] as number;
    if (pop === NONE) break;
    const ms = (costMs[at] as number) + (extra[pop] as number);
    if (ms === Infinity) continue;
    if (pop === incumbent) {
      scan.incumbent = at;
      scan.incumbentMs = ms;
    }
    if (ms < bestMs) {
      second = best;
      secondMs = bestMs;
      best = at;
      bestMs = ms;
    } else if (ms < secondMs) {
      second = at;
      secondMs = ms;
    }
  }
  scan.best = best;
  scan.bestMs = bestMs;
  scan.second = second;
  scan.secondMs = secondMs;
  return scan;
}
