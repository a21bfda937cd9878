import { must } from '../base/assert.ts';
import { readCsv } from '../base/csv.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import { distanceKm } from '../base/geodesy.ts';
import { hashText } from '../base/random.ts';

/**
 * All places that clients are sorted into: the world, its countries, and tiles of about half a degree per
 * country. A place's id is its row; arrays are indexed by it.
 */
export interface Places {
  readonly count: number;
  /** Degrees: the mean of the tile's addresses, or the most central tile of a country. */
  readonly latitude: Float32Array;
  readonly longitude: Float32Array;
  /** ISO 3166-1 alpha-2; '' for the world. */
  readonly country: readonly string[];
  /** The largest city of a tile, or the country's name. */
  readonly name: readonly string[];
  /** `world`, `DE`, `DE/50.0,8.5` (south-west corner of the tile, degrees). */
  readonly key: readonly string[];
  /** `LEVEL_WORLD`, `LEVEL_COUNTRY` or `LEVEL_TILE`. */
  readonly level: Uint8Array;
  /** Id of the place that this one lies in; -1 for the world. */
  readonly parent: Int32Array;
  /** Share of the world's IPv4 addresses, 0..1, with everything below it. */
  readonly weight: Float32Array;
  /** 32-bit digest of all keys in order: two processes with one digest agree on ids. */
  readonly digest: number;
  /** Id of a key; -1 if there is none. */
  readonly idOf: (key: string) => number;
  /**
   * Id of the place of a point: its tile; else the nearest tile of that country within `NEAREST_TILE_KM`;
   * else the country; else the world. An unknown country ('') takes the nearest tile of any.
   */
  readonly find: (country: string, latitude: number, longitude: number) => number;
}

export const LEVEL_WORLD = 0;
export const LEVEL_COUNTRY = 1;
export const LEVEL_TILE = 2;
/** Id of the world. */
export const WORLD_PLACE = 0;

/** Side of a tile in degrees: 55 km north to south, under 1 ms of light in fibre there and back. */
export const TILE_DEGREES = 0.5;
/**
 * Light tiles were merged into neighbours when the table was made: a point this far from a tile is still of
 * it.
 */
const NEAREST_TILE_KM = 300;
/** A degree of latitude is never shorter, km: what lies further in latitude alone needs no exact distance. */
const KM_PER_DEGREE = 110.5;
/** Columns of places.csv. */
export const PLACE_COLUMNS = ['key', 'country', 'name', 'latitude', 'longitude', 'weight'] as const;
/** Bad lines told of at most: a wrong file would fill the screen. */
const PROBLEMS_MAX = 20;
const KEY_FORM = /^(?:world|[A-Z]{2}(?:\/-?\d{1,2}\.[05],-?\d{1,3}\.[05])?)$/;

/** Reads places.csv; `OperatorError('bad-data')` with the first bad lines. */
export function readPlaces(csvText: string, file: string): Places {
  const [header, ...rows] = readCsv(csvText);
  if (header?.cells.join() !== PLACE_COLUMNS.join()) throw badHeader(file, header?.line ?? 1);
  const problems: Problem[] = [];
  const table = emptyTable(rows.length);
  const ids = new Map<string, number>();
  for (const [id, row] of rows.entries()) {
    const message = addRow(table, ids, { id, fields: row.cells });
    if (message !== undefined) problems.push({ file, line: row.line, message });
  }
  if (rows.length === 0) problems.push({ file, line: 1, message: 'there must be at least the row "world"' });
  if (problems.length > 0) throw new OperatorError('bad-data', problems.slice(0, PROBLEMS_MAX));
  return {
    ...table,
    count: rows.length,
    digest: hashText(table.key.join('\n')),
    idOf: (key) => ids.get(key) ?? -1,
    find: finder(table, ids),
  };
}

/** Key of the tile that holds a point: its south-west corner. */
export function tileKey(country: string, latitude: number, longitude: number): string {
  const corner = (degrees: number): string => (Math.floor(degrees / TILE_DEGREES) * TILE_DEGREES).toFixed(1);
  return `${country}/${corner(latitude)},${corner(longitude)}`;
}

function badHeader(file: string, line: number): OperatorError {
  const message = `the first line that is no comment must be ${JSON.stringify(PLACE_COLUMNS.join())}`;
  return new OperatorError('bad-data', [{ file, line, message }]);
}

