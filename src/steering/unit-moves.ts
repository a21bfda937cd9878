import { NONE, type Units } from './units.ts';

/** Gives a unit another POP, whole, and remembers its home if it left only because of an event. */
export function moveUnit(
  units: Units,
  unit: number,
  to: { pop: number; event: boolean; nowMs: number },
): void {
  const before = units.incumbent[unit] as number;
  const home = units.home[unit] as number;
  if (to.pop === home || !to.event) units.home[unit] = NONE;
  else if (home === NONE) units.home[unit] = before;
  units.incumbent[unit] = to.pop;
  setShares(units, unit, { alt: NONE, share: 1, nowMs: to.nowMs });
}

/** Gives a unit to its incumbent whole, or shared with another POP. */
export function setShares(
  units: Units,
  unit: number,
  to: { alt: number; share: number; nowMs: number },
): void {
  const isWhole = to.alt === NONE || to.share >= 1;
  units.alt[unit] = isWhole ? NONE : to.alt;
  units.share[unit] = isWhole ? 1 : to.share;
  units.challenger[unit] = NONE;
  units.lead[unit] = 0;
  units.movedAtMs[unit] = to.nowMs;
  units.stale[unit] = 1;
}

/** Share of a unit's clients that a POP gets. */
export function shareOf(units: Units, unit: number, pop: number): number {
  const share = units.share[unit] as number;
  if (pop === units.incumbent[unit]) return share;
  return pop === units.alt[unit] ? 1 - share : 0;
}
