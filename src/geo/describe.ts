import { type Address, formatPrefix } from '../base/address.ts';
import { IPV6_ROW, type NetworkOverride, type NetworkTable, networkAt } from '../base/network-table.ts';
import { asnNameAt, emptyAsnRow, readAsnRow } from './asn-row.ts';
import { isAsnTable, type LocatorSources, openAsn, openCity } from './client-sources.ts';
import type { DatabaseFile, Mmdb } from './mmdb.ts';
import { readAsnRecord, readCityRecord } from './record.ts';

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
  /** When the maker built that file, ms since 1970 UTC; absent: it is no database. */
  readonly builtAtMs?: number;
}

/** An autonomous system and its organisation; 0 and '' where none is known. */
interface SystemWords {
  readonly asn: number;
  readonly name: string;
}

/**
 * A function that says in words where an address is, straight from the databases: slow, for people. Files
 * are opened when first needed; it throws `OperatorError` then as compiling an image does.
 */
export function createDescriber(sources: Omit<LocatorSources, 'places'>): (address: Address) => Description {
  const { overrides } = sources;
  const cityOf = opened((file, families) => openCity(file, families));
  const systemOf = opened(systemReader);
  const overrideOf = overrideReader(overrides);
  return (address) => {
    const { family } = address;
    const city = cityOf(sources.city4, sources.city6, family);
    const record = city.record(address);
    const { location, ...words } =
      record === undefined
        ? { country: '', city: '', location: undefined, source: 'no database' }
        : { location: undefined, ...readCityRecord(record), source: city.file, builtAtMs: city.builtAtMs };
    const asnFile = family === 4 ? sources.asn4 : sources.asn6;
    const system =
      asnFile === undefined
        ? UNKNOWN
        : systemOf(sources.asn4 ?? asnFile, sources.asn6 ?? asnFile, family)(address);
    const description = { ...words, ...location, asn: system.asn, asName: system.name };
    return withOverride(description, overrideOf(address));
  };
}

const UNKNOWN: SystemWords = { asn: 0, name: '' };

/** Opens the file of a family when first asked, one file for both families once. */
function opened<T>(
  open: (file: DatabaseFile, families: readonly (4 | 6)[]) => T,
): (file4: DatabaseFile, file6: DatabaseFile, family: 4 | 6) => T {
  const known = new Map<DatabaseFile, T>();
  return (file4, file6, family) => {
    const file = family === 4 ? file4 : file6;
    const before = known.get(file);
    if (before !== undefined) return before;
    const fresh = open(file, file4 === file6 ? [4, 6] : [family]);
    known.set(file, fresh);
    return fresh;
  };
}

function systemReader(file: DatabaseFile, families: readonly (4 | 6)[]): (address: Address) => SystemWords {
  if (isAsnTable(file)) return (address) => systemInTable(file.bytes, address);
  const database: Mmdb = openAsn(file, families);
  return (address) => {
    const record = database.record(address);
    return record === undefined ? UNKNOWN : readAsnRecord(record);
  };
}

/** Finds the row of an address by halving the text: its lines are in the order of their addresses. */
function systemInTable(bytes: Uint8Array, { family, octets }: Address): SystemWords {
  const view = new DataView(octets.buffer, octets.byteOffset);
  const high = view.getUint32(0);
  const low = family === 4 ? 0 : view.getUint32(4);
  const row = emptyAsnRow();
  const found = emptyAsnRow();
  let [from, to] = [0, bytes.length];
  while (from < to) {
    let lineAt = (from + to) >>> 1;
    while (lineAt > from && bytes[lineAt - 1] !== NEWLINE) lineAt--;
    const isRow = readAsnRow(bytes, lineAt, family, row);
    if (isRow && (row.firstHigh > high || (row.firstHigh === high && row.firstLow > low))) to = lineAt;
    else {
      if (isRow) Object.assign(found, row);
      from = row.nextAt;
    }
  }
  const isInside =
    found.nextAt > 0 && (high < found.lastHigh || (high === found.lastHigh && low <= found.lastLow));
  return isInside ? { asn: found.asn, name: asnNameAt(bytes, found.nameAt) } : UNKNOWN;
}

const NEWLINE = 0x0a;

/** Finds the network of an address: a row at a time, as nobody asks often. */
function overrideReader(table: NetworkTable): (address: Address) => NetworkOverride | undefined {
  return (address) => {
    const view = new DataView(address.octets.buffer, address.octets.byteOffset);
    const [high, low] = [view.getUint32(0), view.getUint32(4)];
    let [best, bestLength] = [-1, -1];
    for (let row = 0; row < table.count; row++) {
      const marked = table.length[row] as number;
      if (marked >= IPV6_ROW !== (address.family === 6)) continue;
      const length = marked & ~IPV6_ROW;
      if (length < bestLength || !sharesBits(high, table.high[row] as number, Math.min(length, 32))) continue;
      if (length > 32 && !sharesBits(low, table.low[row] as number, length - 32)) continue;
      [best, bestLength] = [row, length];
    }
    return best < 0 ? undefined : networkAt(table, best);
  };
}

/** Whether two words begin with the same `length` bits. */
function sharesBits(one: number, other: number, length: number): boolean {
  return length === 0 || (one ^ other) >>> (32 - length) === 0;
}

function withOverride(description: Description, override: NetworkOverride | undefined): Description {
  if (override === undefined) return description;
  const { prefix, label, asn, country, latitude, longitude } = override;
  const source = `networks: ${formatPrefix(prefix)}${label === undefined ? '' : ` (${label})`}`;
  const system = { asn: description.asn, asName: description.asName };
  if (asn !== undefined && asn !== system.asn) Object.assign(system, { asn, asName: '' });
  const { builtAtMs: _, ...words } = description;
  if (country === undefined && latitude === undefined) return { ...words, ...system, source };
  const own = { city: '', country: country ?? '', ...system, source };
  return latitude === undefined || longitude === undefined ? own : { ...own, latitude, longitude };
}
