import type { Clock } from '../base/clock.ts';
import type { Fleet } from '../base/fleet.ts';
import {
  type HeardView,
  hearViews,
  judgeViews,
  NO_VERDICT,
  type ProberView,
  type QuorumParams,
  type Verdict,
} from '../steering/quorum.ts';
import type { Store } from '../store/store.ts';
import type { PopWords } from './pop-words.ts';

/** What a watch needs. */
export interface HealthWatchOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly params: QuorumParams;
  readonly clock: Clock;
  readonly words: PopWords;
  readonly log: (message: string) => void;
  /** Time between two looks without a nudge, ms. */
  readonly pollMs?: number;
}

/** Figures since the start. */
export interface HealthWatchStats {
  /** Views that are heard now, and those of them that see nothing at all. */
  readonly views: number;
  /** POPs that went down or came up by the views. */
  readonly verdictChanges: number;
  /** Readings that the store refused. */
  readonly storeFailures: number;
}

/** Judges the views of all probers, here and now. */
export interface HealthWatch {
  /** By POP. */
  readonly verdicts: () => readonly Verdict[];
  /** The views heard of late, this process's own among them. */
  readonly views: () => readonly ProberView[];
  /** This process's own view: counts at once, before the store has it. */
  readonly takeOwn: (view: ProberView) => void;
  /**
   * Calls back when a POP's verdict became another, with the positions of those that went down. Returns how
   * to stop.
   */
  readonly onVerdict: (listener: (downs: readonly number[]) => void) => () => void;
  /** Looks now; resolves when done. Never rejects. */
  readonly lookNow: () => Promise<void>;
  readonly stats: () => HealthWatchStats;
  readonly close: () => Promise<void>;
}

const POLL_MS = 1000;

/**
 * Follows the views in the store by nudge and by looking each second, and sets the POPs' words by them: a
 * dead POP leaves the answers without a table, a controller or, by this process's own checks, a store.
 */
export function startHealthWatch(options: HealthWatchOptions): HealthWatch {
  const { store, pollMs = POLL_MS } = options;
  const judge = createJudge(options);
  let storeFailures = 0;
  const look = async (): Promise<void> => {
    try {
      judge.hear(await store.healthViews());
    } catch {
      storeFailures++;
    }
    judge.judge();
  };
  let current = Promise.resolve();
  let waiting = 0;
  let closed = false;
  /** Of several nudges during a reading one more reading makes up. */
  const lookNow = (): Promise<void> => {
    if (closed || waiting > 1) return current;
    waiting++;
    current = current.then(look).then(() => {
      waiting--;
    });
    return current;
  };
  const stopListening = store.onChange((topic) => {
    if (topic === 'health') void lookNow();
  });
  let timer: NodeJS.Timeout;
  const poll = (): void => {
    void lookNow().then(() => {
      if (!closed) timer = setTimeout(poll, pollMs);
    });
  };
  timer = setTimeout(poll, 0);
  return {
    ...judge,
    lookNow,
    stats: () => ({ ...judge.stats(), storeFailures }),
    close: async () => {
      closed = true;
      clearTimeout(timer);
      stopListening();
      await current;
    },
  };
}

/** Hears views and judges them. */
function createJudge(options: HealthWatchOptions) {
  const { store, fleet, params, clock, words, log } = options;
  const pops = fleet.pops.map(({ code }) => code);
  const listeners = new Set<(downs: readonly number[]) => void>();
  let heard: ReadonlyMap<string, HeardView> = new Map();
  let verdicts: readonly Verdict[] = pops.map(() => NO_VERDICT);
  let own: string | undefined;
  let verdictChanges = 0;
  const judge = (): void => {
    const before = verdicts;
    const alone = store.state().connected ? undefined : own;
    verdicts = judgeViews(heard, { pops, nowMs: clock.nowMs(), before, alone }, params);
    words.setLive(verdicts);
    const downs: number[] = [];
    let isChanged = false;
    for (const [index, verdict] of verdicts.entries()) {
      const from = before[index]?.state ?? 'unknown';
      if (verdict.state === from) continue;
      isChanged = true;
      if (verdict.state !== 'down' && from !== 'down') continue;
      verdictChanges++;
      if (verdict.state === 'down') downs.push(index);
      const text = verdict.state === 'down' ? `down: ${verdict.why}` : stateWords(verdict);
      log(`${pops[index]} is ${text}`);
    }
    if (isChanged) for (const listener of listeners) listener(downs);
  };
  const hear = (views: readonly ProberView[]): void => {
    heard = hearViews(heard, views, clock.nowMs());
  };
  return {
    hear,
    judge,
    verdicts: () => verdicts,
    views: () => [...heard.values()].map(({ view }) => view),
    takeOwn: (view: ProberView) => {
      own = view.prober;
      hear([view]);
      judge();
    },
    onVerdict: (listener: (downs: readonly number[]) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stats: () => ({ views: heard.size, verdictChanges }),
  };
}

function stateWords({ state, votes, downVotes }: Verdict): string {
  if (state === 'unknown') return 'no longer looked at: its own reports count';
  return `up again: ${votes - downVotes} of ${votes} views see it`;
}
