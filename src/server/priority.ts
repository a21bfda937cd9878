import { getPriority, setPriority } from 'node:os';

/**
 * Leaves a third of a core that an answering thread wants all of. Twice as far back, no query was answered
 * sooner, and an overloaded machine would steer by old images for longer.
 */
const STEP = 3;

/** What a thread that keeps other programs' time goes ahead by. */
const AHEAD = 10;

/** Lets the thread that calls this go before others, from now on, where it may. Never fails. */
export function stepAhead(): void {
  step(-AHEAD);
}

/** Lets threads that answer go before the one that calls this, from now on. Never fails. */
export function stepBack(): void {
  step(STEP);
}

function step(by: number): void {
  // On Linux the priority is the thread's own, although POSIX says the process's; elsewhere it is not.
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, Math.min(19, Math.max(-20, getPriority(0) + by)));
  } catch {} // A sandbox may forbid the call; the thread works as well without it.
}
