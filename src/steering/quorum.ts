/** What one prober sees of one POP's service; the store's views have this form. */
interface SeenPop {
  readonly pop: string;
  readonly state: 'up' | 'down';
  /** Of the check that failed last; '' when up. */
  readonly why: string;
}

/** What one prober sees of the POPs that it checks. */
export interface ProberView {
  /** `agent:FRA`, `ns:HOST:PID`. An agent is no witness of its own POP. */
  readonly prober: string;
  /** By the prober's clock: only tells one view from the next. */
  readonly atMs: number;
  readonly views: readonly SeenPop[];
}

/** A prober's last view, and when it was first seen, by our clock. */
export interface HeardView {
  readonly view: ProberView;
  readonly seenAtMs: number;
}

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
  /** Since when the state is what it is, as it was seen here; 0: nobody ever said anything. */
  readonly sinceMs: number;
}

/** Why a POP counts as down; '' when it does not. */
export type DownBy = '' | 'report' | 'silence' | 'views';

/** How many must agree. */
export interface QuorumParams {
  /** Share 0..1 of the views that count which must see a POP down. */
  readonly quorum: number;
  /** Views that must count at least, else nothing is said. */
  readonly viewsMin: number;
}

/** Nobody said anything yet. */
export const NO_VERDICT: Verdict = {
  state: 'unknown',
  votes: 0,
  downVotes: 0,
  why: '',
  heardAtMs: 0,
  sinceMs: 0,
};

/** A view that was not replaced for so long says nothing any more, ms. */
export const VIEW_STALE_MS = 5_000;
/** Too few views to say: what they said last holds for so long, ms. */
export const VERDICT_HELD_MS = 60_000;
/** Probers listened to at most. */
const PROBERS_MAX = 4_096;
/** Probers named in a reason. */
const NAMED_MAX = 3;

/** The views as heard until now: those in the store, with the time at which each came by our clock. */
export function hearViews(
  before: ReadonlyMap<string, HeardView>,
  views: readonly ProberView[],
  nowMs: number,
): ReadonlyMap<string, HeardView> {
  const heard = new Map([...before].filter(([, { seenAtMs }]) => nowMs - seenAtMs <= VIEW_STALE_MS));
  for (const view of views) {
    const known = before.get(view.prober);
    if (known?.view.atMs === view.atMs) continue;
    if (heard.size < PROBERS_MAX || heard.has(view.prober)) heard.set(view.prober, { view, seenAtMs: nowMs });
  }
  return heard;
}

/**
 * Verdicts by POP, in the order of `pops`: down when the quorum of the views that count agrees. A view counts
 * while it is fresh, and while its prober sees any POP up beside its own: who sees nothing lost its own
 * network. `alone`: this process cannot hear the others; then its own view is enough, unless it sees more
 * than half of its POPs down.
 */
export function judgeViews(
  heard: ReadonlyMap<string, HeardView>,
  seen: {
    readonly pops: readonly string[];
    readonly nowMs: number;
    readonly before: readonly Verdict[];
    /** Name of this process as a prober, where it cannot hear others. */
    readonly alone?: string | undefined;
  },
  params: QuorumParams,
): readonly Verdict[] {
  const { pops, nowMs, before, alone } = seen;
  const votes = new Map<string, { total: number; down: string[] }>();
  let voters = 0;
  for (const { view, seenAtMs } of heard.values()) {
    if (nowMs - seenAtMs > VIEW_STALE_MS || !isWitness(view, alone)) continue;
    voters++;
    for (const { pop, state, why } of view.views) {
      if (isOwn(view, pop)) continue;
      const vote = votes.get(pop) ?? { total: 0, down: [] };
      votes.set(pop, vote);
      vote.total++;
      if (state === 'down') vote.down.push(`${view.prober} ${why}`);
    }
  }
  const isAlone = alone !== undefined && voters === 1;
  const viewsMin = isAlone ? 1 : Math.max(1, params.viewsMin);
  return pops.map((pop, index) => {
    const { total, down } = votes.get(pop) ?? { total: 0, down: [] };
    if (total < viewsMin) return held(before[index] ?? NO_VERDICT, nowMs);
    const isDown = down.length >= Math.max(1, Math.ceil(params.quorum * total - 1e-9));
    const state = isDown ? 'down' : 'up';
    const last = before[index];
    return {
      state,
      votes: total,
      downVotes: down.length,
      why: down.length === 0 ? '' : whyWords(total, down),
      heardAtMs: nowMs,
      sinceMs: last?.state === state ? last.sinceMs : nowMs,
    };
  });
}

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

/** A prober that sees nothing at all is no witness; alone, neither is one that sees most POPs down. */
function isWitness(view: ProberView, alone: string | undefined): boolean {
  const others = view.views.filter(({ pop }) => !isOwn(view, pop));
  const up = others.filter(({ state }) => state === 'up').length;
  if (view.prober === alone && up * 2 < others.length) return false;
  return up > 0;
}

function isOwn({ prober }: ProberView, pop: string): boolean {
  return prober === `agent:${pop}`;
}

function held(before: Verdict, nowMs: number): Verdict {
  const isHeld = before.heardAtMs > 0 && nowMs - before.heardAtMs <= VERDICT_HELD_MS;
  return isHeld ? before : NO_VERDICT;
}

function whyWords(total: number, down: readonly string[]): string {
  const named = down.toSorted().slice(0, NAMED_MAX).join(', ');
  const more = down.length > NAMED_MAX ? ' …' : '';
  return `${down.length} of ${total} views: ${named}${more}`;
}
