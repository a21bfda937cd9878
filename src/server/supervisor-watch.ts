import { endThread } from './native-threads.ts';
import { empty, fill } from './supervisor-crew.ts';
import type { Crew, Slot } from './supervisor-state.ts';
import type { ServingThread } from './supervisor-threads.ts';
import { WORD, workerWords } from './worker-memory.ts';

/** A thread that has stood still for so long is replaced, ms. */
const STALL_MS = 2_000;
/** How often hearts are listened to, ms. */
export const WATCH_MS = 250;
/** Looks in a row that must find a heart where it was: a process that slept itself has not looked. */
const STILL_LOOKS = STALL_MS / WATCH_MS;
/** Time that a thread has to end once it was ended, ms; then it is left to itself. */
const END_MS = 2_000;
/** Time that a thread has to open its images, and to begin to answer, ms. */
const READY_MS = 60_000;

/** Listens to every heart, and ends those that stand still. To be called every `WATCH_MS`. */
export function watchCrew(crew: Crew): void {
  if (crew.closing) return;
  const nowMs = performance.now();
  crew.options.deaths.expire(nowMs);
  for (const slot of crew.slots) {
    const { thread } = slot;
    if (thread === undefined) continue;
    const beat = Atomics.load(slot.words, WORD.HEARTBEAT);
    const still = slot.serving ? beat === slot.heartbeat : nowMs - slot.sinceMs > READY_MS;
    slot.heartbeat = beat;
    slot.stillLooks = still ? slot.stillLooks + 1 : 0;
    if (slot.stillLooks === STILL_LOOKS) endStalled(crew, slot, thread);
  }
  for (const thread of crew.threads)
    if (!thread.ready && nowMs - thread.startedMs > READY_MS) {
      thread.error ??= `it has not opened its images within ${READY_MS} ms`;
      void endThread(thread.worker);
    }
  fill(crew);
}

function endStalled(crew: Crew, slot: Slot, thread: ServingThread): void {
  thread.error = `no sign of life for ${STALL_MS} ms`;
  thread.failed = true;
  void endThread(thread.worker);
  const stuck = setTimeout(() => {
    if (!crew.threads.delete(thread) || crew.closing) return;
    crew.options.onEvent({ kind: 'worker-stuck', worker: slot.index });
    empty(crew, slot, thread);
    // Whenever it comes back from the kernel, it must not write where its successor does. What was left of
    // its batch is lost with it.
    slot.words = workerWords();
    slot.io = { ...slot.io, arena: crew.options.newArena() };
  }, END_MS);
  thread.worker.once('exit', () => clearTimeout(stuck));
}
