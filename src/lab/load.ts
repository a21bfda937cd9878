import { chanceOf } from './chance.ts';
import type { Answer, Share } from './steerer.ts';

/** Clients of all cells, who keep an answer for its TTL: so the load of POPs follows decisions late. */
export interface Clients {
  /** Clients whose answer ran out by `nowMs` ask again. */
  readonly ask: (nowMs: number, answerOf: (cell: number) => Answer) => void;
  /** By POP: requests/s of clients that have an answer, for a demand by cell. */
  readonly loadRps: (demandOf: (cell: number) => number) => Float64Array;
}

/** Clients of a cell are in so many groups, whose TTLs run out at different times. */
const GROUPS = 10;
const KIND_PHASE = 601;

/** Clients that have asked nobody yet. */
export function createClients(of: { cellCount: number; popCount: number; seed: number }): Clients {
  const { cellCount, popCount, seed } = of;
  const held: (readonly Share[])[] = new Array<readonly Share[]>(cellCount * GROUPS).fill([]);
  const dueMs = new Float64Array(cellCount * GROUPS);
  return {
    ask: (nowMs, answerOf) => {
      for (let cell = 0; cell < cellCount; cell++) {
        const answer = answerOf(cell);
        const ttlMs = 1000 * answer.ttlSeconds;
        for (let at = cell * GROUPS; at < (cell + 1) * GROUPS; at++) {
          if ((dueMs[at] as number) > nowMs) continue;
          const isFirst = dueMs[at] === 0;
          held[at] = answer.shares;
          // The first answers run out one after the other, as clients did not all come at once.
          const phase = (at - cell * GROUPS + chanceOf(seed, KIND_PHASE, at).next()) / GROUPS;
          const sinceMs = isFirst
            ? nowMs - ttlMs * (1 - phase)
            : Math.max(dueMs[at] as number, nowMs - ttlMs + 1);
          dueMs[at] = sinceMs + ttlMs;
        }
      }
    },
    loadRps: (demandOf) => {
      const load = new Float64Array(popCount);
      for (let cell = 0; cell < cellCount; cell++) {
        const rps = demandOf(cell) / GROUPS;
        for (let at = cell * GROUPS; at < (cell + 1) * GROUPS; at++)
          for (const { pop, share } of held[at] as readonly Share[])
            load[pop] = (load[pop] as number) + rps * share;
      }
      return load;
    },
  };
}
