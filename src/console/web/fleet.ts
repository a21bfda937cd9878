import type { HistoryMoment, LivePop, PopView } from './replies.ts';

/** A POP as it is shown: who it is from `/api/status`, how it does from the moment that is looked at. */
export type FleetPop = Omit<PopView, keyof LivePop> & LivePop;

/** Load to capacity; undefined without a report. */
export function fullness({
  loadRps,
  capacityRps,
}: Pick<LivePop, 'loadRps' | 'capacityRps'>): number | undefined {
  return loadRps === undefined ? undefined : loadRps / Math.max(capacityRps, 1);
}

/** Puts the figures of a moment over what the status said. */
export function fleetAt(
  pops: readonly PopView[],
  moment: readonly LivePop[] | HistoryMoment['pops'] | undefined,
): readonly FleetPop[] {
  if (moment === undefined) return pops;
  const byCode = new Map(moment.map((one) => [one.code, one as LivePop]));
  return pops.map((pop) => {
    const then = byCode.get(pop.code);
    if (then === undefined) return pop;
    const { why: _, loadRps: _load, expectedRps: _expected, expectedInMs: _in, ...rest } = pop;
    return { ...rest, ...then };
  });
}

/** Columns that the list can be sorted by. */
export type SortKey = 'code' | 'state' | 'load' | 'priceMs' | 'share';

const STATE_ORDER = { down: 0, drained: 1, up: 2 } as const;

/** Sorted, and only those whose code, city, country, region or state has all the words. */
export function listed(
  pops: readonly FleetPop[],
  wish: { readonly key: SortKey; readonly down: boolean; readonly words: string },
): readonly FleetPop[] {
  const words = plain(wish.words).split(/\s+/).filter(Boolean);
  const fits = (pop: FleetPop): boolean => {
    const text = plain([pop.code, pop.city, pop.country, pop.region, pop.state].join(' '));
    return words.every((word) => text.includes(word));
  };
  const sign = wish.down ? -1 : 1;
  return pops
    .filter(fits)
    .toSorted((left, right) => sign * compared(left, right, wish.key) || (left.code < right.code ? -1 : 1));
}

function compared(left: FleetPop, right: FleetPop, key: SortKey): number {
  if (key === 'code') return left.code < right.code ? -1 : left.code > right.code ? 1 : 0;
  if (key === 'state') return STATE_ORDER[left.state] - STATE_ORDER[right.state];
  if (key === 'load') return (fullness(left) ?? -1) - (fullness(right) ?? -1);
  return left[key] - right[key];
}

/** `São` finds `sao`. */
const plain = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