type Table = ReturnType<typeof emptyTable>;

function emptyTable(count: number) {
  return {
    latitude: new Float32Array(count),
    longitude: new Float32Array(count),
    country: [] as string[],
    name: [] as string[],
    key: [] as string[],
    level: new Uint8Array(count),
    parent: new Int32Array(count).fill(-1),
    weight: new Float32Array(count),
  };
}

/** Fills one row; says what is wrong with it. */
function addRow(
  table: Table,
  ids: Map<string, number>,
  row: { id: number; fields: readonly string[] },
): string | undefined {
  const { id, fields } = row;
  const [key = '', country = '', name = '', latitudeText, longitudeText, weightText] = fields;
  const [latitude, longitude, weight] = [Number(latitudeText), Number(longitudeText), Number(weightText)];
  const level = key === 'world' ? LEVEL_WORLD : key.length === 2 ? LEVEL_COUNTRY : LEVEL_TILE;
  const parent =
    level === LEVEL_WORLD ? -1 : level === LEVEL_COUNTRY ? WORLD_PLACE : (ids.get(country) ?? -1);
  table.country.push(country);
  table.name.push(name);
  table.key.push(key);
  table.latitude[id] = latitude;
  table.longitude[id] = longitude;
  table.weight[id] = weight;
  table.level[id] = level;
  table.parent[id] = parent;
  if (fields.length !== PLACE_COLUMNS.length)
    return `has ${fields.length} fields, not ${PLACE_COLUMNS.length}`;
  if (!KEY_FORM.test(key)) return `key ${JSON.stringify(key)} is none: world, DE or DE/50.0,8.5`;
  if ((level === LEVEL_WORLD) !== (id === WORLD_PLACE))
    return 'the row "world" must be the first, and only that';
  if (ids.has(key)) return `key ${JSON.stringify(key)} occurs twice`;
  if (level === LEVEL_TILE && parent < 0)
    return `the row of country ${JSON.stringify(country)} must come before`;
  if (level !== LEVEL_WORLD && !key.startsWith(country))
    return `country ${JSON.stringify(country)} is not the key's`;
  if (!(Math.abs(latitude) <= 90)) return `latitude ${JSON.stringify(latitudeText)} must be -90 to 90`;
  if (!(Math.abs(longitude) <= 180)) return `longitude ${JSON.stringify(longitudeText)} must be -180 to 180`;
  if (!(weight >= 0 && weight <= 1)) return `weight ${JSON.stringify(weightText)} must be 0 to 1`;
  ids.set(key, id);
  return undefined;
}

function finder(table: Table, ids: ReadonlyMap<string, number>): Places['find'] {
  const tilesOf = new Map<string, number[]>([['', []]]);
  for (const [id, country] of table.country.entries()) {
    if (table.level[id] !== LEVEL_TILE) continue;
    if (!tilesOf.has(country)) tilesOf.set(country, []);
    tilesOf.get(country)?.push(id);
    tilesOf.get('')?.push(id);
  }
  // As many entries as there are tiles on Earth that some country touches: bounded by geography.
  const merged = new Map<string, number>();
  return (country, latitude, longitude) => {
    const key = tileKey(country, latitude, longitude);
    const known = ids.get(key) ?? merged.get(key);
    if (known !== undefined) return known;
    const corner = key
      .slice(country.length + 1)
      .split(',')
      .map(Number);
    const centre = {
      latitude: must(corner[0], 'latitude') + TILE_DEGREES / 2,
      longitude: must(corner[1], 'longitude') + TILE_DEGREES / 2,
    };
    const id = nearest(table, tilesOf.get(country) ?? [], centre) ?? ids.get(country) ?? WORLD_PLACE;
    merged.set(key, id);
    return id;
  };
}

function nearest(
  table: Table,
  tiles: readonly number[],
  from: { latitude: number; longitude: number },
): number | undefined {
  let best: number | undefined;
  let bestKm = NEAREST_TILE_KM;
  for (const id of tiles) {
    const latitude = table.latitude[id] as number;
    if (Math.abs(latitude - from.latitude) * KM_PER_DEGREE > bestKm) continue;
    const km = distanceKm(from, { latitude, longitude: table.longitude[id] as number });
    if (km < bestKm) {
      best = id;
      bestKm = km;
    }
  }
  return best;
}
