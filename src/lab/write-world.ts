import { csvCell } from '../base/csv.ts';
import { WORLD_COLUMNS, type World, type WorldFile } from './world.ts';

/** The texts of a world's files: what `readWorld` gives back as it was, but for rounding. */
export function worldTexts(world: World): Readonly<Record<WorldFile, string>> {
  const { head, pops, cells, rtts, events } = world;
  const popName = (pop: number): string => pops[pop]?.pop ?? '';
  const cellName = (cell: number): string => cells[cell]?.cell ?? '';
  return {
    'world.json': `${JSON.stringify(head, undefined, 2)}\n`,
    'pops.csv': table(
      'pops.csv',
      pops.map(({ pop, latitude, longitude, capacityRps }) => [
        pop,
        degrees(latitude),
        degrees(longitude),
        rounded(capacityRps, 1),
      ]),
    ),
    'cells.csv': table(
      'cells.csv',
      cells.map((cell) => [
        cell.cell,
        cell.prefix,
        degrees(cell.latitude),
        degrees(cell.longitude),
        cell.country,
        cell.city,
        rounded(cell.demandRps, 3),
        rounded(cell.lastMileMs, 2),
      ]),
    ),
    'rtt.csv': table(
      'rtt.csv',
      rtts.map(({ cell, pop, fromTick, rttMs, minMs, jitterMs, lossRate }) => [
        cellName(cell),
        popName(pop),
        String(fromTick),
        rounded(rttMs, 3),
        rounded(minMs, 3),
        rounded(jitterMs, 3),
        rounded(lossRate, 5),
      ]),
    ),
    'events.csv': table(
      'events.csv',
      events.map(({ tick, event, pop, cell, value }) => [
        String(tick),
        event,
        popName(pop),
        cell < 0 ? '*' : cellName(cell),
        rounded(value, 3),
      ]),
    ),
  };
}

function table(file: keyof typeof WORLD_COLUMNS, rows: readonly (readonly string[])[]): string {
  return [WORLD_COLUMNS[file], ...rows].map((row) => `${row.map(csvCell).join()}\n`).join('');
}

function degrees(value: number): string {
  return Number.isNaN(value) ? '' : rounded(value, 4);
}

/** Without zeros at the end. */
function rounded(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
