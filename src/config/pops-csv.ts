import { type CsvRow, readCsv } from '../base/csv.ts';
import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Path } from './document.ts';
import type { PopDraft } from './fleet.ts';

/** Columns of a POP, besides those of its links. */
const POP_COLUMNS = ['code', 'city', 'country', 'region', 'latitude', 'longitude', 'capacityRps', 'biasMs'];
const OPTIONAL = new Set(['biasMs']);
/** Columns of a link, each followed by the link's letter: `transitA`, `ipv4B`. */
const LINK_COLUMNS = ['transit', 'capacityMbps', 'ipv4', 'ipv6'];
const NUMBERS = new Set(['latitude', 'longitude', 'capacityRps', 'biasMs', 'capacityMbps']);

/** POPs as a table, for the reference page: column, and what it holds. */
export const CSV_COLUMNS: readonly string[] = [
  ...POP_COLUMNS,
  ...['A', 'B'].flatMap((letter) => LINK_COLUMNS.map((column) => column + letter)),
];

/**
 * POPs out of a CSV file whose first line names the columns, in any order. A link whose cells are all empty
 * is left out. Checks the header and the number of cells; what the cells hold is checked with the POPs.
 */
export function readPopsCsv(
  text: string,
  options: { file: string; addresses: 'given' | 'modelled' },
): { drafts: PopDraft[]; problems: Problem[] } {
  const { file } = options;
  const [header, ...rows] = readCsv(text);
  if (header === undefined)
    return { drafts: [], problems: [{ file, line: 1, message: 'no POPs: the file is empty' }] };
  const problems = checkHeader(header, options);
  if (problems.length > 0) return { drafts: [], problems };
  if (rows.length === 0)
    problems.push({ file, line: header.line, message: 'no POPs: only the header is there' });
  const drafts: PopDraft[] = [];
  for (const row of rows) {
    if (row.cells.length === header.cells.length) drafts.push(draftOf(row, header.cells, file));
    else {
      const message = `${row.cells.length} cells where the header names ${header.cells.length} columns`;
      problems.push({ file, line: row.line, message });
    }
  }
  return { drafts, problems };
}

function checkHeader(header: CsvRow, options: { file: string; addresses: string }): Problem[] {
  const letters = lettersOf(header.cells);
  const known = new Set([
    ...POP_COLUMNS,
    ...letters.flatMap((l) => LINK_COLUMNS.map((column) => column + l)),
  ]);
  const messages: string[] = [];
  for (const [i, cell] of header.cells.entries()) {
    if (header.cells.indexOf(cell) !== i) messages.push(`the column ${JSON.stringify(cell)} stands twice`);
    else if (!known.has(cell)) {
      const meant = nearest(cell, [...known, ...CSV_COLUMNS]);
      const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
      messages.push(`no such column: ${JSON.stringify(cell)}${hint}`);
    }
  }
  const needed = ['transit', 'capacityMbps', ...(options.addresses === 'given' ? ['ipv4'] : [])];
  const linkColumns = (letters.length === 0 ? ['A'] : letters).flatMap((l) =>
    needed.map((column) => column + l),
  );
  for (const column of [...POP_COLUMNS, ...linkColumns])
    if (!OPTIONAL.has(column) && !header.cells.includes(column))
      messages.push(`the column ${JSON.stringify(column)} is missing`);
  return messages.map((message) => ({ file: options.file, line: header.line, message }));
}

/** Letters of the links that the header has, in order. */
function lettersOf(columns: readonly string[]): string[] {
  const letters = columns.flatMap(
    (column) => /^(?:transit|capacityMbps|ipv4|ipv6)([A-Z])$/.exec(column)?.[1] ?? [],
  );
  return [...new Set(letters)].sort();
}

function draftOf(row: CsvRow, columns: readonly string[], file: string): PopDraft {
  const cellOf = (column: string): unknown => {
    const text = row.cells[columns.indexOf(column)];
    if (text === undefined || text === '') return undefined;
    return NUMBERS.has(column.replace(/[A-Z]$/, '')) && /^[-+]?[\d.]+(?:e[-+]?\d+)?$/i.test(text)
      ? Number(text)
      : text;
  };
  const value: Record<string, unknown> = {};
  for (const column of POP_COLUMNS) {
    const cell = cellOf(column);
    if (cell !== undefined) value[column] = cell;
  }
  const used: string[] = [];
  const links: Record<string, unknown>[] = [];
  for (const letter of lettersOf(columns)) {
    const entries = LINK_COLUMNS.map((column) => [column, cellOf(column + letter)] as const);
    const filled = entries.filter(([, cell]) => cell !== undefined);
    if (filled.length === 0) continue;
    links.push(Object.fromEntries(filled));
    used.push(letter);
  }
  value['links'] = links;
  const place = () => ({ line: row.line });
  const names = (path: Path): Path =>
    path[0] === 'links' && path.length === 3 ? [`${path[2]}${used[Number(path[1])]}`] : path;
  return { value, at: [], source: { file, valuePlace: place, keyPlace: place, rename: names } };
}
