import { burstsOf, ENTRIES, type Estimates, popAt } from './estimates.ts';

/** Entries with loss at a time, at most. */
const LOSSES_MAX = 100_000;
/** Lost packets of a cell beyond its POP's rate that are put down to chance. */
const LOSS_GRACE = 2.5;
/** Packets without loss that every cell is credited with: one lost of three is no loss of a third. */
const LOSS_CREDIT = 10;
/** Share of its loss memory that a cell keeps at each burst: about eight bursts count. */
const LOSS_KEPT = 0.87;
/** A cell of a POP that loses packets loses by chance up to so many times as many. */
const LOSS_EXPECTED = 2;
/** Loss of a cell that is no longer measured fades by a factor e in this time, ms. */
const LOSS_FADE_MS = 60_000;
/** Excess that is as good as none, in packets. */
const LOSS_NONE = 0.05;

/** Packets of an entry: lost beyond the POP's own loss, and sent, both fading by burst. */
export interface Loss {
  readonly excess: number;
  readonly sent: number;
  readonly atMs: number;
}

/** Loss of a cell beyond its POP's, 0..1. */
export function excessLossRate(estimates: Estimates, entry: number, nowMs: number): number {
  const loss = estimates.losses.get(entry);
  if (loss === undefined || loss.excess <= LOSS_GRACE) return 0;
  const fade = Math.exp(-Math.max(0, nowMs - loss.atMs) / LOSS_FADE_MS);
  return Math.min(1, ((loss.excess - LOSS_GRACE) / (loss.sent + LOSS_CREDIT)) * fade);
}

/** Counts the packets of a burst. */
export function updateLoss(
  estimates: Estimates,
  entry: number,
  burst: { readonly sent: number; readonly lost: number; readonly atMs: number },
  popLossRate: number,
): void {
  const { losses } = estimates;
  const before = losses.get(entry);
  if (before === undefined && (burst.lost === 0 || losses.size >= LOSSES_MAX)) return;
  const expected = Math.min(1, LOSS_EXPECTED * popLossRate) * burst.sent;
  const excess = Math.max(0, (before?.excess ?? 0) * LOSS_KEPT + burst.lost - expected);
  if (excess < LOSS_NONE) {
    losses.delete(entry);
    return;
  }
  // Bursts before the first that lost a packet were as long as this one.
  const sentBefore =
    before?.sent ?? (burst.sent * (1 - LOSS_KEPT ** burstsOf(estimates, entry))) / (1 - LOSS_KEPT);
  losses.set(entry, { excess, sent: sentBefore * LOSS_KEPT + burst.sent, atMs: burst.atMs });
}

/** A POP's loss is over: what its cells lost beyond it was part of that. `into`: the cells that had any. */
export function forgetLosses(estimates: Estimates, pop: number, into: number[]): void {
  const { losses } = estimates;
  for (const entry of losses.keys()) {
    if (popAt(estimates, entry) !== pop) continue;
    losses.delete(entry);
    into.push(Math.floor(entry / ENTRIES));
  }
}

/** What is remembered of an entry's losses. */
export function lossOf(estimates: Estimates, entry: number): Loss {
  return estimates.losses.get(entry) ?? NO_LOSSES;
}

/** Puts what was saved of an entry's losses. */
export function putLoss(estimates: Estimates, entry: number, loss: Loss): void {
  if (entry >= 0 && loss.excess >= LOSS_NONE && estimates.losses.size < LOSSES_MAX)
    estimates.losses.set(entry, loss);
}

const NO_LOSSES: Loss = { excess: 0, sent: 0, atMs: 0 };
