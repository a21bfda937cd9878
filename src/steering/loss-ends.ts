import { NO_LOSS } from './alarm.ts';
import type { Learning } from './learning.ts';
import { forgetLosses } from './loss.ts';

/** What must have happened to a POP for the packets that its cells lost to say nothing of themselves. */
export interface LossCauses {
  /** By POP: 1 where it was down, or its links were congested, and that is not over. */
  readonly isHit: Uint8Array;
}

/** Nothing happened. */
export function noLossCauses(popCount: number): LossCauses {
  return { isHit: new Uint8Array(popCount) };
}

/** Links are congested from here on, and no longer from here down, ms. */
const CONGESTED_MS = 5;
const CLEAR_MS = 1;

/**
 * Packets to a POP that is down are lost because it is down, which its health says already; so no loss of it
 * is known then: should all be out, they are told apart by their distance as if all were up. When it is back,
 * or its links are free again, the packets that cells lost meanwhile are forgotten with the cause.
 */
export function endLosses(learning: Learning, causes: LossCauses, down: Uint8Array): void {
  const { terms, popLoss, estimates, forgiven } = learning;
  const { isHit } = causes;
  for (let pop = 0; pop < isHit.length; pop++) {
    const congestionMs = terms.congestionMs[pop] as number;
    if (down[pop] === 1) {
      popLoss[pop] = NO_LOSS;
      terms.lossMs[pop] = 0;
      forgetLosses(estimates, pop, forgiven);
    }
    if (down[pop] === 1 || congestionMs > CONGESTED_MS) isHit[pop] = 1;
    else if (isHit[pop] === 1 && congestionMs < CLEAR_MS) {
      isHit[pop] = 0;
      forgetLosses(estimates, pop, forgiven);
    }
  }
}
