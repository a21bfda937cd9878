/**
 * Room `geo`: where an address is: place and autonomous system, from databases, tables and the operator's
 * own word. May import `base`, and `maxmind` to decode records. Pure: it is given octets and texts, never
 * paths to open.
 */
import { Reader, type Response } from 'maxmind';
import { type Address, formatAddress } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';

/** A file as the caller read it; the octets may lie in a `SharedArrayBuffer`. */
export interface DatabaseFile {
  /** How messages name it. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Where a walk of the tree ended. Mutable, for reuse. */
export interface Leaf {
  /**
   * The tree's value for the record (equal values: the very same record); 0: the address is not in the
   * database.
   */
  pointer: number;
  /** Length of the prefix that ends at this leaf, in bits of the address's family. */
  depth: number;
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
  /** Finds the leaf of an address, allocating nothing. The family must be one that `serves` says yes to. */
  readonly find: (address: Address, into: Leaf) => void;
  /** Whether addresses of that family can be asked. */
  readonly serves: (family: 4 | 6) => boolean;
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
  const { metadata } = reader;
  const tree: Tree = { bytes, nodeCount: metadata.nodeCount, recordSize: metadata.recordSize };
  const ipVersion = metadata.ipVersion === 4 ? 4 : 6;
  const v4Start = ipVersion === 4 ? { node: 0, depth: 0 } : embeddedV4Start(tree);
  const serves = (family: 4 | 6): boolean =>
    family === 6 ? ipVersion === 6 : ipVersion === 4 || v4Start.node !== tree.nodeCount;
  const lacking = families.filter((family) => !serves(family));
  if (lacking.length > 0) throw badData(file, `holds no IPv${lacking.join(' and no IPv')} addresses`);
  const roots: Record<4 | 6, RootTable | undefined> = {
    4: families.includes(4) ? rootTable(tree, v4Start.node) : undefined,
    6: families.includes(6) ? rootTable(tree, 0) : undefined,
  };
  return {
    file,
    databaseType: String(metadata.databaseType),
    ipVersion,
    builtAtMs: metadata.buildEpoch.getTime(),
    serves,
    find: (address, into) =>
      walk(tree, must(roots[address.family], 'root table of the family'), address, into),
    record: (address) => decode(reader, address),
  };
}

/** A client chooses the address: a record that is damaged on disk is none, and must not stop the server. */
function decode(reader: Reader<Response>, address: Address): Readonly<Record<string, unknown>> | undefined {
  try {
    const record = reader.get(formatAddress(address));
    return typeof record === 'object' && record !== null ? { ...record } : undefined;
  } catch {
    return undefined;
  }
}

/** Calls back for each record-bearing leaf below the root of the file's own family, in address order. */
export function walkLeaves(
  source: DatabaseFile,
  visit: (address: Address, depth: number, pointer: number) => void,
): void {
  const { metadata } = openReader(source);
  const tree: Tree = { bytes: source.bytes, nodeCount: metadata.nodeCount, recordSize: metadata.recordSize };
  const address: Address = { family: metadata.ipVersion === 4 ? 4 : 6, octets: new Uint8Array(16) };
  const descend = (node: number, depth: number): void => {
    if (node > tree.nodeCount) visit(address, depth, node);
    if (node >= tree.nodeCount) return;
    const bit = 0x80 >> (depth & 7);
    const at = depth >> 3;
    descend(child(tree, node, 0), depth + 1);
    address.octets[at] = (address.octets[at] as number) | bit;
    descend(child(tree, node, 1), depth + 1);
    address.octets[at] = (address.octets[at] as number) & ~bit;
  };
  descend(0, 0);
}

interface Tree {
  readonly bytes: Uint8Array;
  readonly nodeCount: number;
  readonly recordSize: number;
}

/**
 * What the first `ROOT_BITS` bits of an address lead to, as pairs: a node and its depth (which is less than
 * `ROOT_BITS` for a leaf). It spares the query path as many dependent loads of memory.
 */
type RootTable = Uint32Array;

/** 20 bits: 8 MB and some 15 ms a family, and a third off the time of a lookup against 16 bits. */
const ROOT_BITS = 20;
/** The metadata lies in the last 128 KiB of the file (format specification, "Database Metadata"). */
const METADATA_MAX = 128 * 1024;
const METADATA_MARKER = '\xab\xcd\xefMaxMind.com';
/** 16 zero octets between tree and data. */
const SEPARATOR_SIZE = 16;

function walk(tree: Tree, root: RootTable, address: Address, into: Leaf): void {
  const { octets } = address;
  const { nodeCount } = tree;
  const top = uint24(octets, 0) >> (24 - ROOT_BITS);
  let node = root[top * 2] as number;
  let depth = root[top * 2 + 1] as number;
  const bits = address.family === 4 ? 32 : 128;
  while (node < nodeCount && depth < bits) {
    const bit = ((octets[depth >> 3] as number) >> (7 - (depth & 7))) & 1;
    node = child(tree, node, bit);
    depth++;
  }
  into.pointer = node > nodeCount ? node : 0;
  into.depth = depth;
}

/** The left (0) or right (1) record of a node: 24, 28 or 32 bits, big-endian. */
function child(tree: Tree, node: number, bit: number): number {
  const { bytes } = tree;
  if (tree.recordSize === 28) {
    const at = node * 7;
    const middle = bytes[at + 3] as number;
    return bit === 0
      ? ((middle & 0xf0) << 20) | uint24(bytes, at)
      : ((middle & 15) << 24) | uint24(bytes, at + 4);
  }
  if (tree.recordSize === 24) return uint24(bytes, node * 6 + bit * 3);
  const at = node * 8 + bit * 4;
  return (((bytes[at] as number) << 24) | uint24(bytes, at + 1)) >>> 0;
}

function uint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/**
 * The node below which an IPv6 tree keeps IPv4: 96 zero bits down; a leaf met on the way stands for all of
 * IPv4.
 */
function embeddedV4Start(tree: Tree): { node: number; depth: number } {
  let node = 0;
  let depth = 0;
  for (; depth < 96 && node < tree.nodeCount; depth++) node = child(tree, node, 0);
  return { node, depth };
}

function rootTable(tree: Tree, start: number): RootTable {
  const table: RootTable = new Uint32Array(2 << ROOT_BITS);
  const fill = (node: number, depth: number, first: number): void => {
    if (depth === ROOT_BITS || node >= tree.nodeCount) {
      const end = first + (1 << (ROOT_BITS - depth));
      for (let slot = first; slot < end; slot++) {
        table[slot * 2] = node;
        table[slot * 2 + 1] = depth;
      }
      return;
    }
    fill(child(tree, node, 0), depth + 1, first);
    fill(child(tree, node, 1), depth + 1, first + (1 << (ROOT_BITS - depth - 1)));
  };
  fill(start, 0, 0);
  return table;
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

function badData(file: string, message: string): OperatorError {
  return new OperatorError('bad-data', [{ file, message }]);
}
