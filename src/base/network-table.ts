import { type Address, emptyAddress, type Prefix } from './address.ts';
import { checksum32 } from './checksum.ts';

/** What an operator knows of a network. Absent fields: as the databases say. */
export interface NetworkOverride {
  /** At most 64 bits of an IPv6 address count: clients are told apart by no more. */
  readonly prefix: Prefix;
  /** Degrees; with `longitude` or not at all. */
  readonly latitude?: number;
  readonly longitude?: number;
  /** ISO 3166-1 alpha-2. */
  readonly country?: string;
  readonly asn?: number;
  /** Name of the network, for people. */
  readonly label?: string;
}

/**
 * Networks in columns over shared memory: a million of them cost a few tens of octets each, whichever thread
 * reads them. Rows are in the order as written.
 */
export interface NetworkTable {
  readonly count: number;
  /** The address's first 32 bits, and of IPv6 the next 32. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** Length of the prefix; `IPV6_ROW` added for IPv6. */
  readonly length: Uint8Array;
  /** Degrees; NaN where nothing is said. */
  readonly latitude: Float64Array;
  readonly longitude: Float64Array;
  /** Two letters, the first in the upper octet; 0 where nothing is said. */
  readonly country: Uint16Array;
  /** 0 where nothing is said. */
  readonly asn: Uint32Array;
  /** Where each label ends in `labels` (UTF-8); the next begins there. */
  readonly labelEnd: Uint32Array;
  readonly labels: Uint8Array;
}

/** What marks a row's length as that of an IPv6 prefix. */
export const IPV6_ROW = 0x80;
/** Longest IPv6 prefix that clients are told apart by. */
export const IPV6_LENGTH_MAX = 64;

/** A table being filled. */
export interface NetworkTableBuilder {
  /** Rows so far. */
  readonly size: () => number;
  readonly add: (network: NetworkOverride) => void;
  readonly finish: () => NetworkTable;
}

/** The table of these networks. */
export function networkTable(networks: Iterable<NetworkOverride>): NetworkTable {
  const builder = networkTableBuilder();
  for (const network of networks) builder.add(network);
  return builder.finish();
}

/** An empty table to fill. */
export function networkTableBuilder(): NetworkTableBuilder {
  let columns = emptyColumns(16, 64);
  let count = 0;
  let labelsLength = 0;
  const encoder = new TextEncoder();
  const add = (network: NetworkOverride): void => {
    const { prefix, label = '' } = network;
    const labelRoom = labelsLength + label.length * 3;
    if (count === columns.high.length || labelRoom > columns.labels.length)
      columns = grown(columns, labelRoom);
    const { octets, family } = prefix.address;
    columns.high[count] = wordAt(octets, 0);
    columns.low[count] = family === 4 ? 0 : wordAt(octets, 4);
    columns.length[count] = prefix.length | (family === 4 ? 0 : IPV6_ROW);
    columns.latitude[count] = network.latitude ?? Number.NaN;
    columns.longitude[count] = network.longitude ?? Number.NaN;
    columns.country[count] = countryWord(network.country ?? '');
    columns.asn[count] = network.asn ?? 0;
    if (label !== '')
      labelsLength += encoder.encodeInto(label, columns.labels.subarray(labelsLength)).written;
    columns.labelEnd[count++] = labelsLength;
  };
  return { size: () => count, add, finish: () => ({ count, ...resized(columns, count, labelsLength) }) };
}

/** The rows of one table, and then those of the other. */
export function joinedTables(one: NetworkTable, other: NetworkTable): NetworkTable {
  const builder = networkTableBuilder();
  for (const table of [one, other])
    for (let row = 0; row < table.count; row++) builder.add(networkAt(table, row));
  return builder.finish();
}

/** One row as an object. */
export function networkAt(table: NetworkTable, row: number): NetworkOverride {
  const country = table.country[row] as number;
  const latitude = table.latitude[row] as number;
  const longitude = table.longitude[row] as number;
  const asn = table.asn[row] as number;
  const labelStart = row === 0 ? 0 : (table.labelEnd[row - 1] as number);
  const label = new TextDecoder().decode(table.labels.slice(labelStart, table.labelEnd[row]));
  return {
    prefix: prefixAt(table, row),
    ...(Number.isNaN(latitude) ? {} : { latitude, longitude }),
    ...(country !== 0 && { country: String.fromCharCode(country >> 8, country & 0xff) }),
    ...(asn !== 0 && { asn }),
    ...(label !== '' && { label }),
  };
}

