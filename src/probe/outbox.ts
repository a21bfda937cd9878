import type { SampleBatch } from '../store/store.ts';
import { type Sink, storeTimeMs } from './sink.ts';

/** Batches on their way to a store that may be away. */
export interface Outbox {
  /** Takes a batch; the oldest is dropped when full. `isNews`: the controller is to hear of it at once. */
  readonly put: (batch: SampleBatch, isNews?: boolean) => void;
  /** Sends what can be sent now. */
  readonly flush: (nowMs: number) => void;
  /** Batches that wait at most. */
  readonly most: number;
  readonly counts: () => OutboxCounts;
}

/** Since the start; `waiting`: now. */
export interface OutboxCounts {
  readonly sent: number;
  /** Dropped because the box was full, or because they grew old. */
  readonly dropped: number;
  readonly waiting: number;
  /** When the store last took a batch, ms since 1970, to within a step; 0: never. */
  readonly sentAtMs: number;
}

/** Batches that wait at most. */
const WAITING_MAX = 1_000;
/** Calls to the store under way at most. */
const UNDER_WAY_MAX = 64;
/** What is older when its turn comes is worth nothing any more, without another bound, ms. */
const OLD_MS = 10_000;

/** Nothing is sent for so long after a failed call, twice as long after each further one; the most, ms. */
const PAUSE_LEAST_MS = 100;
const PAUSE_MOST_MS = 2_000;

interface Waiting {
  readonly batch: SampleBatch;
  readonly isNews: boolean;
}

/**
 * An outbox for one store. Batches leave in order, but several at a time: one may overtake another. What is
 * older than `oldMs` when its turn comes is dropped; until then it is tried again.
 */
export function createOutbox(
  sink: Pick<Sink, 'appendSamples' | 'clockSkew' | 'state'>,
  oldMs = OLD_MS,
): Outbox {
  const waiting: Waiting[] = [];
  const counts = { sent: 0, dropped: 0, sentAtMs: 0 };
  let underWay = 0;
  let flushedAtMs = 0;
  let pauseMs = 0;
  let pausedUntilMs = -Infinity;
  const send = async (one: Waiting) => {
    const { batch, isNews } = one;
    underWay++;
    try {
      await sink.appendSamples({ ...batch, atMs: storeTimeMs(sink, batch.atMs) }, isNews);
      counts.sent++;
      counts.sentAtMs = flushedAtMs;
      pauseMs = 0;
    } catch {
      if (waiting.length >= WAITING_MAX) counts.dropped++;
      else waiting.unshift(one);
      if (flushedAtMs < pausedUntilMs) return;
      pauseMs = Math.min(PAUSE_MOST_MS, Math.max(PAUSE_LEAST_MS, 2 * pauseMs));
      pausedUntilMs = flushedAtMs + pauseMs;
    } finally {
      underWay--;
    }
  };
  return {
    put: (batch, isNews = false) => {
      waiting.push({ batch, isNews });
      if (waiting.length <= WAITING_MAX) return;
      waiting.shift();
      counts.dropped++;
    },
    flush: (nowMs) => {
      // A store that is away says so at every call, and counts it: it is asked again when it is back.
      flushedAtMs = nowMs;
      if (!sink.state().connected || nowMs < pausedUntilMs) return;
      while (underWay < UNDER_WAY_MAX) {
        const next = waiting.shift();
        if (next === undefined) return;
        if (nowMs - next.batch.atMs > oldMs) counts.dropped++;
        else void send(next);
      }
    },
    most: WAITING_MAX,
    counts: () => ({ ...counts, waiting: waiting.length }),
  };
}
