/**
 * Room `geo`: where an address is: place and autonomous system, from databases, tables and the operator's
 * own word. May import `base`, and `maxmind` to decode records. Pure: it is given octets and texts, never
 * paths to open.
 */
import { Reader, type Response } from 'maxmind';
import { type Address, formatAddress } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';

/** A file as the caller read it; the octets may lie in a `SharedArrayBuffer`. */
export interface DatabaseFile {
  /** How messages name it. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** The binary tree of a database. */
export interface Tree {
  readonly bytes: Uint8Array;
  readonly nodeCount: number;
  /** Bits of one of a node's two values: 24, 28 or 32. */
  readonly recordSize: number;
  /** Where the octets of the records begin. */
  readonly dataAt: number;
  /** The node below which IPv4 addresses are; `nodeCount` or more where that is a leaf. */
  readonly v4Root: number;
}

/** An open database in MaxMind's binary format, version 2 (https://maxmind.github.io/MaxMind-DB/). */
export interface Mmdb {
  readonly file: string;
  /** The maker's name for the kind: `GeoLite2-City`, `city ipv4`. */
  readonly databaseType: string;
  /** 4: holds IPv4 only; 6: holds IPv6, and perhaps IPv4 below ::/96. */
  readonly ipVersion: 4 | 6;
  /** When the maker built it, ms since 1970 UTC. */
  readonly builtAtMs: number;
  readonly tree: Tree;
  /** The decoded record of an address; undefined when it has none that can be read. Allocates. */
  readonly record: (address: Address) => Readonly<Record<string, unknown>> | undefined;
}

/**
 * Opens a database for the given families; with a wrong kind, a cut or a damaged file,
 * `OperatorError('bad-data')`. An IPv6 address asked of an IPv4 file would silently get a wrong answer,
 * hence `families`.
 */
export function openMmdb(source: DatabaseFile, families: readonly (4 | 6)[]): Mmdb {
  const { file, bytes } = source;
  const reader = openReader(source);
  const { nodeCount, recordSize, searchTreeSize, ...metadata } = reader.metadata;
  const ipVersion = metadata.ipVersion === 4 ? 4 : 6;
  const bare = { bytes, nodeCount, recordSize, dataAt: searchTreeSize + SEPARATOR_SIZE };
  const tree: Tree = { ...bare, v4Root: ipVersion === 4 ? 0 : embeddedV4Root(bare) };
  const serves = (family: 4 | 6): boolean =>
    family === 6 ? ipVersion === 6 : ipVersion === 4 || tree.v4Root !== nodeCount;
  const lacking = families.filter((family) => !serves(family));
  if (lacking.length > 0) throw badData(file, `holds no IPv${lacking.join(' and no IPv')} addresses`);
  return {
    file,
    databaseType: String(metadata.databaseType),
    ipVersion,
    builtAtMs: metadata.buildEpoch.getTime(),
    tree,
    record: (address) => decode(reader, address),
  };
}

/** The left (0) or right (1) value of a node: 24, 28 or 32 bits, big-endian. */
export function child(tree: Pick<Tree, 'bytes' | 'recordSize'>, node: number, side: 0 | 1): number {
  const { bytes } = tree;
  if (tree.recordSize === 28) {
    const at = node * 7;
    const middle = bytes[at + 3] as number;
    return side === 0
      ? ((middle & 0xf0) << 20) | uint24(bytes, at)
      : ((middle & 15) << 24) | uint24(bytes, at + 4);
  }
  if (tree.recordSize === 24) return uint24(bytes, node * 6 + side * 3);
  const at = node * 8 + side * 4;
  return (((bytes[at] as number) << 24) | uint24(bytes, at + 1)) >>> 0;
}

/** `OperatorError` for a file of data. */
export function badData(file: string, message: string): OperatorError {
  return new OperatorError('bad-data', [{ file, message }]);
}

/** The metadata lies in the last 128 KiB of the file (format specification, "Database Metadata"). */
const METADATA_MAX = 128 * 1024;
const METADATA_MARKER = '\xab\xcd\xefMaxMind.com';
/** 16 zero octets between tree and data. */
const SEPARATOR_SIZE = 16;

/** A client chooses the address: a record that is damaged on disk is none, and must not stop the server. */
function decode(reader: Reader<Response>, address: Address): Readonly<Record<string, unknown>> | undefined {
  try {
    const record = reader.get(formatAddress(address));
    return typeof record === 'object' && record !== null ? { ...record } : undefined;
  } catch {
    return undefined;
  }
}

function uint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/**
 * The node below which an IPv6 tree keeps IPv4: 96 zero bits down; a leaf met on the way stands for all of
 * IPv4.
 */
function embeddedV4Root(tree: Pick<Tree, 'bytes' | 'recordSize' | 'nodeCount'>): number {
  let node = 0;
  for (let depth = 0; depth < 96 && node < tree.nodeCount; depth++) node = child(tree, node, 0);
  return node;
}

function openReader(source: DatabaseFile): Reader<Response> {
  const { file, bytes } = source;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tail = buffer.subarray(Math.max(0, buffer.length - METADATA_MAX));
  if (tail.lastIndexOf(METADATA_MARKER, undefined, 'latin1') < 0)
    throw badData(file, 'is not a MaxMind database, or its end is missing');
  let reader: Reader<Response>;
  try {
    reader = new Reader<Response>(buffer);
  } catch (error) {
    throw badData(
      file,
      `cannot be read as a MaxMind database: ${error instanceof Error ? error.message : error}`,
    );
  }
  const { searchTreeSize, nodeCount, ipVersion, binaryFormatMajorVersion } = reader.metadata;
  if (binaryFormatMajorVersion !== 2) throw badData(file, `is of format ${binaryFormatMajorVersion}, not 2`);
  if (ipVersion !== 4 && ipVersion !== 6) throw badData(file, `says IP version ${ipVersion}, not 4 or 6`);
  if (!(nodeCount > 0) || searchTreeSize + SEPARATOR_SIZE > buffer.length)
    throw badData(file, `is cut: its tree needs ${searchTreeSize} octets, the file has ${buffer.length}`);
  for (let at = searchTreeSize; at < searchTreeSize + SEPARATOR_SIZE; at++)
    if (buffer[at] !== 0)
      throw badData(file, 'is damaged: its tree and its data do not meet where they should');
  return reader;
}
