import type { Address } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { IMAGE_HEADER, IMAGE_KIND, plainMemory } from '../base/image-file.ts';
import type { ClientImage } from '../geo/client-image.ts';
import { rowOf, type SteeringImage } from '../steering/image.ts';
import { findIpv4, findIpv6 } from './row-map-find.ts';
import { type MapWords, mapOutput, ROWS_MAX, reserveWords, SHORT_ROWS_MAX } from './row-map-layout.ts';
import type { LeafRanges } from './row-map-runs.ts';
import { writeTree } from './row-map-tree.ts';

/**
 * What a steering image means for the client image of this machine: for each service group, which row each
 * address has, and how far around it that row goes. Its layout is in row-map-layout.ts.
 */
export interface RowMap extends MapWords {
  readonly groupCount: number;
}

/** What a look-up found. Mutable, for reuse. */
export interface RowHit {
  /** Row of the steering image. */
  row: number;
  /**
   * Length of the largest prefix around the address in which every address has this row, in bits: at most 32
   * or 64.
   */
  scopeLength: number;
}

/** Raised whenever the layout changes. */
const VERSION = 2;
/** Positions of the header's words, and of what follows it. */
const AT = {
  KIND: IMAGE_HEADER.KIND / 4,
  VERSION: IMAGE_HEADER.VERSION / 4,
  LENGTH: IMAGE_HEADER.LENGTH / 4,
  GROUP_COUNT: IMAGE_HEADER.KIND_WORDS / 4,
  SHORT_ROWS: IMAGE_HEADER.KIND_WORDS / 4 + 1,
  GROUPS: IMAGE_HEADER.OCTETS / 4,
} as const;
const GROUP_WORDS = 4;

/** Opens a map in place; returns what is wrong with it otherwise. */
export function openRowMap(bytes: Uint8Array): RowMap | string {
  const { buffer, byteOffset, length } = bytes;
  if (length < IMAGE_HEADER.OCTETS || byteOffset % 4 !== 0) return 'not a row map';
  const words = new Int32Array(buffer, byteOffset, length >>> 2);
  if (words[AT.KIND] !== IMAGE_KIND.ROW_MAP) return 'not a row map';
  if (words[AT.VERSION] !== VERSION) return 'a row map of another format';
  if (words[AT.LENGTH] !== length) return 'cut: not as long as its header says';
  return {
    words,
    halves: new Uint16Array(buffer, byteOffset, length >>> 1),
    shortRows: words[AT.SHORT_ROWS] === 1,
    groupCount: words[AT.GROUP_COUNT] as number,
  };
}

/** Finds the row of an address in a service group; allocates nothing. */
export function findRow(map: RowMap, groupIndex: number, address: Address, into: RowHit): void {
  const { octets } = address;
  const high = wordAt(octets, 0);
  const root = AT.GROUPS + groupIndex * GROUP_WORDS;
  if (address.family === 4) findIpv4(map, root, high, into);
  else findIpv6(map, root + 2, high, wordAt(octets, 4), into);
}

/** Word of the position of a group's root table, by the family of addresses; its bits are in the next. */
export function rootOf(groupIndex: number, family: number): number {
  return AT.GROUPS + groupIndex * GROUP_WORDS + (family === 4 ? 0 : 2);
}

/**
 * Works out the map of a steering image for a client image. Groups whose rows are the same everywhere share
 * one tree.
 */
export function buildRowMap(
  clients: ClientImage,
  steering: SteeringImage,
  allocate = plainMemory,
): Uint8Array<SharedArrayBuffer> {
  const { groupCount, rowCount } = steering;
  assert(rowCount <= ROWS_MAX, `a steering image has at most ${ROWS_MAX} rows`);
  const shortRows = rowCount <= SHORT_ROWS_MAX;
  const output = mapOutput(
    AT.GROUPS + (clients.v4.count + clients.v6.count) * 2 + 65_536,
    shortRows,
    allocate,
  );
  const groupsAt = reserveWords(output, AT.GROUPS + groupCount * GROUP_WORDS) + AT.GROUPS;
  const { v4: four, v6: six } = clients;
  const ipv4 = { count: four.count, high: four.start, low: new Uint32Array(0), site: four.site };
  const ipv6 = { count: six.count, high: six.startHigh, low: six.startLow, site: six.site };
  const known: (Uint32Array | Uint16Array)[] = [];
  for (let group = 0; group < groupCount; group++) {
    const rows = rowsOfSites(clients, steering, group, shortRows);
    const same = known.findIndex((other, at) => isSame(rows, other) && haveSameLeaves(steering, group, at));
    known.push(rows);
    const at = groupsAt + group * GROUP_WORDS;
    if (same >= 0) {
      const from = groupsAt + same * GROUP_WORDS;
      output.words.copyWithin(at, from, from + GROUP_WORDS);
      continue;
    }
    const v4 = writeTree(output, { ...ipv4, rowOfSite: rows, leaves: leavesOf(steering, group, 4) }, 4);
    const v6 = writeTree(output, { ...ipv6, rowOfSite: rows, leaves: leavesOf(steering, group, 6) }, 6);
    output.words.set([v4.at, v4.bits, v6.at, v6.bits], at);
  }
  const { words, used } = output;
  words[AT.KIND] = IMAGE_KIND.ROW_MAP;
  words[AT.VERSION] = VERSION;
  words[AT.LENGTH] = used * 4;
  words[AT.GROUP_COUNT] = groupCount;
  words[AT.SHORT_ROWS] = shortRows ? 1 : 0;
  return new Uint8Array(words.buffer, 0, used * 4);
}

/** Row of each site in a group. */
function rowsOfSites(
  clients: ClientImage,
  steering: SteeringImage,
  group: number,
  shortRows: boolean,
): Uint32Array | Uint16Array {
  const { siteCount, sitePlace, siteAsn } = clients;
  const rows = shortRows ? new Uint16Array(siteCount) : new Uint32Array(siteCount);
  for (let site = 0; site < siteCount; site++)
    rows[site] = rowOf(steering, group, sitePlace[site] as number, siteAsn[site] as number);
  return rows;
}

/** The leaves of a family as the sweep takes them, with their rows in a group. */
function leavesOf(steering: SteeringImage, group: number, family: 4 | 6): LeafRanges {
  const { leafIpv4, leafIpv6, leafIpv6Low, leafRow, groupCount } = steering;
  const count = family === 4 ? leafIpv4.length : leafIpv6.length;
  const high = family === 4 ? leafIpv4.map((key) => key << 8) : leafIpv6;
  const low = new Uint32Array(count);
  const row = new Uint32Array(count);
  const first = family === 4 ? 0 : leafIpv4.length;
  for (let i = 0; i < count; i++) {
    if (family === 6) low[i] = (leafIpv6Low[i] as number) << 16;
    row[i] = leafRow[(first + i) * groupCount + group] as number;
  }
  return { count, high, low, row };
}

/** Whether all leaves have the same row in two groups. */
function haveSameLeaves({ leafRow, groupCount }: SteeringImage, one: number, other: number): boolean {
  for (let at = 0; at < leafRow.length; at += groupCount)
    if (leafRow[at + one] !== leafRow[at + other]) return false;
  return true;
}

function isSame(one: Uint32Array | Uint16Array, other: Uint32Array | Uint16Array): boolean {
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

function wordAt(octets: Uint8Array, at: number): number {
  return (
    ((octets[at] as number) << 24) |
    ((octets[at + 1] as number) << 16) |
    ((octets[at + 2] as number) << 8) |
    (octets[at + 3] as number)
  );
}
