import { nearest } from '../base/nearest.ts';
import { readTable, type TableOptions, type TableRow } from './read-table.ts';

/** Things of a table by name, in the order of its rows. */
export interface Named<T> {
  readonly items: readonly T[];
  /** Also of rows with faults, so that a fault is told once. */
  readonly indexes: ReadonlyMap<string, number>;
  /** Lines of the rows. */
  readonly lines: readonly number[];
}

/** Reads a table of things that have names. */
export function readNamed<T>(
  text: string | undefined,
  options: TableOptions,
  column: string,
  read: (row: TableRow) => T,
): Named<T> {
  const items: T[] = [];
  const lines: number[] = [];
  const indexes = new Map<string, number>();
  if (text === undefined) return { items, indexes, lines };
  const isRead = readTable(text, options, (row) => {
    const name = row.text(column);
    if (name === '' || name === '*') row.wrong(`${column} ${JSON.stringify(name)} is no name`);
    const other = indexes.get(name);
    if (other !== undefined)
      row.wrong(`${column} ${JSON.stringify(name)} stands twice: first on line ${lines[other]}`);
    else indexes.set(name, items.length);
    items.push(read(row));
    lines.push(row.line);
  });
  if (isRead && items.length === 0)
    options.problems.add({ file: options.file, message: 'only the header is there' });
  return { items, indexes, lines };
}

/** A misspelt name is looked for among so many at most. */
const NAMES_MAX = 1000;

/** Says that a name is not known, with what may be meant. */
export function unknownName(what: string, name: string, known: Named<unknown>): string {
  const meant = known.indexes.size <= NAMES_MAX ? nearest(name, [...known.indexes.keys()]) : undefined;
  const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
  return `no ${what} has the name ${JSON.stringify(name)}${hint}`;
}
