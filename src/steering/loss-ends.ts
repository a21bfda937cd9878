import { NO_LOSS } from './alarm.ts';
import type { Learning } from './learning.ts';
import { forgetLosses } from './loss.ts';

/** Links are congested from here on, and no longer from here down, ms. */
const CONGESTED_MS = 5;
const CLEAR_MS = 1;

/**
 * `isHit`: by POP, 1 where it was down, or its links were congested, and that is not over: the packets that
 * cells lost there say nothing of themselves. Packets to a POP that is down are lost because it is down,
 * which its health says already; so no loss of it is known then: should all be out, they are told apart by
 * their distance as if all were up. When it is back, or its links are free again, the packets that cells
 * lost meanwhile are forgotten with the cause.
 */
export function endLosses(learning: Learning, isHit: Uint8Array, down: Uint8Array): void {
  const { terms, popLoss, estimates, forgiven } = learning;
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
