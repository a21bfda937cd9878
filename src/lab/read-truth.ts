import { type Named, unknownName } from './read-names.ts';
import type { TableOptions } from './read-table.ts';
import { readTable, type TableRow } from './read-table.ts';
import { EVENT_KINDS, type WorldCell, type WorldEvent, type WorldPop, type WorldRtt } from './world.ts';

/** What the rows of the truth are about. */
interface Names {
  readonly pops: Named<WorldPop>;
  readonly cells: Named<WorldCell>;
  readonly ticks: number;
}

const RTT_ROWS_MAX = 5_000_000;
const EVENTS_MAX = 100_000;
const FROM_TICK_MAX = 1_000_000;
/** Slowest round trip: what measurements of sleeping devices have shown. */
const RTT_MAX_MS = 600_000;
const VALUE_MAX = 1e12;
/** Pairs without a row told of one by one, at most. */
const MISSING_MAX = 10;

/** Reads rtt.csv, by pair and tick. */
export function readRtts(text: string | undefined, options: TableOptions, names: Names): readonly WorldRtt[] {
  if (text === undefined) return [];
  const { pops, cells } = names;
  const rtts: WorldRtt[] = [];
  const lines: number[] = [];
  const isRead = readTable(text, { ...options, rowsMax: RTT_ROWS_MAX }, (row) => {
    const rttMs = row.number('rttMs', 0, RTT_MAX_MS);
    const minMs = row.number('minMs', 0, RTT_MAX_MS);
    if (minMs > rttMs) row.wrong(`minMs ${minMs} is more than rttMs ${rttMs}`);
    if (rttMs === 0) row.wrong('rttMs 0: no packet comes back before it was sent');
    const found = {
      cell: indexOf(row, 'cell', cells),
      pop: indexOf(row, 'pop', pops),
      fromTick: row.whole('fromTick', 0, FROM_TICK_MAX),
      rttMs,
      minMs,
      jitterMs: row.number('jitterMs', 0, RTT_MAX_MS),
      lossRate: row.number('lossRate', 0, 1),
    };
    rtts.push(found);
    lines.push(row.line);
  });
  if (!isRead) return [];
  const order = [...rtts.keys()].sort((a, b) => byPair(rtts[a] as WorldRtt, rtts[b] as WorldRtt));
  for (let i = 1; i < order.length; i++) {
    const [before, here] = [order[i - 1] as number, order[i] as number];
    const [left, right] = [rtts[before] as WorldRtt, rtts[here] as WorldRtt];
    if (byPair(left, right) !== 0 || left.cell < 0 || left.pop < 0) continue;
    const message = `cell, pop and fromTick are those of line ${lines[before]}`;
    options.problems.add({ file: options.file, line: lines[here] ?? 1, message });
  }
  checkComplete(rtts, names, options);
  return order.map((index) => rtts[index] as WorldRtt);
}

function byPair(left: WorldRtt, right: WorldRtt): number {
  return left.cell - right.cell || left.pop - right.pop || left.fromTick - right.fromTick;
}

/** Every cell must have a round-trip time to every POP. */
function checkComplete(rtts: readonly WorldRtt[], names: Names, options: TableOptions): void {
  const { pops, cells } = names;
  const seen = new Uint8Array(cells.items.length * pops.items.length);
  for (const { cell, pop } of rtts) if (cell >= 0 && pop >= 0) seen[cell * pops.items.length + pop] = 1;
  let missing = 0;
  for (const [index, has] of seen.entries()) {
    const cellIndex = Math.floor(index / pops.items.length);
    const popIndex = index % pops.items.length;
    const cell = cells.items[cellIndex]?.cell ?? '';
    const pop = pops.items[popIndex]?.pop ?? '';
    // Of a name that stands twice the second has no rows.
    if (cells.indexes.get(cell) !== cellIndex || pops.indexes.get(pop) !== popIndex) continue;
    if (has === 1 || missing++ >= MISSING_MAX) continue;
    const message = `no row for cell ${JSON.stringify(cell)} and POP ${JSON.stringify(pop)}`;
    options.problems.add({ file: options.file, message });
  }
  if (missing > MISSING_MAX)
    options.problems.add({ file: options.file, message: `no row for ${missing - MISSING_MAX} more pairs` });
}

/** Reads events.csv, by tick. */
export function readEvents(
  text: string | undefined,
  options: TableOptions,
  names: Names,
): readonly WorldEvent[] {
  if (text === undefined) return [];
  const events: WorldEvent[] = [];
  readTable(text, { ...options, rowsMax: EVENTS_MAX }, (row) => {
    const event = readEvent(row, names);
    if (event !== undefined) events.push(event);
  });
  return events.sort((left, right) => left.tick - right.tick);
}

/** Of agents' clocks, and of what comes late. */
const SECONDS_MAX = 86_400;
const COPIES_MAX = 10;

const isKind = (word: string): word is WorldEvent['event'] =>
  (EVENT_KINDS as readonly string[]).includes(word);

function readEvent(row: TableRow, names: Names): WorldEvent | undefined {
  const tick = row.whole('tick', 0, names.ticks - 1);
  const event = row.text('event');
  if (!isKind(event)) {
    row.wrong(`event ${JSON.stringify(event)} is none of ${EVENT_KINDS.join(', ')}`);
    return undefined;
  }
  const cellText = row.text('cell');
  const isOfCells = event === 'add-rtt' || event === 'demand' || event === 'lie';
  const cell = isOfCells && cellText !== '*' ? indexOf(row, 'cell', names.cells) : -1;
  if (!isOfCells && cellText !== '' && cellText !== '*')
    row.wrong(`cell ${JSON.stringify(cellText)}: ${event} is about the POP as a whole: "*" or nothing`);
  const pop = event === 'demand' ? -1 : indexOf(row, 'pop', names.pops);
  return { tick, event, pop, cell, value: eventValue(row, event, isOfCells) };
}

function eventValue(row: TableRow, event: WorldEvent['event'], isOfCells: boolean): number {
  if (event === 'clock') return row.number('value', -SECONDS_MAX, SECONDS_MAX);
  if (event === 'late') return row.number('value', 0, SECONDS_MAX);
  if (event === 'repeat') return row.whole('value', 1, COPIES_MAX);
  return event === 'capacity' || isOfCells ? row.number('value', 0, VALUE_MAX) : 0;
}

/** -1 with a problem where nobody has the name. */
function indexOf(row: TableRow, column: 'pop' | 'cell', known: Named<unknown>): number {
  const name = row.text(column);
  const index = known.indexes.get(name);
  if (index !== undefined) return index;
  // Where that table could not be read at all, its own fault is enough.
  if (known.indexes.size > 0) row.wrong(unknownName(column === 'pop' ? 'POP' : 'cell', name, known));
  return -1;
}
