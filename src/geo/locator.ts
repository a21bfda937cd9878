import { type Address, formatPrefix } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import { type AsnHit, type AsnTable, asnName, findAsn } from './asn.ts';
import { createMemo } from './memo.ts';
import { type DatabaseFile, type Leaf, type Mmdb, openMmdb } from './mmdb.ts';
import { type NetworkOverride, type OverrideHit, overrideFinder } from './overrides.ts';
import { type Places, WORLD_PLACE } from './places.ts';
import { type CityRecord, readAsnRecord, readCityRecord } from './record.ts';

/** Where an address is. Mutable, so that the query path can reuse one. */
export interface Located {
  placeId: number;
  /** Autonomous system; 0 when unknown. */
  asn: number;
  /**
   * Length of a prefix around the address in which every address has this place and AS, as the databases
   * split it.
   */
  scopeLength: number;
  /**
   * False: nobody knows where the address is (private, loopback, not routed); its place is then the world.
   */
  known: boolean;
}

/** Where an address is, in words. */
export interface Description {
  /** '' when unknown, as with all texts here. */
  readonly city: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly region?: string;
  /** Degrees, as the database has them, not the place's. */
  readonly latitude?: number;
  readonly longitude?: number;
  readonly asn: number;
  readonly asName: string;
  /** Which file or override said so. */
  readonly source: string;
}

/** One database in use. */
export interface DatabaseInfo {
  readonly name: string;
  readonly file: string;
  readonly kind: 'city' | 'asn';
  /** When its maker built it, ms since 1970 UTC; absent where the file does not say. */
  readonly builtAtMs?: number;
}

/** Finds where addresses are. */
export interface Locator {
  /** Allocates nothing once the database's record for the address was seen. */
  readonly locate: (address: Address, into: Located) => void;
  /** For people: slow, and allocates. */
  readonly describe: (address: Address) => Description;
  /** Lines that must be shown wherever results are shown. */
  readonly attribution: readonly string[];
  readonly databases: readonly DatabaseInfo[];
}

/** What a locator is made of. One file that holds both families may be given twice. */
export interface LocatorSources {
  readonly places: Places;
  readonly city4: DatabaseFile;
  readonly city6: DatabaseFile;
  /** A table compiled from CSV, or a database in MaxMind's format; absent: no AS is known. */
  readonly asn4?: AsnTable | DatabaseFile;
  readonly asn6?: AsnTable | DatabaseFile;
  /** The operator's `networks`: the longest prefix wins, before any database. */
  readonly overrides: readonly NetworkOverride[];
}

/** A place that nobody has looked for yet, for reuse. */
export function emptyLocated(): Located {
  return { placeId: WORLD_PLACE, asn: 0, scopeLength: 0, known: false };
}

/** Makes a locator; `OperatorError('bad-data')` for a database of the wrong kind, cut or damaged. */
export function createLocator(sources: LocatorSources): Locator {
  const { places, overrides } = sources;
  const city = byFamily(sources.city4, sources.city6, (file, families) => citySource(places, file, families));
  const asn = byFamily(sources.asn4, sources.asn6, asnSource);
  const findOverride = overrideFinder(overrides);
  const overridePlace = Int32Array.from(overrides, (override) => placeOf(places, override));
  const overrideAsn = Float64Array.from(overrides, (override) => override.asn ?? 0);
  const override: OverrideHit = { index: -1, depth: 0 };
  const answer: Answer = { value: 0, depth: 0 };
  const locate = (address: Address, into: Located): void => {
    findOverride(address, override);
    const { index } = override;
    let scopeLength = override.depth;
    let placeId = index < 0 ? -1 : (overridePlace[index] as number);
    if (placeId < 0) {
      city[address.family].find(address, answer);
      placeId = answer.value;
      if (answer.depth > scopeLength) scopeLength = answer.depth;
    }
    let number = index < 0 ? 0 : (overrideAsn[index] as number);
    if (number === 0) {
      asn[address.family].find(address, answer);
      number = answer.value;
      if (answer.depth > scopeLength) scopeLength = answer.depth;
    }
    into.placeId = placeId;
    into.asn = number;
    into.scopeLength = scopeLength;
    into.known = placeId !== WORLD_PLACE;
  };
  const describe = (address: Address): Description => {
    findOverride(address, override);
    const found = { city: city[address.family], asn: asn[address.family] };
    return describeWith(found, address, overrides[override.index]);
  };
  const databases = [...new Set([city[4], city[6], asn[4], asn[6]])].flatMap((source) => source.info);
  return { locate, describe, attribution: attributionOf(databases), databases };
}

/** Value and scope that one database has for an address. Mutable, for reuse. */
interface Answer {
  value: number;
  depth: number;
}

interface Source<Details> {
  readonly info: readonly DatabaseInfo[];
  readonly find: (address: Address, into: Answer) => void;
  readonly details: (address: Address) => Details | undefined;
}

type CitySource = Source<CityRecord & { readonly source: string }>;
type AsnSource = Source<{ readonly asn: number; readonly name: string }>;

/** One source for each family, or the very same one for both where both are in one file. */
function byFamily<Input, Result>(
  input4: Input,
  input6: Input,
  open: (input: Input, families: readonly (4 | 6)[]) => Result,
): Record<4 | 6, Result> {
  if (input4 === input6) {
    const both = open(input4, [4, 6]);
    return { 4: both, 6: both };
  }
  return { 4: open(input4, [4]), 6: open(input6, [6]) };
}

