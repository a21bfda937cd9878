import {
  type Address,
  formatAddress,
  formatPrefix,
  maskedAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixHolds,
} from '../base/address.ts';
import { csvRows } from '../base/csv.ts';
import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { quote } from './problems.ts';
import { ACTIVE_METHODS } from './schema-measure.ts';

/** Columns of a table of targets. */
export const TARGET_COLUMNS = ['network', 'address', 'method', 'port'] as const;
/** Rows that one file may have. */
export const TARGET_ROWS_MAX = 200_000;
/** Bits by which client networks are told apart. */
const NETWORK_BITS = { 4: 24, 6: 48 } as const;
/** Bad lines told of one by one. */
const PROBLEMS_MAX = 20;

/** Whom to ask in a client network, and how. */
export interface Aim {
  /** `203.0.113.0/24`. */
  readonly network: string;
  /** Presentation form. */
  readonly address: string;
  readonly method?: (typeof ACTIVE_METHODS)[number];
  readonly port?: number;
}

/** A table of targets, by network. */
export type TargetBook = ReadonlyMap<string, Aim>;

/**
 * Targets out of a CSV file whose first line names the columns, in any order. Without `network` it is the
 * address's /24 or /48; empty cells say nothing. All problems with their lines, up to a bound.
 */
export function readTargetsCsv(
  text: string,
  file: string,
): { readonly book: TargetBook; readonly problems: readonly Problem[] } {
  const book = new Map<string, Aim>();
  const problems: Problem[] = [];
  let faults = 0;
  const report = (line: number, message: string): void => {
    if (faults++ < PROBLEMS_MAX) problems.push({ file, line, message });
  };
  let columns: readonly string[] | undefined;
  for (const { line, cells } of csvRows(text.split('\n'))) {
    if (columns === undefined) {
      columns = cells;
      for (const message of headerFaults(cells)) report(line, message);
      if (faults > 0) break;
      continue;
    }
    const aim =
      cells.length === columns.length
        ? readRow(columns, cells)
        : `${cells.length} cells where the header names ${columns.length} columns`;
    if (typeof aim === 'string') report(line, aim);
    else if (book.has(aim.network)) report(line, `network: ${quote(aim.network)} stands on a line before`);
    else if (book.size === TARGET_ROWS_MAX) {
      report(line, `more than ${TARGET_ROWS_MAX} networks`);
      break;
    } else book.set(aim.network, aim);
  }
  if (columns === undefined) report(1, 'no targets: the file is empty');
  if (faults > problems.length)
    problems.push({ file, message: `and ${faults - problems.length} more lines with faults` });
  return { book, problems };
}

/** Prefixes out of a text, one a line; `#` begins a comment. */
export function readPrefixList(
  text: string,
  file: string,
): { readonly prefixes: readonly Prefix[]; readonly problems: readonly Problem[] } {
  const prefixes: Prefix[] = [];
  const problems: Problem[] = [];
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const prefix = parsePrefix(line);
    if (typeof prefix !== 'string') prefixes.push(prefix);
    else if (problems.length < PROBLEMS_MAX) problems.push({ file, line: i + 1, message: prefix });
  }
  return { prefixes, problems };
}

function headerFaults(cells: readonly string[]): string[] {
  const messages: string[] = [];
  for (const [i, cell] of cells.entries()) {
    if (cells.indexOf(cell) !== i) messages.push(`the column ${quote(cell)} stands twice`);
    else if (!(TARGET_COLUMNS as readonly string[]).includes(cell)) {
      const meant = nearest(cell, TARGET_COLUMNS);
      const hint =
        meant === undefined
          ? `; known here: ${TARGET_COLUMNS.join(', ')}`
          : `; did you mean ${quote(meant)}?`;
      messages.push(`no such column: ${quote(cell)}${hint}`);
    }
  }
  if (!cells.includes('address')) messages.push('the column "address" is missing');
  return messages;
}

/** A row, or what is wrong with it. */
function readRow(columns: readonly string[], cells: readonly string[]): Aim | string {
  const cellOf = (column: string): string => cells[columns.indexOf(column)] ?? '';
  const faults: string[] = [];
  const address = parseAddress(cellOf('address'));
  if (address === undefined) faults.push(`address: ${quote(cellOf('address'))} is not an IP address`);
  const network = address === undefined ? '' : readNetwork(cellOf('network'), address);
  if (typeof network === 'string' && network !== '') faults.push(`network: ${network}`);
  const method = ACTIVE_METHODS.find((one) => one === cellOf('method'));
  if (method === undefined && cellOf('method') !== '')
    faults.push(`method: ${quote(cellOf('method'))} is none of ${ACTIVE_METHODS.join(', ')}`);
  const port = Number(cellOf('port'));
  if (cellOf('port') !== '' && !(/^\d{1,5}$/.test(cellOf('port')) && port >= 1 && port <= 65_535))
    faults.push(`port: ${quote(cellOf('port'))} is not a port from 1 to 65535`);
  if (address === undefined || typeof network === 'string' || faults.length > 0) return faults.join('; ');
  return {
    network: formatPrefix(network),
    address: formatAddress(address),
    ...(method === undefined ? {} : { method }),
    ...(cellOf('port') === '' ? {} : { port }),
  };
}

function readNetwork(text: string, address: Address): Prefix | string {
  const bits = NETWORK_BITS[address.family];
  if (text === '') return { address: maskedAddress(address, bits), length: bits };
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string') return prefix;
  if (prefix.length !== NETWORK_BITS[prefix.address.family])
    return `${quote(text)} is not a /24 of IPv4 or a /48 of IPv6`;
  if (!prefixHolds(prefix, address)) return `${quote(text)} does not hold ${formatAddress(address)}`;
  return prefix;
}
