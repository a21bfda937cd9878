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
 * Why a table must not be published; empty when it may: every cell has a row, and each row only POPs that may
 * be answered where its clients start.
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
