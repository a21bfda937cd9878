import type { PopReport } from './store.ts';

/** Requests a second that a POP expects: as many as now, where it says nothing else. */
export function expectedOf({ loadRps, expectedRps = loadRps }: PopReport): number {
  return expectedRps;
}
