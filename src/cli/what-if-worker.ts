import { Worker } from 'node:worker_threads';
import type { LoadRange } from '../replay/draws.ts';
import type { ForesightGround, KnownWorld } from '../replay/foresee.ts';
import type { WhatIf } from '../replay/what-if.ts';

/** What the thread works with from its start on. */
export type WhatIfGround = Omit<ForesightGround, 'geometry' | 'placesDigest'>;

/** To the thread: a world to bring to rest; then one question about it. */
export type WhatIfJob =
  | {
      readonly kind: 'world';
      readonly known: Omit<KnownWorld, 'image'>;
      /** The table in use. */
      readonly imageBytes: Uint8Array | undefined;
    }
  | { readonly kind: 'question'; readonly without: readonly string[] };

/** From the thread: one to a world, two to a question. */
export type WhatIfReply =
  | { readonly kind: 'at-rest' }
  | { readonly kind: 'found'; readonly found: WhatIf }
  | { readonly kind: 'ranges'; readonly ranges: readonly LoadRange[] };

/** A thread that works out what would be: it starts with the first job, and ends when it is idle for long. */
export interface WhatIfWorker {
  /** Starts the thread anew if there is none: a world that was sent to the one before is gone. */
  readonly send: (job: WhatIfJob) => void;
  /** The next reply of this kind. Rejects where the thread ends before, or takes too long. */
  readonly next: <K extends WhatIfReply['kind']>(kind: K) => Promise<Extract<WhatIfReply, { kind: K }>>;
  /** Whether the thread lives. */
  readonly isAlive: () => boolean;
}

/** One reply takes so long at most, ms. */
const REPLY_MS = 120_000;
/** The thread ends so long after its last reply, ms. */
const IDLE_MS = 90_000;

/** No thread yet. */
export function createWhatIfWorker(ground: WhatIfGround): WhatIfWorker {
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  const end = (): void => {
    void worker?.terminate();
    worker = undefined;
  };
  const start = (): Worker => {
    const workerData = ground;
    const url = new URL('what-if-thread.ts', import.meta.url);
    const started = new Worker(url, { workerData, name: 'what-if' });
    started.setMaxListeners(0);
    started.unref();
    started.once('exit', () => {
      if (worker === started) worker = undefined;
    });
    // Whoever waits for a reply is told; nobody else need be.
    started.on('error', () => undefined);
    return started;
  };
  return {
    isAlive: () => worker !== undefined,
    send: (job) => {
      worker ??= start();
      worker.postMessage(job);
      clearTimeout(idle);
    },
    next: (kind) => {
      const { promise, resolve, reject } =
        Promise.withResolvers<Extract<WhatIfReply, { kind: typeof kind }>>();
      const asked = worker;
      const late = setTimeout(() => {
        reject(new Error(`what if: no answer within ${REPLY_MS / 1000} s`));
        if (worker === asked) end();
      }, REPLY_MS);
      const onMessage = (reply: WhatIfReply): void => {
        // The kind says which of them it is.
        if (reply.kind === kind) resolve(reply as Extract<WhatIfReply, { kind: typeof kind }>);
      };
      const onExit = (): void => reject(new Error('the thread that works it out ended without an answer'));
      asked?.on('message', onMessage).once('error', reject).once('exit', onExit);
      if (asked === undefined) onExit();
      return promise.finally(() => {
        clearTimeout(late);
        clearTimeout(idle);
        idle = setTimeout(end, IDLE_MS);
        idle.unref();
        asked?.off('message', onMessage).off('error', reject).off('exit', onExit);
      });
    },
  };
}
