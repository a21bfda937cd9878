import { IPV6_ROW, type NetworkTable, rowsInOrder } from '../base/network-table.ts';
import { type Runs, runWriter } from './runs.ts';

/**
 * Which of the operator's networks counts for every address: 1 + its row in the table, 0 for none. The
 * longest prefix that holds an address counts; of two with one prefix, the later.
 */
export function overrideRuns(table: NetworkTable, family: 4 | 6): Runs {
  const rows = sortedRows(table, family);
  const writer = runWriter(family);
  // The networks that hold the one being written, the outermost first: no more than there are lengths.
  const open = { row: new Uint32Array(65), endHigh: new Float64Array(65), endLow: new Float64Array(65) };
  let depth = 0;
  const closeUntil = (high: number, low: number): void => {
    while (depth > 0) {
      const endHigh = open.endHigh[depth - 1] as number;
      const endLow = open.endLow[depth - 1] as number;
      if (endHigh > high || (endHigh === high && endLow > low)) return;
      depth--;
      // Where the next network begins right here, it writes its own run.
      if (endHigh === 2 ** 32 || (endHigh === high && endLow === low)) continue;
      if (depth > 0 && open.endHigh[depth - 1] === endHigh && open.endLow[depth - 1] === endLow) continue;
      writer.put(endHigh, endLow, depth === 0 ? 0 : (open.row[depth - 1] as number) + 1);
    }
  };
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const high = table.high[row] as number;
    const low = table.low[row] as number;
    const length = (table.length[row] as number) & ~IPV6_ROW;
    closeUntil(high, low);
    if (i === 0 && (high > 0 || low > 0)) writer.put(0, 0, 0);
    open.row[depth] = row;
    setEnd(open, depth++, { high, low, length });
    // A longer prefix with the same first address writes its run over this one's.
    const next = rows[i + 1];
    if (next !== undefined && table.high[next] === high && table.low[next] === low) continue;
    writer.put(high, low, row + 1);
  }
  if (rows.length === 0) writer.put(0, 0, 0);
  closeUntil(2 ** 32, 0);
  return writer.finish();
}

/** Rows of a family in order, of those with one prefix the last only. */
function sortedRows(table: NetworkTable, family: 4 | 6): Uint32Array {
  const { high, low, length } = table;
  const all = rowsInOrder(table);
  const own = all.filter((row) => (length[row] as number) >= IPV6_ROW === (family === 6));
  return own.filter((row, i) => {
    const next = own[i + 1];
    if (next === undefined) return true;
    return high[next] !== high[row] || low[next] !== low[row] || length[next] !== length[row];
  });
}

/** Sets the first address after a network. */
function setEnd(
  open: { readonly endHigh: Float64Array; readonly endLow: Float64Array },
  depth: number,
  network: { high: number; low: number; length: number },
): void {
  const { high, low, length } = network;
  let endHigh = high;
  let endLow = low;
  if (length <= 32) endHigh += 2 ** (32 - length);
  else endLow += 2 ** (64 - length);
  if (endLow === 2 ** 32) {
    endHigh++;
    endLow = 0;
  }
  open.endHigh[depth] = endHigh;
  open.endLow[depth] = endLow;
}
