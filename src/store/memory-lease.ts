import type { Clock } from '../base/clock.ts';
import { FencedError, type Lease } from './store.ts';

/** The lease of a memory store. */
export interface MemoryLease {
  /** `onChange`: the token changed. */
  readonly take: (holder: string, ttlMs: number, onChange: () => void) => Lease;
  /** Whether it was held so. */
  readonly release: (lease: Pick<Lease, 'holder' | 'token'>) => boolean;
  readonly current: () => Lease | undefined;
  /** Throws `FencedError` unless that token's lease holds now. */
  readonly check: (fence: number | undefined) => void;
}

/** Held by nobody at first. */
export function createMemoryLease(clock: Clock): MemoryLease {
  let holder = '';
  let token = 0;
  let untilMs = Number.NEGATIVE_INFINITY;
  const current = (): Lease | undefined => {
    const leftMs = untilMs - clock.nowMs();
    return leftMs > 0 ? { holder, token, leftMs } : undefined;
  };
  return {
    take: (who, ttlMs, onChange) => {
      const held = current();
      if (held !== undefined && held.holder !== who) return held;
      untilMs = clock.nowMs() + ttlMs;
      if (held === undefined) {
        holder = who;
        token++;
        onChange();
      }
      return { holder, token, leftMs: ttlMs };
    },
    release: (lease) => {
      const held = current();
      if (held === undefined || held.holder !== lease.holder || held.token !== lease.token) return false;
      untilMs = Number.NEGATIVE_INFINITY;
      return true;
    },
    current,
    check: (fence) => {
      if (fence === undefined) return;
      const held = current();
      if (held?.token !== fence)
        throw new FencedError(`token ${fence} is fenced off: the lease has ${held?.token ?? 'no holder'}`);
    },
  };
}
