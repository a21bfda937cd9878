import type { Worker } from 'node:worker_threads';
import { OperatorError } from '../base/errors.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './messages.ts';
import { startNativeThread } from './native-threads.ts';

/**
 * One thread that answers, seen from the main thread. It opens its images first, says `ready`, and waits:
 * with a slot's sockets and memory it goes to work, without one it is the spare.
 */
export interface ServingThread {
  readonly worker: Worker;
  readonly startedMs: number;
  /** Its images are open; it waits or works. */
  ready: boolean;
  /** Epoch of the table that it answers from; 0 without one. */
  epoch: number;
  /** Why it ended, or is about to: what it threw, or words. */
  error: unknown;
  /**
   * It ended itself by an exception, or was ended because its heart stood still: what it had in hand may be
   * why. False where it was ended from outside.
   */
  failed: boolean;
}

/** What a thread tells its supervisor. */
export interface ThreadEvents {
  readonly onMessage: (thread: ServingThread, message: FromWorker) => void;
  /** It is gone; `error` says why. */
  readonly onExit: (thread: ServingThread) => void;
}

/**
 * Memory that a thread's own objects may take, MiB: all that is large is shared and does not count. One that
 * needs more is ended by the runtime, alone. With less room for young objects, 8 MiB, three threads take 100
 * MiB less, but collections on the way throw away what warming up had compiled.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };

/** Starts a thread; it opens the images. */
export function startThread(setup: WorkerSetup, events: ThreadEvents): ServingThread {
  const worker = startNativeThread(new URL('worker.ts', import.meta.url), setup, {
    name: 'dns',
    resourceLimits: RESOURCE_LIMITS,
  });
  const thread: ServingThread = {
    worker,
    startedMs: performance.now(),
    ready: false,
    epoch: 0,
    error: undefined,
    failed: false,
  };
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'refused') thread.error = new OperatorError(message.code, message.problems);
    else {
      if (message.kind === 'ready') thread.ready = true;
      if (message.kind === 'table-taken') thread.epoch = message.epoch;
      events.onMessage(thread, message);
    }
  });
  worker.on('error', (error) => {
    thread.error = error;
    thread.failed = true;
  });
  worker.on('exit', (code) => {
    thread.ready = false;
    thread.error ??= `the thread ended with code ${code}`;
    events.onExit(thread);
  });
  return thread;
}

/** Posts a message; a thread that waits in the kernel looks for it once its MAIL word is raised too. */
export function post(thread: ServingThread, message: ToWorker): void {
  thread.worker.postMessage(message);
}
