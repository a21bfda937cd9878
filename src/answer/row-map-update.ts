import { ENTRY, type MapOutput } from './row-map-layout.ts';
import type { Occurrence } from './row-map-occurrence.ts';
import { type LeafRanges, type RowRanges, type Sweep, sweepFrom, takeRuns } from './row-map-runs.ts';
import { startTree, type WrittenTree, writeUnit } from './row-map-tree.ts';
import type { Units } from './row-map-units.ts';

/** The map before, as far as it is of use: it was made for the same units. */
export interface TreeBefore {
  /** The output begins with all that was written then. */
  readonly written: WrittenTree;
  /** By site: 1 where its row is another now; and in which units sites occur. */
  readonly changed: Uint8Array;
  readonly occurrence: Occurrence;
  readonly leaves: LeafRanges;
}

/** Writes what is below those units anew that are not as before. */
export function updateTree(output: MapOutput, ranges: RowRanges, units: Units, before: TreeBefore): void {
  const stale = staleUnits(output, ranges, units, before);
  const tree = startTree(output, ranges);
  let sweep: Sweep | undefined;
  for (let unit = 0; unit < units.count; unit++) {
    if (stale[unit] === 0) {
      sweep = undefined;
      continue;
    }
    if (sweep === undefined) {
      // The run that goes on into this unit begins in the one before, which has several.
      const from = Math.max(0, unit - 1);
      sweep = sweepFrom(
        ranges,
        units.first[from] as number,
        units.prefix[from] as number,
        units.bits[from] as number,
      );
      tree.list.last = -1;
      if (from < unit) {
        tree.list.row[0] = -1;
        takeRuns(ranges, sweep, tree.list, units.prefix[from] as number, units.bits[from] as number);
      }
    }
    writeUnit(tree, { ranges, units, written: before.written }, sweep, unit);
  }
}

/**
 * By unit: 1 where it must be written anew. One with several runs is as it was unless a row in it changed:
 * the scopes in it end at its own borders. One that is a single run has the scope of that, which may end far
 * away: it is kept if all units from the last with several runs to the next are.
 */
function staleUnits(output: MapOutput, ranges: RowRanges, units: Units, before: TreeBefore): Uint8Array {
  const stale = new Uint8Array(units.count);
  const { changed, occurrence } = before;
  const { first, unit: unitOf } = occurrence;
  for (let site = 0; site < changed.length; site++) {
    if (changed[site] === 0) continue;
    const end = first[site + 1] as number;
    for (let at = first[site] as number; at < end; at++) stale[unitOf[at] as number] = 1;
  }
  markLeaves(stale, units, ranges.leaves, before.leaves);
  const isWhole = (unit: number): boolean => {
    const entry = output.words[before.written.at + (units.offset[unit] as number)] as number;
    return entry >= 0 && entry < ENTRY.IS_BLOCK;
  };
  let near = 0;
  for (let unit = 0; unit < units.count; unit++) {
    if (stale[unit] === 1) near = 1;
    else if (!isWhole(unit)) near = 0;
    else stale[unit] = near * 2;
  }
  near = 0;
  for (let unit = units.count - 1; unit >= 0; unit--) {
    if (stale[unit] === 1) near = 1;
    else if (!isWhole(unit)) near = 0;
    else if (near === 1) stale[unit] = 2;
  }
  return stale;
}

/** Marks the units in which leaves came, went, or changed their rows. */
function markLeaves(stale: Uint8Array, units: Units, now: LeafRanges, before: LeafRanges): void {
  let unit = 0;
  const mark = (leaves: LeafRanges, leaf: number): void => {
    const high = leaves.high[leaf] as number;
    while (high >>> (32 - (units.bits[unit] as number)) !== units.prefix[unit]) unit++;
    stale[unit] = 1;
  };
  let [one, other] = [0, 0];
  while (one < now.count || other < before.count) {
    const order =
      one === now.count ? 1 : other === before.count ? -1 : compareLeaves(now, one, before, other);
    if (order <= 0 && (order < 0 || now.row[one] !== before.row[other])) mark(now, one);
    else if (order > 0) mark(before, other);
    if (order <= 0) one++;
    if (order >= 0) other++;
  }
}

function compareLeaves(now: LeafRanges, one: number, before: LeafRanges, other: number): number {
  return (
    (now.high[one] as number) - (before.high[other] as number) ||
    (now.low[one] as number) - (before.low[other] as number)
  );
}
