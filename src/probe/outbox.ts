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
  /** Dropped because the box was full, because they grew old, or because the store refused them twice. */
  readonly dropped: number;
  readonly waiting: number;
}

/** Batches that wait at most. */
const WAITING_MAX = 1_000;
/** Calls to the store under way at most. */
const UNDER_WAY_MAX = 64;
/** What is older when its turn comes is worth nothing any more, without another bound, ms. */
const OLD_MS = 10_000;

interface Waiting {
  readonly batch: SampleBatch;
  readonly isNews: boolean;
  readonly isRetry: boolean;
}

/**
 * An outbox for one store. Batches leave in order, but several at a time: one may overtake another. What is
 * older than `oldMs` when its turn comes is dropped.
 */
export function createOutbox(
  sink: Pick<Sink, 'appendSamples' | 'clockSkew' | 'state'>,
  oldMs = OLD_MS,
): Outbox {
  const waiting: Waiting[] = [];
  const counts = { sent: 0, dropped: 0 };
  let underWay = 0;
  const send = async ({ batch, isNews, isRetry }: Waiting) => {
    underWay++;
    try {
      await sink.appendSamples({ ...batch, atMs: storeTimeMs(sink, batch.atMs) }, isNews);
      counts.sent++;
    } catch {
      if (isRetry || waiting.length >= WAITING_MAX) counts.dropped++;
      else waiting.unshift({ batch, isNews, isRetry: true });
    } finally {
      underWay--;
    }
  };
  return {
    put: (batch, isNews = false) => {
      waiting.push({ batch, isNews, isRetry: false });
      if (waiting.length <= WAITING_MAX) return;
      waiting.shift();
      counts.dropped++;
    },
    flush: (nowMs) => {
      // A store that is away says so at every call, and counts it: it is asked again when it is back.
      if (!sink.state().connected) return;
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
