import type { SteeringParams } from './params.ts';

/** Why a row has its TTL, in the order of their codes in the image. */
export const TTL_REASONS = ['margin', 'recent', 'alarm', 'fail-open', 'only', 'policy'] as const;
export type TtlReason = (typeof TTL_REASONS)[number];

/** What a TTL depends on. */
export interface TtlBasis {
  /**
   * Score of the runner-up less that of the answer, ms; negative while hysteresis holds the answer;
   * Infinity without a runner-up.
   */
  readonly marginMs: number;
  /** Since the answer last changed; Infinity if it never did. */
  readonly sinceMoveMs: number;
  /** RTT or loss of the answered POP as a whole changed within `ttlRecentMs`. */
  readonly alarmed: boolean;
  /** No POP is up: answered as if all were. */
  readonly failOpen: boolean;
  /** What it had, s; undefined: nothing by its margin. */
  readonly before?: number | undefined;
}

/** Steps between the shortest and the longest TTL: few, so that many cells share rows. */
const STEPS = 4;
/** A step is left when the margin is past its end by so much of a step: noise changes no TTL. */
const STEP_SLACK = 0.3;

/**
 * TTL in seconds that a decision earns, and why: long when the margin is wide, shortest when something just
 * changed.
 */
export function ttlOf(basis: TtlBasis, params: SteeringParams): { seconds: number; reason: TtlReason } {
  const { ttlMinSeconds: least, ttlMaxSeconds: most } = params;
  if (basis.failOpen) return { seconds: least, reason: 'fail-open' };
  if (basis.alarmed) return { seconds: least, reason: 'alarm' };
  if (basis.sinceMoveMs < params.ttlRecentMs) return { seconds: least, reason: 'recent' };
  if (basis.marginMs === Infinity) return { seconds: most, reason: 'only' };
  const secondsAt = (steps: number): number => {
    const whole = Math.floor(Math.max(0, Math.min(STEPS, steps)));
    return Math.round(least + ((most - least) * whole) / STEPS);
  };
  const steps = (STEPS * basis.marginMs) / params.ttlFullMarginMs;
  const { before } = basis;
  const isNear = before === secondsAt(steps - STEP_SLACK) || before === secondsAt(steps + STEP_SLACK);
  return { seconds: before !== undefined && isNear ? before : secondsAt(steps), reason: 'margin' };
}

/** The reason in words, for `explain`. */
export function ttlWords(reason: TtlReason, marginMs: number | undefined): string {
  switch (reason) {
    case 'fail-open':
      return 'shortest: no POP is up, so the answer is a guess';
    case 'alarm':
      return 'shortest: the RTT or loss of this POP has just changed for all its clients';
    case 'recent':
      return 'shortest: the answer for these clients changed lately';
    case 'only':
      return 'longest: there is no other POP to change to';
    case 'policy':
      return "longest: the service's policy decides, whatever the scores are";
    case 'margin':
      if (marginMs === undefined) return 'by its margin';
      return marginMs < 0
        ? `by its margin: the runner-up is ${(-marginMs).toFixed(1)} ms better, not enough to move`
        : `by its margin of ${marginMs.toFixed(1)} ms over the runner-up`;
  }
}
