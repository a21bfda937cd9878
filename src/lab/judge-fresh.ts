import { mean, rounded } from './numbers.ts';
import type { Share } from './steerer.ts';
import type { Truth } from './truth.ts';

/**
 * What was served, by values that were measured at that very tick only: between two measurements a truth
 * that changes is not known. Pairs with one value count at every tick.
 */
export interface FreshFigures {
  /** Mean over cells of the mean true RTT served, ms. */
  readonly servedMs: number;
  /** The same of the one POP that would have been best for the cell all the time: known only afterwards. */
  readonly bestFixedMs: number;
  /** `servedMs` over `bestFixedMs`, less 1. */
  readonly over: number;
  /** Values that count. */
  readonly values: number;
}

export interface FreshJudge {
  readonly observe: (sharesOf: (cell: number) => readonly Share[]) => void;
  readonly figures: () => FreshFigures;
}

/** A POP may be the best fixed choice if it has this share of the values of the POP with the most. */
const VALUES_SHARE = 0.25;

/** Judges by fresh values. */
export function createFreshJudge(truth: Truth): FreshJudge {
  const { cellCount, popCount } = truth;
  const pairSum = new Float64Array(cellCount * popCount);
  const pairCount = new Uint32Array(cellCount * popCount);
  const servedSum = new Float64Array(cellCount);
  const servedWeight = new Float64Array(cellCount);
  let values = 0;
  return {
    observe: (sharesOf) => {
      for (let cell = 0; cell < cellCount; cell++) {
        for (let pop = 0; pop < popCount; pop++) {
          if (!truth.isFresh(cell, pop) || !truth.isUp(pop)) continue;
          const pair = cell * popCount + pop;
          pairSum[pair] = (pairSum[pair] as number) + truth.rttMs(cell, pop);
          pairCount[pair] = (pairCount[pair] as number) + 1;
        }
        for (const { pop, share } of sharesOf(cell)) {
          if (!truth.isFresh(cell, pop)) continue;
          servedSum[cell] = (servedSum[cell] as number) + share * truth.rttMs(cell, pop);
          servedWeight[cell] = (servedWeight[cell] as number) + share;
          values++;
        }
      }
    },
    figures: () => {
      const served: number[] = [];
      const fixed: number[] = [];
      for (let cell = 0; cell < cellCount; cell++) {
        const counts = pairCount.subarray(cell * popCount, (cell + 1) * popCount);
        const least = VALUES_SHARE * Math.max(...counts);
        const means = [...counts].map((count, pop) =>
          count > 0 && count >= least ? (pairSum[cell * popCount + pop] as number) / count : Infinity,
        );
        const weight = servedWeight[cell] as number;
        if (weight === 0) continue;
        served.push((servedSum[cell] as number) / weight);
        fixed.push(Math.min(...means));
      }
      const [servedMs, bestFixedMs] = [mean(served), mean(fixed)];
      const over = bestFixedMs > 0 ? servedMs / bestFixedMs - 1 : 0;
      return { servedMs: rounded(servedMs), bestFixedMs: rounded(bestFixedMs), over: rounded(over), values };
    },
  };
}
