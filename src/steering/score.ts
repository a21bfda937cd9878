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
 * The score of a (cell, POP) in ms; the lowest is the best. RTT with the POP's present shift; loss of the
 * POP and of the cell, x `lossMsPerUnit`; congestion of the POP's best link; price of its capacity; the
 * operator's bias. Always added in this order, so that decision and explanation agree to the last bit.
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
