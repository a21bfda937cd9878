import { FencedError, type Lease, type Store } from '../store/store.ts';

/**
 * What this process may do: decide; go along and wait; or nothing, as the store cannot be asked. `starting`:
 * it has not asked yet, because it does not know enough to lead.
 */
export type Standing = 'leading' | 'standing-by' | 'cut-off' | 'starting';

/** The election as this process sees it. */
export interface ElectionView {
  readonly standing: Standing;
  /** Name of this process. */
  readonly holder: string;
  /** Who had the lease when the store last said; empty: nobody yet. */
  readonly leader: string;
  /** Fencing token of that lease; 0: none yet. */
  readonly token: number;
  /** Times that another token was seen than before; the first is none. */
  readonly changes: number;
  /** Writes of this process that the store refused because of their token. */
  readonly fenced: number;
}

/** Takes part in the election of the one controller that decides. */
export interface Election {
  /**
   * Asks for the lease now: takes it, renews it, or learns who has it; from then on asks by itself. Never
   * rejects.
   */
  readonly ask: () => Promise<void>;
  /**
   * The token to write with while this process may decide, looked at now, by the monotonic clock; undefined:
   * it may not. To be asked anew after everything that is waited for.
   */
  readonly fence: () => number | undefined;
  /** Tells of a write that failed: when it was fenced off, this process leads no more, at once. */
  readonly noteFailure: (error: unknown) => void;
  readonly view: () => ElectionView;
  /** Gives the lease up, so that another leads at once; waits for the store 400 ms at most. */
  readonly close: () => Promise<void>;
}

/** The lease holds so long after it was asked for, ms. A dead leader is followed by another after that. */
export const LEASE_MS = 1_500;
/** It is asked for so often, ms, give or take a quarter. */
const RENEW_MS = 400;
const JITTER = 0.25;
/** Who waits asks again so long after the lease of another ends, ms, and up to so much later. */
const EXPIRED_MS = 5;
const EXPIRED_SPREAD_MS = 40;
const CLOSE_MS = 400;

/** Takes no part before `ask` is called first. `onWon`: this process has the lease, and had not before. */
export function createElection(options: {
  readonly store: Pick<Store, 'takeLease' | 'releaseLease' | 'onChange'>;
  readonly holder: string;
  readonly onWon?: () => void;
  /** How long the lease holds after it was asked for, ms; absent: `LEASE_MS`. */
  readonly leaseMs?: number | undefined;
  readonly log: (message: string) => void;
}): Election {
  const { store, holder, leaseMs = LEASE_MS, log } = options;
  /** As the store last said; its `leftMs` counts from `askedAtMs`, which was before the store looked. */
  let lease: Lease | undefined;
  let askedAtMs = -Infinity;
  let hasAsked = false;
  let isAway = false;
  let asking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let said: Standing = 'starting';
  const counts = { changes: 0, fenced: 0 };
  const leftMs = (): number => (lease === undefined ? 0 : askedAtMs + lease.leftMs - performance.now());
  const fence = (): number | undefined =>
    !closed && lease?.holder === holder && leftMs() > 0 ? lease.token : undefined;
  const standing = (): Standing => {
    if (!hasAsked) return 'starting';
    if (fence() !== undefined) return 'leading';
    return isAway ? 'cut-off' : 'standing-by';
  };
  const say = (): void => {
    const now = standing();
    if (now === said || closed) return;
    // That whoever is alone leads is no news.
    const isNews = said !== 'starting' || now !== 'leading';
    said = now;
    if (isNews) log(wordsOf(now, leftMs() > 0 ? lease : undefined));
  };
  const take = async (): Promise<void> => {
    const atMs = performance.now();
    try {
      const seen = await store.takeLease(holder, leaseMs);
      const isOther = seen.token !== lease?.token;
      if (lease !== undefined && isOther) counts.changes++;
      lease = seen;
      askedAtMs = atMs;
      isAway = false;
      if (isOther && fence() !== undefined) options.onWon?.();
    } catch {
      isAway = true;
    }
    hasAsked = true;
    say();
  };
  const schedule = (): void => {
    clearTimeout(timer);
    if (closed) return;
    const renewMs = RENEW_MS * (1 + JITTER * (2 * Math.random() - 1));
    const endsMs = leftMs() + EXPIRED_MS + EXPIRED_SPREAD_MS * Math.random();
    const isWaiting = !isAway && lease !== undefined && lease.holder !== holder;
    timer = setTimeout(
      () => void ask(),
      isWaiting ? Math.max(EXPIRED_MS, Math.min(renewMs, endsMs)) : renewMs,
    );
  };
  const ask = (): Promise<void> => {
    asking ??= take().finally(() => {
      asking = undefined;
      schedule();
    });
    return closed ? Promise.resolve() : asking;
  };
  const stopListening = store.onChange((topic) => {
    // Given up by its holder, or taken by another: what is known of it is old.
    if (topic === 'lease' && hasAsked && fence() === undefined) void ask();
  });
  return {
    ask,
    fence,
    noteFailure: (error) => {
      if (!(error instanceof FencedError)) return;
      counts.fenced++;
      lease = lease && { ...lease, leftMs: 0 };
      say();
    },
    view: () => {
      const { holder: leader = '', token = 0 } = lease ?? {};
      return { standing: standing(), holder, leader, token, ...counts };
    },
    close: async () => {
      const held = fence() === undefined ? undefined : lease;
      closed = true;
      clearTimeout(timer);
      stopListening();
      if (held === undefined) return;
      const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      // Whoever cannot be told waits for the lease to end.
      await Promise.race([store.releaseLease(held).catch(() => undefined), late]);
    },
  };
}

function wordsOf(standing: Standing, lease: Lease | undefined): string {
  if (standing === 'leading') return `leading, with token ${lease?.token}`;
  if (standing === 'standing-by' && lease === undefined)
    return 'the lease ended before it was renewed: deciding nothing until it is';
  if (standing === 'standing-by') return `standing by: ${lease?.holder} leads`;
  return 'cut off from the store: deciding nothing';
}
