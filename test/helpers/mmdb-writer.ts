import type { Prefix } from '../../src/base/address.ts';

/** A value as MaxMind's format can hold it; whole numbers become uint32, others double. */
export type MmdbValue = string | number | readonly MmdbValue[] | { readonly [key: string]: MmdbValue };

export interface MmdbContent {
  readonly databaseType: string;
  readonly ipVersion: 4 | 6;
  readonly recordSize: 24 | 28 | 32;
  readonly entries: readonly { readonly prefix: Prefix; readonly record: MmdbValue }[];
}

/** Seconds since 1970 UTC that every database written here claims as its build time. */
export const BUILD_EPOCH = 1_700_000_000;

/** Writes a database (https://maxmind.github.io/MaxMind-DB/); longer prefixes win inside shorter ones. */
export function writeMmdb(content: MmdbContent): Uint8Array {
  const { databaseType, ipVersion, recordSize } = content;
  const nodes = buildTree(content);
  const data: number[] = [];
  const offsets = new Map<MmdbValue, number>();
  for (const side of nodes.flat()) {
    if (typeof side !== 'object' || offsets.has(side.record)) continue;
    offsets.set(side.record, data.length);
    data.push(...encode(side.record));
  }
  const tree = nodes.flatMap((node) => {
    const values = node.map((side) => {
      if (side === undefined) return nodes.length;
      return typeof side === 'number' ? side : nodes.length + 16 + (offsets.get(side.record) ?? 0);
    });
    return encodeNode(values[0] ?? 0, values[1] ?? 0, recordSize);
  });
  const metadata = encodeMetadata([
    ['binary_format_major_version', UINT16, 2],
    ['binary_format_minor_version', UINT16, 0],
    ['build_epoch', UINT64, BUILD_EPOCH],
    ['database_type', undefined, databaseType],
    ['description', undefined, { en: 'made by a test' }],
    ['ip_version', UINT16, ipVersion],
    ['languages', undefined, ['en']],
    ['node_count', undefined, nodes.length],
    ['record_size', UINT16, recordSize],
  ]);
  const marker = [0xab, 0xcd, 0xef, ...Buffer.from('MaxMind.com')];
  return Uint8Array.from([...tree, ...new Array<number>(16).fill(0), ...data, ...marker, ...metadata]);
}

/** Another node, a record, or nothing. */
type Side = number | { readonly record: MmdbValue } | undefined;

function buildTree(content: MmdbContent): [Side, Side][] {
  const nodes: [Side, Side][] = [[undefined, undefined]];
  const order = [...content.entries].sort((left, right) => left.prefix.length - right.prefix.length);
  for (const { prefix, record } of order) {
    const bits = pathOf(prefix, content.ipVersion);
    let node = 0;
    for (const [depth, bit] of bits.entries()) {
      const pair = nodes[node] as [Side, Side];
      const side = pair[bit];
      if (depth === bits.length - 1) pair[bit] = { record };
      else if (typeof side === 'number') node = side;
      else {
        pair[bit] = nodes.length;
        node = nodes.push([side, side]) - 1;
      }
    }
  }
  return nodes;
}

function pathOf(prefix: Prefix, ipVersion: 4 | 6): (0 | 1)[] {
  const bits: (0 | 1)[] = [];
  if (ipVersion === 6 && prefix.address.family === 4) bits.push(...new Array<0>(96).fill(0));
  for (let at = 0; at < prefix.length; at++)
    bits.push((((prefix.address.octets[at >> 3] ?? 0) >> (7 - (at & 7))) & 1) === 0 ? 0 : 1);
  return bits;
}

function encodeNode(left: number, right: number, recordSize: 24 | 28 | 32): number[] {
  const octets = (value: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** (count - 1 - i)) & 0xff);
  if (recordSize !== 28) return [...octets(left, recordSize / 8), ...octets(right, recordSize / 8)];
  const middle = ((left >>> 24) << 4) | (right >>> 24);
  return [...octets(left & 0xffffff, 3), middle, ...octets(right & 0xffffff, 3)];
}

const UINT16 = 5;
const UINT64 = 9;

/** Readers of others insist on the types that the format names for these. */
function encodeMetadata(
  fields: readonly (readonly [key: string, type: number | undefined, value: MmdbValue])[],
): number[] {
  const encoded = fields.flatMap(([key, type, value]) => {
    if (type === undefined || typeof value !== 'number') return [...encode(key), ...encode(value)];
    const octets = Buffer.alloc(8);
    octets.writeBigUInt64BE(BigInt(value));
    const own = octets.subarray(type === UINT64 ? 0 : 6);
    return [...encode(key), ...control(type, own.length), ...own];
  });
  return [...control(7, fields.length), ...encoded];
}

function encode(value: MmdbValue): number[] {
  if (typeof value === 'string') return [...control(2, Buffer.byteLength(value)), ...Buffer.from(value)];
  if (typeof value === 'number') {
    const octets = Buffer.alloc(8);
    if (Number.isInteger(value) && value >= 0) {
      octets.writeUInt32BE(value);
      return [...control(6, 4), ...octets.subarray(0, 4)];
    }
    octets.writeDoubleBE(value);
    return [...control(3, 8), ...octets];
  }
  if (isList(value)) return [...control(11, value.length), ...value.flatMap(encode)];
  const entries = Object.entries(value);
  return [
    ...control(7, entries.length),
    ...entries.flatMap(([key, item]) => [...encode(key), ...encode(item)]),
  ];
}

function isList(value: MmdbValue): value is readonly MmdbValue[] {
  return Array.isArray(value);
}

/** Control octets of a type and a size below 285. */
function control(type: number, size: number): number[] {
  const sizeBits = Math.min(size, 29);
  const first = type < 8 ? [(type << 5) | sizeBits] : [sizeBits, type - 7];
  return size < 29 ? first : [...first, size - 29];
}
