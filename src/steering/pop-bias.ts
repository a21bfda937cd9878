import type { LocatedSample } from './accept.ts';
import type { Learning } from './learning.ts';
import { priorMs } from './prior.ts';

/** Bursts that the mean residual of a POP remembers. */
const RESIDUAL_BURSTS_MAX = 500;
/** Bursts that an adopted correction of a prior is worth. */
const ADOPTED_BURSTS = 100;
/** Bursts that the mean over all POPs is worth for one POP's correction. */
const RESIDUAL_SHRINK = 50;

/** Counts what a burst of a located network was beyond the plain prior for its POP. */
export function learnResidual(state: Learning, sample: LocatedSample, rttMs: number): void {
  const { params, distances, residualMeanMs, residualCount, terms } = state;
  const pop = sample.popIndex;
  const km = distances[sample.placeId * terms.shiftMs.length + pop] as number;
  const bound = Number.isNaN(km) ? Infinity : 2 * params.popBiasMaxMs;
  const residual = Math.max(-bound, Math.min(bound, rttMs - priorMs(params, km)));
  const count = Math.min(RESIDUAL_BURSTS_MAX, (residualCount[pop] as number) + 1);
  residualCount[pop] = count;
  residualMeanMs[pop] =
    (residualMeanMs[pop] as number) + (residual - (residualMeanMs[pop] as number)) / count;
}

/** Sets the correction of each POP's prior: its mean residual, shrunk toward that of all POPs, bounded. */
export function correctPriors(state: Learning): void {
  const { params, residualMeanMs, residualCount, terms } = state;
  let sum = 0;
  let count = 0;
  for (let pop = 0; pop < residualCount.length; pop++) {
    sum += (residualMeanMs[pop] as number) * (residualCount[pop] as number);
    count += residualCount[pop] as number;
  }
  const all = count === 0 ? 0 : sum / count;
  const max = params.popBiasMaxMs;
  for (let pop = 0; pop < residualCount.length; pop++) {
    const own = residualCount[pop] as number;
    const mean = ((residualMeanMs[pop] as number) * own + all * RESIDUAL_SHRINK) / (own + RESIDUAL_SHRINK);
    terms.priorBiasMs[pop] = Math.max(-max, Math.min(max, mean));
  }
}

/** Takes the corrections of another's table: the mean residuals become such that they give these again. */
export function adoptPriors(state: Learning, priorBiasMs: readonly number[]): void {
  const { residualMeanMs, residualCount, terms } = state;
  const all = priorBiasMs.reduce((sum, biasMs) => sum + biasMs, 0) / Math.max(1, priorBiasMs.length);
  for (const [pop, biasMs] of priorBiasMs.entries()) {
    terms.priorBiasMs[pop] = biasMs;
    residualCount[pop] = ADOPTED_BURSTS;
    residualMeanMs[pop] = biasMs + ((biasMs - all) * RESIDUAL_SHRINK) / ADOPTED_BURSTS;
  }
}
