import { ADDRESS } from './native-arena.ts';
import { LINUX } from './native-libc.ts';
import type { Udp } from './native-udp.ts';

/** How fast queries come, and what follows for the next look at the sockets. See docs/decisions/0009. */
export interface Pace {
  /** Datagrams since `sinceMs`. */
  count: number;
  sinceMs: number;
  /** Datagrams a millisecond over the last window. */
  ratePerMs: number;
}

/** Length of the window that the rate is measured over, ms. */
const WINDOW_MS = 4;
/** Rate from which on it pays to let datagrams gather. */
const RATE_PER_MS_MIN = 130;
/** Datagrams that one look should find. */
const BATCH_WANTED = 32;
/** Longest pause, ns. */
const PAUSE_NS_MAX = 100_000;

/** A pace that has seen nothing. */
export function createPace(): Pace {
  // Halves, so that the fields are kept as doubles from the start.
  return { count: 0, sinceMs: 0.5, ratePerMs: 0.5 };
}

/** Counts datagrams that were read at this time (`Arena.now`). */
export function keepPace(pace: Pace, datagrams: number, now: Float64Array): void {
  pace.count += datagrams;
  const nowMs = now[0] as number;
  const spentMs = nowMs - pace.sinceMs;
  if (spentMs < WINDOW_MS) return;
  pace.ratePerMs = pace.count / spentMs;
  pace.count = 0;
  pace.sinceMs = nowMs;
}

/** Sleeps for some tens of microseconds if queries come so fast that this fills batches; says whether. */
export function pause(pace: Pace, udp: Udp): boolean {
  if (pace.ratePerMs < RATE_PER_MS_MIN) return false;
  sleepNs(udp, Math.min(PAUSE_NS_MAX, Math.round((BATCH_WANTED / pace.ratePerMs) * 1e6)));
  return true;
}

/** Sleeps; a signal may end it early. */
export function sleepNs({ libc, arena }: Pick<Udp, 'libc' | 'arena'>, ns: number): void {
  const at = arena.scratch >> 2;
  const { i32 } = arena;
  i32[at] = 0;
  i32[at + 1] = 0;
  i32[at + 2] = ns;
  i32[at + 3] = 0;
  libc.clockNanosleep(LINUX.CLOCK_MONOTONIC, 0, arena.addresses[ADDRESS.SCRATCH] as number, 0);
}
