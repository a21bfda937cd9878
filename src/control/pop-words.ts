import type { Fleet } from '../base/fleet.ts';
import { POP_DOWN, POP_DRAINED, setPopBit } from '../base/pop-state.ts';
import { drainWords, type FleetOverride } from '../steering/fleet-state.ts';
import { type DownBy, downBy, NO_VERDICT, type Verdict } from '../steering/quorum.ts';
import type { PopTermsRecord } from '../steering/terms.ts';

/**
 * The only one who writes the POPs' state words. What the table says and what the views say now come from
 * different hands at different times: `downBy` makes one word of both.
 */
export interface PopWords {
  /** What the decider, or the table in use, says that a POP is down by. */
  readonly setTold: (told: readonly DownBy[]) => void;
  /** What the probers together see now. */
  readonly setLive: (verdicts: readonly Verdict[]) => void;
  /** Drains that count now, by POP code. */
  readonly setDrained: (drains: ReadonlyMap<string, FleetOverride>) => void;
  /** Why a POP's word is set, as far as the table does not say it: drains and views. */
  readonly whyOut: (popIndex: number) => string | undefined;
  /** Since when, ms since 1970 UTC, as far as that is known: of drains and views. */
  readonly outSinceMs: (popIndex: number) => number | undefined;
}

/** Words that all serve until told otherwise. */
export function createPopWords(fleet: Fleet, popState: Int32Array): PopWords {
  let told: readonly DownBy[] = [];
  let live: readonly Verdict[] = [];
  let drained: ReadonlyMap<string, FleetOverride> = new Map();
  const byOf = (popIndex: number): DownBy =>
    downBy(told[popIndex] ?? '', (live[popIndex] ?? NO_VERDICT).state);
  const drainOf = (popIndex: number): FleetOverride | undefined =>
    drained.get(fleet.pops[popIndex]?.code ?? '');
  const writeDown = (): void => {
    for (const { index } of fleet.pops)
      setPopBit(popState, { popIndex: index, bit: POP_DOWN, on: byOf(index) !== '' });
  };
  return {
    setTold: (next) => {
      told = [...next];
      writeDown();
    },
    setLive: (next) => {
      live = next;
      writeDown();
    },
    setDrained: (next) => {
      drained = next;
      for (const { index, code } of fleet.pops)
        setPopBit(popState, { popIndex: index, bit: POP_DRAINED, on: drained.has(code) });
    },
    whyOut: (popIndex) => {
      const drain = drainOf(popIndex);
      if (drain !== undefined) return drainWords(drain);
      return byOf(popIndex) === 'views' ? live[popIndex]?.why : undefined;
    },
    outSinceMs: (popIndex) => {
      const drain = drainOf(popIndex);
      if (drain !== undefined) return drain.sinceMs;
      return byOf(popIndex) === 'views' ? live[popIndex]?.sinceMs : undefined;
    },
  };
}

/** What a table says that its POPs are down by. */
export function toldBy(pops: readonly PopTermsRecord[]): readonly DownBy[] {
  // A table of a program before there were views has no `downBy`.
  return pops.map((pop) => pop.downBy ?? (pop.state === 'down' ? 'report' : ''));
}
