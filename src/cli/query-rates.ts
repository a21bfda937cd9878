import type { CounterSnapshot } from '../base/counters.ts';

/** Queries a second by transport over the last seconds. */
export interface QueryRates {
  /** Looks at the counters; call it each second. */
  readonly observe: (nowMs: number) => void;
  readonly rates: () => Readonly<Record<string, number>>;
}

const FAMILY = 'isochrone_dns_queries_total';
/** Looks that a rate is taken over. */
const WINDOW = 5;

/** Rates from counters that only rise. */
export function createQueryRates(counters: () => CounterSnapshot): QueryRates {
  const looks: { readonly atMs: number; readonly totals: ReadonlyMap<string, number> }[] = [];
  return {
    observe: (nowMs) => {
      looks.push({ atMs: nowMs, totals: labelTotals(counters(), FAMILY, 'transport') });
      if (looks.length > WINDOW + 1) looks.shift();
    },
    rates: () => {
      const first = looks[0];
      const last = looks.at(-1);
      if (first === undefined || last === undefined || last.atMs <= first.atMs) return {};
      const seconds = (last.atMs - first.atMs) / 1000;
      return ratesBetween(first.totals, last.totals, seconds);
    },
  };
}

/** Rates from two totals so many seconds apart; none while no time has passed. */
export function ratesBetween(
  first: ReadonlyMap<string, number>,
  last: ReadonlyMap<string, number>,
  seconds: number,
): Record<string, number> {
  if (!(seconds > 0)) return {};
  return Object.fromEntries(
    [...last].map(([name, total]) => [name, (total - (first.get(name) ?? 0)) / seconds]),
  );
}

/** Totals of a family by one of its labels. */
export function labelTotals(
  snapshot: CounterSnapshot,
  familyName: string,
  label: string,
): Map<string, number> {
  const totals = new Map<string, number>();
  const family = snapshot.families.find(({ name }) => name === familyName);
  const at = family?.labels.indexOf(label) ?? -1;
  for (const { values, value } of family?.samples ?? []) {
    const name = values[at] ?? '';
    totals.set(name, (totals.get(name) ?? 0) + value);
  }
  return totals;
}
