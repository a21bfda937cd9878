import type { Units } from './row-map-units.ts';

/** In which units each site occurs: with the range that goes on into a unit, or begins in it. */
export interface Occurrence {
  /** By site: the first of its units below; one more at the end. */
  readonly first: Uint32Array;
  readonly unit: Uint32Array;
}

/** Where the sites of these ranges occur. */
export function occurrenceOf(units: Units, site: Uint32Array, siteCount: number): Occurrence {
  const first = new Uint32Array(siteCount + 1);
  forEachPair(units, site, siteCount, (one) => {
    first[one + 1] = (first[one + 1] as number) + 1;
  });
  for (let one = 0; one < siteCount; one++)
    first[one + 1] = (first[one + 1] as number) + (first[one] as number);
  const next = first.slice();
  const unit = new Uint32Array(first[siteCount] as number);
  forEachPair(units, site, siteCount, (one, where) => {
    unit[next[one] as number] = where;
    next[one] = (next[one] as number) + 1;
  });
  return { first, unit };
}

/** Calls back with each site and each unit that it occurs in, once. */
function forEachPair(
  { count, first }: Units,
  site: Uint32Array,
  siteCount: number,
  visit: (site: number, unit: number) => void,
): void {
  const seen = new Int32Array(siteCount).fill(-1);
  for (let unit = 0; unit < count; unit++) {
    const end = first[unit + 1] as number;
    for (let range = Math.max(0, (first[unit] as number) - 1); range < end; range++) {
      const one = site[range] as number;
      if (seen[one] === unit) continue;
      seen[one] = unit;
      visit(one, unit);
    }
  }
}
