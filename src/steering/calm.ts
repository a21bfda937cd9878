/** For how many ticks the room of each POP has stayed about as it is, and whether it had a price. By POP. */
export interface Calm {
  readonly ticks: Float64Array;
  readonly hardRps: Float64Array;
  readonly hadPrice: Uint8Array;
}

/** A change of a POP's room by more than this share of it is one. */
const CHANGE_SHARE = 0.02;

/** Before the first tick. */
export function createCalm(popCount: number): Calm {
  return {
    ticks: new Float64Array(popCount),
    hardRps: new Float64Array(popCount),
    hadPrice: new Uint8Array(popCount),
  };
}

/** Counts a tick: anew where a POP's room changed, or it got its first price or lost it. */
export function observeCalm(
  calm: Calm,
  now: { readonly hardRps: Float64Array; readonly terms: { readonly priceMs: Float64Array } },
): void {
  for (let pop = 0; pop < calm.ticks.length; pop++) {
    const hardRps = now.hardRps[pop] as number;
    const hasPrice = (now.terms.priceMs[pop] as number) > 0 ? 1 : 0;
    const isSame = Math.abs(hardRps - (calm.hardRps[pop] as number)) <= CHANGE_SHARE * hardRps;
    if (isSame && hasPrice === calm.hadPrice[pop]) {
      calm.ticks[pop] = (calm.ticks[pop] as number) + 1;
      continue;
    }
    calm.ticks[pop] = 0;
    calm.hardRps[pop] = hardRps;
    calm.hadPrice[pop] = hasPrice;
  }
}
