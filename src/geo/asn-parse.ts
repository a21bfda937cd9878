import { OperatorError, type Problem } from '../base/errors.ts';
import type { AsnTable } from './asn.ts';
import type { DatabaseFile } from './mmdb.ts';

/**
 * Compiles rows `first,last,asn,name`: for IPv4 decimal numbers (asn-ipv4-num.csv), for IPv6 text
 * (asn-ipv6.csv), first and last inclusive, by ascending first; where two overlap, the later one holds. What
 * of a range covers less than an IPv6 /64 is left out. `OperatorError('bad-data')` names the first bad
 * lines.
 */
export function compileAsnTable(source: DatabaseFile, family: 4 | 6): AsnTable {
  const { file, bytes } = source;
  const capacity = countLines(bytes);
  const column = (size: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(size * 4));
  const lowSize = family === 6 ? capacity : 0;
  const columns = {
    startHigh: column(capacity),
    endHigh: column(capacity),
    startLow: column(lowSize),
    endLow: column(lowSize),
    asn: column(capacity),
    nameAt: column(capacity),
    firstOf: column((1 << 16) + 1),
  };
  const problems: Problem[] = [];
  const count = readRows({ file, family, bytes, ...columns }, problems);
  if (count === 0 && problems.length === 0) problems.push({ file, message: 'no ranges in it' });
  if (problems.length > 0) throw new OperatorError('bad-data', problems);
  indexByTop(columns.firstOf, columns.startHigh, count);
  return { file, family, count, bytes, ...columns };
}

const NEWLINE = 0x0a;
const COMMA = 0x2c;
const COLON = 0x3a;
/** Bad lines told of at most: a wrong file would fill the screen. */
const PROBLEMS_MAX = 20;

type RowTarget = Omit<AsnTable, 'count'>;

function countLines(bytes: Uint8Array): number {
  let count = 1;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

function indexByTop(firstOf: Uint32Array, startHigh: Uint32Array, count: number): void {
  let row = 0;
  for (let top = 0; top < firstOf.length; top++) {
    while (row < count && (startHigh[row] as number) < top * 65536) row++;
    firstOf[top] = row;
  }
}

/** Where parsing stands, and what it read last. */
interface Cursor {
  at: number;
  high: number;
  low: number;
  /** Whether the lower 64 bits of an IPv6 address were all zero, or all one. */
  restZero: boolean;
  restOnes: boolean;
}

function readRows(target: RowTarget, problems: Problem[]): number {
  const { bytes, file, family } = target;
  const cursor: Cursor = { at: 0, high: 0, low: 0, restZero: true, restOnes: true };
  let count = 0;
  let line = 0;
  while (cursor.at < bytes.length && problems.length < PROBLEMS_MAX) {
    line++;
    const lineStart = cursor.at;
    const outcome = readRow(target, cursor, count);
    if (outcome === 'kept') count++;
    if (outcome === 'bad' && bytes[lineStart] !== NEWLINE) {
      const form = family === 4 ? 'first,last,asn,name with decimal addresses' : 'first,last,asn,name';
      problems.push({ file, line, message: `is not an ascending range ${form}` });
    }
    const end = bytes.indexOf(NEWLINE, cursor.at);
    cursor.at = end < 0 ? bytes.length : end + 1;
  }
  return count;
}

function readRow(target: RowTarget, cursor: Cursor, row: number): 'kept' | 'dropped' | 'bad' {
  const { startHigh, startLow, endHigh, endLow, asn, nameAt } = target;
  const read = target.family === 4 ? readNumber : readHextets;
  if (!read(target.bytes, cursor)) return 'bad';
  let { high, low } = cursor;
  if (!cursor.restZero && ++low === 2 ** 32) [high, low] = [high + 1, 0];
  const firstHigh = (startHigh[row] = high);
  const firstLow = (startLow[row] = low);
  if (!read(target.bytes, cursor)) return 'bad';
  ({ high, low } = cursor);
  if (!cursor.restOnes && --low < 0) [high, low] = [high - 1, 2 ** 32 - 1];
  endHigh[row] = high;
  endLow[row] = low;
  if (!readNumber(target.bytes, cursor)) return 'bad';
  asn[row] = cursor.high;
  nameAt[row] = cursor.at;
  if (firstHigh > high || (firstHigh === high && firstLow > low))
    return target.family === 6 ? 'dropped' : 'bad';
  return row === 0 || follows(target, row) ? 'kept' : 'bad';
}

/**
 * Whether a row begins after the one before, which is cut short where the two overlap: the published files
 * have such.
 */
function follows(target: RowTarget, row: number): boolean {
  const { startHigh, startLow, endHigh, endLow } = target;
  const high = startHigh[row] as number;
  const low = startLow[row] ?? 0;
  const previousHigh = startHigh[row - 1] as number;
  if (previousHigh > high || (previousHigh === high && (startLow[row - 1] ?? 0) >= low)) return false;
  const endsBefore =
    (endHigh[row - 1] as number) < high || (endHigh[row - 1] === high && (endLow[row - 1] ?? 0) < low);
  if (endsBefore) return true;
  const borrow = target.family === 4 || low === 0;
  endHigh[row - 1] = borrow ? high - 1 : high;
  endLow[row - 1] = low === 0 ? 2 ** 32 - 1 : low - 1;
  return true;
}

/** Reads a decimal number below 2^32 and the comma after it. */
function readNumber(bytes: Uint8Array, cursor: Cursor): boolean {
  let { at } = cursor;
  let value = 0;
  const start = at;
  for (let digit = (bytes[at] ?? 0) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[++at] ?? 0) - 0x30)
    value = value * 10 + digit;
  if (at === start || at - start > 10 || value >= 2 ** 32 || bytes[at] !== COMMA) return false;
  cursor.at = at + 1;
  cursor.high = value;
  cursor.low = 0;
  cursor.restZero = true;
  cursor.restOnes = true;
  return true;
}

/** The address being read: parsing is synchronous, so one is enough. */
const hextets = new Uint16Array(8);

/** Reads an IPv6 address in presentation form and the comma after it. */
function readHextets(bytes: Uint8Array, cursor: Cursor): boolean {
  let { at } = cursor;
  let filled = 0;
  let gapAt = -1;
  if (bytes[at] === COLON && bytes[at + 1] === COLON) {
    gapAt = 0;
    at += 2;
  }
  while (bytes[at] !== COMMA) {
    let value = 0;
    const start = at;
    for (let digit = hexDigit(bytes[at]); digit >= 0; digit = hexDigit(bytes[++at]))
      value = value * 16 + digit;
    if (at === start || at - start > 4 || filled === 8) return false;
    hextets[filled++] = value;
    if (bytes[at] !== COLON) continue;
    at++;
    if (bytes[at] !== COLON) continue;
    if (gapAt >= 0) return false;
    gapAt = filled;
    at++;
  }
  if (gapAt < 0 ? filled !== 8 : filled > 7) return false;
  if (gapAt >= 0) {
    hextets.copyWithin(8 - (filled - gapAt), gapAt, filled);
    hextets.fill(0, gapAt, 8 - (filled - gapAt));
  }
  const group = (index: number): number => hextets[index] as number;
  cursor.at = at + 1;
  cursor.high = group(0) * 65536 + group(1);
  cursor.low = group(2) * 65536 + group(3);
  cursor.restZero = (group(4) | group(5) | group(6) | group(7)) === 0;
  cursor.restOnes = (group(4) & group(5) & group(6) & group(7)) === 0xffff;
  return true;
}

function hexDigit(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
