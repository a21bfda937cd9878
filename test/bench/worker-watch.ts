import { syncBuiltinESMExports } from 'node:module';
import threads, { type Transferable, type WorkerOptions } from 'node:worker_threads';

/**
 * Keeps hold of every thread that this process starts, so that a benchmark can look at their heaps and kill
 * those that answer. Imported before what starts threads.
 */

/** A thread that was started and has not ended. */
export interface WatchedThread {
  readonly name: string;
  readonly thread: threads.Worker;
  /** It was put to work on sockets: neither the spare nor the one that builds tables. */
  answers: boolean;
}

export const watchedThreads = new Set<WatchedThread>();

const { Worker } = threads;
threads.Worker = class extends Worker {
  readonly #watched: WatchedThread;
  constructor(file: string | URL, options?: WorkerOptions) {
    super(file, options);
    this.#watched = { name: options?.name ?? '', thread: this, answers: false };
    watchedThreads.add(this.#watched);
    this.once('exit', () => watchedThreads.delete(this.#watched));
  }
  override postMessage(message: unknown, transfer?: readonly Transferable[]): void {
    const isWork = typeof message === 'object' && message !== null && 'kind' in message;
    if (isWork && message.kind === 'work') this.#watched.answers = true;
    super.postMessage(message, transfer);
  }
};
syncBuiltinESMExports();
