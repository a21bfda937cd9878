import { ROW_CANDIDATES, ROW_SHARES, type SteeringImage } from './image.ts';
import { ROW } from './image-layout.ts';
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

/**
 * Why a name server must not answer from an image that another made; empty when it may: every cell has a row
 * that is there, every row in use begins with a link of the fleet, and none begins with a POP that the table
 * says is out while it has one that is not. By link its POP, by POP whether it is out.
 */
export function guardImage(
  image: SteeringImage,
  fleet: { readonly linkPop: readonly number[]; readonly isOut: readonly boolean[] },
): string[] {
  const used = usedRows(image);
  if (used === undefined) return ['a cell has a row that is not there'];
  const reasons: string[] = [];
  for (let row = 0; row < used.length && reasons.length < REASONS_MAX; row++) {
    const fault = used[row] === 1 ? faultOfRow(image, row, fleet) : '';
    if (fault !== '') reasons.push(`row ${row} ${fault}`);
  }
  return reasons;
}

function faultOfRow(
  { rows }: SteeringImage,
  row: number,
  { linkPop, isOut }: { readonly linkPop: readonly number[]; readonly isOut: readonly boolean[] },
): string {
  const first = row * ROW.WORDS + ROW.CANDIDATES;
  let firstPop = NONE;
  for (let k = 0; k < ROW_CANDIDATES; k++) {
    const link = rows[first + k] as number;
    if (link === NONE) break;
    const pop = linkPop[link];
    if (pop === undefined) return `names link ${link}, which does not exist`;
    if (k === 0) firstPop = pop;
    if (isOut[firstPop] === true && isOut[pop] === false)
      return `answers POP ${firstPop}, which is out, before POP ${pop}`;
  }
  return firstPop === NONE ? 'has no POP' : '';
}

/** By row: 1 where a cell has it; undefined: a cell has one beyond the last. */
function usedRows({
  rowCount,
  placeRow,
  leafRow,
  networks,
  groupCount,
}: SteeringImage): Uint8Array | undefined {
  const used = new Uint8Array(rowCount);
  let isWhole = true;
  const use = (row: number): void => {
    if (row < rowCount) used[row] = 1;
    else isWhole = false;
  };
  placeRow.forEach(use);
  leafRow.forEach(use);
  const stride = 1 + groupCount;
  for (let slot = 0; slot < networks.length; slot += stride)
    if (networks[slot] !== 0)
      for (let group = 0; group < groupCount; group++) use(networks[slot + 1 + group] as number);
  return isWhole ? used : undefined;
}
