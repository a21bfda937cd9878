import { Worker } from 'node:worker_threads';

/** Threads that run edge code, one job at a time each. */
export interface ThreadPool {
  /**
   * Runs a job: the reply, or why there is none. Never rejects. A job that is not wanted any more when its
   * turn comes ends as `busy`.
   */
  readonly run: (job: unknown, isWanted?: () => boolean) => Promise<Outcome>;
  /** Starts a thread, so that the first job need not wait for that. */
  readonly warm: () => void;
  /** Ends every thread; waiting jobs end as `died`. */
  readonly close: () => Promise<void>;
}

/** What became of a job. `late`: its thread was ended; `busy`: too many wait. */
export type Outcome =
  | { readonly kind: 'reply'; readonly reply: unknown }
  | { readonly kind: 'late' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'died'; readonly why: string };

/** How the threads are. */
export interface ThreadPoolOptions {
  /** The thread's file; it posts `'ready'` once, then one reply to each message. */
  readonly file: URL;
  readonly data: unknown;
  readonly threadsMax: number;
  /** A job that takes longer ends with its thread, ms. */
  readonly limitMs: number;
  /** Heap of a thread, MiB. */
  readonly heapMb: number;
  readonly log: (message: string) => void;
}

/** Jobs that wait for a thread. */
const QUEUE_MAX = 1000;
/** A job waits so long at most, ms. */
const WAIT_LIMIT_MS = 10_000;
/** A thread that cannot start is tried again after this time, ms. */
const RESTART_MS = 1000;

interface Job {
  readonly message: unknown;
  readonly isWanted: () => boolean;
  readonly resolve: (outcome: Outcome) => void;
  timer: NodeJS.Timeout;
}

interface Thread {
  readonly worker: Worker;
  isReady: boolean;
  job: Job | undefined;
}

/**
 * Threads start when they are first needed, or when `warm` asks, and are kept; one that is late or dies is
 * replaced.
 */
export function threadPool(options: ThreadPoolOptions): ThreadPool {
  const threads = new Threads(options);
  return {
    run: (job, isWanted = () => true) => threads.run(job, isWanted),
    warm: () => threads.start(),
    close: () => threads.close(),
  };
}

class Threads {
  readonly #options: ThreadPoolOptions;
  readonly #threads = new Set<Thread>();
  readonly #queue: Job[] = [];
  #isClosed = false;
  /** No thread is started before, ms of the monotonic clock. */
  #notBeforeMs = 0;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
  }

  run(message: unknown, isWanted: () => boolean): Promise<Outcome> {
    return new Promise((resolve) => {
      if (this.#isClosed || this.#queue.length >= QUEUE_MAX) return resolve({ kind: 'busy' });
      const timer = setTimeout(() => {
        this.#queue.splice(this.#queue.indexOf(job), 1);
        resolve({ kind: 'busy' });
      }, WAIT_LIMIT_MS);
      const job: Job = { message, isWanted, resolve, timer };
      this.#queue.push(job);
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const all = Array.from(this.#threads);
    this.#threads.clear();
    const jobs = [...this.#queue.splice(0), ...all.flatMap(({ job }) => job ?? [])];
    for (const job of jobs) settle(job, { kind: 'died', why: 'the POP closes' });
    await Promise.all(all.map(({ worker }) => worker.terminate()));
  }

  /** Gives waiting jobs to threads that are free, and starts a thread where that may help. */
  #dispatch(): void {
    for (const thread of this.#threads) {
      if (!thread.isReady || thread.job !== undefined) continue;
      const job = this.#next();
      if (job === undefined) return;
      this.#begin(thread, job);
    }
    const starting = Array.from(this.#threads).filter(({ isReady }) => !isReady).length;
    const mayStart = this.#threads.size < this.#options.threadsMax && performance.now() >= this.#notBeforeMs;
    if (this.#queue.length > starting && mayStart && !this.#isClosed) this.start();
    // Nobody starts a thread for them soon.
    if (this.#threads.size === 0)
      for (const job of this.#queue.splice(0)) settle(job, { kind: 'died', why: 'it could not start' });
  }

  #next(): Job | undefined {
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      if (job.isWanted()) return job;
      settle(job, { kind: 'busy' });
    }
    return undefined;
  }

  #begin(thread: Thread, job: Job): void {
    clearTimeout(job.timer);
    thread.job = job;
    job.timer = setTimeout(() => {
      this.#threads.delete(thread);
      thread.job = undefined;
      void thread.worker.terminate();
      settle(job, { kind: 'late' });
      this.#dispatch();
    }, this.#options.limitMs);
    thread.worker.postMessage(job.message);
  }

  start(): void {
    const { file, data, heapMb } = this.#options;
    const worker = new Worker(file, {
      workerData: data,
      env: {},
      argv: [],
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    const thread: Thread = { worker, isReady: false, job: undefined };
    this.#threads.add(thread);
    worker.unref();
    // What edge code prints goes nowhere: nobody bounds it.
    worker.stdout.resume();
    worker.stderr.resume();
    worker.on('message', (reply) => this.#said(thread, reply));
    worker.on('error', (error: Error) => this.#died(thread, error.message));
    worker.on('exit', (code) => this.#died(thread, `exit code ${code}`));
  }

  #said(thread: Thread, reply: unknown): void {
    const { job } = thread;
    thread.job = undefined;
    if (!thread.isReady) thread.isReady = true;
    else if (job !== undefined) settle(job, { kind: 'reply', reply });
    this.#dispatch();
  }

  #died(thread: Thread, why: string): void {
    if (!this.#threads.delete(thread)) return;
    this.#options.log(`a thread of edge code ended: ${why}`);
    if (thread.job !== undefined) settle(thread.job, { kind: 'died', why });
    thread.job = undefined;
    if (!thread.isReady) {
      this.#notBeforeMs = performance.now() + RESTART_MS;
      if (this.#threads.size === 0)
        for (const job of this.#queue.splice(0))
          settle(job, { kind: 'died', why: `it cannot start: ${why}` });
    }
    this.#dispatch();
  }
}

function settle(job: Job, outcome: Outcome): void {
  clearTimeout(job.timer);
  job.resolve(outcome);
}
