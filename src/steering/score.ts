/** The score of a (cell, POP) in milliseconds, term by term: the lowest sum is the best POP. */
export interface ScoreTerms {
  /** Expected round-trip time, with the POP's present shift. */
  readonly rttMs: number;
  /** Loss x `lossMsPerUnit`: the POP's pooled loss and the cell's own beyond it. */
  readonly lossMs: number;
  /** Congestion of the POP's best link. */
  readonly congestionMs: number;
  /** Price of the POP's capacity. */
  readonly priceMs: number;
  /** The operator's bias. */
  readonly biasMs: number;
}

/** Terms that are the same for every cell, by POP index, in ms. */
export interface PopTerms {
  /** Present shift of the POP's RTTs (alarm.ts). */
  readonly shiftMs: Float64Array;
  /** Learned correction of the prior. */
  readonly priorBiasMs: Float64Array;
  /** Pooled loss x `lossMsPerUnit`. */
  readonly lossMs: Float64Array;
  readonly congestionMs: Float64Array;
  readonly priceMs: Float64Array;
}

/** Terms of nothing: all zero. */
export function emptyPopTerms(popCount: number): PopTerms {
  return {
    shiftMs: new Float64Array(popCount),
    priorBiasMs: new Float64Array(popCount),
    lossMs: new Float64Array(popCount),
    congestionMs: new Float64Array(popCount),
    priceMs: new Float64Array(popCount),
  };
}

/**
 * The score: the plain sum, always added in this order, so that decision and explanation agree to the last
 * bit.
 */
export function scoreMs(
  rttMs: number,
  lossMs: number,
  congestionMs: number,
  priceMs: number,
  biasMs: number,
): number {
  return rttMs + lossMs + congestionMs + priceMs + biasMs;
}