/** Rows by family (IPv4 first), first address, length and position: a prefix comes before those inside it. */
export function rowsInOrder(table: NetworkTable): Uint32Array {
  const { high, low, length } = table;
  const rows = new Uint32Array(table.count);
  for (let row = 0; row < rows.length; row++) rows[row] = row;
  const compare = (a: number, b: number): number =>
    ((length[a] as number) & IPV6_ROW) - ((length[b] as number) & IPV6_ROW) ||
    (high[a] as number) - (high[b] as number) ||
    (low[a] as number) - (low[b] as number) ||
    (length[a] as number) - (length[b] as number) ||
    a - b;
  // Sorting a million rows takes most of a second, and files mostly are in order.
  for (let row = 1; row < rows.length; row++) if (compare(row - 1, row) > 0) return rows.sort(compare);
  return rows;
}

/** A text that differs when the networks do. */
export function networkDigest(table: NetworkTable): string {
  const { count, ...columns } = table;
  const sums = Object.values(columns).map(({ buffer, byteOffset, byteLength }) =>
    checksum32(new Uint8Array(buffer, byteOffset, byteLength)).toString(16),
  );
  return [count, ...sums].join(' ');
}

type Columns = Omit<NetworkTable, 'count'>;

function prefixAt(table: NetworkTable, row: number): Prefix {
  const length = table.length[row] as number;
  const address: Address = emptyAddress();
  address.family = length >= IPV6_ROW ? 6 : 4;
  putWord(address.octets, 0, table.high[row] as number);
  putWord(address.octets, 4, table.low[row] as number);
  return { address, length: length & ~IPV6_ROW };
}

function emptyColumns(rows: number, labelOctets: number): Columns {
  const words = () => new Uint32Array(new SharedArrayBuffer(rows * 4));
  return {
    high: words(),
    low: words(),
    length: new Uint8Array(new SharedArrayBuffer(rows)),
    latitude: new Float64Array(new SharedArrayBuffer(rows * 8)),
    longitude: new Float64Array(new SharedArrayBuffer(rows * 8)),
    country: new Uint16Array(new SharedArrayBuffer(rows * 2)),
    asn: words(),
    labelEnd: words(),
    labels: new Uint8Array(new SharedArrayBuffer(labelOctets)),
  };
}

function grown(columns: Columns, labelRoom: number): Columns {
  const rows = columns.high.length * 2;
  return resized(columns, rows, Math.max(columns.labels.length, labelRoom * 2));
}

function resized(from: Columns, rows: number, labelOctets: number): Columns {
  const to = emptyColumns(rows, labelOctets);
  const kept = Math.min(rows, from.high.length);
  to.high.set(from.high.subarray(0, kept));
  to.low.set(from.low.subarray(0, kept));
  to.length.set(from.length.subarray(0, kept));
  to.latitude.set(from.latitude.subarray(0, kept));
  to.longitude.set(from.longitude.subarray(0, kept));
  to.country.set(from.country.subarray(0, kept));
  to.asn.set(from.asn.subarray(0, kept));
  to.labelEnd.set(from.labelEnd.subarray(0, kept));
  to.labels.set(from.labels.subarray(0, labelOctets));
  return to;
}

function countryWord(country: string): number {
  return country.length === 2 ? (country.charCodeAt(0) << 8) | country.charCodeAt(1) : 0;
}

function wordAt(octets: Uint8Array, at: number): number {
  const upper = ((octets[at] as number) << 24) | ((octets[at + 1] as number) << 16);
  return (upper | ((octets[at + 2] as number) << 8) | (octets[at + 3] as number)) >>> 0;
}

function putWord(octets: Uint8Array, at: number, word: number): void {
  for (let i = 0; i < 4; i++) octets[at + i] = word >>> (24 - 8 * i);
}
