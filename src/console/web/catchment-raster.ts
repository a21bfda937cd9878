import type { CatchmentPlace } from './replies.ts';

/**
 * Which place owns which part of the earth: the nearest one. Found on a grid in degrees, so that a map may
 * ask for each of its pixels.
 */

/** The grid: half a degree, as the tiles that places stand for. */
const COLUMNS = 720;
const ROWS = 360;
const DEGREES = 360 / COLUMNS;
/** Land that is farther from every place has no owner: nobody who asks lives there. */
const REACH_KM = 900;
const EARTH_KM = 6371;
const REACH_COSINE = Math.cos(REACH_KM / EARTH_KM);

/** Whose place is the nearest. */
export interface Owners {
  /** Index of the place that is nearest to a position in degrees; -1: none is near. */
  readonly at: (longitude: number, latitude: number) => number;
}

/** Points on the unit sphere, by index. */
interface Sphere {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
}

/** Sweeps over a grid hand each of its cells the nearest of its neighbours' owners. */
export function ownersOf(places: readonly CatchmentPlace[]): Owners {
  const sphere: Sphere = {
    x: new Float64Array(places.length),
    y: new Float64Array(places.length),
    z: new Float64Array(places.length),
  };
  const grid = new Int16Array(COLUMNS * ROWS).fill(-1);
  for (const [index, [, , latitude, longitude]] of places.entries()) {
    const across = Math.cos(radians(latitude));
    sphere.x[index] = across * Math.cos(radians(longitude));
    sphere.y[index] = across * Math.sin(radians(longitude));
    sphere.z[index] = Math.sin(radians(latitude));
    const cell = rowOf(latitude) * COLUMNS + columnOf(longitude);
    // The first keeps its cell.
    if (grid[cell] === -1) grid[cell] = index;
  }
  // Twice each way: the first round of a sweep does not see across the date line.
  for (const down of [true, false, true, false]) sweep(grid, sphere, down);
  limit(grid, sphere);
  return { at: (longitude, latitude) => nearestAround(grid, sphere, { longitude, latitude }) };
}

/** The owners of the four cells around a position are all that can own it, and the nearest does. */
function nearestAround(
  grid: Int16Array,
  { x, y, z }: Sphere,
  { longitude, latitude }: { readonly longitude: number; readonly latitude: number },
): number {
  const left = Math.floor((longitude + 180) / DEGREES - 0.5);
  const top = Math.floor((90 - latitude) / DEGREES - 0.5);
  const upper = Math.min(ROWS - 1, Math.max(0, top)) * COLUMNS;
  const lower = Math.min(ROWS - 1, Math.max(0, top + 1)) * COLUMNS;
  const [west, east] = [(left + COLUMNS) % COLUMNS, (left + 1 + COLUMNS) % COLUMNS];
  const first = grid[upper + west] as number;
  const corners = [first, grid[upper + east], grid[lower + west], grid[lower + east]] as number[];
  if (corners.every((owner) => owner === first)) return first;
  const across = Math.cos(radians(latitude));
  const [ax, ay] = [across * Math.cos(radians(longitude)), across * Math.sin(radians(longitude))];
  const az = Math.sin(radians(latitude));
  let best = -1;
  let bestNearness = REACH_COSINE;
  for (const owner of corners) {
    if (owner === -1 || owner === best) continue;
    const near = (x[owner] as number) * ax + (y[owner] as number) * ay + (z[owner] as number) * az;
    if (near <= bestNearness) continue;
    best = owner;
    bestNearness = near;
  }
  return best;
}

/** Sines and cosines of the cells' middles, by row and by column. */
const ROW_SIN = Float64Array.from({ length: ROWS }, (_, row) =>
  Math.sin(radians(90 - (row + 0.5) * DEGREES)),
);
const ROW_COS = Float64Array.from({ length: ROWS }, (_, row) =>
  Math.cos(radians(90 - (row + 0.5) * DEGREES)),
);
const COLUMN_SIN = Float64Array.from({ length: COLUMNS }, (_, i) =>
  Math.sin(radians((i + 0.5) * DEGREES - 180)),
);
const COLUMN_COS = Float64Array.from({ length: COLUMNS }, (_, i) =>
  Math.cos(radians((i + 0.5) * DEGREES - 180)),
);

/** One round: from the top left to the bottom right, or back. */
function sweep(grid: Int16Array, { x, y, z }: Sphere, down: boolean): void {
  const back = down ? -1 : 1;
  for (let i = 0; i < ROWS; i++) {
    const row = down ? i : ROWS - 1 - i;
    const hasBeside = row + back >= 0 && row + back < ROWS;
    const across = ROW_COS[row] as number;
    const az = ROW_SIN[row] as number;
    for (let j = 0; j < COLUMNS; j++) {
      const column = down ? j : COLUMNS - 1 - j;
      const [ax, ay] = [across * (COLUMN_COS[column] as number), across * (COLUMN_SIN[column] as number)];
      const cell = row * COLUMNS + column;
      let best = grid[cell] as number;
      let bestNearness =
        best === -1 ? -2 : (x[best] as number) * ax + (y[best] as number) * ay + (z[best] as number) * az;
      // The one passed last in this row, and the three beside it in the row passed last.
      for (let k = hasBeside ? 0 : 3; k < 4; k++) {
        const to = (column + (k === 3 ? back : k - 1) + COLUMNS) % COLUMNS;
        const owner = grid[(k === 3 ? row : row + back) * COLUMNS + to] as number;
        if (owner === -1 || owner === best) continue;
        const near = (x[owner] as number) * ax + (y[owner] as number) * ay + (z[owner] as number) * az;
        if (near <= bestNearness) continue;
        best = owner;
        bestNearness = near;
      }
      grid[cell] = best;
    }
  }
}

/** Cells too far from their owners lose them. */
function limit(grid: Int16Array, { x, y, z }: Sphere): void {
  for (let cell = 0; cell < grid.length; cell++) {
    const owner = grid[cell] as number;
    if (owner === -1) continue;
    const [row, column] = [Math.floor(cell / COLUMNS), cell % COLUMNS];
    const across = ROW_COS[row] as number;
    const [ax, ay] = [across * (COLUMN_COS[column] as number), across * (COLUMN_SIN[column] as number)];
    const az = ROW_SIN[row] as number;
    const near = (x[owner] as number) * ax + (y[owner] as number) * ay + (z[owner] as number) * az;
    if (near < REACH_COSINE) grid[cell] = -1;
  }
}

const rowOf = (latitude: number): number =>
  Math.min(ROWS - 1, Math.max(0, Math.floor((90 - latitude) / DEGREES)));

const columnOf = (longitude: number): number =>
  Math.min(COLUMNS - 1, Math.max(0, Math.floor((longitude + 180) / DEGREES)));

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
