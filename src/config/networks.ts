import { formatPrefix } from '../base/address.ts';
import { csvRows } from '../base/csv.ts';
import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import {
  type NetworkOverride,
  type NetworkTable,
  networkAt,
  networkTableBuilder,
  rowsInOrder,
} from '../base/network-table.ts';
import { quote } from './problems.ts';
import { parseClientPrefix } from './scalars.ts';

/** Columns of a table of networks. */
export const NETWORK_COLUMNS = ['prefix', 'country', 'latitude', 'longitude', 'asn', 'label'] as const;
/** Networks that one configuration may have. */
export const NETWORKS_MAX = 4_000_000;
/** Bad lines told of one by one: a wrong file would fill the screen. */
const PROBLEMS_MAX = 20;

type Column = (typeof NETWORK_COLUMNS)[number];

/**
 * Networks out of a CSV file whose first line names the columns, in any order; empty cells say nothing. All
 * problems with their lines, up to a bound; how many more there are is told after them.
 */
export function readNetworksCsv(
  octets: Uint8Array,
  file: string,
): { readonly table: NetworkTable; readonly problems: readonly Problem[] } {
  const builder = networkTableBuilder();
  const problems = problemList(file);
  const lines: number[] = [];
  let columns: readonly string[] | undefined;
  for (const { line, cells } of csvRows(linesOf(octets))) {
    if (columns === undefined) {
      columns = cells;
      for (const message of headerFaults(cells)) problems.add(line, message);
      if (problems.count() > 0) break;
      continue;
    }
    const network = cells.length === columns.length ? readRow(columns, cells) : wrongCount(columns, cells);
    if (typeof network === 'string') problems.add(line, network);
    else if (builder.size() === NETWORKS_MAX) {
      problems.add(line, `more than ${NETWORKS_MAX} networks`);
      break;
    } else {
      builder.add(network);
      lines.push(line);
    }
  }
  if (columns === undefined) problems.add(1, 'no networks: the file is empty');
  const table = builder.finish();
  reportRepeats(table, lines, problems.add);
  return { table, problems: problems.finish() };
}

/** Lines of UTF-8 text, decoded some at a time: all of it at once would be held twice. */
function* linesOf(octets: Uint8Array): Generator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for (let at = 0; at < octets.length; at += CHUNK) {
    // Copied: a decoder takes no shared memory.
    const lines = (rest + decoder.decode(octets.slice(at, at + CHUNK), { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield rest + decoder.decode();
}

/** Octets decoded at a time. */
const CHUNK = 1 << 16;

function problemList(file: string) {
  const told: Problem[] = [];
  let count = 0;
  return {
    add: (line: number, message: string): void => {
      if (count++ < PROBLEMS_MAX) told.push({ file, line, message });
    },
    count: () => count,
    finish: (): readonly Problem[] => {
      const more = count - told.length;
      const last: Problem[] = more > 0 ? [{ file, message: `and ${more} more lines with faults` }] : [];
      return [...told.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)), ...last];
    },
  };
}

function headerFaults(cells: readonly string[]): string[] {
  const messages: string[] = [];
  for (const [i, cell] of cells.entries()) {
    if (cells.indexOf(cell) !== i) messages.push(`the column ${quote(cell)} stands twice`);
    else if (!NETWORK_COLUMNS.includes(cell as Column)) {
      const meant = nearest(cell, NETWORK_COLUMNS);
      const hint =
        meant === undefined
          ? `; known here: ${NETWORK_COLUMNS.join(', ')}`
          : `; did you mean ${quote(meant)}?`;
      messages.push(`no such column: ${quote(cell)}${hint}`);
    }
  }
  if (!cells.includes('prefix')) messages.push('the column "prefix" is missing');
  return messages;
}

function wrongCount(columns: readonly string[], cells: readonly string[]): string {
  return `${cells.length} cells where the header names ${columns.length} columns`;
}

/** A row, or what is wrong with it. */
function readRow(columns: readonly string[], cells: readonly string[]): NetworkOverride | string {
  const faults: string[] = [];
  const network: { -readonly [K in keyof NetworkOverride]?: NetworkOverride[K] } = {};
  for (let i = 0; i < columns.length; i++) {
    const cell = cells[i] as string;
    const column = columns[i] as Column;
    const fault = cell === '' ? undefined : readCell(column, cell, network);
    if (fault !== undefined) faults.push(`${column}: ${fault}`);
  }
  const { prefix, latitude, longitude, country, asn } = network;
  if (faults.length > 0) return faults.join('; ');
  if (prefix === undefined) return 'prefix: is missing';
  if ((latitude === undefined) !== (longitude === undefined))
    return 'latitude and longitude stand together, or neither';
  if (latitude === undefined && country === undefined && asn === undefined)
    return 'says nothing of the network: latitude and longitude, country or asn is missing';
  return { ...network, prefix };
}

/** Reads one cell into the network; says what is wrong with it. */
function readCell(
  column: Column,
  cell: string,
  network: { -readonly [K in keyof NetworkOverride]?: NetworkOverride[K] },
): string | undefined {
  switch (column) {
    case 'prefix': {
      const prefix = parseClientPrefix(cell);
      if (typeof prefix === 'string') return prefix;
      network.prefix = prefix;
      return undefined;
    }
    case 'country':
      network.country = cell;
      return /^[A-Z]{2}$/.test(cell)
        ? undefined
        : `${quote(cell)} is not a country code of two capital letters`;
    case 'latitude':
    case 'longitude': {
      const most = column === 'latitude' ? 90 : 180;
      network[column] = Number(cell);
      return Math.abs(Number(cell)) <= most
        ? undefined
        : `${quote(cell)} is not a number from -${most} to ${most}`;
    }
    case 'asn':
      network.asn = Number(cell);
      return /^[1-9]\d{0,9}$/.test(cell) && Number(cell) < 2 ** 32
        ? undefined
        : `${quote(cell)} is not a whole number from 1 to 4294967295`;
    case 'label':
      network.label = cell;
      return cell.length <= 128 ? undefined : `${cell.length} characters: at most 128`;
  }
}

/** Tells of prefixes that stand twice. */
function reportRepeats(
  table: NetworkTable,
  lines: readonly number[],
  report: (line: number, message: string) => void,
): void {
  const { high, low, length } = table;
  const rows = rowsInOrder(table);
  for (let i = 1; i < rows.length; i++) {
    const before = rows[i - 1] as number;
    const row = rows[i] as number;
    if (high[row] !== high[before] || low[row] !== low[before] || length[row] !== length[before]) continue;
    const { prefix } = networkAt(table, row);
    const message = `prefix: the prefix "${formatPrefix(prefix)}" stands on line ${lines[before]} already`;
    report(lines[row] as number, message);
  }
}
