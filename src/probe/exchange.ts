/**
 * Questions by datagram and the answers to them, with the times between.
 */
export interface Exchange {
  /**
   * Sends the octets, and gives the time until the answer with that key came, ms; undefined: none came in
   * time, or it could not be sent. Never rejects.
   */
  readonly ask: (question: Question) => Promise<number | undefined>;
  readonly close: () => void;
}

/** What is asked of whom. */
export interface Question {
  readonly octets: Uint8Array;
  /** IP address in presentation form. */
  readonly address: string;
  /** 0 where the protocol has none. */
  readonly port: number;
  /** What `keyOf` will say of the answer. */
  readonly key: string;
  readonly timeoutMs: number;
}

/** Says which question a datagram answers; undefined: none. `from`: address in presentation form. */
export type KeyOf = (octets: Uint8Array, from: { address: string; port: number }) => string | undefined;

/** Questions under way. */
export interface Pending {
  /** How many there are. */
  readonly size: () => number;
  /** A question was sent; `sentAtMs` by the clock that answers are timed with. */
  readonly sent: (question: Question, sentAtMs: number) => Promise<number | undefined>;
  /** An answer came at that time of the same clock. */
  readonly answered: (key: string, atMs: number) => void;
  /** Nothing will be answered any more. */
  readonly close: () => void;
}

/** Questions under way at most: further ones count as not answered. */
const PENDING_MAX = 10_000;

/** Keeps account of questions under way. */
export function createPending(): Pending {
  const waiting = new Map<string, { sentAtMs: number; settle: (rttMs: number | undefined) => void }>();
  return {
    size: () => waiting.size,
    sent: ({ key, timeoutMs }, sentAtMs) => {
      if (waiting.size >= PENDING_MAX || waiting.has(key)) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const timer = setTimeout(() => settle(undefined), timeoutMs);
        const settle = (rttMs: number | undefined): void => {
          clearTimeout(timer);
          waiting.delete(key);
          resolve(rttMs);
        };
        waiting.set(key, { sentAtMs, settle });
      });
    },
    answered: (key, atMs) => {
      const question = waiting.get(key);
      if (question === undefined) return;
      const rttMs = atMs - question.sentAtMs;
      // A clock that was set meanwhile says nothing.
      question.settle(rttMs > 0 ? rttMs : undefined);
    },
    close: () => {
      for (const { settle } of [...waiting.values()]) settle(undefined);
    },
  };
}