function citySource(places: Places, file: DatabaseFile, families: readonly (4 | 6)[]): CitySource {
  const database = openMmdb(file, families);
  if (!/city|country|enterprise|insights/i.test(database.databaseType)) throw wrongKind(database, 'a city');
  const details = (address: Address) => {
    const record = database.record(address);
    return record === undefined ? undefined : { ...readCityRecord(record), source: database.file };
  };
  const resolve = (address: Address): number => {
    const record = details(address);
    if (record === undefined) return WORLD_PLACE;
    const { country, location } = record;
    if (location === undefined) return Math.max(places.idOf(country), WORLD_PLACE);
    return places.find(country, location.latitude, location.longitude);
  };
  return { info: [infoOf(database, 'city')], find: remembered(database, resolve), details };
}

function asnSource(input: AsnTable | DatabaseFile | undefined, families: readonly (4 | 6)[]): AsnSource {
  if (input === undefined) return { info: [], find: findNothing, details: () => undefined };
  if ('firstOf' in input) return tableSource(input, families);
  const database = openMmdb(input, families);
  if (!/asn|isp/i.test(database.databaseType)) throw wrongKind(database, 'an ASN');
  const details = (address: Address) => {
    const record = database.record(address);
    return record === undefined ? undefined : readAsnRecord(record);
  };
  const find = remembered(database, (address) => details(address)?.asn ?? 0);
  return { info: [infoOf(database, 'asn')], find, details };
}

function tableSource(table: AsnTable, families: readonly (4 | 6)[]): AsnSource {
  const lacking = families.filter((family) => family !== table.family);
  if (lacking.length > 0)
    throw new OperatorError('bad-data', [
      { file: table.file, message: `holds no IPv${lacking.join()} ranges` },
    ]);
  const hit: AsnHit = { row: -1, depth: 0 };
  return {
    info: [{ name: TABLE_NAME, file: table.file, kind: 'asn' }],
    find: (address, into) => {
      findAsn(table, address, hit);
      into.value = hit.row < 0 ? 0 : (table.asn[hit.row] as number);
      into.depth = hit.depth;
    },
    details: (address) => {
      findAsn(table, address, hit);
      if (hit.row < 0) return undefined;
      return { asn: table.asn[hit.row] as number, name: asnName(table, hit.row) };
    },
  };
}

const TABLE_NAME = 'asn';

function findNothing(_address: Address, into: Answer): void {
  into.value = 0;
  into.depth = 0;
}

/** A lookup that decodes each record once and from then on knows its value. */
function remembered(database: Mmdb, resolve: (address: Address) => number): Source<unknown>['find'] {
  const memo = createMemo();
  const leaf: Leaf = { pointer: 0, depth: 0 };
  return (address, into) => {
    database.find(address, leaf);
    into.depth = leaf.depth;
    into.value = 0;
    if (leaf.pointer === 0) return;
    let value = memo.get(leaf.pointer);
    if (value < 0) {
      value = resolve(address);
      memo.set(leaf.pointer, value);
    }
    into.value = value;
  };
}

/** Id of an override's place; -1: it says nothing of where. */
function placeOf(places: Places, override: NetworkOverride): number {
  const { country, latitude, longitude } = override;
  if (latitude !== undefined && longitude !== undefined)
    return places.find(country ?? '', latitude, longitude);
  return country === undefined ? -1 : Math.max(places.idOf(country), WORLD_PLACE);
}

function describeWith(
  found: { city: CitySource; asn: AsnSource },
  address: Address,
  override: NetworkOverride | undefined,
): Description {
  const record = found.city.details(address);
  const system = found.asn.details(address) ?? { asn: 0, name: '' };
  const { location, ...words } = record ?? {
    country: '',
    city: '',
    location: undefined,
    source: 'no database',
  };
  const description = { ...words, ...location, asn: system.asn, asName: system.name };
  if (override === undefined) return description;
  const { prefix, label, asn, country, latitude, longitude } = override;
  const source = `networks: ${formatPrefix(prefix)}${label === undefined ? '' : ` (${label})`}`;
  const ownAsn = asn === undefined ? {} : { asn, asName: asn === system.asn ? system.name : '' };
  if (country === undefined && latitude === undefined) return { ...description, ...ownAsn, source };
  const own = { city: '', country: country ?? '', asn: system.asn, asName: system.name, ...ownAsn, source };
  return latitude === undefined || longitude === undefined ? own : { ...own, latitude, longitude };
}

function infoOf(database: Mmdb, kind: DatabaseInfo['kind']): DatabaseInfo {
  return { name: database.databaseType, file: database.file, kind, builtAtMs: database.builtAtMs };
}

/** What the licences ask to be shown. The places themselves come from DB-IP, whatever database finds them. */
function attributionOf(databases: readonly DatabaseInfo[]): string[] {
  const lines = ['IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0'];
  if (databases.some(({ name }) => name === TABLE_NAME))
    lines.push(
      'AS numbers by RouteViews (https://www.routeviews.org), NRO (https://www.nro.net) and DB-IP, CC BY 4.0',
    );
  if (databases.some(({ name }) => name.startsWith('GeoLite2')))
    lines.push(
      'This product includes GeoLite2 Data created by MaxMind, available from https://www.maxmind.com',
    );
  return lines;
}

function wrongKind(database: Mmdb, wanted: string): OperatorError {
  const message = `is a ${JSON.stringify(database.databaseType)} database, not ${wanted} one`;
  return new OperatorError('bad-data', [{ file: database.file, message }]);
}
