import type { SteeringParams } from './params.ts';

/** One unit's answer now and its best rival, as the rule of moves sees them. */
export interface Standing {
  /** The answer now must not be given any more: down, drained, or not of the group. */
  readonly incumbentOut: boolean;
  /** Score of the answer now and how much lower the rival's is, ms. */
  readonly incumbentMs: number;
  readonly gainMs: number;
  /** Deviation of the difference of the two estimates, ms. */
  readonly deviationMs: number;
  /** Ticks that this rival has led before this one. */
  readonly lead: number;
  /** The price of the POP answered now just rose: it is wanted by more than fit. */
  readonly incumbentPriced: boolean;
  /** The rival has a price: it is nearly full. */
  readonly rivalPriced: boolean;
  /** The RTT or loss of the whole POP answered now has just changed. */
  readonly incumbentAlarmed: boolean;
  /** The rival is the POP that the unit left only because of an event, or is back from one. */
  readonly rivalIsHome: boolean;
  /** The clients' network is explored for the first time: its answer so far is only a guess. */
  readonly isYoung: boolean;
}

/** Whether a unit moves to its rival, and why. */
export type Move = 'stay' | 'out' | 'overflow' | 'alarm' | 'home' | 'learned' | 'gain';

/** A rising price moves a unit for this share of the least gain otherwise: noise alone is to move few. */
const OVERFLOW_SHARE = 0.4;
/** A gain of so many times what moves a unit at once is an event of its own. */
const EVENT_FACTOR = 3;

/**
 * The rule of moves (hysteresis). At once: from a POP that is out, from one whose price rises, after an
 * alarm, and back home. Otherwise for a gain above the threshold, which halves at each tick that the same
 * rival leads.
 */
export function moveOf(standing: Standing, params: SteeringParams): Move {
  if (standing.incumbentOut) return 'out';
  const { gainMs } = standing;
  if (gainMs <= 0) return 'stay';
  if (standing.incumbentPriced && gainMs > OVERFLOW_SHARE * floorMs(standing, params)) return 'overflow';
  if (standing.incumbentAlarmed && gainMs > floorMs(standing, params)) return 'alarm';
  if (standing.rivalIsHome && !standing.rivalPriced && gainMs > params.hysteresisFloorMs) return 'home';
  if (standing.isYoung && !standing.rivalPriced && gainMs > params.hysteresisFloorMs) return 'learned';
  if (gainMs > EVENT_FACTOR * fullMs(standing, params)) return 'alarm';
  return gainMs > thresholdMs(standing, params) ? 'gain' : 'stay';
}

/** Gain in ms that a move needs: it halves at each tick that the same rival leads, down to a floor. */
export function thresholdMs(standing: Standing, params: SteeringParams): number {
  return Math.max(floorMs(standing, params), fullMs(standing, params) / 2 ** standing.lead);
}

function fullMs({ incumbentMs, deviationMs }: Standing, params: SteeringParams): number {
  return Math.max(params.hysteresisMs, params.hysteresisShare * incumbentMs, deviationMs);
}

function floorMs(standing: Standing, params: SteeringParams): number {
  return Math.max(params.hysteresisFloorMs, params.hysteresisDeviations * standing.deviationMs);
}
