import { candidate, ROW_CANDIDATES, rowShare, type SteeringImage } from '../steering/image.ts';

/** What of a row's clients gets which POP. */
export interface PopShare {
  readonly pop: number;
  /** 0..1; all of a row's add up to 1. */
  readonly share: number;
}

/**
 * The POPs that a row's clients get, the largest share first: as `choose` answers them, so clients whose POP
 * is out get the next in order. `isOut`: by POP index. Empty for a row without candidates.
 */
export function popShares(
  image: SteeringImage,
  row: number,
  fleet: { readonly linkPop: ArrayLike<number>; readonly isOut: (pop: number) => boolean },
): PopShare[] {
  const shares = new Map<number, number>();
  let left = 1;
  for (let start = 0; left > 1e-9 && start < ROW_CANDIDATES; start++) {
    const share = rowShare(image, row, start);
    left -= share;
    const pop = share > 0 ? popFrom(image, row, { start, ...fleet }) : -1;
    if (pop >= 0) shares.set(pop, (shares.get(pop) ?? 0) + share);
  }
  return [...shares].map(([pop, share]) => ({ pop, share })).sort((a, b) => b.share - a.share);
}

/** The first POP that is not out from a candidate on, in order and around; else that candidate's. */
function popFrom(
  image: SteeringImage,
  row: number,
  from: {
    readonly start: number;
    readonly linkPop: ArrayLike<number>;
    readonly isOut: (pop: number) => boolean;
  },
): number {
  const { start, linkPop, isOut } = from;
  for (let step = 0; step < ROW_CANDIDATES; step++) {
    const pop = linkPop[candidate(image, row, (start + step) % ROW_CANDIDATES)];
    if (pop !== undefined && !isOut(pop)) return pop;
  }
  return linkPop[candidate(image, row, start)] ?? -1;
}

/** Clients that move from one POP to another, as a share of their cell. */
export interface Flow {
  readonly from: number;
  readonly to: number;
  readonly share: number;
}

/** Shares that differ by less are the same: an image has them in whole steps. */
const SHARE_STEP = 1e-3;

/** Who must have moved, at least, for shares to become others: what POPs lose goes to those that gain. */
export function flowsBetween(before: readonly PopShare[], after: readonly PopShare[]): Flow[] {
  const shareIn = (shares: readonly PopShare[], pop: number): number =>
    shares.find((one) => one.pop === pop)?.share ?? 0;
  const gains = after
    .map(({ pop, share }) => ({ pop, left: share - shareIn(before, pop) }))
    .filter(({ left }) => left > SHARE_STEP);
  const flows: Flow[] = [];
  for (const { pop: from, share } of before) {
    let lost = share - shareIn(after, from);
    for (const gain of gains) {
      const moved = Math.min(lost, gain.left);
      if (moved <= SHARE_STEP) continue;
      flows.push({ from, to: gain.pop, share: moved });
      gain.left -= moved;
      lost -= moved;
    }
  }
  return flows;
}
