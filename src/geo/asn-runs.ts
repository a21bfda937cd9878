import { OperatorError, type Problem } from '../base/errors.ts';
import { type AsnRow, emptyAsnRow, readAsnRow } from './asn-row.ts';
import type { DatabaseFile } from './mmdb.ts';
import { type Runs, type RunWriter, runWriter } from './runs.ts';

/**
 * AS number of every address, 0 where there is none, out of an AS table (asn-row.ts) by ascending first
 * address; where two ranges overlap, the later one holds. What of a range covers less than an IPv6 network
 * of 64 bits is left out. `OperatorError('bad-data')` names the first bad lines.
 */
export function asnRuns(source: DatabaseFile, family: 4 | 6): Runs {
  const { file, bytes } = source;
  const row = emptyAsnRow();
  const before = emptyAsnRow();
  const writer = runWriter(family);
  const problems: Problem[] = [];
  let [count, line] = [0, 0];
  for (let at = 0; at < bytes.length && problems.length < PROBLEMS_MAX; at = row.nextAt) {
    line++;
    const outcome = readAsnRow(bytes, at, family, row) ? accept(row, before, family) : 'bad';
    if (outcome === 'kept') {
      if (count === 0 && (row.firstHigh > 0 || row.firstLow > 0)) writer.put(0, 0, 0);
      if (count > 0) putEnd(writer, family, before, row);
      writer.put(row.firstHigh, row.firstLow, row.asn);
      Object.assign(before, row);
      count++;
    } else if (outcome === 'bad' && bytes[at] !== NEWLINE) {
      const form = family === 4 ? 'first,last,asn,name with decimal addresses' : 'first,last,asn,name';
      problems.push({ file, line, message: `is not an ascending range ${form}` });
    }
  }
  if (count === 0 && problems.length === 0) problems.push({ file, message: 'no ranges in it' });
  if (problems.length > 0) throw new OperatorError('bad-data', problems);
  putEnd(writer, family, before);
  return writer.finish();
}

const NEWLINE = 0x0a;
/** Bad lines told of at most: a wrong file would fill the screen. */
const PROBLEMS_MAX = 20;

/** Whether a row can follow the one before (whose first address is 0 where there is none). */
function accept(row: AsnRow, before: AsnRow, family: 4 | 6): 'kept' | 'dropped' | 'bad' {
  if (isLess(row.lastHigh, row.lastLow, row.firstHigh, row.firstLow)) return family === 6 ? 'dropped' : 'bad';
  const isFirst = before.nextAt === 0;
  return isFirst || isLess(before.firstHigh, before.firstLow, row.firstHigh, row.firstLow) ? 'kept' : 'bad';
}

/** Ends a row's run with one of no AS, if there is room before the next. */
function putEnd(writer: RunWriter, family: 4 | 6, row: AsnRow, next?: AsnRow): void {
  let high = row.lastHigh;
  let low = row.lastLow + 1;
  // IPv4 has no lower half: there the next address is one more in the upper.
  if (family === 4 || low === 2 ** 32) [high, low] = [high + 1, 0];
  if (high === 2 ** 32 || (next !== undefined && !isLess(high, low, next.firstHigh, next.firstLow))) return;
  writer.put(high, low, 0);
}

function isLess(high: number, low: number, otherHigh: number, otherLow: number): boolean {
  return high < otherHigh || (high === otherHigh && low < otherLow);
}
