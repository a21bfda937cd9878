/**
 * Words by which a serving thread and its supervisor speak without messages: a thread that waits in the
 * kernel reads no messages. One block a worker; it outlives the thread, so that the next one goes on where
 * the last one ended.
 */
export const WORD = {
  /** When to end: see `STOP`. Written by the supervisor. */
  STOP: 0,
  /** Raised by the supervisor after each message it posts: look into the port. */
  MAIL: 1,
  /** Raised by the worker at every turn of its loop, at least every `TURN_MS`. */
  HEARTBEAT: 2,
  /**
   * Where the query being worked on lies in the arena, and its length in octets; length 0: none. What is left
   * there by a thread that died is the query that killed it.
   */
  IN_HAND_AT: 3,
  IN_HAND_LENGTH: 4,
  /**
   * The batch that is not finished: position of its socket among those of UDP, datagrams received (0: there
   * is no such batch), and responses sent so far.
   */
  BATCH_SOCKET: 5,
  BATCH_COUNT: 6,
  BATCH_SENT: 7,
  /** Kernel's id of the thread, for its CPU time in /proc; 0 where there is none. */
  THREAD_ID: 8,
  /** Of the batch: datagrams that were handed to the handler, and responses that are ready to be sent. */
  BATCH_HANDLED: 9,
  BATCH_READY: 10,
  /** The thread's epoll instance: its descriptor + 1; 0: none. A successor closes it. */
  EPOLL: 11,
  COUNT: 16,
} as const;

/** Values of the STOP word. */
export const STOP = {
  GO_ON: 0,
  /** End after the batch in hand; connections are closed. */
  NOW: 1,
  /** Read no more from UDP, accept no more; end when the last connection is closed. */
  DRAIN: 2,
} as const;

/** A thread's loop comes round at least this often, ms: the bound on every wait in the kernel. */
export const TURN_MS = 100;

/** Words of one worker, all 0. */
export function workerWords(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(WORD.COUNT * 4));
}
