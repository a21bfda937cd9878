import type { OperatorError } from '../base/errors.ts';
import type { NetworkTable } from '../base/network-table.ts';
import { asnRuns } from './asn-runs.ts';
import type { DatabaseInfo } from './client-image.ts';
import { badData, type DatabaseFile, type Mmdb, openMmdb } from './mmdb.ts';
import { emptyFields, fieldReader } from './mmdb-fields.ts';
import { walkTree } from './mmdb-walk.ts';
import type { Places } from './places.ts';
import { WORLD_PLACE } from './places.ts';
import type { Placer } from './placing.ts';
import { emptyRuns, type Runs } from './runs.ts';

/** What a client image is compiled from. One file that holds both families may be given twice. */
export interface LocatorSources {
  readonly places: Places;
  readonly city4: DatabaseFile;
  readonly city6: DatabaseFile;
  /** A table (asn-row.ts) if its name ends in `.csv`, else in MaxMind's format; absent: no AS is known. */
  readonly asn4?: DatabaseFile | undefined;
  readonly asn6?: DatabaseFile | undefined;
  /** The operator's `networks`: the longest prefix wins, before any database. */
  readonly overrides: NetworkTable;
}

/** What one database says of every address of a family, and what it calls itself. */
export interface SourceRuns {
  readonly runs: Runs;
  readonly info: readonly DatabaseInfo[];
}

/** Place of every address; the world where the database knows nothing. `OperatorError` as `openMmdb`. */
export function cityRuns(file: DatabaseFile, family: 4 | 6, place: Placer): SourceRuns {
  const database = openCity(file, [family]);
  const read = fieldReader(database.tree);
  const fields = emptyFields();
  const runs = walkTree(
    database,
    family,
    remembered((pointer) => {
      if (!read(pointer, fields)) return WORLD_PLACE;
      if (fields.country === 0) fields.country = fields.registeredCountry;
      return place(fields);
    }),
  );
  return { runs, info: [infoOf(database, 'city')] };
}

/** AS number of every address; 0 where none is known. `OperatorError` as `openMmdb`. */
export function systemRuns(file: DatabaseFile | undefined, family: 4 | 6): SourceRuns {
  if (file === undefined) return { runs: emptyRuns(family), info: [] };
  if (isAsnTable(file))
    return { runs: asnRuns(file, family), info: [{ name: ASN_TABLE_NAME, file: file.file, kind: 'asn' }] };
  const database = openAsn(file, [family]);
  const read = fieldReader(database.tree);
  const fields = emptyFields();
  const runs = walkTree(
    database,
    family,
    remembered((pointer) => (read(pointer, fields) ? fields.asn : 0)),
  );
  return { runs, info: [infoOf(database, 'asn')] };
}

/** Whether a file is an AS table, by its name; else it is in MaxMind's format. */
export function isAsnTable({ file }: DatabaseFile): boolean {
  return file.endsWith('.csv');
}

/** Opens a city database; `OperatorError` as `openMmdb`, and for one of another kind. */
export function openCity(file: DatabaseFile, families: readonly (4 | 6)[]): Mmdb {
  const database = openMmdb(file, families);
  if (/city|country|enterprise|insights/i.test(database.databaseType)) return database;
  throw wrongKind(database, 'a city');
}

/** Opens an AS database; `OperatorError` as `openMmdb`, and for one of another kind. */
export function openAsn(file: DatabaseFile, families: readonly (4 | 6)[]): Mmdb {
  const database = openMmdb(file, families);
  if (/asn|isp/i.test(database.databaseType)) return database;
  throw wrongKind(database, 'an ASN');
}

/** What the licences ask to be shown. The places themselves come from DB-IP, whatever database finds them. */
export function attributionOf(databases: readonly DatabaseInfo[]): string[] {
  const lines = ['IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0'];
  if (databases.some(({ name }) => name === ASN_TABLE_NAME))
    lines.push(
      'AS numbers by RouteViews (https://www.routeviews.org), NRO (https://www.nro.net) and DB-IP, CC BY 4.0',
    );
  if (databases.some(({ name }) => name.startsWith('GeoLite2')))
    lines.push(
      'This product includes GeoLite2 Data created by MaxMind, available from https://www.maxmind.com',
    );
  return lines;
}

const ASN_TABLE_NAME = 'asn';
/** Slots that a memo begins with; it doubles when half full. */
const MEMO_SLOTS = 1 << 16;

/** A function of non-zero words that works each out once: in typed arrays, as there are millions of calls. */
function remembered(resolve: (pointer: number) => number): (pointer: number) => number {
  let mask = MEMO_SLOTS - 1;
  // Key and value lie side by side, so that a look-up costs one cache line.
  let slots = new Uint32Array(MEMO_SLOTS * 2);
  let count = 0;
  const slotOf = (key: number): number => {
    let slot = (Math.imul(key, 0x9e3779b1) >>> 7) & mask;
    while (slots[slot * 2] !== 0 && slots[slot * 2] !== key) slot = (slot + 1) & mask;
    return slot * 2;
  };
  const grow = (): void => {
    const old = slots;
    slots = new Uint32Array(old.length * 2);
    mask = slots.length / 2 - 1;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] === 0) continue;
      const slot = slotOf(old[i] as number);
      slots[slot] = old[i] as number;
      slots[slot + 1] = old[i + 1] as number;
    }
  };
  return (pointer) => {
    let slot = slotOf(pointer);
    if (slots[slot] === pointer) return slots[slot + 1] as number;
    if (++count > (mask + 1) / 2) {
      grow();
      slot = slotOf(pointer);
    }
    slots[slot] = pointer;
    return (slots[slot + 1] = resolve(pointer));
  };
}

function infoOf(database: Mmdb, kind: DatabaseInfo['kind']): DatabaseInfo {
  return { name: database.databaseType, file: database.file, kind, builtAtMs: database.builtAtMs };
}

function wrongKind(database: Mmdb, wanted: string): OperatorError {
  return badData(database.file, `is a ${JSON.stringify(database.databaseType)} database, not ${wanted} one`);
}
