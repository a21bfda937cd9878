import { CLOSE_MS, rounded } from './numbers.ts';
import type { Truth } from './truth.ts';
import type { WorldEvent } from './world.ts';

/** How fast cells followed an event. */
export interface Reaction {
  readonly tick: number;
  readonly event: WorldEvent['event'];
  /** Index. */
  readonly pop: number;
  readonly value: number;
  /**
   * Cells that had better leave the POP by more than 5 ms; all of a POP that is out. When it is over: those
   * that had the POP before and had better come back, by as much; a cell that never knew it is none of them.
   */
  readonly affected: number;
  /** Share of them that did, at the end. */
  readonly followed: number;
  /**
   * Ticks until 95 % had, counted from 1: the decision of the event's own tick. -1: never.
   */
  readonly ticksTo95: number;
  readonly secondsTo95: number;
}

export interface ReactionJudge {
  /** Events of a tick, with the POP that each cell had before (-1: none). */
  readonly happened: (tick: number, events: readonly WorldEvent[], before: Int32Array) => void;
  readonly observe: (tick: number, pops: Int32Array) => void;
  readonly figures: () => readonly Reaction[];
}

/** Events followed at most: the first ones. */
const FOLLOWED_MAX = 50;
const MOST = 0.95;

interface Followed {
  readonly tick: number;
  readonly event: WorldEvent;
  readonly isLeaving: boolean;
  readonly cells: readonly number[];
  done: number;
  ticksTo95: number;
}

/** Follows how cells leave POPs that get worse and come to those that get better. */
export function createReactionJudge(truth: Truth, tickSeconds: number): ReactionJudge {
  const all: Followed[] = [];
  /** By POP that is worse than it was: 1 for the cells that had it before. */
  const hadIt = new Map<number, Uint8Array>();
  return {
    happened: (tick, events, before) => {
      for (const event of events) {
        if (event.pop < 0 || event.event === 'capacity' || all.length >= FOLLOWED_MAX) continue;
        const isOut = event.event === 'pop-down' || event.event === 'drain';
        const isLeaving = isOut || (event.event === 'add-rtt' && event.value > 0);
        const cells = [...before.keys()].filter((cell) => {
          const pop = before[cell] as number;
          if (!isLeaving && hadIt.get(event.pop)?.[cell] === 0) return false;
          if (pop < 0 || (pop === event.pop) !== isLeaving) return false;
          if (isOut) return true;
          const best = truth.bestPop(cell);
          const isThere = isLeaving || best === event.pop;
          return isThere && truth.rttMs(cell, pop) - truth.rttMs(cell, best) > CLOSE_MS;
        });
        if (!isLeaving) hadIt.delete(event.pop);
        else if (!hadIt.has(event.pop))
          hadIt.set(
            event.pop,
            Uint8Array.from(before, (pop) => (pop === event.pop ? 1 : 0)),
          );
        all.push({ tick, event, isLeaving, cells, done: 0, ticksTo95: -1 });
      }
    },
    observe: (tick, pops) => {
      for (const followed of all) {
        const { cells, isLeaving, event } = followed;
        const isOver = all.some(
          (later) => later.event.pop === event.pop && later.tick > followed.tick && tick >= later.tick,
        );
        if (isOver) continue;
        followed.done = cells.filter((cell) => (pops[cell] === event.pop) !== isLeaving).length;
        if (followed.ticksTo95 < 0 && followed.done >= MOST * cells.length)
          followed.ticksTo95 = tick - followed.tick + 1;
      }
    },
    figures: () =>
      all.map(({ tick, event, cells, done, ticksTo95 }) => ({
        tick,
        event: event.event,
        pop: event.pop,
        value: event.value,
        affected: cells.length,
        followed: cells.length === 0 ? 1 : rounded(done / cells.length),
        ticksTo95,
        secondsTo95: ticksTo95 < 0 ? -1 : ticksTo95 * tickSeconds,
      })),
  };
}
