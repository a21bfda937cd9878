import { ROW_CANDIDATES, ROW_SHARES } from './image.ts';
import type { RowTable } from './intern-rows.ts';
import { NONE } from './units.ts';

/** A table about to be published, and what is known of its POPs. */
export interface GuardedTable {
  readonly rows: RowTable;
  readonly groupCount: number;
  /** Cells in use. */
  readonly activeCells: Int32Array;
  /** POP of each link. */
  readonly linkPop: Int32Array;
  /** By group, by POP: 1 where the POP must not be answered; all 0 where the group fails open. */
  readonly groupOut: readonly Uint8Array[];
  /** Rows that the table may have at most. */
  readonly rowsMax: number;
}

/** Reasons named at most: one is enough to keep a table back. */
const REASONS_MAX = 5;

/**
 * Why a table must not be published; empty when it may: every cell has a row, and each row only POPs that
 * may be answered where its clients start.
 */
export function guardTable(table: GuardedTable): readonly string[] {
  const { rows, groupCount, activeCells, linkPop, groupOut, rowsMax } = table;
  const reasons: string[] = [];
  if (groupCount * activeCells.length > rowsMax)
    reasons.push(`${groupCount * activeCells.length} rows are more than ${rowsMax}`);
  for (let group = 0; group < groupCount; group++)
    for (const cell of activeCells) {
      if (reasons.length >= REASONS_MAX) return reasons;
      const unit = group * rows.cellStride + cell;
      for (let k = 0; k < startsOf(rows, unit); k++) {
        const link = rows.candidates[unit * ROW_CANDIDATES + k] as number;
        const pop = linkPop[link];
        if (link === NONE) reasons.push(`cell ${cell} of group ${group} has no POP`);
        else if (pop === undefined)
          reasons.push(`cell ${cell} of group ${group} names link ${link}, which does not exist`);
        else if (groupOut[group]?.[pop] === 1)
          reasons.push(`cell ${cell} of group ${group} answers POP ${pop}, which is out`);
      }
    }
  return reasons;
}

/** How many of the row's candidates its clients start from. */
function startsOf(rows: RowTable, unit: number): number {
  let starts = 1;
  while (starts <= ROW_SHARES && (rows.shares?.[unit * ROW_SHARES + starts - 1] ?? 0) !== 0) starts++;
  return starts;
}

/** The load that a table would bring, and what it moved. */
export interface GuardedLoad {
  /** By POP: requests/s that its rows send, and that it may be filled to. */
  readonly loadRps: Float64Array;
  readonly hardRps: Float64Array;
  /** By POP: 1 where every service group may be answered with it. */
  readonly usable: Uint8Array;
  /** By POP: 1 where a unit is that cannot be divided further. */
  readonly crammed: Uint8Array;
  /** Demand of all units, of the largest, and what moved for its gain alone, requests/s. */
  readonly totalRps: number;
  readonly largestRps: number;
  readonly churnRps: number;
  readonly churnShare: number;
}

/** Load beyond what a POP may be filled to that is forgiven, as a share: a defect is more. */
const OVER_SHARE = 0.01;

/**
 * Why a table must not be published for the load that it brings; empty when it may: no POP over what it may
 * be filled to while the others have room for the excess, and no more moved for its gain alone than the
 * bound.
 */
export function guardLoad(load: GuardedLoad): readonly string[] {
  const { loadRps, hardRps, usable, crammed, totalRps, largestRps, churnRps, churnShare } = load;
  const reasons: string[] = [];
  const most = Math.max(churnShare * totalRps, largestRps);
  if (churnRps > most * (1 + 1e-6))
    reasons.push(
      `${Math.round(churnRps)} requests/s would move for their gain, more than ${Math.round(most)}`,
    );
  let roomRps = 0;
  for (let pop = 0; pop < usable.length; pop++)
    if (usable[pop] === 1) roomRps += Math.max(0, (hardRps[pop] as number) - (loadRps[pop] as number));
  for (let pop = 0; pop < usable.length && reasons.length < REASONS_MAX; pop++) {
    const overRps = (loadRps[pop] as number) - (hardRps[pop] as number);
    const forgivenRps = OVER_SHARE * Math.max(hardRps[pop] as number, (totalRps || 1) / usable.length);
    if (overRps <= forgivenRps || crammed[pop] === 1 || overRps > roomRps * (1 - OVER_SHARE)) continue;
    reasons.push(`POP ${pop} would get ${Math.round(overRps)} requests/s too many, and others have room`);
  }
  return reasons;
}
