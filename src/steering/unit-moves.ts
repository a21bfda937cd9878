import type { SteeringParams } from './params.ts';
import { NONE, PARTS_MAX, type Part, SPLIT, type Units, wakeUnit } from './units.ts';

/**
 * What moving a unit writes. `leftRps` and `cameRps` count, by POP, the demand that its answers took away
 * and brought since they were last cleared: clients follow only as their TTLs run out (capacity.ts).
 * `returnedRps`: of what was taken away earlier, and may not have gone yet, what is back.
 */
export interface Moving {
  readonly units: Units;
  readonly demandRps: Float32Array;
  readonly leftRps: Float64Array;
  readonly cameRps: Float64Array;
  readonly returnedRps: Float64Array;
  readonly params: Pick<SteeringParams, 'drainMs'>;
}

/** A smaller part is none: rounding. */
const PART_LEAST = 1e-6;

/** The unit's parts, the largest first; empty before the first decision. */
export function partsOf(units: Units, unit: number): readonly Part[] {
  const parts = units.splits.get(unit);
  if (parts !== undefined) return parts;
  const pop = units.incumbent[unit] as number;
  return pop === NONE ? [] : [{ pop, share: 1 }];
}

/** Share of a unit's clients that a POP gets. */
export function shareOf(units: Units, unit: number, pop: number): number {
  const parts = units.splits.get(unit);
  if (parts === undefined) return pop === units.incumbent[unit] ? 1 : 0;
  return parts.find((part) => part.pop === pop)?.share ?? 0;
}

/** Gives a unit another POP, whole, and remembers its home if it left only because of an event. */
export function moveUnit(
  moving: Moving,
  unit: number,
  to: { pop: number; event: boolean; nowMs: number },
): void {
  const { units } = moving;
  const before = units.incumbent[unit] as number;
  const home = units.home[unit] as number;
  if (to.pop === home) countReturned(moving, unit, to);
  if (to.pop === home || !to.event) units.home[unit] = NONE;
  else if (home === NONE) units.home[unit] = before;
  setParts(moving, unit, { parts: [{ pop: to.pop, share: 1 }], nowMs: to.nowMs });
}

/**
 * Moves a share of a unit's clients from one of its POPs to another. False where the unit would be in too
 * many parts.
 */
export function movePart(
  moving: Moving,
  unit: number,
  what: { from: number; to: number; share: number; nowMs: number },
): boolean {
  const { units } = moving;
  const { from, to, share, nowMs } = what;
  const parts = partsOf(units, unit);
  const left = shareOf(units, unit, from) - share;
  const next = parts.map((part) => (part.pop === from ? { pop: from, share: left } : part));
  const rest = next.filter((part) => part.pop !== to && part.share > PART_LEAST);
  if (rest.length + 1 > PARTS_MAX) return false;
  const home = units.home[unit] as number;
  if (home === NONE && rest.length === 0) units.home[unit] = from;
  else if (home === to && rest.length === 0) units.home[unit] = NONE;
  setParts(moving, unit, { parts: [...rest, { pop: to, share: shareOf(units, unit, to) + share }], nowMs });
  return true;
}

/** Sets all of a unit's parts: shares are made to add up, and the largest comes first. */
export function setParts(moving: Moving, unit: number, to: { parts: readonly Part[]; nowMs: number }): void {
  const { units } = moving;
  const before = partsOf(units, unit);
  adoptParts(units, unit, to.parts);
  countMoved(moving, unit, { from: before, to: partsOf(units, unit) });
  units.challenger[unit] = NONE;
  units.lead[unit] = 0;
  units.movedAtMs[unit] = to.nowMs;
  wakeUnit(units, unit);
}

/** As `setParts`, for clients that are there already: nothing moves. Without parts nothing is done. */
export function adoptParts(units: Units, unit: number, list: readonly Part[]): void {
  const total = list.reduce((sum, { share }) => sum + share, 0);
  const parts = list
    .map(({ pop, share }) => ({ pop, share: share / total }))
    .sort((one, other) => other.share - one.share || one.pop - other.pop);
  const [first] = parts;
  if (first === undefined) return;
  units.incumbent[unit] = first.pop;
  if (parts.length > 1) units.splits.set(unit, parts);
  else units.splits.delete(unit);
  units.bestPop[unit] = parts.length > 1 ? SPLIT : NONE;
}

/** The unit is back: its clients who have not left yet are no longer on their way out. */
function countReturned(moving: Moving, unit: number, to: { pop: number; nowMs: number }): void {
  const { returnedRps, demandRps, units, params } = moving;
  const awayMs = Math.max(0, to.nowMs - (units.movedAtMs[unit] as number));
  const stillRps = (demandRps[unit] as number) * Math.exp(-awayMs / params.drainMs);
  returnedRps[to.pop] = (returnedRps[to.pop] as number) + stillRps;
}

function countMoved(
  moving: Moving,
  unit: number,
  parts: { from: readonly Part[]; to: readonly Part[] },
): void {
  const { leftRps, cameRps } = moving;
  const demand = moving.demandRps[unit] as number;
  const shareIn = (list: readonly Part[], pop: number): number =>
    list.find((part) => part.pop === pop)?.share ?? 0;
  for (const { pop, share } of parts.from)
    leftRps[pop] = (leftRps[pop] as number) + demand * Math.max(0, share - shareIn(parts.to, pop));
  for (const { pop, share } of parts.to)
    cameRps[pop] = (cameRps[pop] as number) + demand * Math.max(0, share - shareIn(parts.from, pop));
}
