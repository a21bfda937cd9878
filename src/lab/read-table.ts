import { csvRows } from '../base/csv.ts';
import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';

/** Collects what is wrong with a world's files: all of it, but told up to a bound. */
export interface Problems {
  readonly add: (problem: Problem) => void;
  readonly count: () => number;
  /** The first ones, and how many more there are. */
  readonly list: () => readonly Problem[];
}

/** Problems told of at most: a wrong file would fill the screen. */
const PROBLEMS_MAX = 100;

/** No problems yet. */
export function noProblems(): Problems {
  const told: Problem[] = [];
  let count = 0;
  return {
    add: (problem) => {
      if (count++ < PROBLEMS_MAX) told.push(problem);
    },
    count: () => count,
    list: () =>
      count <= PROBLEMS_MAX
        ? told
        : [...told, { file: 'world', message: `and ${count - PROBLEMS_MAX} more faults like these` }],
  };
}

/** One row of a table, read column by column; what is wrong with a value becomes a problem. */
export interface TableRow {
  readonly line: number;
  readonly text: (column: string) => string;
  /** NaN with a problem where it is none, or out of bounds. */
  readonly number: (column: string, min: number, max: number) => number;
  /** The same, but NaN without a problem where the cell is empty. */
  readonly optional: (column: string, min: number, max: number) => number;
  readonly whole: (column: string, min: number, max: number) => number;
  readonly wrong: (message: string) => void;
}

/** What a table is read with. */
export interface TableOptions {
  readonly file: string;
  readonly columns: readonly string[];
  readonly rowsMax: number;
  readonly problems: Problems;
}

/**
 * Calls `take` for every row of a CSV text whose first row names the columns, in any order; others are
 * ignored. False if the columns are not there: then no row can be read.
 */
export function readTable(text: string, options: TableOptions, take: (row: TableRow) => void): boolean {
  const { file, columns, rowsMax, problems } = options;
  const rows = csvRows(linesOf(text));
  const header = rows.next();
  if (header.done === true) {
    problems.add({
      file,
      line: 1,
      message: `empty: the first line must be ${JSON.stringify(columns.join())}`,
    });
    return false;
  }
  const { line, cells: names } = header.value;
  const missing = columns.filter((column) => !names.includes(column));
  const twice = columns.filter((column) => names.indexOf(column) !== names.lastIndexOf(column));
  for (const column of missing) {
    const meant = nearest(column, names);
    const hint = meant === undefined ? '' : `; is ${JSON.stringify(meant)} meant?`;
    problems.add({ file, line, message: `the column ${JSON.stringify(column)} is missing${hint}` });
  }
  for (const column of twice)
    problems.add({ file, line, message: `the column ${JSON.stringify(column)} stands twice` });
  if (missing.length > 0 || twice.length > 0) return false;
  const places = new Map(columns.map((column) => [column, names.indexOf(column)]));
  let count = 0;
  for (const row of rows) {
    if (++count > rowsMax) {
      problems.add({ file, line: row.line, message: `more than ${rowsMax} rows` });
      break;
    }
    if (row.cells.length === names.length) take(rowReader(row.line, row.cells, { file, places, problems }));
    else {
      const message = `${row.cells.length} cells where the header names ${names.length} columns`;
      problems.add({ file, line: row.line, message });
    }
  }
  return true;
}

/** Lines one by one, so that a large file is not held twice. */
function* linesOf(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    yield text.slice(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
  }
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?$/;

function rowReader(
  line: number,
  cells: readonly string[],
  of: { file: string; places: ReadonlyMap<string, number>; problems: Problems },
): TableRow {
  const { file, places, problems } = of;
  const text = (column: string): string => cells[places.get(column) ?? -1] ?? '';
  const wrong = (message: string): void => problems.add({ file, line, message });
  const number = (column: string, min: number, max: number): number => {
    const value = NUMBER.test(text(column)) ? Number(text(column)) : Number.NaN;
    if (value >= min && value <= max) return value;
    wrong(`${column} ${JSON.stringify(text(column))} is not a number from ${min} to ${max}`);
    return Number.NaN;
  };
  return {
    line,
    text,
    wrong,
    number,
    optional: (column, min, max) => (text(column) === '' ? Number.NaN : number(column, min, max)),
    whole: (column, min, max) => {
      const value = /^\d{1,10}$/.test(text(column)) ? Number(text(column)) : Number.NaN;
      if (value >= min && value <= max) return value;
      wrong(`${column} ${JSON.stringify(text(column))} is not a whole number from ${min} to ${max}`);
      return Number.NaN;
    },
  };
}
