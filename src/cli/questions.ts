/** Questions to another thread, each of which is answered once or not at all. */
export interface Questions<Q, A> {
  /** Rejects where the other side failed, took longer than `limitMs`, or is gone. */
  readonly ask: (what: Q, limitMs: number) => Promise<A>;
  readonly answered: (id: number, value: A) => void;
  readonly failed: (id: number, message: string) => void;
  /** The other side is gone: nobody answers any more. */
  readonly end: (why: string) => void;
}

/** Questions that wait at once; more are refused at once. */
const WAITING_MAX = 10_000;

/** `post` sends a question on its way. */
export function createQuestions<Q, A>(post: (id: number, what: Q) => void): Questions<Q, A> {
  interface Waiting {
    readonly resolve: (value: A) => void;
    readonly reject: (error: Error) => void;
  }
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  return {
    ask: (what, limitMs) => {
      if (waiting.size >= WAITING_MAX) return Promise.reject(new Error('too many questions wait'));
      const id = nextId++;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => settle()?.reject(new Error(`no answer in ${limitMs} ms`)), limitMs);
        const settle = (): Waiting | undefined => {
          clearTimeout(timer);
          const found = waiting.get(id);
          waiting.delete(id);
          return found;
        };
        waiting.set(id, {
          resolve: (value) => {
            settle();
            resolve(value);
          },
          reject: (error) => {
            settle();
            reject(error);
          },
        });
        post(id, what);
      });
    },
    answered: (id, value) => waiting.get(id)?.resolve(value),
    failed: (id, message) => waiting.get(id)?.reject(new Error(message)),
    end: (why) => {
      for (const { reject } of [...waiting.values()]) reject(new Error(why));
    },
  };
}
