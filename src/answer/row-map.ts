import type { Address } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { IMAGE_HEADER, IMAGE_KIND, plainMemory } from '../base/image-file.ts';
import type { ClientImage } from '../geo/client-image.ts';
import type { SteeringImage } from '../steering/image.ts';
import { findIpv4, findIpv6 } from './row-map-find.ts';
import {
  copyOutput,
  type MapOutput,
  type MapWords,
  mapOutput,
  ROWS_MAX,
  reserveWords,
  SHORT_ROWS_MAX,
} from './row-map-layout.ts';
import { type Occurrence, occurrenceOf } from './row-map-occurrence.ts';
import type { LeafRanges } from './row-map-runs.ts';
import { type RowOfSite, siteRows } from './row-map-sites.ts';
import { type WrittenTree, writeTree } from './row-map-tree.ts';
import { ROOT_BITS, type Units, unitsOf } from './row-map-units.ts';
import { updateTree } from './row-map-update.ts';

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
const VERSION = 3;
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
/** Words beyond what is copied or foreseen. */
const COPY_ROOM = 65_536;

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

/** Works out one map after the other for a client image: what did not change is kept from the one before. */
export interface RowMapper {
  /** Works out what all maps but the first need, once: when there is time for it. */
  readonly getReady: () => void;
  readonly map: (steering: SteeringImage) => Uint8Array<SharedArrayBuffer>;
}

/** What the next map can make use of. */
interface Memory {
  readonly output: MapOutput;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Words of the last map that was made from nothing. */
  readonly wordsAtFirst: number;
  readonly groups: readonly MappedGroup[];
}

/** A service group in a map. */
interface MappedGroup {
  /** Position of the first group that has the same rows everywhere: its own, or one before. */
  readonly sameAs: number;
  readonly rowOfSite: RowOfSite;
  readonly v4: LeafRanges;
  readonly v6: LeafRanges;
  readonly tree4: WrittenTree;
  readonly tree6: WrittenTree;
}

/** A service group that is to be mapped. */
type ReadGroup = Omit<MappedGroup, 'tree4' | 'tree6'>;

/** A map that grew to so many times of what it was at first, by what nobody reads, is made anew. */
const GROWTH_MAX = 1.5;

/**
 * Works out the map of a steering image for a client image. Groups whose rows are the same everywhere share
 * one tree.
 */
export function buildRowMap(
  clients: ClientImage,
  steering: SteeringImage,
  allocate = plainMemory,
): Uint8Array<SharedArrayBuffer> {
  return createRowMapper(clients, allocate).map(steering);
}

/** A mapper for a client image; nothing is worked out before the first map. */
export function createRowMapper(clients: ClientImage, allocate = plainMemory): RowMapper {
  const { v4: four, v6: six } = clients;
  const ipv4 = { count: four.count, high: four.start, low: new Uint32Array(0), site: four.site };
  const ipv6 = { count: six.count, high: six.startHigh, low: six.startLow, site: six.site };
  const rowsOfSites = siteRows(clients);
  const changed = new Uint8Array(clients.siteCount);
  let units: { readonly v4: Units; readonly v6: Units } | undefined;
  let occurrences: { readonly v4: Occurrence; readonly v6: Occurrence } | undefined;
  let memory: Memory | undefined;
  const findUnits = () => (units ??= { v4: unitsOf(ipv4, 4), v6: unitsOf(ipv6, 6) });
  const findOccurrences = () => {
    const { v4, v6 } = findUnits();
    occurrences ??= {
      v4: occurrenceOf(v4, four.site, clients.siteCount),
      v6: occurrenceOf(v6, six.site, clients.siteCount),
    };
    return occurrences;
  };
  return {
    getReady: () => void findOccurrences(),
    map: (steering) => {
      const { rowCount, groupCount } = steering;
      assert(rowCount <= ROWS_MAX, `a steering image has at most ${ROWS_MAX} rows`);
      const { v4, v6 } = findUnits();
      const shortRows = rowCount <= SHORT_ROWS_MAX;
      const groups = readGroups(steering, rowsOfSites(steering, shortRows));
      const last = memory !== undefined && isOfUse(memory, groups, shortRows) ? memory : undefined;
      if (last !== undefined && isAsBefore(last, groups)) return last.bytes;
      const output =
        last === undefined
          ? mapOutput(roomFor(clients, v4.words + v6.words), shortRows, allocate)
          : copyOutput(last.output, Math.max(COPY_ROOM, last.wordsAtFirst >>> 2));
      if (last === undefined) reserveWords(output, AT.GROUPS + groupCount * GROUP_WORDS);
      const mapped: MappedGroup[] = [];
      for (const [index, group] of groups.entries()) {
        const { sameAs, rowOfSite } = group;
        const one = { ...ipv4, rowOfSite, leaves: group.v4 };
        const other = { ...ipv6, rowOfSite, leaves: group.v6 };
        const before = last?.groups[index];
        if (sameAs < index) mapped.push({ ...(mapped[sameAs] as MappedGroup), ...group });
        else if (before === undefined)
          mapped.push({
            ...group,
            tree4: writeTree(output, one, v4),
            tree6: writeTree(output, other, v6),
          });
        else {
          findChanged(before.rowOfSite, rowOfSite, changed);
          const { v4: in4, v6: in6 } = findOccurrences();
          const { tree4, tree6 } = before;
          updateTree(output, one, v4, { written: tree4, changed, occurrence: in4, leaves: before.v4 });
          updateTree(output, other, v6, { written: tree6, changed, occurrence: in6, leaves: before.v6 });
          mapped.push({ ...group, tree4, tree6 });
        }
      }
      const bytes = finish(output, mapped);
      memory = { output, bytes, wordsAtFirst: last?.wordsAtFirst ?? output.used, groups: mapped };
      return bytes;
    },
  };
}

