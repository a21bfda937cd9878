/**
 * Whether foreseeing a batch pays now. Large images alone do not tell: where a few networks ask for a few
 * names, the memory is at hand, and a tenth of the time goes into reading queries twice. So of the batches
 * that are timed every other one is answered the other way. See docs/decisions/0012.
 */
export interface Trial {
  /** Mean time a query takes, foreseeing included, ms; NaN before the first was timed. */
  withMs: number;
  withoutMs: number;
  /** How batches that are not timed are answered. */
  pays: boolean;
  /** How the next timed one is. */
  isWith: boolean;
}

/** Part of a mean that a timed batch changes. */
const NEWS_SHARE = 1 / 32;
/** A batch in which the thread was kept waiting says nothing: it counts as so many times the mean at most. */
const CLIP = 1.5;
/** What the other way must take less of the time before it is taken up. */
const GAIN_SHARE = 0.03;

/** Nothing was timed: foreseeing is taken to pay. */
export function createTrial(): Trial {
  return { withMs: Number.NaN, withoutMs: Number.NaN, pays: true, isWith: false };
}

/** Counts a timed batch, answered as `isWith` says, at so many ms a query. */
export function noteTrial(trial: Trial, queryMs: number): void {
  if (trial.isWith) trial.withMs = mean(trial.withMs, queryMs);
  else trial.withoutMs = mean(trial.withoutMs, queryMs);
  trial.isWith = !trial.isWith;
  const { withMs, withoutMs, pays } = trial;
  if (pays ? withoutMs < withMs * (1 - GAIN_SHARE) : withMs < withoutMs * (1 - GAIN_SHARE))
    trial.pays = !pays;
}

function mean(beforeMs: number, nowMs: number): number {
  if (Number.isNaN(beforeMs)) return nowMs;
  return beforeMs + (Math.min(nowMs, CLIP * beforeMs) - beforeMs) * NEWS_SHARE;
}
