import { type Places, TILE_DEGREES, WORLD_PLACE } from './places.ts';

/** Where a database or an operator puts an address. */
export interface Position {
  /** Two letters, the first in the upper octet; 0: unknown. */
  readonly country: number;
  /** Degrees; NaN: unknown. */
  readonly latitude: number;
  readonly longitude: number;
}

/** Id of the place of a position; the world where nothing is known. */
export type Placer = (position: Position) => number;

/** A placer that remembers each tile that it was asked for: as many as there are on Earth. */
export function placer(places: Places): Placer {
  const known = new Map<number, Map<number, number>>();
  return ({ country, latitude, longitude }) => {
    const isLocated = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
    // All points of a tile have one place (places.ts), so the tile is enough to remember it by.
    const row = isLocated ? Math.floor(latitude / TILE_DEGREES) + ROWS_BELOW : NO_ROW;
    const column = isLocated ? Math.floor(longitude / TILE_DEGREES) + COLUMNS_BELOW : 0;
    let ofCountry = known.get(country);
    if (ofCountry === undefined) known.set(country, (ofCountry = new Map()));
    const tile = row * 1024 + column;
    const remembered = ofCountry.get(tile);
    if (remembered !== undefined) return remembered;
    const code = country === 0 ? '' : String.fromCharCode(country >> 8, country & 0xff);
    const id = isLocated ? places.find(code, latitude, longitude) : Math.max(places.idOf(code), WORLD_PLACE);
    ofCountry.set(tile, id);
    return id;
  };
}

/** Tiles south of the equator and west of Greenwich, and a row that none has. */
const ROWS_BELOW = 90 / TILE_DEGREES;
const COLUMNS_BELOW = 180 / TILE_DEGREES;
const NO_ROW = 1023;
