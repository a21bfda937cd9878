/** How failures become a state. */
export interface Thresholds {
  /** Failures that take it down, with no run of successes between. */
  readonly downAfter: number;
  /** Successes in a row that bring it up, and make failures forgotten. */
  readonly upAfter: number;
}

/** What is remembered of the checks of one address. */
export interface CheckState {
  /** Absent: not known yet. */
  readonly state?: 'up' | 'down';
  /** Of the last failure; '' when up. */
  readonly why: string;
  readonly failures: number;
  readonly goodInARow: number;
  /** When the first of these failures was known, ms; 0: there are none. */
  readonly failingSinceMs: number;
  /** What the last good check took, ms. */
  readonly rttMs?: number;
}

/** Not checked yet. */
export const NOT_CHECKED: CheckState = { why: '', failures: 0, goodInARow: 0, failingSinceMs: 0 };

/**
 * After one more check: `fault` says what failed, '' that it was good. Failures accumulate: a service that
 * fails every second time goes down. Only a run of successes resets them. The very first check decides alone
 * if it is good.
 */
export function nextCheckState(
  before: CheckState,
  seen: { readonly fault: string; readonly tookMs: number; readonly nowMs: number },
  { downAfter, upAfter }: Thresholds,
): CheckState {
  const { fault, tookMs, nowMs } = seen;
  if (fault === '') {
    const goodInARow = before.goodInARow + 1;
    const isRun = goodInARow >= upAfter;
    if (isRun || before.state === undefined)
      return { state: 'up', why: '', failures: 0, goodInARow, failingSinceMs: 0, rttMs: tookMs };
    return { ...before, goodInARow, rttMs: tookMs };
  }
  const failures = before.failures + 1;
  const failing = {
    ...before,
    failures,
    goodInARow: 0,
    failingSinceMs: before.failures === 0 ? nowMs : before.failingSinceMs,
  };
  if (failures < downAfter && before.state !== 'down') return failing;
  return { ...failing, state: 'down', why: fault };
}

/** What is left of `down` when it turns out that the prober was blind; `isSince`: checked since it sees. */
export function regainedState(state: CheckState, isSince: boolean): CheckState {
  const { goodInARow, rttMs } = state;
  if (goodInARow === 0) return isSince ? state : NOT_CHECKED;
  const up = { state: 'up', why: '', failures: 0, goodInARow, failingSinceMs: 0 } as const;
  return rttMs === undefined ? up : { ...up, rttMs };
}