function finish(
  { words, used, shortRows }: MapOutput,
  groups: readonly MappedGroup[],
): Uint8Array<SharedArrayBuffer> {
  words[AT.KIND] = IMAGE_KIND.ROW_MAP;
  words[AT.VERSION] = VERSION;
  words[AT.LENGTH] = used * 4;
  words[AT.GROUP_COUNT] = groups.length;
  words[AT.SHORT_ROWS] = shortRows ? 1 : 0;
  for (const [index, { tree4, tree6 }] of groups.entries())
    words.set([tree4.at, ROOT_BITS, tree6.at, ROOT_BITS], AT.GROUPS + index * GROUP_WORDS);
  return new Uint8Array(words.buffer, 0, used * 4);
}

/** Words that a map takes at most as a rule. */
function roomFor({ v4, v6 }: ClientImage, unitWords: number): number {
  return AT.GROUPS + (v4.count + v6.count) * 2 + unitWords + COPY_ROOM;
}

/** Whether a map can begin as a copy of the last: the same groups share trees, and it has not grown much. */
function isOfUse(
  { output, wordsAtFirst, groups: before }: Memory,
  groups: readonly ReadGroup[],
  shortRows: boolean,
): boolean {
  if (output.shortRows !== shortRows || output.used > wordsAtFirst * GROWTH_MAX) return false;
  return groups.length === before.length && groups.every(({ sameAs }, i) => sameAs === before[i]?.sameAs);
}

/** Whether every address has the same row as in the last map. */
function isAsBefore({ groups: before }: Memory, groups: readonly ReadGroup[]): boolean {
  return groups.every(({ rowOfSite, v4, v6 }, i) => {
    const other = before[i];
    if (other === undefined || !isSame(rowOfSite, other.rowOfSite)) return false;
    return areSameLeaves(v4, other.v4) && areSameLeaves(v6, other.v6);
  });
}

function areSameLeaves(one: LeafRanges, other: LeafRanges): boolean {
  if (one.count !== other.count) return false;
  return (['high', 'low', 'row'] as const).every((name) => isSame(one[name], other[name]));
}

/** The groups of an image, and which of them are the same everywhere. */
function readGroups(steering: SteeringImage, rows: readonly RowOfSite[]): ReadGroup[] {
  return rows.map((rowOfSite, group) => ({
    sameAs: rows.findIndex((other, at) => isSame(rowOfSite, other) && haveSameLeaves(steering, group, at)),
    rowOfSite,
    v4: leavesOf(steering, group, 4),
    v6: leavesOf(steering, group, 6),
  }));
}

function findChanged(before: RowOfSite, now: RowOfSite, changed: Uint8Array): void {
  for (let site = 0; site < changed.length; site++) changed[site] = before[site] === now[site] ? 0 : 1;
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

function isSame(one: RowOfSite, other: RowOfSite): boolean {
  if (one === other) return true;
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
