import type { Fleet } from '../base/fleet.ts';
import { TARGETS_MAX } from '../store/bounds.ts';
import type { Store } from '../store/store.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** What the controller wants measured, POP by POP. */
export interface Targets {
  /** Calls back with each burst that became due in that time: POP index and network. */
  readonly advance: (elapsedMs: number, visit: (popIndex: number, network: string) => void) => void;
  /** Takes the lists from the store. Never rejects: what cannot be had now is planned anew. */
  readonly read: () => Promise<void>;
}

/**
 * A list is spread over so long, ms: nearly till the next one is there, so that a change of the internet
 * meets some bursts soon.
 */
const SPREAD_MS = 850;

interface Waiting {
  networks: string[];
  perMs: number;
  due: number;
}

/** Takes the lists of every POP; each burst is made once. */
export function createTargets(store: Store, fleet: Fleet): Targets {
  const waiting = fleet.pops.map((): Waiting => ({ networks: [], perMs: 0, due: 0 }));
  const take = async (popIndex: number) => {
    const targets = await store.takeTargets(fleet.pops[popIndex]?.code ?? '');
    const networks = targets.map(({ network }) => network);
    const own = waiting[popIndex];
    if (own === undefined || networks.length === 0) return;
    own.networks = [...own.networks, ...networks].slice(-TARGETS_MAX);
    own.perMs = own.networks.length / SPREAD_MS;
  };
  return {
    advance: (elapsedMs, visit) => {
      for (const [popIndex, own] of waiting.entries()) {
        if (own.networks.length === 0) continue;
        own.due += own.perMs * elapsedMs;
        // The last one is not left over by a rounding error.
        const count = own.due + 1e-6 >= own.networks.length ? own.networks.length : Math.floor(own.due);
        own.due = count === own.networks.length ? 0 : own.due - count;
        for (const network of own.networks.splice(0, count)) visit(popIndex, network);
      }
    },
    read: oneAtATime(async () => {
      if (!store.state().connected) return;
      await Promise.allSettled(fleet.pops.map(({ index }) => take(index)));
    }),
  };
}
