/**
 * Words by which a serving thread and its supervisor speak without messages: a thread that waits in the
 * kernel reads no messages. One block a worker; it outlives the thread, so that the next one goes on where
 * the last one ended.
 */
export const WORD = {
  /** 1: end after the batch in hand. Written by the supervisor. */
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
  /** The batch received and not yet sent whole: position of its socket, datagrams in it, and sent so far. */
  BATCH_SOCKET: 5,
  BATCH_COUNT: 6,
  BATCH_SENT: 7,
  /** Kernel's id of the thread, for its CPU time in /proc; 0 where there is none. */
  THREAD_ID: 8,
  COUNT: 16,
} as const;

/** A thread's loop comes round at least this often, ms: the bound on every wait in the kernel. */
export const TURN_MS = 100;

/** Words of one worker, all 0. */
export function workerWords(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(WORD.COUNT * 4));
}
