import { ROW_CANDIDATES, ROW_SHARES } from './image.ts';
import {
  addRow,
  adoptRows,
  foundRow,
  hasRow,
  internRows,
  lookAt,
  type RowSet,
  type RowTable,
  replaceRow,
  rowSet,
  wantRow,
} from './intern-rows.ts';

/**
 * Numbers of rows that last from image to image. A name server works out what addresses have which number:
 * what keeps its number costs it nothing, whatever the row now says. So a cell whose row is as before keeps
 * its number, and where all cells of one row go over to one new row, that row takes over the number.
 */
export interface RowNumbers {
  set: RowSet;
  readonly groupCount: number;
  /** Number of each unit's row; `UNKNOWN` where it has none yet. */
  readonly rowOfUnit: Uint32Array;
  /** How many units have each row: one that none has is free. */
  users: Uint32Array;
}

/** Cells that have rows: from `first` on, in each group. */
export interface CellSpan {
  readonly first: number;
  readonly count: number;
}

/** No number. */
export const UNKNOWN = 0xffff_ffff;
const PAIRS = ROW_CANDIDATES / 2;
const NO_SHARES = new Uint16Array(0);
/** All is numbered anew once more rows than this share of all are free. */
const FREE_SHARE_MAX = 0.5;
const FREE_MAX = 1024;

/** Numbers for tables of this form; none is given yet. */
export function rowNumbers(table: RowTable, groupCount: number): RowNumbers {
  return {
    set: rowSet(table),
    groupCount,
    rowOfUnit: new Uint32Array(groupCount * table.cellStride).fill(UNKNOWN),
    users: new Uint32Array(0),
  };
}

/** Goes on from an image's numbers: `rowOfUnit` has them by unit, `UNKNOWN` where it has none. */
export function adoptNumbers(numbers: RowNumbers, rows: Int16Array, rowOfUnit: Uint32Array): void {
  adoptRows(numbers.set, rows);
  numbers.rowOfUnit.set(rowOfUnit);
  numbers.users = new Uint32Array(numbers.set.count);
  const { users } = numbers;
  for (const row of rowOfUnit) if (row !== UNKNOWN) users[row] = (users[row] as number) + 1;
}

/**
 * Numbers the rows of these cells: as before where they are as before. Returns the units whose number is
 * another; undefined if all were numbered anew.
 */
export function numberRows(
  numbers: RowNumbers,
  table: RowTable,
  spans: readonly CellSpan[],
): Uint32Array | undefined {
  const { set, rowOfUnit, users } = numbers;
  const units = spansOfUnits(numbers, table, spans);
  let free = 0;
  for (let row = 0; row < set.count; row++) if (users[row] === 0) free++;
  if (set.count === 0 || free > FREE_MAX + set.count * FREE_SHARE_MAX)
    return numberAnew(numbers, table, units);
  lookAt(set, table);
  const changed = new Uint32Array(units.reduce((sum, { count }) => sum + count, 0) >>> 1);
  let count = 0;
  for (const span of units)
    for (let unit = span.first; unit < span.first + span.count; unit++) {
      const row = rowOfUnit[unit] as number;
      if (row !== UNKNOWN && hasRow(set, row, unit)) continue;
      // So much is done faster by the way that looks up many rows at a time.
      if (count === changed.length) return numberAnew(numbers, table, units);
      changed[count++] = unit;
    }
  const left = changed.subarray(0, count);
  const kept = takeOver(numbers, left);
  const moved = numberRest(numbers, left);
  for (const row of kept) numbers.users[row] = (numbers.users[row] as number) - 1;
  return moved;
}

/** The spans of cells in each group, as units. */
function spansOfUnits(
  { groupCount }: RowNumbers,
  { cellStride }: RowTable,
  spans: readonly CellSpan[],
): CellSpan[] {
  const groups = Array.from({ length: groupCount }, (_, group) => group * cellStride);
  return groups.flatMap((start) => spans.map(({ first, count }) => ({ first: start + first, count })));
}

function numberAnew(numbers: RowNumbers, table: RowTable, units: readonly CellSpan[]): undefined {
  const set = rowSet(table);
  numbers.set = set;
  const { rowOfUnit } = numbers;
  // Cells that come back later have none of these numbers.
  rowOfUnit.fill(UNKNOWN);
  for (const { first, count } of units) internRows(set, first, rowOfUnit.subarray(first, first + count));
  numbers.users = new Uint32Array(set.count);
  const { users } = numbers;
  for (const { first, count } of units)
    for (let unit = first; unit < first + count; unit++) {
      const row = rowOfUnit[unit] as number;
      users[row] = (users[row] as number) + 1;
    }
}

/**
 * Takes units that have another row than before from the users of that, and gives its number to the new row
 * where all its users went there. Returns these rows, each with a user too many, so that none is free.
 */
function takeOver(numbers: RowNumbers, units: Uint32Array): number[] {
  const { set, rowOfUnit, users } = numbers;
  /** By row: the first unit that left it, or -1 where the units that did have different rows now. */
  const movers = new Map<number, number>();
  for (const unit of units) {
    const row = rowOfUnit[unit] as number;
    if (row === UNKNOWN) continue;
    users[row] = (users[row] as number) - 1;
    const first = movers.get(row);
    if (first === undefined) movers.set(row, unit);
    else if (first >= 0 && !haveSameRow(set, first, unit)) movers.set(row, -1);
  }
  const kept: number[] = [];
  for (const [row, unit] of movers) {
    if (unit < 0 || users[row] !== 0) continue;
    wantRow(set, unit);
    if (foundRow(set) >= 0) continue;
    replaceRow(set, row);
    users[row] = 1;
    kept.push(row);
  }
  return kept;
}

/** Finds the rows of these units, or makes them. Returns the units that have another number now. */
function numberRest(numbers: RowNumbers, units: Uint32Array): Uint32Array {
  const { set, rowOfUnit } = numbers;
  const moved = new Uint32Array(units.length);
  let count = 0;
  let free = 0;
  for (const unit of units) {
    const before = rowOfUnit[unit] as number;
    wantRow(set, unit);
    let row = foundRow(set);
    if (row < 0) {
      while (free < set.count && numbers.users[free] !== 0) free++;
      if (free < set.count) {
        row = free;
        replaceRow(set, row);
      } else row = addRow(set);
    }
    if (row >= numbers.users.length) numbers.users = grown(numbers.users);
    numbers.users[row] = (numbers.users[row] as number) + 1;
    rowOfUnit[unit] = row;
    if (row !== before) moved[count++] = unit;
  }
  return moved.subarray(0, count);
}

function haveSameRow(set: RowSet, one: number, other: number): boolean {
  const { table, pairs } = set;
  const { ttlSeconds, ttlReason, shares = NO_SHARES } = table;
  for (let k = 0; k < PAIRS; k++) if (pairs[one * PAIRS + k] !== pairs[other * PAIRS + k]) return false;
  for (let k = 0; k < ROW_SHARES; k++)
    if (shares[one * ROW_SHARES + k] !== shares[other * ROW_SHARES + k]) return false;
  return ttlSeconds[one] === ttlSeconds[other] && ttlReason[one] === ttlReason[other];
}

function grown(users: Uint32Array): Uint32Array {
  const more = new Uint32Array(users.length * 2 + 16);
  more.set(users);
  return more;
}
