/** What several probers together say of a POP. */
export interface Verdict {
  /** `unknown`: too few views to say. */
  readonly state: 'up' | 'down' | 'unknown';
  /** Views that counted, and those of them that see it down. */
  readonly votes: number;
  readonly downVotes: number;
  /** `3 of 4 views: agent:AMS no answer in 500 ms, …`; '' when nobody sees it down. */
  readonly why: string;
  /** When enough views last counted, ms since 1970 by our clock; 0: never. */
  readonly heardAtMs: number;
}

/** Why a POP counts as down; '' when it does not. */
export type DownBy = '' | 'report' | 'silence' | 'views';

/** Nobody said anything yet. */
export const NO_VERDICT: Verdict = { state: 'unknown', votes: 0, downVotes: 0, why: '', heardAtMs: 0 };

/**
 * Whether a POP counts as down, and by what, from what was told (by the POP's own report, or by the table in
 * use) and what the views say now. A POP that calls itself unhealthy is believed; else the views count; where
 * they say nothing, what was told stays. The one rule of the controller and of every name server.
 */
export function downBy(told: DownBy, live: Verdict['state']): DownBy {
  if (told === 'report') return 'report';
  if (live === 'down') return 'views';
  return live === 'up' ? '' : told;
}
